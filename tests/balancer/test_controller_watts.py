"""Stations that take watts only: all of it may come on one phase until the car has shown how many it uses."""

from __future__ import annotations

from balancer.observations import Capability, CapSet, ForeignProfile
from tests.balancer.desk import Desk, alike, evse, key, make_site


def in_watts(rating_a: float = 40.0, **others: object) -> Desk:
    desk = Desk(make_site([evse(1, **others), evse(2)], rating_a))
    desk.step(Capability(key(1), in_watts=True))
    desk.connect(1, 2)
    return desk


def test_a_limit_in_watts_counts_on_each_phase_with_all_of_it_until_the_phases_are_proven():
    desk = in_watts(40.0)
    desk.plug(2)
    desk.accept_all()
    desk.plug(1)
    assert desk.limits == {2: 20.0}
    desk.accept()
    desk.later(10.1)
    (order,) = desk.ordered
    assert (order.evse, order.limit_a) == (key(1), 6.6)
    assert desk.exposure(1) == order.total_a == 3 * 6.6


def test_proven_phases_share_the_watts_and_the_rest_is_given_to_others():
    desk = in_watts(30.0)
    desk.plug(1)
    (order,) = desk.ordered
    assert (order.limit_a, order.total_a) == (10.0, 30.0)
    desk.accept()
    assert desk.exposure(1) == 30.0
    desk.measure(1, 9.8, after=31.0)
    desk.run(40.0)
    assert desk.has(1) == 30.0
    desk.measure(1, 29.8, after=1.0)
    desk.plug(2)
    desk.run(60.0)
    assert [desk.has(1), desk.has(2)] == [15.0, 15.0]
    assert desk.controller.total_exposure("main", desk.now_s) == alike(30.0)


def test_a_hardware_maximum_bounds_what_watts_can_bring():
    desk = in_watts(32.0)
    desk.plug(1)
    assert desk.ordered[0].limit_a == 32.0
    assert desk.exposure(1) == 32.0


def test_watts_that_fit_on_no_phase_alone_are_not_set_before_the_phases_are_proven():
    desk = in_watts(40.0)
    desk.plug(1)
    desk.accept()
    desk.step(CapSet("main", "dso", alike(10.0), None, desk.now_s))
    assert desk.limits == {1: 0.0}


def one_phase(desk: Desk, number: int) -> list[float | None]:
    """Let a car use L1 alone until that is known; return the sums that were ordered then."""
    totals: list[float | None] = []
    for _ in range(9):
        desk.run(9.0)
        desk.measure(number, desk.has(number), 0.0, 0.0, after=1.0)
        totals += [order.total_a for order in desk.ordered]
    return totals


def test_watts_are_set_anew_for_the_phases_that_a_car_really_uses():
    desk = in_watts(30.0)
    desk.step(ForeignProfile(key(1), 10.0, caps=True, at_s=0.0))
    desk.plug(1)
    desk.accept()
    assert desk.controller.exposure(key(1), desk.now_s) == alike(30.0)
    assert one_phase(desk, 1) == [10.0]
    desk.run(11.0)
    assert desk.controller.exposure(key(1), desk.now_s) == (10.0, 0.0, 0.0)


def test_a_phase_that_comes_back_may_carry_as_much_as_the_one_before_it():
    desk = Desk(make_site([evse(1), evse(2, rotation=(1,))], 30.0))
    desk.step(Capability(key(1), in_watts=True), ForeignProfile(key(1), 10.0, caps=True, at_s=0.0))
    desk.connect(1, 2)
    desk.plug(1)
    desk.accept()
    one_phase(desk, 1)
    desk.run(11.0)
    desk.plug(2)
    desk.run(30.0)
    assert [desk.has(1), desk.has(2)] == [10.0, 30.0]
    desk.measure(1, 5.0, 5.0, 0.0, after=1.0)
    assert desk.controller.exposure(key(1), desk.now_s) == (10.0, 10.0, 0.0)
    assert desk.limits == {1: 10.0, 2: 20.0}
    assert [order.total_a for order in desk.ordered if order.evse == key(1)] == [20.0]


def test_watts_for_a_phase_that_comes_back_are_not_set_anew_before_both_were_seen_together():
    desk = in_watts(30.0)
    desk.step(ForeignProfile(key(1), 10.0, caps=True, at_s=0.0))
    desk.plug(1)
    desk.accept()
    one_phase(desk, 1)
    desk.run(11.0)
    desk.measure(1, 0.0, 5.0, 0.0, after=1.0)
    assert desk.orders == ()
    desk.measure(1, 5.0, 5.0, 0.0, after=1.0)
    assert [order.total_a for order in desk.ordered] == [20.0]


def test_what_is_kept_of_watts_is_what_they_can_bring():
    desk = in_watts(30.0)
    desk.plug(1)
    assert desk.rows[key(1)].worst_a == 30.0


def test_a_dc_charger_takes_watts_and_has_no_phases_to_prove():
    desk = in_watts(200.0, supply="DC", min_a=0.0, max_a=100.0, max_power_w=100_000.0)
    desk.plug(1)
    assert (desk.ordered[0].limit_a, desk.ordered[0].total_a) == (100.0, None)
    assert desk.exposure(1) == 100.0
