"""A site on which nothing changes comes to rest, leaves nothing unused, and is left alone then."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balancer.orders import InstallFailsafe, Order, SetLimit
from tests.balancer.virtual.chaos import Faults, random_world
from tests.balancer.virtual.charger import Car
from tests.balancer.virtual.sites import alike, one_fuse, random_site
from tests.balancer.virtual.stories import HUNGRY, charging, key, limits, orders_since
from tests.balancer.virtual.world import World

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


# --- P14: convergence


@pytest.mark.soak
def test_static_demands_come_to_rest_within_three_rounds_and_leave_nothing_unused(scaled):
    @settings(max_examples=scaled(25, 2000), derandomize=bool(scaled(1, 0)))
    @given(seed=st.integers(0, 2**32), measures=st.sampled_from([None, "other_loads", "node_total"]))
    def prove(seed: int, measures: Any) -> None:
        world = _static_world(Random(seed), measures)
        plugged_s = world.now_s
        slowest_s = max(capability.obeys_within_s for capability in world.capabilities.values())
        settles_s = world.settings.obeys_within_s(slowest_s)
        world.run(3 * (settles_s + world.settings.min_hold_s + world.measuring.timing.sample_s))
        rest_s = world.now_s
        world.run(world.settings.lease_s / 2)
        late = [order for at_s, order in orders_since(world, rest_s) if not _repeats(world, at_s, order)]
        assert late == [], f"still moving {rest_s - plugged_s} s after the last change"
        _assert_nothing_is_left_unused(world)

    prove()


def _static_world(random: Random, measures: Any) -> World:
    """A site with cars just plugged in that want all they can get, for good."""
    world = random_world(random, random_site(random, measures=measures), Faults(bad_calls=0.0, watts=False))
    world.keep_history = True
    world.start()
    for meter in world.site.meters:
        world.load("main", alike(0.5 * min(meter.fallback_a)))
    world.run(60.0)
    for evse in world.site.evses:
        if random.random() < 0.8:
            world.plug(evse.key, Car(phases=len(evse.rotation), plan=((0.0, 32.0),)))
    return world


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
        if charger.transaction is None or limit_a >= charger.full_a - evse.step_a:
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
