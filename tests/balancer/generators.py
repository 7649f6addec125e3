"""Random sites and moments for hypothesis: small, tight and crooked, and simplest first so that they shrink well."""

from __future__ import annotations

import itertools
import math

from hypothesis import strategies as st

from balancer.site import Evse, EvseKey, Node, Site
from balancer.snapshot import Session, Snapshot, Turn
from balancer.units import Amperes, PhaseUse

NOW_S = 100_000.0
DEPTH_MAX = 4
VOLTS = 230.0

ROTATIONS = [rotation for wires in (3, 1, 2) for rotation in itertools.permutations(range(3), wires)]
"""All ways to wire one, two or three phases of a charger to a site: 15 of them, three-phase and straight first."""

decimals = st.integers(0, 1000).map(lambda tenths: tenths / 10)
"""0 to 100 in tenths."""


@st.composite
def ratings(draw: st.DrawFn) -> Amperes:
    """Mostly the same on each phase, mostly too little."""
    first = draw(
        st.sampled_from([32.0, 16.0, 63.0, 10.0, 6.0, 80.0]) | st.integers(10, 900).map(lambda n: n / 10)
    )
    if draw(st.integers(0, 3)) < 3:
        return (first, first, first)
    return (first, draw(st.integers(10, 900)) / 10, draw(st.integers(10, 900)) / 10)


@st.composite
def forests(draw: st.DrawFn, *, powers: bool = True) -> tuple[Node, ...]:
    """One to six circuits in one or more trees of at most four levels."""
    nodes: list[Node] = []
    levels: list[int] = []
    for number in range(draw(st.integers(1, 6))):
        # Most hang on something, so that bounds nest; -1 is a root.
        candidates = [parent for parent in range(number) if levels[parent] < DEPTH_MAX]
        parent = draw(st.sampled_from([*candidates, -1])) if candidates else -1
        limited = powers and draw(st.integers(0, 4)) == 4
        nodes.append(
            Node(
                id=f"n{number}",
                parent=nodes[parent].id if parent >= 0 else None,
                rating_a=draw(ratings()),
                max_power_w=draw(st.integers(1, 400)) * 100.0 if limited else None,
            )
        )
        levels.append(levels[parent] + 1 if parent >= 0 else 1)
    return tuple(nodes)


@st.composite
def evses(
    draw: st.DrawFn, number: int, nodes: tuple[Node, ...], *, whole: bool = False, exclusive: bool = True
) -> Evse:
    """An EVSE on one of `nodes`; with `whole` each has a minimum above 0."""
    node = draw(st.sampled_from(nodes)).id
    key = EvseKey(f"cp{number}", 1)
    group = draw(st.sampled_from([None, None, None, "g1", "g2"])) if exclusive else None
    priority = draw(st.sampled_from([0, 0, 1, 2]))
    weight = draw(st.sampled_from([1.0, 1.0, 2.0, 0.5, 3.0]))
    if not whole and draw(st.integers(0, 7)) == 7:
        return Evse(
            key=key,
            node=node,
            supply="DC",
            rotation=(0, 1, 2),
            min_a=0.0,
            max_a=draw(st.sampled_from([80.0, 33.3, 200.0])),
            step_a=0.1,
            priority=priority,
            weight=weight,
            exclusive_group=group,
            max_power_w=50_000.0,
            efficiency=0.95,
        )
    return Evse(
        key=key,
        node=node,
        rotation=draw(st.sampled_from(ROTATIONS)),
        min_a=draw(st.sampled_from([6.0, 6.0, 8.0] if whole else [6.0, 6.0, 8.0, 0.0])),
        max_a=draw(st.sampled_from([32.0, 16.0, 20.0, 8.0])),
        step_a=draw(st.sampled_from([0.1, 1.0])),
        priority=priority,
        weight=weight,
        exclusive_group=group,
    )


@st.composite
def phases_in_use(draw: st.DrawFn, evse: Evse) -> PhaseUse:
    """Some of the wired phases; all of them for DC."""
    if evse.supply == "DC":
        return evse.phases
    count = draw(st.integers(0, len(evse.rotation) - 1))  # how many of the charger's last phases are not used
    used = evse.rotation[: len(evse.rotation) - count]
    return (0 in used, 1 in used, 2 in used)


@st.composite
def turns(draw: st.DrawFn) -> Turn:
    """New, waiting for its first turn, paused, or charging with or without having waited before."""
    since_s = NOW_S - draw(st.integers(0, 2500))
    kind = draw(st.sampled_from(["new", "waiting", "paused", "charging", "charging after a wait"]))
    if kind == "new":
        return Turn()
    if kind in {"waiting", "paused"}:
        return Turn(waiting_since_s=since_s, paused=kind == "paused", queued_since_s=since_s)
    waited_s = draw(st.integers(1, 2500)) if kind == "charging after a wait" else None
    return Turn(charging_since_s=since_s, queued_since_s=None if waited_s is None else since_s - waited_s)


demands = st.one_of(
    st.just(math.inf),
    st.integers(0, 400).map(lambda tenths: tenths / 10),
    st.sampled_from([0.0, 3.0, 6.0, 9.0, 9.05, 16.0]),
)


@st.composite
def sessions(draw: st.DrawFn, evse: Evse, *, rotating: bool = True) -> Session:
    """A car at `evse`, mostly as its EVSE is set."""
    cable_a = draw(st.sampled_from([math.inf, math.inf, 16.0, 13.0]))
    return Session(
        evse=evse.key,
        transaction=f"t-{evse.key.station}",
        started_s=NOW_S - draw(st.integers(0, 5000)),
        phases=draw(phases_in_use(evse)),
        demand_a=draw(demands),
        min_a=evse.min_a,
        max_a=max(evse.min_a, min(evse.max_a, cable_a)),
        step_a=evse.step_a,
        priority=evse.priority,
        weight=evse.weight,
        turn=draw(turns()) if rotating else Turn(),
    )


@st.composite
def snapshots(
    draw: st.DrawFn,
    *,
    evses_max: int = 8,
    powers: bool = True,
    whole: bool = False,
    exclusive: bool = True,
    rotating: bool = True,
) -> Snapshot:
    """A moment of a random site: some EVSEs without a car, some circuits with less than their rating free."""
    nodes = draw(forests(powers=powers))
    count = draw(st.integers(1, evses_max))
    site = Site(
        id="site",
        name="A random site",
        timezone="UTC",
        nominal_voltage_v=VOLTS,
        mode="enforce",
        strategy="fair",
        nodes=nodes,
        meters=(),
        evses=tuple(draw(evses(number, nodes, whole=whole, exclusive=exclusive)) for number in range(count)),
    )
    cars = tuple(
        draw(sessions(evse, rotating=rotating)) for evse in site.evses if draw(st.integers(0, 6)) < 6
    )
    free_a: dict[str, Amperes] = {}
    free_w: dict[str, float] = {}
    for node in nodes:
        if draw(st.booleans()):
            taken = (
                draw(st.sampled_from([(0.0, 0.0, 0.0), (1.0, 1.0, 1.0)]))
                if draw(st.booleans())
                else (draw(decimals) / 4, draw(decimals) / 4, draw(decimals) / 4)
            )
            free_a[node.id] = tuple(  # type: ignore[assignment]
                max(0.0, round(rating - less, 3)) for rating, less in zip(node.rating_a, taken, strict=True)
            )
        if node.max_power_w is not None and draw(st.booleans()):
            free_w[node.id] = round(node.max_power_w * draw(st.sampled_from([1.0, 0.5, 0.123])), 1)
    return Snapshot(site=site, now_s=NOW_S, sessions=cars, free_a=free_a, free_w=free_w)


@st.composite
def crowds(draw: st.DrawFn) -> Snapshot:
    """Three to seven cars that differ in phases and minimum, on one fuse that is too small for all of them."""
    fuse: Amperes = (
        float(draw(st.integers(10, 24))),
        float(draw(st.integers(10, 24))),
        float(draw(st.integers(10, 24))),
    )
    places = tuple(
        Evse(
            key=EvseKey(f"cp{number}", 1),
            node="main",
            rotation=draw(st.sampled_from(ROTATIONS)),
            min_a=draw(st.sampled_from([6.0, 8.0, 10.0])),
        )
        for number in range(draw(st.integers(3, 7)))
    )
    site = Site(
        id="site",
        name="A crowd",
        timezone="UTC",
        nominal_voltage_v=VOLTS,
        mode="enforce",
        strategy="fair",
        nodes=(Node(id="main", parent=None, rating_a=fuse),),
        meters=(),
        evses=places,
    )
    cars = tuple(
        Session(
            evse=evse.key, transaction=evse.key.station, started_s=NOW_S, phases=evse.phases, min_a=evse.min_a
        )
        for evse in places
    )
    return Snapshot(site=site, now_s=NOW_S, sessions=cars, free_a={}, free_w={})
