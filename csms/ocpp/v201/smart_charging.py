"""Functional block K, Smart Charging: limits of ours, limits of others, and what cars ask for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import UNSET, UnsetType

from csms.domain.answers import Acknowledged
from csms.domain.events import ExternalLimitReported
from csms.ocpp.tables import Inbound, Outbound, Reading, notice
from csms.ocpp.v201 import messages as m
from csms.ocpp.v201.places import number


def _limited(request: m.NotifyChargingLimitRequest, _reading: Reading) -> ExternalLimitReported:
    schedules = () if request.chargingSchedule is UNSET else request.chargingSchedule
    return ExternalLimitReported(
        evse=_evse(request.evseId),
        source=request.chargingLimit.chargingLimitSource,
        limit_a=_lowest(schedules, "A"),
        limit_w=_lowest(schedules, "W"),
    )


def _released(request: m.ClearedChargingLimitRequest, _reading: Reading) -> ExternalLimitReported:
    return ExternalLimitReported(evse=_evse(request.evseId), source=request.chargingLimitSource, ended=True)


def _evse(value: int | UnsetType) -> int:
    return 0 if value is UNSET else number(value, "evseId")


def _lowest(schedules: Sequence[m.ChargingSchedule], unit: m.ChargingRateUnitEnum) -> float | None:
    """Return the lowest limit that the schedules in a unit ever set; what is below 0 lets nothing through."""
    limits = [
        period.limit
        for schedule in schedules
        if schedule.chargingRateUnit == unit
        for period in schedule.chargingSchedulePeriod
    ]
    return max(min(limits), 0.0) if limits else None


INBOUND: dict[str, Inbound[Any, Any]] = {
    "ClearedChargingLimit": Inbound(
        request=m.ClearedChargingLimitRequest,
        translate=_released,
        answer=Acknowledged,
        shape=lambda _: m.ClearedChargingLimitResponse(),
    ),
    "NotifyChargingLimit": Inbound(
        request=m.NotifyChargingLimitRequest,
        translate=_limited,
        answer=Acknowledged,
        shape=lambda _: m.NotifyChargingLimitResponse(),
    ),
    # K15.FR.04: a schedule by the car's own wishes is not to be had here.
    "NotifyEVChargingNeeds": notice(
        "ev.charging-needs",
        m.NotifyEVChargingNeedsRequest,
        m.NotifyEVChargingNeedsResponse(status="Rejected"),
    ),
    # The station has checked it against our limits (K15.FR.09), and a refusal would promise another one.
    "NotifyEVChargingSchedule": notice(
        "ev.charging-schedule",
        m.NotifyEVChargingScheduleRequest,
        m.NotifyEVChargingScheduleResponse(status="Accepted"),
    ),
    "ReportChargingProfiles": notice(
        "charging-profiles.report", m.ReportChargingProfilesRequest, m.ReportChargingProfilesResponse()
    ),
}

OUTBOUND: dict[str, Outbound] = {
    "ClearChargingProfile": Outbound(m.ClearChargingProfileRequest, m.ClearChargingProfileResponse),
    "GetChargingProfiles": Outbound(m.GetChargingProfilesRequest, m.GetChargingProfilesResponse),
    "GetCompositeSchedule": Outbound(m.GetCompositeScheduleRequest, m.GetCompositeScheduleResponse),
    "SetChargingProfile": Outbound(m.SetChargingProfileRequest, m.SetChargingProfileResponse),
}
