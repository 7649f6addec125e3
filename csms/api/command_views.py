"""What callers get to see of commands."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import Raw, Struct
from pydantic import Field

from csms.api.values import Moment, Shown
from csms.domain.commands import CommandState, StoredCommand

_ANSWERED = frozenset({CommandState.ANSWERED, CommandState.CALL_ERROR})


class CommandError(Shown):
    """Why a command came to nothing: the station's CALLERROR, or a reason of ours."""

    code: str
    description: str
    details: Any = None


class _StoredError(Struct):
    code: str
    description: str
    details: Raw = Raw(b"null")


class Command(Shown):
    """What a station was asked, and how that ended; tokens, keys and certificates in it are hidden."""

    id: str
    station_id: str
    name: str = Field(description="As it was asked for; of a raw call its action.")
    action: str
    state: Literal["queued", "sent", "answered", "call_error", "timed_out", "not_sent", "expired"] = Field(
        description="All but `queued` and `sent` are final."
    )
    request: Any = Field(description="The payload that the station gets.")
    response: Any = Field(description="The payload that it answered; null: none.")
    error: CommandError | None
    warning: str | None = Field(description="Why the station will probably refuse it.")
    created_at: Moment
    sent_at: Moment | None
    answered_at: Moment | None
    ended_at: Moment | None = Field(description="When its state became final.")

    @classmethod
    def of(cls, command: StoredCommand) -> Command:
        """Return it as it is shown; JSON of the wire as it came, for a number may be one that nobody can hold."""
        return cls.model_validate(
            {
                "id": command.id,
                "station_id": command.station_id,
                "name": command.name,
                "action": command.action,
                "state": command.state.value,
                "request": Raw(command.request),
                "response": None if command.response is None else Raw(command.response),
                "error": None
                if command.error is None
                else msgspec.json.decode(command.error, type=_StoredError),
                "warning": command.warning,
                "created_at": command.created_at_us,
                "sent_at": command.sent_at_us,
                "answered_at": command.final_at_us if command.state in _ANSWERED else None,
                "ended_at": command.final_at_us,
            }
        )


class CommandPage(Shown):
    """A part of what a station was asked, the newest first."""

    items: list[Command]
    next_cursor: str | None = Field(description="Null: it was the last part.")
