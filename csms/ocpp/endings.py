"""How a call ended that bears on limits, in the words that all OCPP versions share."""

from __future__ import annotations

from typing import Any, cast

import msgspec
from msgspec import Struct

from csms.domain.commands import CommandResult, CommandState
from csms.domain.control import EffectStage, OrderOutcome, OrderVerdict
from csms.ocpp.repair import squashed

_VERDICTS = {
    "accepted": OrderVerdict.ACCEPTED,
    "rebootrequired": OrderVerdict.ACCEPTED,
    "rejected": OrderVerdict.REJECTED,
    "notsupported": OrderVerdict.UNSUPPORTED,
    "notimplemented": OrderVerdict.UNSUPPORTED,
}
"""By status or error code, however it is written."""

NOTHING_TO_CLEAR = "unknown"
"""1.6 §7.21, 2.0.1 K10.FR.01: no profile matched, so there is none any more."""

_NEVER_LEFT = frozenset({CommandState.NOT_SENT, CommandState.EXPIRED})
_STAGES = {OrderVerdict.ACCEPTED: EffectStage.ACCEPTED, OrderVerdict.UNKNOWN: EffectStage.UNKNOWN}


class Ending(Struct, frozen=True):
    """How a call ended, and what the station said."""

    verdict: OrderVerdict
    detail: str
    status: str = ""
    """As it counts: lower case, without blanks and the like; empty where there is none."""

    def outcome(self) -> OrderOutcome:
        """Return it as an order's."""
        reboot_required = self.status == "rebootrequired"
        return OrderOutcome(verdict=self.verdict, detail=self.detail, reboot_required=reboot_required)


def unanswered(result: CommandResult) -> Ending | None:
    """Return how a call ended that has no CALLRESULT; None: it has one."""
    if result.state in _NEVER_LEFT:
        return Ending(OrderVerdict.NOT_SENT, result.state.value)
    if result.state is CommandState.TIMED_OUT:
        return Ending(OrderVerdict.UNKNOWN, "no answer came")
    error = result.error
    if error is None:
        return None
    detail = f"{error.code}: {error.description}" if error.description else error.code
    if error.ours:
        return Ending(OrderVerdict.UNKNOWN, detail)
    unsupported = _VERDICTS.get(squashed(error.code)) is OrderVerdict.UNSUPPORTED
    return Ending(OrderVerdict.UNSUPPORTED if unsupported else OrderVerdict.REJECTED, detail)


def of_status(status: str, because: str = "") -> Ending:
    """Return what a status means; words that nobody knows leave it open."""
    word = squashed(status)
    detail = f"{status}: {because}" if because else status
    return Ending(_VERDICTS.get(word, OrderVerdict.UNKNOWN), detail, word)


def ending(result: CommandResult, *, clearing: bool = False) -> Ending:
    """Return how a call ended whose answer is a status."""
    without = unanswered(result)
    if without is not None:
        return without
    found = of_status(*_status(result.response or b""))
    if clearing and found.status == NOTHING_TO_CLEAR:
        return Ending(OrderVerdict.ACCEPTED, found.detail, found.status)
    return found


def effect_stage(result: CommandResult, *, clearing: bool, finds_all: bool) -> EffectStage:
    """Say how a call that left and has effects ended.

    `finds_all`: a clearing that finds nothing proves that what it names is not at the station.
    """
    ended = ending(result, clearing=clearing)
    if clearing and ended.status == NOTHING_TO_CLEAR and not finds_all:
        return EffectStage.REFUSED
    return _STAGES.get(ended.verdict, EffectStage.REFUSED)


class _AnyStatus(Struct, rename="camel"):
    status: Any = None
    status_info: Any = None


def _status(response: bytes) -> tuple[str, str]:
    """Return the status and the reason that OCPP 2.x gives with it."""
    try:
        answer = msgspec.json.decode(response, type=_AnyStatus)
    except ValueError:
        return "", ""
    status = answer.status if isinstance(answer.status, str) else ""
    return status, reason_of(answer.status_info)


def reason_of(status_info: object) -> str:
    """Return what a `statusInfo` of OCPP 2.x says, as far as it can be read."""
    if not isinstance(status_info, dict):
        return ""
    said = cast("dict[str, Any]", status_info)
    words = (said.get("reasonCode"), said.get("additionalInfo"))
    return ", ".join(word for word in words if isinstance(word, str) and word)
