"""Meters and series: registers that never fall, loads that are steps or lines, and currents over time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.draws import Draws, on_site
from simulators.meter import EnergyMeter, Reading, Series, SiteMeter


def test_the_register_shows_whole_watt_hours_and_keeps_the_rest() -> None:
    meter = EnergyMeter(phases=3, start_wh=1000)
    meter.add(3599.0)
    assert meter.register_wh == 1000
    meter.add(1.0)
    assert meter.register_wh == 1001
    assert meter.energy_wh == 1.0


@given(st.lists(st.floats(0, 1e6), max_size=60))
def test_the_register_never_falls_and_ends_at_the_sum(amounts_j) -> None:
    meter, last_wh = EnergyMeter(phases=1), 0
    for amount_j in amounts_j:
        meter.add(amount_j)
        assert meter.register_wh >= last_wh
        last_wh = meter.register_wh
    assert meter.energy_j == pytest.approx(sum(amounts_j), rel=1e-12)


def test_many_small_amounts_are_not_rounded_away() -> None:
    meter = EnergyMeter(phases=1)
    meter.add(1e10)
    for _ in range(100_000):
        meter.add(1e-7)
    assert meter.energy_j - 1e10 == pytest.approx(0.01, abs=2e-6)


def test_a_reading_shows_each_phase() -> None:
    meter = EnergyMeter(phases=3, start_wh=5)
    assert meter.read(1.0) == Reading(
        at_s=1.0, energy_wh=5, power_w=0, current_a=(0, 0, 0), voltage_v=(230, 230, 230)
    )
    meter.show(10.0, phases=2)
    reading = meter.read(2.0, soc=0.5, offered_a=16)
    assert reading.current_a == (10, 10, 0)
    assert (reading.power_w, reading.soc, reading.offered_a) == (4600, 0.5, 16)


@pytest.mark.parametrize(
    ("phases", "rotation", "expected"),
    [
        (3, (0, 1, 2), (7, 7, 7)),
        (1, (0, 1, 2), (7, 0, 0)),
        (1, (1, 2, 0), (0, 7, 0)),
        (2, (2, 0, 1), (7, 0, 7)),
        (3, (1,), (0, 7, 0)),
    ],
)
def test_a_rotated_charger_loads_the_sites_phases(phases, rotation, expected) -> None:
    assert on_site(7, phases, rotation) == expected


def test_draws_keep_jumps_and_ramps_and_drop_what_says_nothing() -> None:
    draws = Draws()
    draws.add_stretch(0, (5, 5, 5), 10, (5, 5, 5))
    draws.add_stretch(10, (5, 5, 5), 20, (5, 5, 5))
    draws.add_stretch(20, (8, 0, 0), 30, (10, 0, 0))
    draws.add(30, (2, 0, 0))
    draws.add(30, (0, 0, 0))
    assert draws.points == [
        (0, (5, 5, 5)),
        (20, (5, 5, 5)),
        (20, (8, 0, 0)),
        (30, (10, 0, 0)),
        (30, (0, 0, 0)),
    ]
    assert draws.at(-1) == (0, 0, 0)
    assert draws.at(20) == (8, 0, 0)
    assert draws.at(25) == (9, 0, 0)
    assert draws.at(99) == draws.now_a == (0, 0, 0)
    assert draws.ampere_seconds() == (190, 100, 100)


def test_a_large_fleet_keeps_only_the_last_point() -> None:
    draws = Draws(keep=False)
    draws.add(0, (1, 0, 0))
    draws.add(5, (2, 0, 0))
    assert draws.points == [(5, (2, 0, 0))]
    assert draws.at(5) == (2, 0, 0)


STEPPED = Series((0.0, 300.0, 600.0), ((10, 1, 1), (20, 2, 2), (30, 3, 3)))


@pytest.mark.parametrize(
    ("series", "at_s", "first_a"),
    [
        (STEPPED, -5, 10),
        (STEPPED, 299.9, 10),
        (STEPPED, 300, 20),
        (STEPPED, 1e9, 30),
        (Series(STEPPED.times_s, STEPPED.currents_a, stepped=False), 150, 15),
        (Series(STEPPED.times_s, STEPPED.currents_a, stepped=False), 900, 30),
        (Series(STEPPED.times_s, STEPPED.currents_a, every_s=900), 1000, 10),
        (Series(STEPPED.times_s, STEPPED.currents_a, every_s=900), -100, 30),
        (Series((), ()), 5, 0),
        (Series.level((4, 4, 4)), 77, 4),
    ],
)
def test_a_base_load_is_stepped_or_interpolated_and_may_repeat(series, at_s, first_a) -> None:
    assert series.at(at_s)[0] == pytest.approx(first_a)


@pytest.mark.parametrize("stepped", [True, False])
@pytest.mark.parametrize("every_s", [None, 900.0])
def test_a_series_as_lines_is_the_same_series(stepped, every_s) -> None:
    series = Series(STEPPED.times_s, STEPPED.currents_a, stepped, every_s)
    draws = series.draws(-400, 2000)
    for at_s in (-400, -1, 0, 10, 299, 300, 450, 600, 899, 900, 1000, 1700, 1999, 2000):
        assert draws.at(at_s) == pytest.approx(series.at(at_s)), at_s


def test_a_series_tells_its_jumps() -> None:
    assert STEPPED.steps(0, 600) == [(300, (10, 1, 1))]
    assert Series(STEPPED.times_s, STEPPED.currents_a, stepped=False).steps(0, 900) == []


def test_a_site_meter_reads_others_and_chargers_or_only_others() -> None:
    draws = Draws()
    draws.add(0, (6, 0, 0))
    assert SiteMeter(STEPPED, [draws]).read(300) == (26, 2, 2)
    assert SiteMeter(STEPPED, [draws], counts_chargers=False).read(300) == (20, 2, 2)
