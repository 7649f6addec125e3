"""One profile by itself: what it says at a moment, and when it says something else."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.schedules import (
    Kind,
    Period,
    Profile,
    Recurrency,
    amperes,
    is_valid,
    next_boundary_s,
    period_at,
)
from tests.simulators.some_profiles import DAY, HOUR, NOON, profile

RECURRING, RELATIVE = Kind.RECURRING, Kind.RELATIVE
STEPS = ((0, 16), (600, 10), (1200, 6))
DAILY = {"kind": RECURRING, "recurrency": Recurrency.DAILY}
WEEKLY = {"kind": RECURRING, "recurrency": Recurrency.WEEKLY}


@dataclass
class Row:
    clause: str
    says: str
    profile: Profile
    at: float
    limit: float | None
    anchor: float | None = None
    following: float = math.inf


def _p(*limits, **more):
    return profile(1, profile().purpose, *limits, **more)


ROWS = [
    Row("1.6 §7.14", "the first period holds from the start", _p(*STEPS), 0, 16, following=600),
    Row("1.6 §7.14", "a period ends where the next begins", _p(*STEPS), 600, 10, following=1200),
    Row("1.6 §7.13", "without a duration the last one holds for good", _p(*STEPS), 99 * DAY, 6),
    Row("K01.FR.30", "before its start a schedule limits nothing", _p(16, start=60), 59, None, following=60),
    Row("K01.FR.12", "the last period holds until the duration", _p(*STEPS, duration=2000), 1999, 6, following=2000),
    Row("K01.FR.12", "after the duration it says nothing", _p(*STEPS, duration=2000), 2000, None),
    Row("K01.FR.11", "periods behind the duration are never executed", _p(*STEPS, duration=900), 899, 10, following=900),
    Row("K01.FR.36", "not valid before validFrom", _p(16, start=-60, valid_from_s=60), 59, None, following=60),
    Row("K01.FR.36", "valid from validFrom on", _p(16, start=-60, valid_from_s=60), 60, 16),
    Row("K01.FR.37", "valid just before validTo", _p(16, valid_to_s=60), 59, 16, following=60),
    Row("K01.FR.37", "not valid from validTo on", _p(16, valid_to_s=60), 60, None),
    Row("K01.FR.10", "without both it is valid for ever", _p(16), 1e9, 16),
    Row("1.6 errata §3.79", "daily begins anew at the time of its start", _p(*STEPS, **DAILY), 3 * DAY, 16, following=3 * DAY + 600),
    Row("1.6 errata §3.79", "daily: the last period lasts until then", _p(*STEPS, **DAILY), DAY - 1, 6, following=DAY),
    Row("1.6 errata §3.79", "weekly begins anew at day and time of its start", _p(*STEPS, **WEEKLY), 14 * DAY + 600, 10, following=14 * DAY + 1200),
    Row("K01.FR.40", "it does not recur before its first start", _p(16, **DAILY), -1, None, following=0),
    Row("K01.FR.13", "after a duration below the recurrence it says nothing", _p(16, duration=HOUR, **DAILY), DAY + HOUR, None, following=2 * DAY),
    Row("1.6 §5.16.4", "what is longer than the recurrence is cut", _p((0, 16), (DAY, 6), duration=3 * DAY, **DAILY), DAY, 16, following=2 * DAY),
    Row("1.6 §7.9", "relative counts from the transaction", _p(*STEPS, kind=RELATIVE), 700, 10, anchor=100, following=1300),
    Row("1.6 §7.9", "relative says nothing without one", _p(*STEPS, kind=RELATIVE), 700, None),
    Row("1.6 §7.13", "absolute without a start is relative", _p(*STEPS, start=None), 700, 10, anchor=100, following=1300),
    Row("1.6 §7.13", "recurring without a start recurs from the transaction", _p(*STEPS, start=None, **DAILY), DAY + 700, 10, anchor=100, following=DAY + 1300),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.clause}: {row.says}")
def test_a_profile_says_what_the_specification_makes_of_it(row: Row) -> None:
    anchor_s = None if row.anchor is None else NOON + row.anchor
    period = period_at(row.profile, NOON + row.at, anchor_s)
    assert (period and period.limit) == row.limit
    assert next_boundary_s(row.profile, NOON + row.at, anchor_s) == NOON + row.following


@pytest.mark.parametrize(
    ("clause", "period", "unit", "phases", "expected_a"),
    [
        ("1.6 §7.12 A", Period(0, 16.0, 1), "A", None, 16.0),
        ("errata §3.34 A, more phases than wired", Period(0, 16.0, 3), "A", 1, 16.0),
        ("1.6 §7.12 W, default 3", Period(0, 11040.0), "W", None, 16.0),
        ("K01.FR.50 W on one", Period(0, 3680.0, 1), "W", None, 16.0),
        ("a station that ignores numberPhases", Period(0, 3680.0, 3), "W", 1, 16.0),
        ("less than nothing is nothing", Period(0, -1.0), "A", None, 0.0),
    ],
)
def test_watts_are_divided_by_the_phases_and_the_set_voltage(
    clause, period, unit, phases, expected_a
) -> None:
    assert amperes(period, unit, 230.0, phases) == pytest.approx(expected_a), clause


times = st.integers(min_value=-3 * 86_400, max_value=20 * 86_400)
some_profiles = st.builds(
    lambda starts, kind, every, start, duration, since, until: _p(
        *((float(at), 6.0 + index) for index, at in enumerate(sorted({0, *starts}))),
        kind=kind,
        recurrency=every,
        start=start,
        duration=duration,
        valid_from_s=since,
        valid_to_s=until,
    ),
    st.lists(st.integers(1, 2 * 86_400), max_size=4),
    st.sampled_from(Kind),
    st.sampled_from(Recurrency),
    st.one_of(st.none(), st.floats(-86_400, 86_400)),
    st.one_of(st.none(), st.integers(1, 3 * 86_400)),
    st.one_of(st.none(), times),
    st.one_of(st.none(), times),
)


@given(some_profiles, times, times, st.one_of(st.none(), times))
def test_between_a_moment_and_its_next_boundary_nothing_changes(one, now, offset, anchor) -> None:
    now_s = NOON + now + offset / 1000
    anchor_s = None if anchor is None else NOON + anchor
    until_s = next_boundary_s(one, now_s, anchor_s)
    assert until_s > now_s
    held = period_at(one, now_s, anchor_s)
    last_s = min(math.nextafter(until_s, -math.inf), now_s + 40 * DAY)
    for share in (0.3, 0.7, 1.0):
        at_s = min(now_s + (last_s - now_s) * share, last_s)
        assert period_at(one, at_s, anchor_s) == held
        assert held is None or is_valid(one, at_s)


def test_where_a_recurrence_begins_is_not_a_matter_of_rounding() -> None:
    start_s = 100_000 + 1 / 997
    daily = _p((0, 16), (600, 10), **DAILY)
    schedule = dataclasses.replace(daily.schedule, start_s=start_s)
    exact = dataclasses.replace(daily, schedules=(schedule,))
    for turn in range(1, 400):
        begins_s = start_s + turn * DAY
        assert period_at(exact, begins_s, None) == Period(0, 16)
        assert next_boundary_s(exact, math.nextafter(begins_s, 0), None) == begins_s
