"""Who may charge: tokens and the verdict on one of them."""

from __future__ import annotations

import enum

from msgspec import Struct


class TokenStatus(str, enum.Enum):
    """What an operator said of a token."""

    ACCEPTED = "Accepted"
    BLOCKED = "Blocked"
    SEEN = "Seen"
    """Nobody registered it; a station charged with it all the same."""


class Verdict(str, enum.Enum):
    """The answer to "may this token charge here now?"; the words are the standard's."""

    ACCEPTED = "Accepted"
    BLOCKED = "Blocked"
    EXPIRED = "Expired"
    INVALID = "Invalid"
    CONCURRENT_TX = "ConcurrentTx"


class Token(Struct, frozen=True, kw_only=True, gc=False):
    """A token as the in-memory index knows it; its uid stays in the store."""

    id: str
    hmac: bytes
    """HMAC-SHA256 over type and case-folded uid; the key of every look-up."""
    status: TokenStatus
    expires_at_us: int | None = None
    group: str | None = None
    max_concurrent: int | None = None
    """None: no limit."""


class Judgement(Struct, frozen=True, kw_only=True, gc=False):
    """A verdict with what a station may be told beside it."""

    verdict: Verdict
    expires_at_us: int | None = None
    group: str | None = None
