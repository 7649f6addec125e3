"""Stations that take watts only: all of it may come on one phase until the car has shown how many it uses."""

from __future__ import annotations

from balancer.observations import Capability, CapSet
from tests.balancer.desk import Desk, alike, evse, key, make_site


def in_watts(rating_a: float = 40.0, **others: object) -> Desk:
    desk = Desk(make_site([evse(1, **others), evse(2)], rating_a))
    desk.step(Capability(key(1), in_watts=True))
    desk.connect(1, 2)
    return desk


def test_a_limit_in_watts_counts_on_each_phase_with_all_of_it_until_the_phases_are_proven():
    desk = in_watts()
    desk.plug(2)
    desk.accept_all()
    desk.step(CapSet("main", "dso", alike(22.0), None, 0.0))
    desk.accept()
    desk.later(11.0)
    desk.plug(1)
    desk.accept_all()
    desk.later(11.0)
    (order,) = desk.ordered
    assert (order.evse, order.limit_a, order.total_a) == (
        key(1),
        0.0,
        0.0,
    ) or order.total_a == 3 * order.limit_a


def test_proven_phases_share_the_watts_and_the_rest_is_given_to_others():
    desk = in_watts(30.0)
    desk.plug(1)
    (order,) = desk.ordered
    assert (order.limit_a, order.total_a) == (10.0, 30.0)
    desk.accept()
    assert desk.exposure(1) == 30.0
    desk.measure(1, 9.8, after=31.0)
    assert desk.exposure(1) == 10.0 or desk.limits
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


def test_watts_are_set_anew_for_the_phases_that_a_car_really_uses():
    desk = in_watts(30.0)
    desk.plug(1)
    desk.accept()
    for _ in range(7):
        desk.run(9.0)
        desk.measure(1, 10.0, 0.0, 0.0, after=1.0)
    totals = {order.total_a for order in desk.run(60.0) if order.evse == key(1) and hasattr(order, "total_a")}
    assert desk.controller.exposure(key(1), desk.now_s)[1:] == (0.0, 0.0)
    assert totals <= {10.0, 11.0, 30.0}
    assert desk.exposure(1) == desk.has(1)


def test_watts_wait_for_room_when_a_phase_comes_back():
    desk = in_watts(30.0)
    desk.plug(1)
    desk.accept()
    for _ in range(8):
        desk.run(9.0)
        desk.measure(1, desk.has(1), 0.0, 0.0, after=1.0)
    desk.run(60.0)
    assert desk.has(1) == 30.0
    desk.plug(2)
    desk.run(60.0)
    desk.measure(1, desk.has(1), desk.has(1), 0.0)
    assert max(desk.controller.total_exposure("main", desk.now_s)) <= 30.0
    desk.run(120.0)
    assert max(desk.controller.total_exposure("main", desk.now_s)) <= 30.0


def test_what_is_kept_of_watts_is_what_they_can_bring():
    desk = in_watts(30.0)
    desk.plug(1)
    assert desk.rows[key(1)].worst_a == 30.0


def test_a_dc_charger_takes_watts_and_has_no_phases_to_prove():
    desk = in_watts(200.0, supply="DC", min_a=0.0, max_a=100.0)
    desk.plug(1)
    assert (desk.ordered[0].limit_a, desk.ordered[0].total_a) == (100.0, None)
    assert desk.exposure(1) == 100.0
