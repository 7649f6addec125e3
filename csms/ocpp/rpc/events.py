"""What the peer tells its owner, as plain values."""

from __future__ import annotations

from msgspec import Struct

from csms.domain.commands import CommandResult


class CallReceived(Struct, frozen=True, gc=False):
    """The station asks something; its handle must be answered or refused exactly once."""

    handle: int
    message_id: str
    """As text, also where the station sent a number."""
    action: str
    payload: bytes
    """The payload's JSON object as it came; `{}` where the station sent null."""
    deviation: str | None = None
    """What was unusual about the frame, for the message log."""


class TextToSend(Struct, frozen=True, gc=False):
    """A text that needs nobody's decision: a CALLERROR for a malformed frame, or a kept answer once more."""

    text: str
    deviation: str | None


class CallDone(Struct, frozen=True):
    """A call of ours is final."""

    handle: int
    outcome: CommandResult


class Ignored(Struct, frozen=True):
    """Nothing more can or must be done about this frame; for the message log."""

    problem: str


class CloseNeeded(Struct, frozen=True):
    """The connection must be closed, because not everything the station sent will be answered."""

    code: int
    """WebSocket close code."""
    reason: str
    """At most 123 bytes (RFC 6455 §5.5)."""


Event = CallReceived | TextToSend | CallDone | Ignored | CloseNeeded
