"""The balancing's orders as calls of OCPP 1.6, and what a station's answers to them mean."""

from __future__ import annotations

import math
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct

from csms.domain.commands import CommandResult, CommandState
from csms.domain.control import (
    ClearOwnProfiles,
    EffectStage,
    FailsafeOrder,
    LimitOrder,
    OrderOutcome,
    OrderVerdict,
    Placement,
    ProfileForm,
    ReadConfiguration,
    StationOrder,
    WriteConfiguration,
)
from csms.domain.errors import Invalid
from csms.domain.times import format_utc
from csms.ocpp.repair import squashed
from csms.ocpp.tables import Control
from csms.ocpp.v16 import messages as m
from csms.ocpp.v16.capabilities import smart_charging
from csms.ocpp.v16.effects import EFFECTS, finds_all
from csms.ocpp.v16.own_profiles import PURPOSES, stand

LARGEST_LIMIT = 10_000_000.0
"""Ampere or watts; beyond it somebody has miscalculated."""

_ARTEFACT = 1e-6
"""What a limit may be short of a tenth, in tenths, and still mean it: 6 A less a rounding error is 6 A."""


# --- orders


def rounded_down(limit: float) -> float:
    """Return a limit with the one decimal that 1.6 takes (§7.14); raises `Invalid` for what is none."""
    if not 0 <= limit <= LARGEST_LIMIT:
        raise Invalid(f"limit: must be from 0 to {LARGEST_LIMIT:.0f}, not {limit}")
    return math.floor(limit * 10 + _ARTEFACT) / 10


def shape(order: StationOrder) -> tuple[str, Struct]:
    """Return the action and the request of an order; raises `Invalid`."""
    match order:
        case FailsafeOrder():
            return "SetChargingProfile", _failsafe(order)
        case LimitOrder():
            return "SetChargingProfile", _limit(order)
        case ClearOwnProfiles():
            return "ClearChargingProfile", _clearing(order)
        case ReadConfiguration():
            return "GetConfiguration", m.GetConfigurationRequest(key=order.keys or UNSET)
        case WriteConfiguration():
            return "ChangeConfiguration", m.ChangeConfigurationRequest(key=order.key, value=order.value)


def _failsafe(order: FailsafeOrder) -> m.SetChargingProfileRequest:
    # Where the station takes no profile for a connector, the running limit replaces the failsafe, as in a default.
    placement = Placement.STATION if order.form.placement is Placement.STATION else Placement.DEFAULT
    periods = (_period(0, order.limit),)
    return _set(order.evse, placement, order.form, order.start_us, periods)


def _limit(order: LimitOrder) -> m.SetChargingProfileRequest:
    transaction = _transaction_id(order) if order.form.placement is Placement.TRANSACTION else None
    periods = (_period(0, order.limit),)
    if order.lease_s is not None:
        periods = (*periods, _step_down(order.lease_s, order.failsafe, order.form))
    return _set(order.evse, order.form.placement, order.form, order.start_us, periods, transaction)


def _step_down(lease_s: float, failsafe: float, form: ProfileForm) -> m.ChargingSchedulePeriod:
    """Return the lease's end inside the schedule: whole seconds, none too late."""
    if form.periods_max == 1:
        raise Invalid("lease_s: this station takes one period, so its limits have no lease")
    if not 1 <= lease_s <= 2**31 - 1:
        raise Invalid(f"lease_s: must be at least 1 s, not {lease_s}")
    return _period(math.floor(lease_s), failsafe)


def _transaction_id(order: LimitOrder) -> int:
    try:
        return int(order.ocpp_transaction_id)
    except ValueError:
        raise Invalid(
            f"ocpp_transaction_id: {order.ocpp_transaction_id!r} is no number, as in OCPP 1.6"
        ) from None


def _period(start_s: int, limit: float) -> m.ChargingSchedulePeriod:
    return m.ChargingSchedulePeriod(startPeriod=start_s, limit=rounded_down(limit))


def _set(
    evse: int,
    placement: Placement,
    form: ProfileForm,
    start_us: int,
    periods: tuple[m.ChargingSchedulePeriod, ...],
    transaction: int | None = None,
) -> m.SetChargingProfileRequest:
    """Return the one shape of all our profiles: absolute, begun in the past and without an end.

    What 1.6 does after an end is nowhere said (§3.13.1), so nothing of ours ever runs out.
    """
    connector, profile_id = stand(evse, placement)
    profile = m.ChargingProfile(
        chargingProfileId=profile_id,
        transactionId=UNSET if transaction is None else transaction,
        stackLevel=form.stack_level,
        chargingProfilePurpose=PURPOSES[placement],
        chargingProfileKind="Absolute",
        chargingSchedule=m.ChargingSchedule(
            startSchedule=format_utc(start_us),
            chargingRateUnit=form.unit.value,
            chargingSchedulePeriod=periods,
        ),
    )
    return m.SetChargingProfileRequest(connectorId=connector, csChargingProfiles=profile)


def _clearing(order: ClearOwnProfiles) -> m.ClearChargingProfileRequest:
    connector, profile_id = stand(order.evse, order.form.placement)
    if order.form.placement is Placement.STATION:
        return m.ClearChargingProfileRequest(id=profile_id)
    # §3.13.2: a connector holds one profile of each purpose at our stack level, so this takes ours and no others.
    return m.ClearChargingProfileRequest(connectorId=connector, stackLevel=order.form.stack_level)


# --- answers

_VERDICTS = {
    "accepted": OrderVerdict.ACCEPTED,
    "rebootrequired": OrderVerdict.ACCEPTED,
    "rejected": OrderVerdict.REJECTED,
    "notsupported": OrderVerdict.UNSUPPORTED,
    "notimplemented": OrderVerdict.UNSUPPORTED,
}
"""By status or error code, however it is written."""

_NOTHING_TO_CLEAR = "unknown"
"""§7.21: no profile matched, so there is none any more."""

_NEVER_LEFT = frozenset({CommandState.NOT_SENT, CommandState.EXPIRED})


def read_outcome(order: StationOrder, result: CommandResult) -> OrderOutcome:
    """Say how an order ended."""
    if isinstance(order, ReadConfiguration) and result.state is CommandState.ANSWERED:
        return _read_configuration(result.response or b"", everything=not order.keys)
    verdict, detail = _verdict(result, clearing=isinstance(order, ClearOwnProfiles))
    reboot_required = squashed(detail) == "rebootrequired"
    return OrderOutcome(verdict=verdict, detail=detail, reboot_required=reboot_required)


def effect_stage(action: str, payload: bytes, result: CommandResult) -> EffectStage:
    """Say how a call that left and has effects ended."""
    clearing = action == "ClearChargingProfile"
    verdict, status = _verdict(result, clearing=clearing)
    if clearing and squashed(status) == _NOTHING_TO_CLEAR and not finds_all(payload):
        return EffectStage.REFUSED
    return _STAGES.get(verdict, EffectStage.REFUSED)


_STAGES = {OrderVerdict.ACCEPTED: EffectStage.ACCEPTED, OrderVerdict.UNKNOWN: EffectStage.UNKNOWN}


def _verdict(result: CommandResult, *, clearing: bool) -> tuple[OrderVerdict, str]:
    """Return how a call ended and what the station said; words that nobody knows leave it open."""
    if result.state in _NEVER_LEFT:
        return OrderVerdict.NOT_SENT, result.state.value
    if result.state is CommandState.TIMED_OUT:
        return OrderVerdict.UNKNOWN, "no answer came"
    error = result.error
    if error is not None:
        detail = f"{error.code}: {error.description}" if error.description else error.code
        if error.ours:
            return OrderVerdict.UNKNOWN, detail
        unsupported = _VERDICTS.get(squashed(error.code)) is OrderVerdict.UNSUPPORTED
        return OrderVerdict.UNSUPPORTED if unsupported else OrderVerdict.REJECTED, detail
    status = _status(result.response or b"")
    word = squashed(status)
    if clearing and word == _NOTHING_TO_CLEAR:
        return OrderVerdict.ACCEPTED, status
    return _VERDICTS.get(word, OrderVerdict.UNKNOWN), status


class _AnyStatus(Struct):
    status: Any = None


def _status(response: bytes) -> str:
    try:
        status = msgspec.json.decode(response, type=_AnyStatus).status
    except ValueError:
        return ""
    return status if isinstance(status, str) else ""


_NULL = Raw(b"null")


class _Configuration(Struct, rename="camel"):
    """GetConfiguration.conf however it comes: lists absent or null, numbers for texts."""

    configuration_key: Raw = _NULL
    unknown_key: Raw = _NULL


class _Setting(Struct):
    key: str
    value: Raw = _NULL


def _read_configuration(response: bytes, *, everything: bool) -> OrderOutcome:
    try:
        answer = msgspec.json.decode(response, type=_Configuration)
        settings = [_setting(element) for element in _elements(answer.configuration_key)]
        unknown = tuple(_text(element) for element in _elements(answer.unknown_key))
    except ValueError:
        return OrderOutcome(verdict=OrderVerdict.UNKNOWN, detail="the answer can't be read")
    values = {setting.key: _text(setting.value) for setting in settings if setting is not None}
    return OrderOutcome(
        verdict=OrderVerdict.ACCEPTED,
        values=values,
        unknown_keys=unknown,
        smart_charging=smart_charging(values) if everything else None,
    )


def _elements(raw: Raw) -> list[Raw]:
    try:
        return msgspec.json.decode(raw, type=list[Raw])
    except msgspec.ValidationError:
        return []


def _setting(raw: Raw) -> _Setting | None:
    try:
        return msgspec.json.decode(raw, type=_Setting)
    except msgspec.ValidationError:
        return None


def _text(raw: Raw) -> str:
    """Return a value as the station wrote it; where it wrote none, nothing."""
    text = bytes(raw).decode().strip()
    if text == "null":
        return ""
    return msgspec.json.decode(text, type=str) if text.startswith('"') else text


def _written(payload: bytes) -> tuple[str, ...]:
    return (msgspec.json.decode(payload, type=m.ChangeConfigurationRequest).key,)


CONTROL = Control(
    shape=shape,
    read_outcome=read_outcome,
    effects=EFFECTS,
    effect_stage=effect_stage,
    writes={"ChangeConfiguration": _written},
)
