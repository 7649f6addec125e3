"""What holds between two allocations: P7 to P9 of the balancer's properties, and determinism."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import assume, event, given
from hypothesis import strategies as st

from balancer.allocation import Allocation, allocate, exact_shares
from balancer.site import Evse, EvseKey
from balancer.snapshot import Session, Snapshot, Turn
from balancer.strategies import STRATEGIES
from balancer.units import Amperes, PhaseUse
from tests.balancer.generators import snapshots
from tests.balancer.judge import wants, weighted

pytestmark = pytest.mark.soak
every_strategy = pytest.mark.parametrize("strategy", sorted(STRATEGIES))
SAME_A = 1e-4
"""Lists of currents that rounding noise may have touched are compared no closer than this."""


def limits(allocation: Allocation) -> dict[EvseKey, float]:
    return {key: grant.limit_a for key, grant in allocation.grants.items()}


def charging(allocation: Allocation) -> set[EvseKey]:
    return {key for key, grant in allocation.grants.items() if grant.limit_a > 0.0}


def falls(before: Sequence[float], after: Sequence[float]) -> bool:
    """Whether the first place in which two sorted lists differ is lower in `after`."""
    for old, new in zip(before, after, strict=True):
        if abs(old - new) > SAME_A:
            return new < old
    return False


# --- P7: more room is never worse
#
# What holds and what does not: more room may let a car in that waited, and those who shared without it then have
# less. So the claim about the sorted r/w is for the same cars charging; and a car that charged when there was room
# for everybody does so when there is more.


@st.composite
def with_more_room(draw: st.DrawFn, snapshot: Snapshot) -> Snapshot:
    """The same moment with more free on one or several circuits, within their ratings or not."""
    free_a: dict[str, Amperes] = {}
    for node in snapshot.site.nodes:
        first, second, third = snapshot.free_a.get(node.id, node.rating_a)
        more = st.sampled_from([0.0, 0.0, 0.5, 3.0, 10.0, 100.0])
        free_a[node.id] = (first + draw(more), second + draw(more), third + draw(more))
    return dataclasses.replace(snapshot, free_a=free_a)


@given(snapshot=snapshots(), data=st.data())
def test_more_room_for_the_same_cars_is_never_less_fair(snapshot: Snapshot, data: st.DataObject):
    roomier = data.draw(with_more_room(snapshot))
    before, after = exact_shares(snapshot, "fair"), exact_shares(roomier, "fair")
    who = [
        {one.evse for one in snapshot.sessions if one.min_a > 0.0 and shares[one.evse] > 0.0}
        for shares in (before, after)
    ]
    assume(who[0] == who[1])
    event("changed" if before != after else "same")
    assert not falls(weighted(snapshot, before), weighted(roomier, after))


@every_strategy
@given(snapshot=snapshots(exclusive=False), data=st.data())
def test_when_nobody_has_to_wait_more_room_makes_nobody_wait(
    strategy: str, snapshot: Snapshot, data: st.DataObject
):
    must = {session.evse for session in snapshot.sessions if wants(session) and session.min_a > 0.0}
    assume(charging(allocate(snapshot, strategy)) >= must)
    assert charging(allocate(data.draw(with_more_room(snapshot)), strategy)) >= must


# --- P8: who wants nothing costs nothing


@every_strategy
@given(snapshot=snapshots(), data=st.data())
def test_an_idle_evse_changes_nothing(strategy: str, snapshot: Snapshot, data: st.DataObject):
    node = data.draw(st.sampled_from(snapshot.site.nodes)).id
    group = data.draw(st.sampled_from([None, "g1"]))
    idle = Evse(key=EvseKey("a-idle", 1), node=node, rotation=(0, 1, 2), priority=9, exclusive_group=group)
    site = dataclasses.replace(snapshot.site, evses=(idle, *snapshot.site.evses))
    assert allocate(dataclasses.replace(snapshot, site=site), strategy) == allocate(snapshot, strategy)


@every_strategy
@given(snapshot=snapshots(), data=st.data())
def test_a_car_that_wants_nothing_changes_nothing(strategy: str, snapshot: Snapshot, data: st.DataObject):
    node = data.draw(st.sampled_from(snapshot.site.nodes)).id
    group = data.draw(st.sampled_from([None, "g1"]))
    key = EvseKey("a-full", 1)
    full = Evse(key=key, node=node, rotation=(0, 1, 2), priority=9, weight=5.0, exclusive_group=group)
    car = Session(
        evse=key,
        transaction="full",
        started_s=0.0,
        phases=(True, True, True),
        demand_a=0.0,
        priority=9,
        weight=5.0,
        turn=data.draw(st.sampled_from([Turn(), Turn(charging_since_s=snapshot.now_s - 60.0)])),
    )
    site = dataclasses.replace(snapshot.site, evses=(full, *snapshot.site.evses))
    grants = allocate(
        dataclasses.replace(snapshot, site=site, sessions=(car, *snapshot.sessions)), strategy
    ).grants
    assert grants[key].limit_a == 0.0
    assert {**grants, key: None} == {**allocate(snapshot, strategy).grants, key: None}


# --- P9: names of phases and orders of lists mean nothing


@every_strategy
@given(snapshot=snapshots())
def test_the_same_moment_gives_the_same_allocation(strategy: str, snapshot: Snapshot):
    assert allocate(snapshot, strategy) == allocate(snapshot, strategy)


@every_strategy
@given(snapshot=snapshots(), data=st.data())
def test_the_order_of_circuits_evses_and_cars_means_nothing(
    strategy: str, snapshot: Snapshot, data: st.DataObject
):
    site = dataclasses.replace(
        snapshot.site,
        nodes=tuple(data.draw(st.permutations(snapshot.site.nodes))),
        evses=tuple(data.draw(st.permutations(snapshot.site.evses))),
    )
    shuffled = dataclasses.replace(
        snapshot,
        site=site,
        sessions=tuple(data.draw(st.permutations(snapshot.sessions))),
        free_a=dict(data.draw(st.permutations(list(snapshot.free_a.items())))),
        free_w=dict(data.draw(st.permutations(list(snapshot.free_w.items())))),
    )
    assert allocate(shuffled, strategy) == allocate(snapshot, strategy)


def moved(snapshot: Snapshot, to: Sequence[int]) -> Snapshot:
    """The same moment of a site where phase p is called `to[p]`."""
    come_from = {target: source for source, target in enumerate(to)}

    def use(phases: PhaseUse) -> PhaseUse:
        return (phases[come_from[0]], phases[come_from[1]], phases[come_from[2]])

    def amperes(values: Amperes) -> Amperes:
        return (values[come_from[0]], values[come_from[1]], values[come_from[2]])

    def each(free_a: Mapping[str, Amperes]) -> dict[str, Amperes]:
        return {node: amperes(values) for node, values in free_a.items()}

    site = dataclasses.replace(
        snapshot.site,
        nodes=tuple(
            dataclasses.replace(node, rating_a=amperes(node.rating_a)) for node in snapshot.site.nodes
        ),
        evses=tuple(
            dataclasses.replace(evse, rotation=tuple(to[phase] for phase in evse.rotation))
            for evse in snapshot.site.evses
        ),
    )
    cars = tuple(dataclasses.replace(session, phases=use(session.phases)) for session in snapshot.sessions)
    return dataclasses.replace(snapshot, site=site, sessions=cars, free_a=each(snapshot.free_a))


@every_strategy
@given(snapshot=snapshots(), to=st.sampled_from(list(itertools.permutations(range(3)))))
def test_renaming_the_phases_changes_no_current(strategy: str, snapshot: Snapshot, to: Sequence[int]):
    assert limits(allocate(moved(snapshot, to), strategy)) == limits(allocate(snapshot, strategy))


@every_strategy
@given(snapshot=snapshots(), by_s=st.sampled_from([-50_000.0, 3_600.0, 1e9]))
def test_only_the_time_between_things_counts(strategy: str, snapshot: Snapshot, by_s: float):
    def later(at_s: float | None) -> float | None:
        return None if at_s is None else at_s + by_s

    cars = tuple(
        dataclasses.replace(
            session,
            started_s=session.started_s + by_s,
            turn=dataclasses.replace(
                session.turn,
                charging_since_s=later(session.turn.charging_since_s),
                waiting_since_s=later(session.turn.waiting_since_s),
                queued_since_s=later(session.turn.queued_since_s),
            ),
        )
        for session in snapshot.sessions
    )
    shifted = dataclasses.replace(snapshot, now_s=snapshot.now_s + by_s, sessions=cars)
    assert limits(allocate(shifted, strategy)) == limits(allocate(snapshot, strategy))
