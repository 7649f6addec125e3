"""What every connection of this process shares."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping

import structlog
from msgspec import Struct

from csms.domain.control import ProfilesTouched
from csms.domain.token import Token
from csms.gateway.wheel import TimerWheel
from csms.ports import Clock, Context, Feed, Found, Lookup, MessageLog, Policy, Storage

_log = structlog.get_logger(__name__)


async def _open(station_id: str) -> bool:  # noqa: ARG001 - a gate that nobody keeps
    return True


async def _prepared(touched: ProfilesTouched) -> None:
    pass


class Services(Struct, frozen=True, kw_only=True):
    """Handed to each connection; see `csms.ports` for its edges."""

    clock: Clock
    storage: Storage
    message_log: MessageLog
    wheel: TimerWheel
    policy: Policy
    tokens: Mapping[bytes, Token]
    token_hmac: Callable[[str, str], bytes]
    new_id: Callable[[], str]
    next_ocpp_id: Callable[[], int]
    feed: Feed
    call_timeout_s: float = 30.0
    """How long a station may take to answer a call of ours, unless the command says otherwise; machine seconds."""
    start_gate: Callable[[str], Awaitable[bool]] = _open
    """Wait until a session may start at a gated station; False: it may not. Cancelled when nobody waits any more."""
    start_gate_timeout_s: float = 20.0
    """How long somebody waits there for room before he is told to try again; machine seconds."""

    prepare: Callable[[ProfilesTouched], Awaitable[None]] = _prepared
    """Tell the balancing what a call is about to do to profiles, and wait until what follows from it is durable.

    Raises `Busy` where that takes too long.
    """

    def context(
        self, received_at_us: int, found: Mapping[Lookup, Found] | None = None, *, repaired: bool = False
    ) -> Context:
        """Return what the use cases decide by beside a station's state; `found`: what was looked up for them."""
        return Context(
            received_at_us=received_at_us,
            policy=self.policy,
            tokens=self.tokens,
            token_hmac=self.token_hmac,
            new_id=self.new_id,
            next_ocpp_id=self.next_ocpp_id,
            found={} if found is None else found,
            repaired=repaired,
        )

    async def has_room(self, station_id: str, *, at_most_s: float = math.inf) -> bool:
        """Wait for the room to start at a gated station; False where there is none in time (machine seconds)."""
        try:
            async with asyncio.timeout(min(self.start_gate_timeout_s, at_most_s)):
                return await self.start_gate(station_id)
        except TimeoutError:
            return False


def log_failure(error: Exception | None) -> None:
    """Take the end of a unit that nobody waits for."""
    if error is not None:
        _log.error("store.failed", problem=str(error))
