"""What every connection of this process shares."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import structlog
from msgspec import Struct

from csms.domain.token import Token
from csms.gateway.wheel import TimerWheel
from csms.ports import Clock, MessageLog, Policy, Storage

_log = structlog.get_logger(__name__)


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
    call_timeout_s: float = 30.0
    """How long a station may take to answer a call of ours, unless the command says otherwise; machine seconds."""


def log_failure(error: Exception | None) -> None:
    """Take the end of a unit that nobody waits for."""
    if error is not None:
        _log.error("store.failed", problem=str(error))
