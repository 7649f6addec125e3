"""The balancing's orders as calls of OCPP 2.0.1, and what a station's answers to them mean."""

from __future__ import annotations

from msgspec import UNSET, Struct

from csms.domain.commands import CommandResult
from csms.domain.control import (
    ClearOwnProfiles,
    EffectStage,
    FailsafeOrder,
    LimitOrder,
    OrderOutcome,
    Placement,
    ReadConfiguration,
    StationOrder,
    WriteConfiguration,
    placement_of,
)
from csms.domain.times import format_utc
from csms.ocpp import endings
from csms.ocpp.own_profiles import periods_of, stand
from csms.ocpp.tables import Control
from csms.ocpp.v201 import configuration
from csms.ocpp.v201 import messages as m
from csms.ocpp.v201.effects import EFFECTS, finds_all
from csms.ocpp.v201.own_profiles import PURPOSES

SCHEDULE_ID = 1
"""Each profile of ours has one schedule (K01.FR.34)."""


def shape(order: StationOrder) -> tuple[str, Struct]:
    """Return the action and the request of an order; raises `Invalid`."""
    match order:
        case FailsafeOrder() | LimitOrder():
            return "SetChargingProfile", _set(order)
        case ClearOwnProfiles():
            return "ClearChargingProfile", _clearing(order)
        case ReadConfiguration():
            return "GetVariables", configuration.reading(order)
        case WriteConfiguration():
            return "SetVariables", configuration.writing(order)


def _set(order: FailsafeOrder | LimitOrder) -> m.SetChargingProfileRequest:
    """Return the one shape of all our profiles: absolute, begun in the past and without an end.

    Never a default on EVSE 0, which may not stand beside one on an EVSE (K01.FR.52, .53). No numberPhases: limits in
    amperes hold per phase (K01.FR.51); in watts, a number that the station can't see to must be refused
    (K01.FR.43), and without one it divides by three (K01.FR.49), which is never more than the ledger reckons with.
    """
    placement = placement_of(order)
    evse, profile_id = stand(order.evse, placement)
    transaction = UNSET
    if isinstance(order, LimitOrder) and placement is Placement.TRANSACTION:
        transaction = order.ocpp_transaction_id
    schedule = m.ChargingSchedule(
        id=SCHEDULE_ID,
        startSchedule=format_utc(order.start_us),
        chargingRateUnit=order.form.unit.value,
        chargingSchedulePeriod=tuple(
            m.ChargingSchedulePeriod(startPeriod=start_s, limit=limit) for start_s, limit in periods_of(order)
        ),
    )
    profile = m.ChargingProfile(
        id=profile_id,
        stackLevel=order.form.stack_level,
        chargingProfilePurpose=PURPOSES[placement],
        chargingProfileKind="Absolute",
        chargingSchedule=(schedule,),
        transactionId=transaction,
    )
    return m.SetChargingProfileRequest(evseId=evse, chargingProfile=profile)


def _clearing(order: ClearOwnProfiles) -> m.ClearChargingProfileRequest:
    evse, profile_id = stand(order.evse, order.form.placement)
    if order.form.placement is Placement.STATION:
        return m.ClearChargingProfileRequest(chargingProfileId=profile_id)
    # K01.FR.06, .39: an EVSE holds one profile of each purpose at our stack level, so this takes ours and no others.
    criteria = m.ClearChargingProfile(evseId=evse, stackLevel=order.form.stack_level)
    return m.ClearChargingProfileRequest(chargingProfileCriteria=criteria)


def read_outcome(order: StationOrder, result: CommandResult) -> OrderOutcome:
    """Say how an order ended."""
    match order:
        case ReadConfiguration():
            return configuration.read_outcome(order, result)
        case WriteConfiguration():
            return configuration.write_outcome(result)
        case _:
            return endings.ending(result, clearing=isinstance(order, ClearOwnProfiles)).outcome()


def effect_stage(action: str, payload: bytes, result: CommandResult) -> EffectStage:
    """Say how a call that left and has effects ended."""
    clearing = action == "ClearChargingProfile"
    return endings.effect_stage(result, clearing=clearing, finds_all=not clearing or finds_all(payload))


CONTROL = Control(
    shape=shape,
    read_outcome=read_outcome,
    effects=EFFECTS,
    effect_stage=effect_stage,
    writes={"SetVariables": configuration.written},
)
