"""What calls of OCPP 1.6 that are not the balancer's do to a station's charging profiles."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
from msgspec import UNSET

from csms.domain.control import Placement, ProfileEffect
from csms.ocpp.profile_effects import (
    SentClearing,
    SentProfile,
    SentSchedule,
    of_clearing,
    of_setting,
    of_start,
)
from csms.ocpp.v16 import messages as m
from csms.ocpp.v16.own_profiles import PURPOSES

_PLACEMENTS: dict[str, Placement] = {purpose: placement for placement, purpose in PURPOSES.items()}


def _of_setting(payload: bytes, now_us: int) -> tuple[ProfileEffect, ...]:
    request = msgspec.json.decode(payload, type=m.SetChargingProfileRequest)
    return of_setting(_sent(request.connectorId, request.csChargingProfiles), now_us)


def _of_start(payload: bytes, now_us: int) -> tuple[ProfileEffect, ...]:
    request = msgspec.json.decode(payload, type=m.RemoteStartTransactionRequest)
    if request.chargingProfile is UNSET:
        return ()
    connector = 0 if request.connectorId is UNSET else request.connectorId
    return of_start(_sent(connector, request.chargingProfile), now_us)


def _sent(connector: int, profile: m.ChargingProfile) -> SentProfile:
    schedule = profile.chargingSchedule
    return SentProfile(
        evse=connector,
        profile_id=profile.chargingProfileId,
        stack_level=profile.stackLevel,
        placement=_PLACEMENTS[profile.chargingProfilePurpose],
        valid_from=profile.validFrom,
        valid_to=profile.validTo,
        schedules=(
            SentSchedule(
                unit=schedule.chargingRateUnit,
                start=schedule.startSchedule,
                duration_s=schedule.duration,
                periods=tuple(
                    (period.startPeriod, period.limit) for period in schedule.chargingSchedulePeriod
                ),
            ),
        ),
        # §3.13.2.
        has_no_twins=True,
    )


def _of_clearing(payload: bytes, _now_us: int) -> tuple[ProfileEffect, ...]:
    return of_clearing(_clearing(payload), _PLACEMENTS)


def finds_all(payload: bytes) -> bool:
    """Tell whether a ClearChargingProfile that finds nothing proves that what it names is not at the station."""
    return not _clearing(payload).narrowed


def _clearing(payload: bytes) -> SentClearing:
    request = msgspec.json.decode(payload, type=m.ClearChargingProfileRequest)
    return SentClearing(
        profile_id=request.id,
        evse=request.connectorId,
        purpose=request.chargingProfilePurpose,
        stack_level=request.stackLevel,
    )


EFFECTS: Mapping[str, Callable[[bytes, int], tuple[ProfileEffect, ...]]] = {
    "ClearChargingProfile": _of_clearing,
    "RemoteStartTransaction": _of_start,
    "SetChargingProfile": _of_setting,
}
