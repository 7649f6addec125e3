"""Sites to try a controller on: a plain one to tell stories with, and random ones."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Literal

from balancer.site import Evse, EvseKey, Meter, Node, Site
from balancer.units import NO_AMPERES, Amperes

ROTATIONS: tuple[tuple[int, ...], ...] = (
    (0, 1, 2),
    (1, 2, 0),
    (2, 0, 1),
    (0, 2, 1),
    (1, 0, 2),
    (2, 1, 0),
    (0,),
    (1,),
    (2,),
    (2, 1),
)


def alike(current_a: float) -> Amperes:
    """The same current on each phase."""
    return (current_a, current_a, current_a)


def make_site(
    nodes: Sequence[Node], evses: Sequence[Evse], meters: Sequence[Meter] = (), *, strategy: str = "fair"
) -> Site:
    """A site that enforces, at 230 V."""
    return Site(
        id="site",
        name="Site",
        timezone="UTC",
        nominal_voltage_v=230.0,
        mode="enforce",
        strategy=strategy,
        nodes=tuple(nodes),
        meters=tuple(meters),
        evses=tuple(evses),
    )


def one_fuse(
    count: int,
    rating_a: float,
    *,
    measures: Literal["node_total", "other_loads"] | None = None,
    fallback_a: float = 0.0,
    failsafe_a: float = 0.0,
) -> Site:
    """`count` three-phase chargers of 32 A behind one fuse, with a meter if it `measures` something."""
    meters = () if measures is None else (Meter(id="grid", measures=measures, fallback_a=alike(fallback_a)),)
    node = Node(id="main", parent=None, rating_a=alike(rating_a), meter="grid" if meters else None)
    evses = [
        Evse(key=EvseKey(f"CP-{number}", 1), node="main", rotation=(0, 1, 2), failsafe_a=failsafe_a)
        for number in range(1, count + 1)
    ]
    return make_site([node], evses, meters)


def random_site(random: Random, *, measures: Literal["node_total", "other_loads"] | None = None) -> Site:
    """Two to six EVSEs of all wirings on one to three circuits; not everything fits at once, failsafes do."""
    count = random.randint(2, 6)
    fallback_a = float(random.randint(0, 20)) if measures else 0.0
    boards = [f"board-{number}" for number in range(random.randint(0, 2))]
    evses: list[Evse] = []
    station, number = 0, 0
    for _ in range(count):
        if station == 0 or number == 2 or random.random() < 0.7:
            station, number = station + 1, 0
        number += 1
        key, node = EvseKey(f"CP-{station}", number), random.choice(["main", *boards])
        evses.append(
            _random_dc(random, key, node) if random.random() < 0.1 else _random_ac(random, key, node)
        )
    meters = [Meter(id="grid", measures=measures, fallback_a=alike(fallback_a))] if measures else []
    main_a = fallback_a + max(_held(evses, None), float(random.randint(10, 32 * count)))
    nodes = [
        Node(
            id="main",
            parent=None,
            rating_a=alike(main_a),
            max_power_w=random.choice([None, None, main_a * 230.0 * 2.5]),
            meter="grid" if measures else None,
        )
    ]
    for board in boards:
        rating_a = max(_held(evses, board), float(random.randint(6, 48)))
        nodes.append(Node(id=board, parent="main", rating_a=alike(rating_a)))
    return make_site(nodes, evses, meters, strategy=random.choice(["fair", "priority", "first_come"]))


def _random_ac(random: Random, key: EvseKey, node: str) -> Evse:
    return Evse(
        key=key,
        node=node,
        rotation=random.choice(ROTATIONS),
        max_a=random.choice([16.0, 32.0]),
        step_a=random.choice([0.1, 0.1, 1.0]),
        failsafe_a=random.choice([0.0, 0.0, 0.0, 6.0]),
        priority=random.choice([0, 0, 1]),
        weight=random.choice([1.0, 1.0, 2.0]),
    )


def _random_dc(random: Random, key: EvseKey, node: str) -> Evse:
    return Evse(
        key=key,
        node=node,
        supply="DC",
        rotation=(0, 1, 2),
        min_a=0.0,
        max_a=63.0,
        max_power_w=random.choice([11_000.0, 22_000.0]),
        efficiency=0.95,
    )


def _held(evses: Sequence[Evse], node: str | None) -> float:
    """What the failsafes on a board (all of them at the root) take on the worst phase."""
    total = list(NO_AMPERES)
    for evse in evses:
        if node in {None, evse.node}:
            for phase in evse.rotation:
                total[phase] += evse.failsafe_a
    return max(total)
