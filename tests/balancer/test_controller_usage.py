"""Current that a car leaves unused goes to others once its limit is proven lower, and comes back when it wants it."""

from __future__ import annotations

import math

import pytest

from balancer.allocation import ReasonKind
from balancer.observations import Measured
from balancer.orders import SetLimit
from tests.balancer.desk import Desk, alike, charging, evse, key, make_site


def draw(desk: Desk, number: int, current_a: float, *, times: int = 1, wants: bool | None = None) -> None:
    """Measure an EVSE's current every 10 s; every order is confirmed at once."""
    for _ in range(times):
        desk.run(10.0)
        desk.measure(number, current_a, wants=wants)


def test_unused_current_is_given_away_only_after_the_lower_limit_was_confirmed():
    desk = charging(2)
    draw(desk, 1, 10.0, times=2)
    assert desk.limits == {1: 11.0}
    assert desk.reason(1).kind is ReasonKind.RECLAIMED
    desk.accept()
    assert desk.limits == {}
    desk.later(10.1)
    assert desk.limits == {2: 21.0}
    assert desk.controller.total_exposure("main", desk.now_s) == alike(32.0)


def test_a_car_that_reaches_its_limit_gets_its_share_back_at_once():
    desk = charging(2)
    draw(desk, 1, 10.0, times=3)
    desk.run(60.0)
    assert [desk.has(1), desk.has(2)] == [11.0, 21.0]
    desk.measure(1, 10.8)
    assert desk.limits == {2: 16.0}
    desk.accept()
    desk.measure(2, 16.0, after=1.0)
    desk.later(10.0)
    assert desk.limits == {1: 16.0}


def test_a_car_that_says_it_wants_current_gets_it_back():
    desk = charging(2)
    draw(desk, 1, 0.0, times=3, wants=False)
    desk.run(60.0)
    assert [desk.has(1), desk.has(2)] == [6.0, 26.0]
    desk.measure(1, 0.0, wants=True)
    assert desk.limits == {2: 16.0}


def test_a_car_that_leaves_unused_what_it_was_given_back_is_not_asked_again_at_once():
    desk = charging(1)
    draw(desk, 1, 10.0, times=3)
    desk.accept_all()
    draw(desk, 1, 10.9)
    assert desk.limits == {1: 32.0}
    draw(desk, 1, 10.0, times=5)
    desk.accept_all()
    assert desk.has(1) == 11.0
    desk.measure(1, 10.9, after=1.0)
    assert desk.limits == {}
    draw(desk, 1, 10.9, times=2)
    assert desk.has(1) == 32.0 or desk.limits == {1: 32.0}


def test_the_taper_of_a_full_battery_is_followed_down():
    desk = charging(1)
    limits = []
    for tenths in range(300, 60, -10):
        draw(desk, 1, tenths / 10)
        limits.append(desk.has(1))
    assert limits == sorted(limits, reverse=True)
    assert limits[-1] <= 11.0


def test_what_a_car_leaves_unused_while_it_ramps_up_says_nothing():
    desk = charging(1)
    desk = Desk(make_site([evse(1)]))
    desk.connect(1)
    desk.plug(1)
    desk.accept()
    for _ in range(3):
        desk.measure(1, 2.0, after=9.0)
    assert desk.orders == ()


def test_nothing_is_taken_back_by_a_sample_that_is_old():
    desk = charging(1)
    for _ in range(5):
        desk.now_s += 100.0
        desk.step(Measured(key(1), desk.now_s - 61.0, alike(3.0)))
        desk.accept_all()
    assert desk.has(1) == 32.0


def test_a_sample_that_is_not_newer_than_the_last_says_nothing():
    desk = charging(1)
    desk.measure(1, 20.0)
    desk.step(Measured(key(1), desk.now_s - 1.0, alike(3.0)))
    assert desk.controller.explain(key(1)).measured_a == alike(20.0)


def test_a_car_that_draws_a_little_less_than_it_may_keeps_it():
    desk = charging(1)
    draw(desk, 1, 31.2, times=6)
    assert desk.controller.explain(key(1)).demand_a == math.inf


def test_a_paused_car_shows_nothing():
    desk = charging(1, 5.0)
    draw(desk, 1, 0.0, times=6)
    assert desk.controller.explain(key(1)).demand_a == math.inf


def test_a_car_that_uses_one_phase_of_three_returns_the_others_after_a_minute():
    desk = charging(2)
    assert [desk.has(1), desk.has(2)] == [16.0, 16.0]
    for _ in range(6):
        desk.measure(1, 16.0, 0.0, 0.3, after=10.0)
        assert desk.controller.exposure(key(1), desk.now_s) == alike(16.0)
    desk.measure(1, 16.0, 0.0, 0.3, after=10.0)
    assert desk.controller.exposure(key(1), desk.now_s) == (16.0, 0.0, 0.0)
    assert desk.controller.explain(key(1)).phases == (True, False, False)


def test_a_phase_that_comes_back_counts_from_its_first_sample_and_others_make_room():
    desk = Desk(make_site([evse(1), evse(2, rotation=(1,))]))
    desk.connect(1, 2)
    desk.plug(1)
    desk.plug(2)
    desk.run(30.0)
    for _ in range(8):
        desk.run(10.0)
        desk.measure(1, 16.0, 0.0, 0.0)
    desk.run(60.0)
    assert [desk.has(1), desk.has(2)] == [32.0, 32.0]
    desk.step(Measured(key(1), desk.now_s, (16.0, 1.0, 0.0)))
    assert desk.controller.exposure(key(1), desk.now_s) == (32.0, 32.0, 0.0)
    assert desk.limits == {1: 16.0, 2: 16.0}


def test_a_pause_does_not_release_phases():
    desk = charging(1)
    for _ in range(10):
        desk.measure(1, 0.0, 0.0, 0.0, after=10.0)
    assert desk.controller.explain(key(1)).phases == (True, True, True)


def test_the_next_car_is_expected_on_all_phases_again():
    desk = charging(1)
    for _ in range(8):
        desk.measure(1, 16.0, 0.0, 0.0, after=10.0)
    desk.unplug(1)
    desk.plug(1, "tx-next")
    assert desk.controller.exposure(key(1), desk.now_s) == alike(32.0)


# --- turns


def test_who_waits_gets_a_turn_and_who_had_one_pauses():
    desk = charging(2, 10.0)
    assert sorted([desk.has(1), desk.has(2)]) == [0.0, 10.0]
    charged = {1: 0.0, 2: 0.0}
    sent: list[SetLimit] = []
    for _ in range(400):
        sent += [order for order in desk.run(30.0) if isinstance(order, SetLimit)]
        for number in charged:
            charged[number] += desk.has(number)
    assert charged[1] == pytest.approx(charged[2], rel=0.1)
    assert sum(order.limit_a == 0.0 for order in sent) <= 15


def test_another_session_on_the_same_evse_ends_the_one_before():
    desk = charging(1)
    desk.plug(1, "tx-other")
    assert desk.controller.explain(key(1)).transaction == "tx-other"
    assert desk.limits == {1: 32.0}
    desk.unplug(1)  # of the first: late, and says nothing new
    assert desk.controller.explain(key(1)).transaction == "tx-other"
    assert desk.exposure(1) == 32.0


def test_what_is_asked_of_nobody_has_no_exposure():
    desk = charging(1)
    with pytest.raises(KeyError):
        desk.controller.exposure(key(9), desk.now_s)


# --- DC


def test_a_dc_charger_counts_what_its_output_takes_from_three_phases():
    charger = evse(1, supply="DC", min_a=0.0, max_a=200.0, max_power_w=50_000.0, efficiency=0.95)
    desk = Desk(make_site([charger], 250.0))
    draw_a = 50_000.0 / (3 * 230.0 * 0.95) / 0.95
    assert desk.exposure(1) == pytest.approx(draw_a)
    desk.connect(1)
    desk.plug(1)
    assert draw_a - 0.1 <= desk.limits[1] <= draw_a
