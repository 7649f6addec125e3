"""What HTTP reads back: commands, kept answers and ended logins, as plain functions over SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from csms.domain.commands import CommandState, StoredCommand
from csms.domain.records import AnswerKept
from csms.storage.queries import Rows

_COMMAND = (
    "SELECT id, station_id, name, action, state, request, response, error, warning, created_at_us, sent_at_us, "
    "final_at_us FROM commands WHERE "
)
_NEWEST = "ORDER BY created_at_us DESC, id DESC LIMIT :limit"
_BY_ID = f"{_COMMAND} id = :id"
_FIRST = f"{_COMMAND} station_id = :station_id {_NEWEST}"
_BEFORE = (
    f"{_COMMAND} station_id = :station_id AND created_at_us <= :at_us "
    f"AND (created_at_us < :at_us OR id < :id) {_NEWEST}"
)
_ANSWER = "SELECT key, request, at_us, status, headers, body FROM kept_answers WHERE key = :key"
_ENDED = "SELECT id, until_us FROM ended_sessions"


def command(rows: Rows, command_id: str) -> StoredCommand | None:
    """Return a command in its newest state."""
    found = rows(_BY_ID, {"id": command_id})
    return _command(found[0]) if found else None


def commands_of(
    rows: Rows, station_id: str, before: tuple[int, str] | None, limit: int
) -> list[StoredCommand]:
    """Return a station's commands, the newest first; `before` is when and which the last one was that is known."""
    if before is None:
        found = rows(_FIRST, {"station_id": station_id, "limit": limit})
    else:
        at_us, command_id = before
        found = rows(_BEFORE, {"station_id": station_id, "at_us": at_us, "id": command_id, "limit": limit})
    return [_command(row) for row in found]


def answer(rows: Rows, key: str) -> AnswerKept | None:
    """Return what is kept of the request with this key."""
    found = rows(_ANSWER, {"key": key})
    return AnswerKept(*found[0]) if found else None


def ended_sessions(rows: Rows) -> dict[str, int]:
    """Return the logins that were ended, each with the moment from which it would be over by itself."""
    return dict(rows(_ENDED, {}))


def _command(row: Sequence[Any]) -> StoredCommand:
    (
        command_id,
        station_id,
        name,
        action,
        state,
        request,
        response,
        error,
        warning,
        created,
        sent,
        final,
    ) = row
    return StoredCommand(
        id=command_id,
        station_id=station_id,
        name=name,
        action=action,
        state=CommandState(state),
        request=request,
        response=response,
        error=error,
        warning=warning,
        created_at_us=created,
        sent_at_us=sent,
        final_at_us=final,
    )
