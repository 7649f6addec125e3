"""The balancing's orders as calls of OCPP 1.6, and what a station's answers to them mean."""

from __future__ import annotations

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
    ReadConfiguration,
    Setting,
    StationOrder,
    WriteConfiguration,
    placement_of,
)
from csms.domain.errors import Invalid
from csms.domain.times import format_utc
from csms.ocpp import endings
from csms.ocpp.own_profiles import periods_of, stand
from csms.ocpp.tables import Control
from csms.ocpp.v16 import messages as m
from csms.ocpp.v16.capabilities import smart_charging
from csms.ocpp.v16.effects import EFFECTS, finds_all
from csms.ocpp.v16.own_profiles import PURPOSES

# --- orders


def shape(order: StationOrder) -> tuple[str, Struct]:
    """Return the action and the request of an order; raises `Invalid`."""
    match order:
        case FailsafeOrder() | LimitOrder():
            return "SetChargingProfile", _set(order)
        case ClearOwnProfiles():
            return "ClearChargingProfile", _clearing(order)
        case ReadConfiguration():
            keys = tuple(key for key in order.keys if key not in _UNKNOWN_HERE)
            return "GetConfiguration", m.GetConfigurationRequest(key=keys or UNSET)
        case WriteConfiguration():
            return "ChangeConfiguration", m.ChangeConfigurationRequest(key=order.key, value=order.value)


_UNKNOWN_HERE = frozenset({Setting.STARTS_UNAUTHORIZED})
"""Settings that OCPP 1.6 has no key for; all others have its keys' names."""


def _set(order: FailsafeOrder | LimitOrder) -> m.SetChargingProfileRequest:
    """Return the one shape of all our profiles: absolute, begun in the past and without an end.

    What 1.6 does after an end is nowhere said (§3.13.1), so nothing of ours ever runs out.
    """
    placement = placement_of(order)
    connector, profile_id = stand(order.evse, placement)
    transaction = UNSET
    if isinstance(order, LimitOrder) and placement is Placement.TRANSACTION:
        transaction = _transaction_id(order.ocpp_transaction_id)
    profile = m.ChargingProfile(
        chargingProfileId=profile_id,
        transactionId=transaction,
        stackLevel=order.form.stack_level,
        chargingProfilePurpose=PURPOSES[placement],
        chargingProfileKind="Absolute",
        chargingSchedule=m.ChargingSchedule(
            startSchedule=format_utc(order.start_us),
            chargingRateUnit=order.form.unit.value,
            chargingSchedulePeriod=tuple(
                m.ChargingSchedulePeriod(startPeriod=start_s, limit=limit)
                for start_s, limit in periods_of(order)
            ),
        ),
    )
    return m.SetChargingProfileRequest(connectorId=connector, csChargingProfiles=profile)


def _transaction_id(ocpp_transaction_id: str) -> int:
    try:
        return int(ocpp_transaction_id)
    except ValueError:
        raise Invalid(f"ocpp_transaction_id: {ocpp_transaction_id!r} is no number, as in OCPP 1.6") from None


def _clearing(order: ClearOwnProfiles) -> m.ClearChargingProfileRequest:
    connector, profile_id = stand(order.evse, order.form.placement)
    if order.form.placement is Placement.STATION:
        return m.ClearChargingProfileRequest(id=profile_id)
    # §3.13.2: a connector holds one profile of each purpose at our stack level, so this takes ours and no others.
    return m.ClearChargingProfileRequest(connectorId=connector, stackLevel=order.form.stack_level)


# --- answers


def read_outcome(order: StationOrder, result: CommandResult) -> OrderOutcome:
    """Say how an order ended."""
    if isinstance(order, ReadConfiguration) and result.state is CommandState.ANSWERED:
        return _read_configuration(result.response or b"", everything=not order.keys)
    return endings.ending(result, clearing=isinstance(order, ClearOwnProfiles)).outcome()


def effect_stage(action: str, payload: bytes, result: CommandResult) -> EffectStage:
    """Say how a call that left and has effects ended."""
    clearing = action == "ClearChargingProfile"
    return endings.effect_stage(result, clearing=clearing, finds_all=not clearing or finds_all(payload))


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
