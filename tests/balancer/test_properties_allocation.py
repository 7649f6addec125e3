"""What holds for each single allocation of every strategy: P3 to P6 of the balancer's properties."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping

import pytest
from hypothesis import event, given

from balancer.allocation import Allocation, Reason, ReasonKind, allocate, exact_shares
from balancer.site import EvseKey
from balancer.snapshot import Session, Snapshot
from balancer.strategies import STRATEGIES
from tests.balancer.generators import snapshots
from tests.balancer.judge import (
    Row,
    broken,
    charges,
    clearly_fits,
    group_of,
    least_a,
    most_a,
    resting,
    room_is_kept,
    rows,
    shut_out,
    wants,
)

pytestmark = pytest.mark.soak
every_strategy = pytest.mark.parametrize("strategy", sorted(STRATEGIES))
RANKS: dict[str, Callable[[Session], float]] = {
    "priority": lambda session: -session.priority,
    "first_come": lambda session: session.started_s,
}
"""For the strategies that serve some strictly before others: who comes first, the least first."""


def limits(allocation: Allocation) -> dict[EvseKey, float]:
    return {key: grant.limit_a for key, grant in allocation.grants.items()}


def raised(currents_a: Mapping[EvseKey, float], key: EvseKey, to_a: float) -> dict[EvseKey, float]:
    return {**currents_a, key: to_a}


def could_rise(bounds: list[Row], session: Session, currents_a: Mapping[EvseKey, float], by_a: float) -> bool:
    """Whether a car that charges could have `by_a` more without anybody having less."""
    more_a = currents_a[session.evse] + by_a
    return more_a <= most_a(session) + 1e-9 and clearly_fits(bounds, raised(currents_a, session.evse, more_a))


# --- P3: what a charger can be told, and what the wires carry


@every_strategy
@given(snapshot=snapshots())
def test_every_session_and_nobody_else_gets_a_grant(strategy: str, snapshot: Snapshot):
    assert allocate(snapshot, strategy).grants.keys() == {session.evse for session in snapshot.sessions}


@every_strategy
@given(snapshot=snapshots())
def test_a_grant_is_nothing_or_between_minimum_and_what_the_car_can_use(strategy: str, snapshot: Snapshot):
    grants = allocate(snapshot, strategy).grants
    for session in snapshot.sessions:
        limit_a = grants[session.evse].limit_a
        assert limit_a == 0.0 or session.min_a - 1e-9 <= limit_a <= most_a(session) + 1e-9


@every_strategy
@given(snapshot=snapshots())
def test_a_grant_is_a_whole_number_of_steps(strategy: str, snapshot: Snapshot):
    grants = allocate(snapshot, strategy).grants
    for session in snapshot.sessions:
        steps = grants[session.evse].limit_a / session.step_a
        assert abs(steps - round(steps)) < 1e-6
        if session.step_a == 0.1:
            assert grants[session.evse].limit_a == round(grants[session.evse].limit_a, 1)


@every_strategy
@given(snapshot=snapshots())
def test_no_phase_and_no_power_of_any_circuit_is_broken(strategy: str, snapshot: Snapshot):
    assert broken(rows(snapshot), limits(allocate(snapshot, strategy))) == []


@every_strategy
@given(snapshot=snapshots())
def test_of_an_exclusive_group_one_charges_at_most(strategy: str, snapshot: Snapshot):
    currents_a = limits(allocate(snapshot, strategy))
    groups = group_of(snapshot)
    charging = [
        groups[key] for key, limit_a in currents_a.items() if limit_a > 0.0 and groups[key] is not None
    ]
    assert len(charging) == len(set(charging))


# --- P4: nothing is left that somebody could have


@every_strategy
@given(snapshot=snapshots())
def test_nobody_who_charges_could_have_a_step_more(strategy: str, snapshot: Snapshot):
    currents_a = limits(allocate(snapshot, strategy))
    bounds = rows(snapshot)
    for session in snapshot.sessions:
        if charges(snapshot, session, currents_a):
            event("charges")
            assert not could_rise(bounds, session, currents_a, session.step_a), session.evse


def assert_nobody_waits_needlessly(
    snapshot: Snapshot,
    currents_a: Mapping[EvseKey, float],
    is_excused: Callable[[Snapshot, Session, Mapping[EvseKey, float]], bool],
) -> None:
    """Nobody waits who could have the minimum beside the minima of those who charge."""
    bounds = rows(snapshot)
    floors_a = {
        session.evse: least_a(snapshot, session) if currents_a[session.evse] > 0.0 else 0.0
        for session in snapshot.sessions
    }
    for session in snapshot.sessions:
        if not wants(session) or floors_a[session.evse] > 0.0 or least_a(snapshot, session) == 0.0:
            continue
        if most_a(session) < least_a(snapshot, session):
            continue  # in a group and with less demand than a step: it can only be told 0 A
        if shut_out(snapshot, session, currents_a) or is_excused(snapshot, session, currents_a):
            event("excused")
            continue
        event("waits")
        assert not clearly_fits(bounds, raised(floors_a, session.evse, least_a(snapshot, session))), (
            session.evse
        )


@every_strategy
@given(snapshot=snapshots())
def test_nobody_waits_needlessly_but_for_the_sake_of_turns(strategy: str, snapshot: Snapshot):
    assert_nobody_waits_needlessly(
        snapshot,
        limits(allocate(snapshot, strategy)),
        lambda *moment: resting(moment[0], moment[1]) or room_is_kept(*moment),
    )


@every_strategy
@given(snapshot=snapshots(rotating=False))
def test_nobody_waits_needlessly_where_nobody_had_a_turn_yet(strategy: str, snapshot: Snapshot):
    assert_nobody_waits_needlessly(snapshot, limits(allocate(snapshot, strategy)), lambda *_: False)


# --- P5: what `fair` means


def has_bottleneck(
    snapshot: Snapshot,
    bounds: list[Row],
    session: Session,
    currents_a: Mapping[EvseKey, float],
    tolerance_a: float,
) -> bool:
    """Whether a full row has the session in it and nobody who has more for the weight than it, but at the minimum."""
    own = currents_a[session.evse] / session.weight
    others = {other.evse: other for other in snapshot.sessions}

    def in_order(key: EvseKey) -> bool:
        other = others[key]
        return (
            currents_a[key] / other.weight <= own + tolerance_a / min(other.weight, session.weight)
            or currents_a[key] <= least_a(snapshot, other) + tolerance_a
        )

    return any(
        row.left(currents_a) <= 3 * tolerance_a * row.takes[session.evse] and all(map(in_order, row.takes))
        for row in bounds
        if session.evse in row.takes
    )


@given(snapshot=snapshots())
def test_who_is_given_less_than_wanted_meets_a_full_circuit_where_nobody_has_more(snapshot: Snapshot):
    currents_a = exact_shares(snapshot, "fair")
    bounds = rows(snapshot)
    for session in snapshot.sessions:
        if charges(snapshot, session, currents_a) and currents_a[session.evse] < most_a(session) - 1e-5:
            event("has a bottleneck")
            assert has_bottleneck(snapshot, bounds, session, currents_a, tolerance_a=1e-5), session.evse


def in_tenths(snapshot: Snapshot) -> Snapshot:
    """The same moment with chargers and demands of 0.1 A steps: what a coarse one can't take, others share anew."""
    cars = tuple(
        dataclasses.replace(
            session,
            step_a=0.1,
            demand_a=session.demand_a if math.isinf(session.demand_a) else round(session.demand_a, 1),
        )
        for session in snapshot.sessions
    )
    return dataclasses.replace(snapshot, sessions=cars)


@given(snapshot=snapshots().map(in_tenths))
def test_rounding_takes_less_than_a_step_from_anybody(snapshot: Snapshot):
    rounded_a = limits(allocate(snapshot, "fair"))
    exact_a = exact_shares(snapshot, "fair")
    for session in snapshot.sessions:
        assert rounded_a[session.evse] > exact_a[session.evse] - session.step_a - 1e-6, session.evse


# --- P6: who comes first


@pytest.mark.parametrize("strategy", sorted(RANKS))
@given(snapshot=snapshots())
def test_those_who_come_later_have_no_more_than_the_minimum_of_what_an_earlier_one_could_use(
    strategy: str, snapshot: Snapshot
):
    rank = RANKS[strategy]
    currents_a = exact_shares(snapshot, strategy)
    bounds = rows(snapshot)
    for session in snapshot.sessions:
        lowered_a = {
            other.evse: currents_a[other.evse]
            if rank(other) <= rank(session)
            else min(currents_a[other.evse], least_a(snapshot, other))
            for other in snapshot.sessions
        }
        if charges(snapshot, session, currents_a):
            assert not could_rise(bounds, session, lowered_a, 1e-4), session.evse


# --- every grant says why


@every_strategy
@given(snapshot=snapshots())
def test_a_reason_is_true(strategy: str, snapshot: Snapshot):
    allocation = allocate(snapshot, strategy)
    currents_a = limits(allocation)
    bounds = {(row.node, row.phase): row for row in rows(snapshot)}
    for session in snapshot.sessions:
        grant = allocation.grants[session.evse]
        event(grant.reason.kind.name)
        assert is_true(snapshot, session, grant.limit_a, grant.reason, currents_a, bounds), (
            session.evse,
            grant,
        )


def is_true(
    snapshot: Snapshot,
    session: Session,
    limit_a: float,
    reason: Reason,
    currents_a: Mapping[EvseKey, float],
    bounds: Mapping[tuple[str, int | None], Row],
) -> bool:
    """Whether the reason describes what is there."""
    match reason.kind:
        case ReasonKind.DEMAND_MET:
            return limit_a + session.step_a > min(session.demand_a, session.max_a)
        case ReasonKind.MAXIMUM:
            return limit_a + session.step_a > session.max_a
        case ReasonKind.NODE | ReasonKind.POWER:
            assert reason.node is not None
            row = bounds[reason.node, reason.phase if reason.kind is ReasonKind.NODE else None]
            step_a = max(session.step_a, least_a(snapshot, session) if limit_a == 0.0 else 0.0)
            return session.evse in row.takes and not clearly_fits(
                [row], raised(currents_a, session.evse, limit_a + step_a)
            )
        case ReasonKind.WAITING:
            return limit_a == 0.0 and (reason.until_s is None or reason.until_s >= snapshot.now_s)
        case ReasonKind.EXCLUSIVE:
            return limit_a == 0.0 and (
                shut_out(snapshot, session, currents_a) or room_is_kept(snapshot, session, currents_a)
            )
        case _:
            return False  # all others are the controller's
