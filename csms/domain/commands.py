"""What a station is asked to do, and how that ended."""

from __future__ import annotations

import enum

from msgspec import Struct


class Priority(enum.IntEnum):
    """The order in which a station's waiting commands leave; lower goes first."""

    STOP = 0
    """Stops of transactions and decreases of limits: they make a site safer."""
    LIMIT = 1
    """Increases of limits and their renewals."""
    OPERATOR = 2
    """What a person asked for."""
    BACKGROUND = 3
    """Configuration reads, reports."""


class CommandState(str, enum.Enum):
    """Where a command stands; all but the first two are final (api.md "Command")."""

    QUEUED = "queued"
    SENT = "sent"
    ANSWERED = "answered"
    CALL_ERROR = "call_error"
    TIMED_OUT = "timed_out"
    NOT_SENT = "not_sent"
    EXPIRED = "expired"

    @property
    def final(self) -> bool:
        """Whether nothing can change it any more."""
        return self not in {CommandState.QUEUED, CommandState.SENT}


class CommandError(Struct, frozen=True):
    """What the station's CALLERROR said."""

    code: str
    description: str
    details: bytes
    """JSON."""
    ours: bool = False
    """True: the station said nothing of the kind; its answer could not be read, so it may have meant anything."""


class RawCommand(Struct, frozen=True, kw_only=True):
    """One call in the words of the station's own OCPP version; checked strictly before it is queued."""

    id: str
    name: str
    """The API's name for it, or the action itself for a raw call."""
    action: str
    payload: bytes
    """JSON object."""
    priority: Priority = Priority.OPERATOR
    timeout_s: float | None = None
    """Machine seconds from leaving to the answer; None: those of the setting."""
    expires_s: float = 300.0
    """Machine seconds that it may wait in the queue."""
    warning: str | None = None
    """What we think of it all the same."""
    recorded_at_us: int | None = None
    """When whoever asks recorded it as queued; None: that is still to be done."""


class ShapedCommand(Struct, frozen=True):
    """What an operator asks, as one call in the words of a version; it fits its schema."""

    action: str
    payload: bytes
    warning: str | None = None
    """Why the station will probably refuse it."""


class CommandResult(Struct, frozen=True):
    """How a command ended."""

    state: CommandState
    response: bytes | None = None
    """The CALLRESULT's payload as JSON, untouched."""
    error: CommandError | None = None


class StoredCommand(Struct, frozen=True, kw_only=True):
    """A command as the store has it: without the tokens, keys and certificates in it."""

    id: str
    station_id: str
    name: str
    action: str
    state: CommandState
    request: bytes
    response: bytes | None
    error: str | None
    """JSON of code, description and details."""
    warning: str | None
    created_at_us: int
    sent_at_us: int | None
    final_at_us: int | None
