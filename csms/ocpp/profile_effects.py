"""What profiles that are not the balancer's, and clearings of them, do at a station in any OCPP version.

Where a call leaves something open, ours count as gone and foreign ones as still there.
"""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

from csms.domain.control import Placement, ProfileEffect, RateUnit
from csms.ocpp import times
from csms.ocpp.own_profiles import owner_of, stand


class SentSchedule(Struct, frozen=True, kw_only=True):
    """One charging schedule of a profile."""

    unit: str
    start: str | UnsetType
    duration_s: int | UnsetType
    periods: tuple[tuple[int, float], ...]
    """Start in seconds, limit."""


class SentProfile(Struct, frozen=True, kw_only=True):
    """A charging profile on its way to a station."""

    evse: int
    """0: all of them."""
    profile_id: int
    stack_level: int
    placement: Placement | None
    """Which of ours has its purpose; None: none has."""
    valid_from: str | UnsetType
    valid_to: str | UnsetType
    schedules: tuple[SentSchedule, ...]
    """Of several the car chooses one (2.0.1 K15 to K17)."""
    has_no_twins: bool
    """Whether a station has but one profile of a purpose and stack level, the one that it was sent last."""


class SentClearing(Struct, frozen=True, kw_only=True):
    """A clearing on its way to a station."""

    profile_id: int | UnsetType
    evse: int | UnsetType
    purpose: str | UnsetType
    stack_level: int | UnsetType

    @property
    def narrowed(self) -> bool:
        """Whether it names anything but an id."""
        return any(criterion is not UNSET for criterion in (self.evse, self.purpose, self.stack_level))


def of_setting(sent: SentProfile, now_us: int) -> tuple[ProfileEffect, ...]:
    """Return what a SetChargingProfile does.

    It takes the place of what has its id, and in 1.6 (§3.13.2) of what has the same purpose and stack level. 2.0.1
    forbids such twins (K01.FR.06, .39, .52, .53), and nothing says what a station does that takes one: so one of
    ours may be gone by it, and it may still be there when one of ours was accepted.
    """
    return _of_profile(sent, now_us, replaces=sent.placement)


def of_start(sent: SentProfile, now_us: int) -> tuple[ProfileEffect, ...]:
    """Return what a profile for the transaction to come does; no TxProfile of ours can be there yet."""
    return _of_profile(sent, now_us, replaces=None)


def _of_profile(sent: SentProfile, now_us: int, *, replaces: Placement | None) -> tuple[ProfileEffect, ...]:
    units = {schedule.unit for schedule in sent.schedules}
    in_watts = units == {RateUnit.WATT.value}
    limit = _highest(sent, now_us) if len(units) == 1 else None
    effect = ProfileEffect(
        evse=sent.evse,
        profile_id=sent.profile_id,
        clears_own=replaces is not None,
        placement=replaces,
        stack_level=None if replaces is None else sent.stack_level,
        sets=True,
        gives_way=replaces is not None and (sent.has_no_twins or _has_id_of_ours(sent, replaces)),
        limit_a=None if in_watts else limit,
        limit_w=limit if in_watts else None,
        caps=sent.placement in {None, Placement.STATION},
        of_transaction=sent.placement is Placement.TRANSACTION,
    )
    owner = owner_of(sent.profile_id)
    if owner is None:
        return (effect,)
    ours = ProfileEffect(evse=owner, profile_id=sent.profile_id, clears_own=True)
    return (ours, effect)


def _has_id_of_ours(sent: SentProfile, placement: Placement) -> bool:
    """Tell whether ours of the same purpose there has the same id, and so takes its place (2.0.1 K01.FR.05)."""
    return (
        owner_of(sent.profile_id) == sent.evse and sent.profile_id == stand(max(sent.evse, 1), placement)[1]
    )


def _highest(sent: SentProfile, now_us: int) -> float | None:
    """Return the highest limit that the profile ever sets, None where it may say nothing for a while.

    Whatever then applies is unknown: nothing in 1.6 says that a TxProfile without a valid schedule gives way, and
    what 2.0.1 lets take over (§K 3.2) is not known here.
    """
    has_gaps = (
        sent.valid_to is not UNSET
        or _is_ahead(sent.valid_from, now_us)
        or any(_has_gaps(schedule, now_us) for schedule in sent.schedules)
    )
    return None if has_gaps else max(limit for schedule in sent.schedules for _, limit in schedule.periods)


def _has_gaps(schedule: SentSchedule, now_us: int) -> bool:
    return (
        schedule.duration_s is not UNSET
        or _is_ahead(schedule.start, now_us)
        or min((start_s for start_s, _ in schedule.periods), default=1) > 0
    )


def _is_ahead(moment: str | UnsetType, now_us: int) -> bool:
    if moment is UNSET:
        return False
    at_us = times.parse(moment)
    return at_us is None or at_us > now_us


def of_clearing(sent: SentClearing, placements: dict[str, Placement]) -> tuple[ProfileEffect, ...]:
    """Return what a ClearChargingProfile does; `placements`: which of ours has which purpose.

    All criteria that are given must match, and without any, everything goes (1.6 errata 4.0 §3.25, §3.26; 2.0.1
    K10.FR.04).
    """
    if sent.profile_id is not UNSET:
        # An id is one profile's, so a station that found it has cleared it, wherever it stood.
        owner = owner_of(sent.profile_id)
        foreign = ProfileEffect(evse=0, profile_id=sent.profile_id, clears_foreign=True)
        if owner is None:
            return (foreign,)
        return (ProfileEffect(evse=owner, profile_id=sent.profile_id, clears_own=True), foreign)
    effect = ProfileEffect(
        # 0 is the station's own profiles (1.6 §6.13), and some take it for all.
        evse=0 if sent.evse is UNSET else sent.evse,
        profile_id=None,
        clears_own=True,
        # A purpose that no central system may name (2.0.1 K10.FR.06) may mean any to a station.
        placement=None if sent.purpose is UNSET else placements.get(sent.purpose),
        stack_level=None if sent.stack_level is UNSET else sent.stack_level,
        # What limits an EVSE may stand on 0 and stay, whatever is cleared from the EVSE's own.
        clears_foreign=not sent.narrowed,
    )
    return (effect,)
