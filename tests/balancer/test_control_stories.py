"""What a controller does over time, told with chargers, cars and a network on virtual time."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balancer.observations import Capability, CapSet
from balancer.orders import InstallFailsafe, Order, SetLimit
from balancer.site import Evse, EvseKey, Node
from tests.balancer.virtual.chaos import Faults, random_world
from tests.balancer.virtual.charger import Car, Foreign
from tests.balancer.virtual.sites import alike, make_site, one_fuse, random_site
from tests.balancer.virtual.world import World

HUNGRY = Car(phases=3, plan=((0.0, 32.0),))
ROUND_S = 25.0
"""A round of confirmations: an order, its answer, and the time to settle (10 s), with the samples between."""


def key(number: int) -> EvseKey:
    return EvseKey(f"CP-{number}", 1)


def charging(count: int, rating_a: float, *, measures=None, fallback_a: float = 0.0, cars=None) -> World:
    """A site with `count` chargers behind one fuse, each with a car, after its first minutes."""
    world = World(one_fuse(count, rating_a, measures=measures, fallback_a=fallback_a))
    world.start()
    for number in range(1, count + 1):
        assert world.plug(key(number), (cars or {}).get(number, HUNGRY))
    world.run(300.0)
    return world


def orders_since(world: World, since_s: float) -> list[tuple[float, Order]]:
    return [(at_s, order) for at_s, order in world.orders if at_s >= since_s]


def limits(world: World) -> dict[EvseKey, float]:
    """The newest limit of each EVSE."""
    return {order.evse: order.limit_a for _, order in world.orders if isinstance(order, SetLimit)}


def raises_since(world: World, since_s: float) -> list[tuple[float, SetLimit]]:
    """The orders after `since_s` that gave an EVSE more than the order before."""
    newest: dict[EvseKey, float] = {}
    found: list[tuple[float, SetLimit]] = []
    for at_s, order in world.orders:
        if isinstance(order, SetLimit):
            if at_s >= since_s and order.limit_a > newest.get(order.evse, 0.0):
                found.append((at_s, order))
            newest[order.evse] = order.limit_a
    return found


# --- arrivals


def test_a_car_on_a_free_site_charges_within_two_seconds():
    world = World(one_fuse(2, 63.0))
    world.start()
    world.plug(key(1), HUNGRY)
    world.run(2.0)
    assert world.charger(key(1)).draw_a == pytest.approx(32.0)


def test_a_car_that_comes_to_a_full_site_starts_at_nothing_and_gets_its_share_after_the_others_came_down():
    world = charging(2, 40.0)
    assert limits(world) == {key(1): pytest.approx(20.0), key(2): pytest.approx(20.0)}
    world = World(one_fuse(3, 40.0))
    world.start()
    world.plug(key(1), HUNGRY)
    world.run(60.0)
    world.plug(key(2), HUNGRY)
    world.settle()
    assert world.charger(key(2)).draw_a == 0.0
    world.run(ROUND_S)
    assert [world.charger(key(number)).draw_a for number in (1, 2)] == pytest.approx([20.0, 20.0])


# --- P11: nothing new, nothing sent


def test_unchanged_sites_send_nothing_but_renewals_and_at_most_twelve_an_hour():
    cars = {1: HUNGRY, 2: Car(phases=1, plan=((0.0, 16.0),)), 3: Car(phases=3, plan=((0.0, 9.0),)), 4: HUNGRY}
    world = charging(4, 63.0, measures="other_loads", fallback_a=10.0, cars=cars)
    world.run(600.0)
    before, since_s = limits(world), world.now_s
    world.run(3600.0)
    sent = [order for _, order in orders_since(world, since_s)]
    assert all(isinstance(order, SetLimit) and order.limit_a == before[order.evse] for order in sent)
    for number in range(1, 5):
        assert 1 <= sum(order.evse == key(number) for order in sent) <= 12


def test_a_site_without_cars_sends_nothing_at_all():
    world = World(one_fuse(4, 63.0, measures="other_loads"))
    world.start()
    since_s = world.now_s
    world.run(3600.0)
    assert orders_since(world, since_s) == []


# --- P12: a silent meter


@pytest.mark.parametrize("measures", ["other_loads", "node_total"])
def test_a_silent_meter_stops_increases_then_its_fallback_counts_and_afterwards_all_is_as_before(measures):
    world = charging(3, 60.0, measures=measures, fallback_a=40.0)
    meter = world.site.meters[0]
    world.load("main", alike(6.0))
    world.run(120.0)
    assert sum(charger.draw_a for charger in world.chargers()) == pytest.approx(54.0, abs=1.0)
    world.silence("grid")
    silent_s = world.now_s
    world.run(meter.max_age_s)
    world.unplug(key(3))
    world.run(meter.max_age_s * 2 - 1.0)
    assert raises_since(world, silent_s + meter.max_age_s) == []
    world.run(1.0 + world.settings.decrease_timeout_s + 12.0)
    assert sum(charger.draw_a for charger in world.chargers()) <= 20.0 + 1e-6
    world.run(600.0)
    assert raises_since(world, silent_s + meter.max_age_s) == []
    world.unsilence("grid")
    world.run(120.0)
    assert sum(charger.draw_a for charger in world.chargers()) == pytest.approx(54.0, abs=1.0)


# --- P13: disobedience


def test_a_charger_that_ignores_its_limit_is_counted_in_full_after_its_settle_time_and_two_samples():
    world = charging(3, 48.0)
    world.disobey(key(1))
    world.run(world.settings.obeys_within_s(10.0) + 2 * world.timing.sample_s + 1.0)
    assert world.host.controller is not None
    assert world.host.controller.exposure(key(1), world.now_s) == alike(32.0)
    assert any(decision.alarms for _, decision in world.decisions)
    world.run(world.settings.decrease_timeout_s + 12.0)
    assert sum(charger.draw_a for charger in world.chargers()) <= 48.0
    world.run(120.0)
    assert [world.charger(key(number)).draw_a for number in (2, 3)] == pytest.approx([8.0, 8.0])


def test_a_charger_that_obeys_again_is_trusted_after_a_while():
    world = charging(3, 48.0)
    world.disobey(key(1))
    world.run(120.0)
    world.disobey(key(1), disobeys=False)
    world.run(world.settings.trust_after_s + 600.0)
    assert [charger.draw_a for charger in world.chargers()] == pytest.approx([16.0, 16.0, 16.0])


# --- decreases


def test_a_lowered_cap_is_obeyed_within_the_reaction_time():
    world = charging(3, 60.0)
    world.cap(CapSet("main", "dso", alike(30.0), None, world.now_s))
    world.run(1.0)
    assert sum(charger.draw_a for charger in world.chargers()) <= 30.0
    world.uncap("main", "dso")
    world.run(ROUND_S * 2)
    assert sum(charger.draw_a for charger in world.chargers()) == pytest.approx(60.0, abs=0.5)


def test_a_cap_that_expires_gives_back_what_it_took():
    world = charging(3, 60.0)
    world.cap(CapSet("main", "dso", alike(30.0), None, world.now_s, until_s=world.now_s + 60.0))
    world.run(59.0)
    assert sum(charger.draw_a for charger in world.chargers()) <= 30.0
    world.run(ROUND_S * 2)
    assert sum(charger.draw_a for charger in world.chargers()) == pytest.approx(60.0, abs=0.5)


def test_of_two_caps_the_lower_one_counts():
    world = charging(3, 60.0)
    world.cap(CapSet("main", "dso", alike(30.0), None, world.now_s))
    world.cap(CapSet("main", "operator", alike(45.0), None, world.now_s))
    world.run(ROUND_S * 2)
    assert 29.0 <= sum(charger.draw_a for charger in world.chargers()) <= 30.0


def test_what_a_silent_charger_does_not_give_up_is_taken_from_those_that_answer():
    world = charging(3, 60.0)
    world.stations["CP-1"].link.cut()
    world.cap(CapSet("main", "dso", alike(32.0), None, world.now_s))
    world.run(2 * world.settings.decrease_timeout_s + 2.0)
    assert world.charger(key(1)).draw_a == pytest.approx(20.0)
    assert sum(charger.draw_a for charger in world.chargers()) <= 32.0


def test_a_decrease_does_not_wait_for_the_hold_after_an_increase():
    world = World(one_fuse(2, 63.0))
    world.start()
    world.plug(key(1), HUNGRY)
    world.run(1.0)
    assert world.charger(key(1)).draw_a == pytest.approx(32.0)
    world.cap(CapSet("main", "dso", alike(10.0), None, world.now_s))
    world.run(1.0)
    assert world.charger(key(1)).draw_a == pytest.approx(10.0)


def test_a_step_of_other_loads_is_answered_with_the_next_reading():
    world = charging(3, 60.0, measures="other_loads", fallback_a=40.0)
    world.load("main", alike(30.0))
    world.run(world.timing.meter_s + 1.0)
    assert sum(charger.draw_a for charger in world.chargers()) <= 30.0


# --- leases


def test_a_dead_server_lets_all_leases_run_out_to_the_failsafe():
    world = charging(2, 60.0)
    world.crash(down_s=3000.0)
    world.run(world.settings.lease_s + 1.0)
    assert [charger.draw_a for charger in world.chargers()] == [0.0, 0.0]
    world.run(3000.0)
    assert [charger.draw_a for charger in world.chargers()] == pytest.approx([30.0, 30.0])


def test_a_vanished_station_keeps_its_share_until_its_lease_is_surely_over_and_then_leaves_it_to_the_others():
    world = charging(2, 40.0)
    gone_s = world.now_s
    world.disconnect("CP-1")
    world.run(300.0)
    assert world.charger(key(2)).draw_a == pytest.approx(20.0)
    world.run(world.settings.lease_s)
    assert world.charger(key(1)).draw_a == 0.0
    assert world.charger(key(2)).draw_a == pytest.approx(32.0)
    ends_s = max(
        order.start_s + (order.lease_s or 0)
        for _, order in world.orders
        if isinstance(order, SetLimit) and order.evse == key(1)
    )
    raised = raises_since(world, gone_s)
    assert raised
    assert raised[0][0] >= ends_s + world.settings.lease_margin_s


def test_a_station_without_leases_holds_its_share_until_its_transaction_ends():
    world = World(one_fuse(2, 40.0), capabilities={key(1): Capability(key(1), leases=False)})
    world.start()
    world.plug(key(1), HUNGRY)
    world.plug(key(2), HUNGRY)
    world.run(120.0)
    world.disconnect("CP-1")
    world.run(4000.0)
    assert [charger.draw_a for charger in world.chargers()] == pytest.approx([20.0, 20.0])
    world.unplug(key(1))
    world.reconnect("CP-1")
    world.run(ROUND_S * 2)
    assert world.charger(key(2)).draw_a == pytest.approx(32.0)


def test_a_limit_is_counted_until_the_lease_has_ended_by_a_clock_that_is_late():
    world = World(one_fuse(2, 40.0), capabilities={key(1): Capability(key(1), clock_error_s=20.0)})
    world.charger(key(1)).clock_error_s = -20.0
    world.start()
    world.plug(key(1), HUNGRY)
    world.plug(key(2), HUNGRY)
    world.run(120.0)
    world.disconnect("CP-1")
    world.run(1200.0)
    assert world.charger(key(1)).draw_a == 0.0
    assert world.charger(key(2)).draw_a == pytest.approx(32.0)


# --- phases


def test_what_a_car_leaves_unused_on_two_phases_goes_to_others_after_a_minute():
    world = World(one_fuse(2, 40.0))
    world.start()
    world.plug(key(1), Car(phases=1))
    world.plug(key(2), HUNGRY)
    world.run(50.0)
    assert world.host.controller is not None
    assert world.host.controller.exposure(key(1), world.now_s) == alike(20.0)
    world.run(50.0)
    assert world.host.controller.exposure(key(1), world.now_s) == (pytest.approx(20.0), 0.0, 0.0)


def test_a_car_that_needs_almost_a_minute_for_its_other_phases_is_counted_on_them():
    world = World(one_fuse(2, 40.0))
    world.start()
    world.plug(key(1), Car(one_phase_s=55.0))
    world.plug(key(2), HUNGRY)
    world.run(600.0)
    assert [charger.draw_a for charger in world.chargers()] == pytest.approx([20.0, 20.0])


# --- steps and rotations


def test_limits_are_rounded_down_to_what_the_charger_can_be_set_to():
    world = charging(3, 40.0)
    assert sum(charger.draw_a for charger in world.chargers()) <= 40.0
    assert sorted(charger.draw_a for charger in world.chargers()) == pytest.approx([13.3, 13.3, 13.4])


def test_two_one_phase_chargers_on_different_phases_do_not_share_anything():
    node = Node(id="main", parent=None, rating_a=(32.0, 32.0, 32.0))
    evses = [Evse(key=key(number), node="main", rotation=(number,)) for number in (1, 2)]
    world = World(make_site([node], evses))
    world.start()
    for number in (1, 2):
        world.plug(key(number), Car(phases=1))
    world.run(60.0)
    assert [charger.current_a for charger in world.chargers()] == [(0.0, 32.0, 0.0), (0.0, 0.0, 32.0)]


def test_two_one_phase_chargers_on_the_same_phase_share_it():
    node = Node(id="main", parent=None, rating_a=(32.0, 32.0, 32.0))
    evses = [Evse(key=key(number), node="main", rotation=(2,)) for number in (1, 2)]
    world = World(make_site([node], evses))
    world.start()
    for number in (1, 2):
        world.plug(key(number), Car(phases=1))
    world.run(60.0)
    assert [charger.current_a for charger in world.chargers()] == [(0.0, 0.0, 16.0), (0.0, 0.0, 16.0)]


# --- other people's profiles and lost ones


def test_a_foreign_profile_that_wins_is_made_room_for():
    world = charging(2, 40.0)
    world.set_foreign(key(1), Foreign(32.0, caps=False))
    world.run(world.settings.decrease_timeout_s + ROUND_S)
    assert [charger.draw_a for charger in world.chargers()] == pytest.approx([32.0, 8.0])
    world.clear_foreign(key(1))
    world.run(3 * ROUND_S)
    assert [charger.draw_a for charger in world.chargers()] == pytest.approx([20.0, 20.0])


def test_after_a_restart_a_foreign_profile_is_not_made_ours():
    """Found by chance: what a restart knows of an EVSE counts the foreign profile, and was ordered again."""
    world = charging(2, 20.0)
    world.set_foreign(key(1), Foreign(32.0, caps=False))
    world.run(60.0)
    world.crash(down_s=1.0)
    world.run(60.0)
    assert limits(world)[key(1)] <= 20.0


def test_a_station_that_forgot_its_profiles_gets_them_back_before_it_charges_much():
    world = charging(2, 40.0)
    world.boot("CP-1", dark_s=10.0, away_s=10.0, forgets=True)
    world.run(12.0)
    assert world.charger(key(1)).default_a == 0.0
    world.plug(key(1), HUNGRY)
    world.run(2 * ROUND_S)
    assert [charger.draw_a for charger in world.chargers()] == pytest.approx([20.0, 20.0])


def test_our_profiles_cleared_by_somebody_are_set_again():
    world = charging(2, 40.0)
    world.clear_ours(key(1))
    world.run(3 * ROUND_S)
    assert [charger.draw_a for charger in world.chargers()] == pytest.approx([20.0, 20.0])


# --- P14: convergence


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32), measures=st.sampled_from([None, "other_loads", "node_total"]))
def test_static_demands_come_to_rest_within_three_rounds_and_leave_nothing_unused(seed, measures):
    random = Random(seed)
    faults = Faults(bad_calls=0.0)
    world = random_world(random, random_site(random, measures=measures), faults)
    world.keep_history = True
    world.start()
    world.load("main", alike(0.5 * min([0.0] if not world.site.meters else world.site.meters[0].fallback_a)))
    world.run(60.0)
    for evse in world.site.evses:
        if random.random() < 0.8:
            world.plug(evse.key, Car(phases=len(evse.rotation), plan=((0.0, 32.0),)))
    settles_s = world.settings.obeys_within_s(max(c.obeys_within_s for c in world.capabilities.values()))
    plugged_s = world.now_s
    world.run(3 * (settles_s + world.settings.min_hold_s + world.timing.sample_s))
    rest_s = world.now_s
    world.run(world.settings.lease_s / 2)
    late = [order for at_s, order in orders_since(world, rest_s) if not _repeats(world, at_s, order)]
    assert late == [], f"still moving {rest_s - plugged_s} s after the last change"
    _assert_nothing_is_left_unused(world)


def _repeats(world: World, at_s: float, order: Order) -> bool:
    """Whether it renews what the order before it said."""
    if isinstance(order, InstallFailsafe):
        return False
    before = [
        old.limit_a
        for old_s, old in world.orders
        if isinstance(old, SetLimit) and old.evse == order.evse and (old_s < at_s or old.id < order.id)
    ]
    return bool(before) and before[-1] == order.limit_a


def _assert_nothing_is_left_unused(world: World) -> None:
    """Each car has what it wants, or a node above it has less left than the least worthwhile increase."""
    controller = world.host.controller
    assert controller is not None
    site = world.site
    for charger in world.chargers():
        evse = charger.evse
        limit_a = charger.allowed_a(world.now_s)
        if charger.transaction is None or limit_a >= evse.max_a - evse.step_a:
            continue
        rooms_a: list[float] = []
        for node in site.path(evse.node):
            # An increase by less than the deadband is not worth a message, for none of those who share a node.
            idle_a = max(evse.step_a, world.settings.deadband_a) * len(site.below(node))
            total_a, most_a = controller.total_exposure(node, world.now_s), world.limit_a(node)
            least_a = max(evse.min_a, idle_a) if limit_a < evse.min_a else idle_a
            rooms_a.extend(most_a[phase] - total_a[phase] - least_a for phase in evse.rotation)
            left_w = world.limit_w(node) - sum(total_a) * site.nominal_voltage_v
            rooms_a.append(left_w / site.nominal_voltage_v / len(evse.rotation) - least_a)
        assert min(rooms_a) < 1e-6, f"{evse.key} has {limit_a} A and {min(rooms_a)} A more are free"


# --- P16: restarts


@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**32),
    after_s=st.floats(0.0, 400.0),
    down_s=st.sampled_from([0.01, 5.0, 60.0, 250.0]),
    orders=st.one_of(st.none(), st.integers(0, 2)),
)
def test_nobody_is_paused_because_the_server_restarted(seed, after_s, down_s, orders):
    random = Random(seed)
    count = random.randint(1, 4)
    measures = random.choice([None, "other_loads", "node_total"])
    world = World(one_fuse(count, 10.0 + 8.0 * count, measures=measures, fallback_a=10.0))
    world.start()
    for number in range(1, count + 1):
        world.plug(key(number), HUNGRY)
    world.run(60.0 + after_s)
    back_s = {f"CP-{number}": random.uniform(0.1, 30.0) for number in range(1, count + 1)}
    if orders is None:
        world.crash(down_s=down_s, rows_kept=random.randint(0, 3), back_after_s=back_s.__getitem__)
    else:
        world.crash_in_next_decision(orders=orders, rows=0, down_s=down_s, back_after_s=back_s.__getitem__)
    least_a = 32.0
    for _ in range(120):
        world.run(5.0)
        least_a = min(least_a, *(charger.draw_a for charger in world.chargers()))
    assert least_a >= 6.0
    assert world.judge.excused == []
    world.run(120.0)
    together_a = min(
        32.0 * count, 10.0 + 8.0 * count - (10.0 if measures and world.others_a("main")[0] else 0.0)
    )
    assert sum(charger.draw_a for charger in world.chargers()) == pytest.approx(together_a, abs=1.0)
