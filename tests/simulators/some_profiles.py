"""Profiles in few words, for the rows of the composition tests."""

from __future__ import annotations

from typing import Any

from simulators.profile_rules import ProfileRules
from simulators.profiles import ProfileStore
from simulators.schedules import Kind, Period, Profile, Purpose, Schedule, Version

MAX, DEFAULT, TX, EXTERNAL = Purpose.STATION_MAX, Purpose.TX_DEFAULT, Purpose.TX, Purpose.EXTERNAL
HOUR = 3600.0
DAY = 24 * HOUR
NOON = 1_750_000_000.0 // DAY * DAY + 12 * HOUR
"""Noon (UTC) of some day; the tests' times count from it."""


def profile(
    number: int = 1,
    purpose: Purpose = DEFAULT,
    *limits: float | tuple[float, float],
    level: int = 0,
    kind: Kind = Kind.ABSOLUTE,
    start: float | None = 0.0,
    phases: int | None = None,
    **more: Any,
) -> Profile:
    """`limits` are amperes, or (seconds from the start, amperes); times in `more` count from `NOON`."""
    pairs = [limit if isinstance(limit, tuple) else (0.0, limit) for limit in limits or (16.0,)]
    absolute = {
        name: NOON + more.pop(name) if more.get(name) is not None else more.pop(name, None)
        for name in ("valid_from_s", "valid_to_s")
    }
    schedule = Schedule(
        unit=more.pop("unit", "A"),
        periods=tuple(Period(start_s, limit, phases, more.get("phase_to_use")) for start_s, limit in pairs),
        start_s=None if kind is Kind.RELATIVE or start is None else NOON + start,
        duration_s=more.pop("duration", None),
    )
    more.pop("phase_to_use", None)
    schedules = (schedule,) * more.pop("copies", 1)
    return Profile(
        id=number, purpose=purpose, stack_level=level, kind=kind, schedules=schedules, **absolute, **more
    )


def store(version: Version = Version.V16, evses: int = 2, phases: int = 3, **rules: Any) -> ProfileStore:
    """A station with nothing installed."""
    return ProfileStore(ProfileRules(version=version, **rules), dict.fromkeys(range(1, evses + 1), phases))
