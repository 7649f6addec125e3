"""How most stories begin, and what they look at: chargers behind one fuse, each with a hungry car."""

from __future__ import annotations

from balancer.orders import Order, SetLimit
from balancer.site import EvseKey
from tests.balancer.virtual.charger import Car
from tests.balancer.virtual.sites import one_fuse
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
