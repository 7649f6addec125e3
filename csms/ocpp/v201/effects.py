"""What calls of OCPP 2.0.1 that are not the balancer's do to a station's charging profiles."""

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
from csms.ocpp.v201 import messages as m
from csms.ocpp.v201.own_profiles import PURPOSES

_PLACEMENTS: dict[str, Placement] = {purpose: placement for placement, purpose in PURPOSES.items()}


def _of_setting(payload: bytes, now_us: int) -> tuple[ProfileEffect, ...]:
    request = msgspec.json.decode(payload, type=m.SetChargingProfileRequest)
    return of_setting(_sent(request.evseId, request.chargingProfile), now_us)


def _of_start(payload: bytes, now_us: int) -> tuple[ProfileEffect, ...]:
    """K05: a station without smart charging starts and ignores the profile; in doubt it is there."""
    request = msgspec.json.decode(payload, type=m.RequestStartTransactionRequest)
    if request.chargingProfile is UNSET:
        return ()
    return of_start(_sent(0 if request.evseId is UNSET else request.evseId, request.chargingProfile), now_us)


def _sent(evse: int, profile: m.ChargingProfile) -> SentProfile:
    return SentProfile(
        evse=evse,
        profile_id=profile.id,
        stack_level=profile.stackLevel,
        placement=_PLACEMENTS.get(profile.chargingProfilePurpose),
        valid_from=profile.validFrom,
        valid_to=profile.validTo,
        schedules=tuple(
            SentSchedule(
                unit=schedule.chargingRateUnit,
                start=schedule.startSchedule,
                duration_s=schedule.duration,
                periods=tuple(
                    (period.startPeriod, period.limit) for period in schedule.chargingSchedulePeriod
                ),
            )
            for schedule in profile.chargingSchedule
        ),
        has_no_twins=False,
    )


def _of_clearing(payload: bytes, _now_us: int) -> tuple[ProfileEffect, ...]:
    return of_clearing(_clearing(payload), _PLACEMENTS)


def finds_all(payload: bytes) -> bool:
    """Tell whether a ClearChargingProfile that finds nothing proves that what it names is not at the station."""
    return not _clearing(payload).narrowed


def _clearing(payload: bytes) -> SentClearing:
    request = msgspec.json.decode(payload, type=m.ClearChargingProfileRequest)
    criteria = request.chargingProfileCriteria
    if criteria is UNSET:
        criteria = m.ClearChargingProfile()
    return SentClearing(
        profile_id=request.chargingProfileId,
        evse=criteria.evseId,
        purpose=criteria.chargingProfilePurpose,
        stack_level=criteria.stackLevel,
    )


EFFECTS: Mapping[str, Callable[[bytes, int], tuple[ProfileEffect, ...]]] = {
    "ClearChargingProfile": _of_clearing,
    "RequestStartTransaction": _of_start,
    "SetChargingProfile": _of_setting,
}
