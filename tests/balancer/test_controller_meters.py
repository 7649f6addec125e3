"""Other loads: seen at once when they rise, believed late when they fall, assumed at their worst when nobody knows."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from balancer.allocation import ReasonKind
from balancer.controller import AlarmKind
from balancer.observations import Measured, MeterRead, SessionBegan, SiteChanged
from balancer.site import Meter, Node
from tests.balancer.desk import Desk, alike, evse, key, make_site


def metered(
    measures: str = "other_loads", *, rating_a: float = 40.0, fallback_a: float = 30.0, cars: int = 1
) -> Desk:
    """A desk with proven chargers and a meter that has just read 0, and cars at their share."""
    meter = Meter(id="grid", measures=measures, fallback_a=alike(fallback_a))  # type: ignore[arg-type]
    desk = Desk(make_site([evse(number) for number in (1, 2)], rating_a, meters=[meter]))
    desk.connect(1, 2)
    desk.read(0.0)
    for number in range(1, cars + 1):
        desk.plug(number)
    desk.accept_all()
    return desk


def test_a_rise_of_other_loads_is_answered_in_the_same_step():
    desk = metered()
    assert desk.has(1) == 32.0
    desk.read(20.0, after=1.0)
    assert desk.limits == {1: 20.0}


def test_a_fall_of_other_loads_counts_only_after_a_while():
    desk = metered()
    desk.read(20.0, after=1.0)
    desk.accept()
    fell_s = desk.now_s + 5.0
    given_s = math.inf
    for _ in range(6):
        desk.read(5.0, after=5.0)
        if desk.limits:
            given_s = desk.now_s
            break
    assert desk.limits == {1: 32.0}
    assert 10.0 <= given_s - fell_s <= 20.0


def test_without_a_recent_reading_nothing_is_raised_and_much_later_the_worst_is_assumed():
    desk = metered(cars=0)
    desk.later(10.0)
    desk.plug(1)
    assert desk.orders == ()
    assert desk.reason(1).kind is ReasonKind.STALE_METER
    assert AlarmKind.STALE_METER in desk.told
    desk.later(19.0)
    assert desk.orders == ()
    desk.later(1.1)
    assert desk.limits == {1: 10.0}  # 40 A less the fallback


def test_a_silent_meter_lowers_those_who_charge_to_what_its_fallback_leaves():
    desk = metered()
    assert desk.later(29.9).orders == ()
    desk.later(0.2)
    assert desk.limits == {1: 10.0}


def test_a_meter_that_comes_back_gives_back():
    desk = metered()
    desk.later(31.0)
    desk.accept()
    desk.later(20.0)
    desk.read(4.0, after=0.1)
    assert desk.limits == {1: 32.0}


def test_a_meter_that_never_spoke_has_as_long_as_a_silent_one():
    meter = Meter(id="grid", measures="other_loads", fallback_a=alike(30.0))
    desk = Desk(make_site([evse(1)], 40.0, meters=[meter]))
    desk.connect(1)
    desk.plug(1)
    assert desk.orders == ()
    desk.later(30.1)
    assert desk.limits == {1: 10.0}


@pytest.mark.parametrize("reading", [(math.nan, 0.0, 0.0), (0.0, math.inf, 0.0), (0.0, 0.0, -401.0)])
def test_an_absurd_reading_is_no_reading(reading):
    desk = metered()
    desk.step(MeterRead("grid", desk.now_s + 0.5, reading), at=desk.now_s + 1.0)
    assert desk.alarms == [AlarmKind.ABSURD_VALUE]
    assert desk.orders == ()


def test_a_reading_from_the_future_is_no_reading_and_an_older_one_is_late():
    desk = metered()
    desk.step(MeterRead("grid", desk.now_s + 100.0, alike(40.0)))
    assert desk.alarms == [AlarmKind.ABSURD_VALUE]
    desk.step(MeterRead("grid", math.nan, alike(40.0)))
    assert desk.alarms == [AlarmKind.ABSURD_VALUE]
    desk.step(MeterRead("grid", desk.now_s - 5.0, alike(40.0)))
    assert (desk.alarms, desk.orders) == ([], ())


def test_what_others_feed_in_is_not_given_away():
    desk = metered("other_loads", rating_a=20.0)
    desk.read(-15.0, after=1.0)
    assert desk.has(1) == 20.0
    assert desk.orders == ()


# --- meters that include the own chargers


def charged(desk: Desk, other_a: float, *, seconds: int = 60) -> None:
    """Let time pass with cars that draw what they may, and everything measured every 5 s."""
    for _ in range(seconds // 5):
        desk.now_s += 5.0
        own_a = desk.has(1) + desk.has(2)
        desk.step(
            Measured(key(1), desk.now_s - 0.2, alike(desk.has(1))),
            Measured(key(2), desk.now_s - 0.1, alike(desk.has(2))),
            MeterRead("grid", desk.now_s, alike(own_a + other_a)),
        )
        desk.accept_all()


def test_own_chargers_are_not_taken_for_other_loads():
    desk = metered("node_total", cars=2)
    charged(desk, 4.0, seconds=120)
    assert [desk.has(1), desk.has(2)] == [18.0, 18.0]


def test_a_car_that_has_just_been_given_more_is_not_a_new_load_of_others():
    desk = metered("node_total", rating_a=32.0, cars=1)
    assert desk.has(1) == 32.0
    desk.step(MeterRead("grid", desk.now_s + 2.0, alike(32.0)), at=desk.now_s + 2.0)
    assert desk.orders == ()


def test_a_rise_beyond_what_the_own_chargers_may_draw_is_one_of_others_at_once():
    desk = metered("node_total", rating_a=40.0, cars=1)
    charged(desk, 0.0, seconds=60)
    desk.read(32.0 + 20.0, after=5.0)
    assert desk.limits == {1: 20.0}


def test_the_same_overload_is_not_answered_twice():
    desk = metered("node_total", rating_a=40.0, cars=1)
    charged(desk, 0.0, seconds=60)
    desk.read(52.0, after=5.0)
    desk.accept()
    desk.read(52.0, after=1.0)  # not yet obeyed
    assert desk.orders == ()
    desk.read(40.0, after=1.0)  # obeyed, not yet measured at the car
    assert desk.orders == ()
    charged(desk, 20.0, seconds=30)
    assert desk.has(1) == 20.0


def test_a_car_that_nobody_measures_makes_the_others_careful_but_does_not_yield_to_itself():
    desk = metered("node_total", rating_a=40.0, cars=1)
    for _ in range(40):
        desk.read(32.0, after=5.0)
        assert desk.orders == ()
    desk.plug(2)
    desk.accept_all()
    desk.read(32.0, after=5.0)
    assert desk.reason(2).kind is ReasonKind.NODE
    desk.read(52.0, after=5.0)
    assert desk.limits == {1: 8.0}  # 20 A at most are own ones, so that others draw 32 A


def test_a_load_that_is_there_for_long_is_known_although_a_car_is_never_measured():
    desk = metered("node_total", rating_a=40.0, cars=1)
    for _ in range(40):
        desk.read(36.0, after=5.0)
    assert desk.controller.total_exposure("main", desk.now_s) == alike(36.0)
    for _ in range(40):
        desk.read(33.0, after=5.0)
    assert desk.controller.total_exposure("main", desk.now_s) == alike(33.0)


def test_a_car_that_left_is_not_counted_as_own_any_more():
    desk = metered("node_total", rating_a=40.0, cars=1)
    charged(desk, 0.0, seconds=60)
    desk.unplug(1)
    desk.plug(2)
    desk.accept_all()
    desk.read(30.0, after=1.0)
    assert desk.controller.total_exposure("main", desk.now_s)[0] <= 40.0


# --- several meters


def test_without_a_meter_of_its_own_a_circuit_carries_the_sum_of_those_below():
    nodes = [
        Node(id="main", parent=None, rating_a=alike(40.0)),
        Node(id="a", parent="main", rating_a=alike(40.0), meter="m-a"),
        Node(id="b", parent="main", rating_a=alike(40.0), meter="m-b"),
    ]
    meters = [
        Meter(id="m-a", measures="other_loads", fallback_a=alike(0.0)),
        Meter(id="m-b", measures="other_loads", fallback_a=alike(0.0)),
    ]
    desk = Desk(make_site([evse(1)], nodes=nodes, meters=meters))
    desk.connect(1)
    desk.read(6.0, meter="m-a")
    desk.read(8.0, meter="m-b")
    desk.plug(1)
    assert desk.limits == {1: 26.0}
    assert desk.controller.total_exposure("main", desk.now_s) == alike(40.0)
    desk.accept()
    desk.later(5.0)
    desk.read(6.0, meter="m-b", after=4.0)
    desk.later(2.0)
    desk.step(SessionBegan(key(1), "tx-1", 0.0, priority=3, weight=2.0))  # told again: nothing new
    assert desk.orders == ()


def test_a_meter_at_another_site_and_one_that_changes_what_it_measures_begin_anew():
    desk = metered()
    site = desk.controller.site
    meter = Meter(id="grid", measures="node_total", fallback_a=alike(30.0))
    desk.step(SiteChanged(replace(site, meters=(meter,)), desk.now_s))
    assert AlarmKind.STALE_METER in desk.alarms
    desk.step(SiteChanged(replace(site, meters=(meter,), name="New"), desk.now_s))
    desk.read(32.0, after=1.0)
    assert desk.orders == ()
