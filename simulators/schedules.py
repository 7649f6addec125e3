"""A charging profile by itself: which of its periods holds at a moment, and when that changes next."""

from __future__ import annotations

import enum
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Unit = Literal["A", "W"]

DAY_S = 86_400.0


class Version(enum.Enum):
    """Whose rules a station follows."""

    V16 = "1.6"
    V201 = "2.0.1"


class Purpose(enum.Enum):
    """What a profile is for; the words of 2.0.1 (1.6 says ChargePointMaxProfile and has no external one)."""

    STATION_MAX = "ChargingStationMaxProfile"
    TX_DEFAULT = "TxDefaultProfile"
    TX = "TxProfile"
    EXTERNAL = "ChargingStationExternalConstraints"


class Kind(enum.Enum):
    """What the periods count from."""

    ABSOLUTE = "Absolute"
    RECURRING = "Recurring"
    RELATIVE = "Relative"


class Recurrency(enum.Enum):
    """How often a recurring schedule begins anew, counted from its start (1.6 errata 4.0 §3.79)."""

    DAILY = "Daily"
    WEEKLY = "Weekly"

    @property
    def every_s(self) -> float:
        """Return the seconds from one beginning to the next."""
        return DAY_S if self is Recurrency.DAILY else 7 * DAY_S


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of a schedule; it lasts until the next one begins or the schedule ends."""

    start_s: float
    """From the schedule's start."""
    limit: float
    """Amperes on each phase, or watts on all together."""
    phases: int | None = None
    phase_to_use: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Limits over time."""

    unit: Unit
    periods: tuple[Period, ...]
    start_s: float | None = None
    """Seconds since the epoch; None: counted from where the station begins to deliver."""
    duration_s: float | None = None
    """None: the last period holds for good."""
    min_rate: float | None = None
    id: int = 0
    """2.0.1 only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A charging profile as it was sent; times in seconds since the epoch."""

    id: int
    purpose: Purpose
    stack_level: int
    kind: Kind
    schedules: tuple[Schedule, ...]
    """One; 2.0.1 allows up to three for ISO 15118, of which only the first counts here (K01.FR.34)."""
    recurrency: Recurrency | None = None
    valid_from_s: float | None = None
    valid_to_s: float | None = None
    transaction: str | None = None

    @property
    def schedule(self) -> Schedule:
        """Return the schedule that counts."""
        return self.schedules[0]


def is_valid(profile: Profile, now_s: float) -> bool:
    """Return whether validFrom ≤ now < validTo (2.0.1 K01.FR.10, .36, .37; 1.6 §7.8)."""
    since_s = -math.inf if profile.valid_from_s is None else profile.valid_from_s
    until_s = math.inf if profile.valid_to_s is None else profile.valid_to_s
    return since_s <= now_s < until_s


def period_at(profile: Profile, now_s: float, anchor_s: float | None) -> Period | None:
    """Return the period that holds at `now_s`; None: the profile says nothing then.

    `anchor_s` is the moment that a schedule without a start counts from (1.6 §7.13, 2.0.1 K01.FR.42).
    Before its start a schedule limits nothing (K01.FR.30), nor after its duration (K01.FR.11, .12), nor
    does any part of it that is longer than its recurrence (1.6 §5.16.4).
    """
    origin_s = _origin_s(profile, now_s, anchor_s)
    if origin_s is None or not is_valid(profile, now_s) or now_s < origin_s:
        return None
    if now_s >= origin_s + _duration_s(profile):
        return None
    held = [period for period in profile.schedule.periods if origin_s + period.start_s <= now_s]
    return held[-1] if held else None


def next_boundary_s(profile: Profile, now_s: float, anchor_s: float | None) -> float:
    """Return the first moment after `now_s` at which `period_at` may change; `inf`: never."""
    return min((at_s for at_s in _boundaries(profile, now_s, anchor_s) if at_s > now_s), default=math.inf)


def amperes(period: Period, unit: Unit, voltage_v: float, phases: int | None = None) -> float:
    """Return a period's limit per phase, in amperes, never below 0.

    Watts are divided by the period's number of phases, 3 where it says none (1.6 §7.12, 2.0.1 K01.FR.49, .50);
    by `phases` instead where that is given. Amperes stand as they are (1.6 errata 4.0 §3.34, K01.FR.51).
    """
    if unit == "A":
        return max(0.0, period.limit)
    return max(0.0, period.limit / (voltage_v * (phases or period.phases or 3)))


def _duration_s(profile: Profile) -> float:
    return math.inf if profile.schedule.duration_s is None else profile.schedule.duration_s


def _origin_s(profile: Profile, now_s: float, anchor_s: float | None) -> float | None:
    """Return what the periods that matter at `now_s` count from."""
    absolute = profile.kind is not Kind.RELATIVE and profile.schedule.start_s is not None
    start_s = profile.schedule.start_s if absolute else anchor_s
    if start_s is None or profile.kind is not Kind.RECURRING or profile.recurrency is None or now_s < start_s:
        return start_s
    every_s = profile.recurrency.every_s
    rounds = math.floor((now_s - start_s) / every_s)
    # The quotient is rounded: ask again in the terms in which boundaries are told.
    if start_s + (rounds + 1) * every_s <= now_s:
        rounds += 1
    return start_s + rounds * every_s


def _boundaries(profile: Profile, now_s: float, anchor_s: float | None) -> Iterator[float]:
    if profile.valid_from_s is not None:
        yield profile.valid_from_s
    if profile.valid_to_s is not None:
        yield profile.valid_to_s
    origin_s = _origin_s(profile, now_s, anchor_s)
    if origin_s is None:
        return
    yield origin_s
    yield origin_s + _duration_s(profile)
    for period in profile.schedule.periods:
        yield origin_s + period.start_s
    if profile.kind is Kind.RECURRING and profile.recurrency:
        yield origin_s + profile.recurrency.every_s
