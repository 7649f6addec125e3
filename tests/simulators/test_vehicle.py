"""Cars: what they take of an offer, and that what they say they drew is what they took."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.vehicle import Stretch, Vehicle, VehicleSpec

V = 230.0
T0 = 1_750_000_000.0


def car(soc: float = 0.2, wired: int = 3, **spec) -> Vehicle:
    vehicle = Vehicle(VehicleSpec(**spec), soc=soc)
    vehicle.plug(T0, wired_phases=wired, voltage_v=V)
    return vehicle


def run(vehicle: Vehicle, to_s: float) -> list[Stretch]:
    return list(vehicle.run(T0 + to_s))


def test_it_takes_what_is_offered_up_to_what_it_can() -> None:
    vehicle = car(max_a=16)
    vehicle.offer(10)
    assert vehicle.current_a == 10
    vehicle.offer(32)
    assert vehicle.current_a == 16


def test_below_its_minimum_it_takes_nothing() -> None:
    vehicle = car()
    vehicle.offer(6)
    assert vehicle.current_a == 6
    vehicle.offer(5.9)
    assert vehicle.current_a == 0


@pytest.mark.parametrize(("own", "wired", "drawn"), [(1, 3, 1), (2, 3, 2), (3, 3, 3), (3, 1, 1)])
def test_it_draws_on_the_phases_that_both_have(own: int, wired: int, drawn: int) -> None:
    vehicle = car(phases=own, wired=wired)
    vehicle.offer(16)
    assert run(vehicle, 3600) == [Stretch(T0, T0 + 3600, 16, 16, drawn)]
    assert vehicle.taken_wh == pytest.approx(16 * V * drawn)


def test_the_battery_fills_by_what_it_took_times_the_efficiency() -> None:
    vehicle = car(soc=0.5, pack_wh=40_000, efficiency=0.9, phases=1)
    vehicle.offer(16)
    run(vehicle, 3600)
    assert vehicle.soc == pytest.approx(0.5 + 16 * V * 0.9 / 40_000)


def test_it_ends_by_itself_when_it_has_what_it_wants() -> None:
    vehicle = car(wants_wh=16 * V * 3 / 2)
    vehicle.offer(16)
    first, *rest = run(vehicle, 7200)
    assert first.to_s == pytest.approx(T0 + 1800)
    assert {stretch.from_a for stretch in rest} == {0.0}
    assert vehicle.satisfied
    assert vehicle.taken_wh == pytest.approx(16 * V * 3 / 2)


def test_the_taper_is_a_staircase_below_the_straight_line() -> None:
    spec = VehicleSpec(pack_wh=50_000, max_a=16, knee_soc=0.8)
    vehicle = car(soc=0.75, pack_wh=50_000, max_a=16, knee_soc=0.8)
    vehicle.offer(32)
    taken_wh, heights = 0.0, []
    for stretch in run(vehicle, 20 * 3600):
        soc = 0.75 + taken_wh / spec.pack_wh
        line_a = min(16.0, 16 * (1 - soc) / 0.2)
        assert stretch.from_a <= max(line_a, 1.0) + 1e-6  # but the last ampere stays until it is full
        heights.append(stretch.from_a)
        taken_wh += stretch.energy_j(V) / 3600
    assert [round(height) for height, _ in itertools.groupby(heights)] == [*range(16, 0, -1), 0]
    assert vehicle.soc == pytest.approx(1.0)


def test_a_fine_staircase_comes_to_the_exponential_it_stands_for() -> None:
    pack_wh, knee = 50_000.0, 0.8
    vehicle = car(soc=knee, pack_wh=pack_wh, max_a=16, min_a=0, knee_soc=knee, taper_step_a=0.01)
    vehicle.offer(16)
    run(vehicle, 3600)
    # d(soc)/dt = k·(1 - soc)/(1 - knee), k at 16 A on three phases
    rate_per_h = 16 * V * 3 / pack_wh / (1 - knee)
    assert 1 - vehicle.soc == pytest.approx((1 - knee) * math.exp(-rate_per_h), rel=2e-3)


def test_it_ramps_and_the_energy_of_a_ramp_is_a_triangle() -> None:
    vehicle = car(phases=1, ramp_a_per_s=2.0)
    vehicle.offer(16)
    up, level = run(vehicle, 10)
    assert up == Stretch(T0, T0 + 8, 0, 16, 1)
    assert up.energy_j(V) == 16 / 2 * 8 * V
    assert level == Stretch(T0 + 8, T0 + 10, 16, 16, 1)
    vehicle.offer(0)
    down, *_ = run(vehicle, 20)
    assert down == Stretch(T0 + 10, T0 + 18, 16, 0, 1)


def test_it_may_have_enough_in_the_middle_of_a_ramp() -> None:
    vehicle = car(phases=1, ramp_a_per_s=2.0, wants_wh=(10 + 14) / 2 * 2 * V / 3600 + 25 * V / 3600)
    vehicle.offer(10)
    run(vehicle, 5)
    vehicle.offer(32)
    assert [stretch.to_s - T0 for stretch in run(vehicle, 60)][:2] == [pytest.approx(7), pytest.approx(14)]


def test_it_follows_an_offer_after_its_reaction_time_in_order() -> None:
    vehicle = car(reaction_s=3.0)
    vehicle.offer(16)
    run(vehicle, 1)
    vehicle.offer(10)
    drawn = [(stretch.from_s - T0, stretch.from_a) for stretch in run(vehicle, 10)]
    assert drawn == [(1, 0), (3, 16), (4, 10)]
    assert vehicle.spec.settles_s == 3.0


def test_it_says_how_long_an_old_current_may_flow_at_worst() -> None:
    assert VehicleSpec(reaction_s=3.0, ramp_a_per_s=4.0, max_a=32).settles_s == 11.0


def test_a_cut_ends_the_current_whatever_it_does() -> None:
    vehicle = car(reaction_s=3.0, ramp_a_per_s=1.0)
    vehicle.offer(16)
    run(vehicle, 10)
    vehicle.cut()
    assert vehicle.current_a == 0
    assert {stretch.to_a for stretch in run(vehicle, 30)} == {0.0}


def test_one_kind_changes_its_phases_in_mid_session() -> None:
    vehicle = car(phases=1, phase_changes=((600.0, 3), (1200.0, 2)))
    vehicle.offer(16)
    assert [(stretch.to_s - T0, stretch.phases) for stretch in run(vehicle, 1800)] == [
        (600, 1),
        (1200, 3),
        (1800, 2),
    ]


def test_one_kind_pauses_by_itself() -> None:
    vehicle = car(pauses=((600.0, 900.0),))
    vehicle.offer(16)
    assert [(stretch.to_s - T0, stretch.from_a) for stretch in run(vehicle, 1200)] == [
        (600, 16),
        (900, 0),
        (1200, 16),
    ]


def test_one_kind_sleeps_after_a_long_pause_and_wakes_at_the_second_offer() -> None:
    vehicle = car(sleeps_after_s=300.0)
    vehicle.offer(16)
    run(vehicle, 10)
    vehicle.offer(0)
    run(vehicle, 311)
    assert vehicle.asleep
    vehicle.offer(16)
    run(vehicle, 400)
    assert vehicle.current_a == 0
    vehicle.offer(0)
    run(vehicle, 410)
    vehicle.offer(6)
    assert (vehicle.asleep, vehicle.current_a) == (False, 6)


def test_a_shorter_pause_lets_it_stay_awake() -> None:
    vehicle = car(sleeps_after_s=300.0)
    vehicle.offer(16)
    run(vehicle, 10)
    vehicle.offer(0)
    run(vehicle, 309.9)
    vehicle.offer(16)
    assert vehicle.current_a == 16


def test_one_kind_never_wakes() -> None:
    vehicle = car(sleeps_after_s=300.0, wakes_at_offer=None)
    run(vehicle, 301)
    for at_s in range(310, 400, 10):
        vehicle.offer(16 if at_s % 20 else 0)
        run(vehicle, at_s)
    assert vehicle.asleep
    assert vehicle.taken_wh == 0


def test_a_satisfied_car_does_not_fall_asleep_but_stays_at_rest() -> None:
    vehicle = car(wants_wh=0.0, sleeps_after_s=300.0)
    run(vehicle, 1000)
    assert (vehicle.asleep, vehicle.accepts_a) == (False, 0.0)


def test_unplugged_and_plugged_again_it_begins_anew() -> None:
    vehicle = car(sleeps_after_s=300.0, wants_wh=1000.0, phases=1)
    vehicle.offer(16)
    run(vehicle, 3600)
    soc = vehicle.soc
    vehicle.unplug()
    vehicle.plug(T0 + 4000, wired_phases=3)
    assert (vehicle.taken_wh, vehicle.satisfied) == (0.0, False)
    assert vehicle.soc == pytest.approx(soc)


specs = st.builds(
    lambda max_a, phases, ramp, reaction, knee, step, pack, wants: {
        "max_a": max_a,
        "phases": phases,
        "ramp_a_per_s": ramp,
        "reaction_s": reaction,
        "knee_soc": knee,
        "taper_step_a": step,
        "pack_wh": pack,
        "wants_wh": wants,
        "phase_changes": ((500.0, 2),),
        "pauses": ((700.0, 800.0),),
        "sleeps_after_s": 400.0,
    },
    st.floats(6, 64),
    st.integers(1, 3),
    st.one_of(st.just(math.inf), st.floats(0.1, 20)),
    st.floats(0, 5),
    st.floats(0.5, 1.0),
    st.floats(0.3, 4),
    st.floats(2_000, 90_000),
    st.one_of(st.just(math.inf), st.floats(0, 20_000)),
)
offers = st.lists(st.tuples(st.floats(0.001, 900), st.one_of(st.just(0.0), st.floats(0, 64))), max_size=12)


@given(specs, offers, st.floats(0, 1))
def test_its_stretches_leave_no_gap_and_hold_all_the_energy_it_took(spec, steps, soc) -> None:
    vehicle = car(soc=soc, **spec)
    at_s, energy_j = T0, 0.0
    for wait_s, offer_a in steps:
        vehicle.offer(offer_a)
        for stretch in vehicle.run(at_s + wait_s):
            assert stretch.from_s == at_s
            assert stretch.to_s > at_s
            assert min(stretch.from_a, stretch.to_a) >= 0
            assert max(stretch.from_a, stretch.to_a) <= spec["max_a"] + 1e-6
            at_s, energy_j = stretch.to_s, energy_j + stretch.energy_j(V)
    assert vehicle.taken_wh == pytest.approx(energy_j / 3600, rel=1e-9, abs=1e-9)


@given(specs, offers)
def test_however_finely_time_is_cut_it_takes_the_same(spec, steps) -> None:
    whole, cut = car(**spec), car(**spec)
    at_s = T0
    for wait_s, offer_a in steps:
        for vehicle in (whole, cut):
            vehicle.offer(offer_a)
        list(whole.run(at_s + wait_s))
        for share in (0.1, 0.5, 0.73, 1.0):
            list(cut.run(at_s + wait_s * share))
        at_s += wait_s
    # A moment is known to a quarter of a microsecond, so long ago is the epoch.
    assert cut.taken_wh == pytest.approx(whole.taken_wh, rel=1e-6, abs=1e-3)
