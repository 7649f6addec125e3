"""What calls of OCPP 1.6 that are not the balancer's do to a station's charging profiles.

Where a call leaves something open, ours count as gone and foreign ones as still there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
from msgspec import UNSET, UnsetType

from csms.domain.control import Placement, ProfileEffect, RateUnit
from csms.ocpp import times
from csms.ocpp.v16 import messages as m
from csms.ocpp.v16.own_profiles import PURPOSES, owner_of

_PLACEMENTS = {purpose: placement for placement, purpose in PURPOSES.items()}


def _of_setting(payload: bytes, now_us: int) -> tuple[ProfileEffect, ...]:
    request = msgspec.json.decode(payload, type=m.SetChargingProfileRequest)
    profile = request.csChargingProfiles
    # §3.13.2: it takes the place of what has the same purpose and stack level, and of what has its id.
    return _of_profile(
        request.connectorId, profile, now_us, replaces=_PLACEMENTS[profile.chargingProfilePurpose]
    )


def _of_start(payload: bytes, now_us: int) -> tuple[ProfileEffect, ...]:
    """Return what a profile for the transaction to come does; no TxProfile of ours can be there yet."""
    request = msgspec.json.decode(payload, type=m.RemoteStartTransactionRequest)
    if request.chargingProfile is UNSET:
        return ()
    connector = 0 if request.connectorId is UNSET else request.connectorId
    return _of_profile(connector, request.chargingProfile, now_us, replaces=None)


def _of_profile(
    evse: int, profile: m.ChargingProfile, now_us: int, *, replaces: Placement | None
) -> tuple[ProfileEffect, ...]:
    purpose, limit = profile.chargingProfilePurpose, _highest(profile, now_us)
    in_watts = profile.chargingSchedule.chargingRateUnit == RateUnit.WATT.value
    effect = ProfileEffect(
        evse=evse,
        profile_id=profile.chargingProfileId,
        clears_own=replaces is not None,
        placement=replaces,
        stack_level=None if replaces is None else profile.stackLevel,
        sets=True,
        limit_a=None if in_watts else limit,
        limit_w=limit if in_watts else None,
        caps=purpose == PURPOSES[Placement.STATION],
        of_transaction=purpose == PURPOSES[Placement.TRANSACTION],
    )
    owner = owner_of(profile.chargingProfileId)
    if owner is None:
        return (effect,)
    ours = ProfileEffect(evse=owner, profile_id=profile.chargingProfileId, clears_own=True)
    return (ours, effect)


def _highest(profile: m.ChargingProfile, now_us: int) -> float | None:
    """Return the highest limit that the profile ever sets, None where it may say nothing for a while.

    Whatever then applies is unknown: nothing in 1.6 says that a TxProfile without a valid schedule gives way.
    """
    schedule = profile.chargingSchedule
    periods = schedule.chargingSchedulePeriod
    has_gaps = (
        profile.validTo is not UNSET
        or schedule.duration is not UNSET
        or _is_ahead(profile.validFrom, now_us)
        or _is_ahead(schedule.startSchedule, now_us)
        or min((period.startPeriod for period in periods), default=1) > 0
    )
    return None if has_gaps else max(period.limit for period in periods)


def _is_ahead(moment: str | UnsetType, now_us: int) -> bool:
    if moment is UNSET:
        return False
    at_us = times.parse(moment)
    return at_us is None or at_us > now_us


def _of_clearing(payload: bytes, _now_us: int) -> tuple[ProfileEffect, ...]:
    """Errata 4.0 §3.25, §3.26: all criteria that are given must match; without any, everything goes."""
    request = msgspec.json.decode(payload, type=m.ClearChargingProfileRequest)
    if request.id is not UNSET:
        # An id is one profile's, so a station that found it has cleared it, wherever it stood.
        owner = owner_of(request.id)
        foreign = ProfileEffect(evse=0, profile_id=request.id, clears_foreign=True)
        if owner is None:
            return (foreign,)
        return (ProfileEffect(evse=owner, profile_id=request.id, clears_own=True), foreign)
    purpose, level = request.chargingProfilePurpose, request.stackLevel
    effect = ProfileEffect(
        # Connector 0 is the station's own profiles (§6.13), and some take it for all.
        evse=0 if request.connectorId is UNSET else request.connectorId,
        profile_id=None,
        clears_own=True,
        placement=None if purpose is UNSET else _PLACEMENTS[purpose],
        stack_level=None if level is UNSET else level,
        # What limits an EVSE may stand on connector 0 and stay, whatever is cleared from the EVSE's own.
        clears_foreign=not _is_narrowed(request),
    )
    return (effect,)


def finds_all(payload: bytes) -> bool:
    """Tell whether a ClearChargingProfile that finds nothing proves that what it names is not at the station."""
    return not _is_narrowed(msgspec.json.decode(payload, type=m.ClearChargingProfileRequest))


def _is_narrowed(request: m.ClearChargingProfileRequest) -> bool:
    criteria = (request.connectorId, request.chargingProfilePurpose, request.stackLevel)
    return any(criterion is not UNSET for criterion in criteria)


EFFECTS: Mapping[str, Callable[[bytes, int], tuple[ProfileEffect, ...]]] = {
    "ClearChargingProfile": _of_clearing,
    "RemoteStartTransaction": _of_start,
    "SetChargingProfile": _of_setting,
}
