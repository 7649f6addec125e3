"""Stations whose clock is wrong: their schedules run by it."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.skew import RIGHT, Skew
from tests.simulators.some_chargers import charging, currents
from tests.simulators.some_profiles import DEFAULT, NOON, TX, profile


@pytest.mark.parametrize(
    ("skew", "steps_down_at"),
    [
        (Skew(), 900.0),
        (Skew(offset_s=45.0), 855.0),  # its clock is ahead: the lease ends early …
        (Skew(offset_s=-45.0), 945.0),  # … or late
        (Skew(drift=1e-3, since_s=NOON), 900.0 / 1.001),
        (Skew(offset_s=3.3, drift=-2e-5, since_s=NOON), (900.0 - 3.3) / (1 - 2e-5)),
    ],
)
def test_schedules_run_by_the_stations_own_clock(skew, steps_down_at) -> None:
    model = charging()
    model.set_clock(skew, NOON)
    model.set_profile(1, profile(1, TX, (0, 20), (900, 6)), NOON)
    model.advance(NOON + 2000)
    ended_s = next(
        at_s
        for (at_s, before), (_, after) in itertools.pairwise(currents(model))
        if (before, after) == (20, 6)
    )
    assert ended_s == pytest.approx(steps_down_at, abs=1e-5)


def test_a_clock_put_right_puts_its_limits_right() -> None:
    model = charging()
    model.set_clock(Skew(offset_s=-7200.0), NOON)
    model.set_profile(1, profile(1, DEFAULT, 6, start=-60), NOON)
    assert model.offered_a(1) == 32, "what begins in the future limits nothing yet"
    model.set_clock(RIGHT, NOON + 10)
    assert model.offered_a(1) == 6


@given(st.floats(-1e5, 1e5), st.floats(-0.01, 0.01), st.floats(0, 2e9))
def test_a_skew_is_turned_back(offset_s, drift, at_s) -> None:
    skew = Skew(offset_s, drift, NOON)
    assert skew.site_s(skew.station_s(at_s)) == pytest.approx(at_s, abs=1e-5)
