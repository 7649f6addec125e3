"""P15: before rounding, `fair` is the lexicographic optimum to a millionth of an ampere."""

from __future__ import annotations

import pytest
from hypothesis import event, given

from balancer.allocation import exact_shares
from balancer.site import EvseKey
from balancer.snapshot import Session, Snapshot
from tests.balancer.generators import NOW_S, snapshots
from tests.balancer.judge import Row, charges, most_a, rows
from tests.balancer.lexicographic import fairest

pytestmark = pytest.mark.soak
EXACT_A = 1e-6


def car(name: str, *, weight: float = 1.0, phases: tuple[bool, bool, bool] = (True, True, True)) -> Session:
    return Session(evse=EvseKey(name, 1), transaction=name, started_s=NOW_S, phases=phases, weight=weight)


def optimum(snapshot: Snapshot, admitted: set[EvseKey]) -> dict[EvseKey, float]:
    """The fairest currents of those who were let in."""
    cars = [session for session in snapshot.sessions if session.evse in admitted]
    bounds = [
        Row(row.node, row.phase, row.free, {key: take for key, take in row.takes.items() if key in admitted})
        for row in rows(snapshot)
    ]
    return fairest(
        cars,
        [row for row in bounds if row.takes],
        {session.evse: session.min_a for session in cars},
        {session.evse: most_a(session) for session in cars},
    )


def test_the_oracle_shares_a_nested_circuit_as_one_would_by_hand():
    # A and B behind a board of 20 A, C beside it, 36 A for all: A and B have 10 A each, C the remaining 16 A.
    cars = [car("a"), car("b"), car("c")]
    a, b, c = (session.evse for session in cars)
    bounds = [Row("board", 0, 20.0, {a: 1.0, b: 1.0}), Row("main", 0, 36.0, {a: 1.0, b: 1.0, c: 1.0})]
    floors, ceilings = dict.fromkeys((a, b, c), 6.0), dict.fromkeys((a, b, c), 32.0)
    assert fairest(cars, bounds, floors, ceilings) == pytest.approx({a: 10.0, b: 10.0, c: 16.0}, abs=1e-7)


def test_the_oracle_keeps_minima_weights_and_ceilings():
    # 40 A for weights 1, 2 and 1, but A needs 12 A: 12 + 2t + t = 40 gives t = 9.33.
    cars = [car("a"), car("b", weight=2.0), car("c")]
    a, b, c = (session.evse for session in cars)
    bounds = [Row("main", 0, 40.0, {a: 1.0, b: 1.0, c: 1.0})]
    found = fairest(cars, bounds, {a: 12.0, b: 6.0, c: 6.0}, {a: 32.0, b: 20.0, c: 32.0})
    assert found == pytest.approx({a: 12.0, b: 56.0 / 3.0, c: 28.0 / 3.0}, abs=1e-7)


@given(snapshot=snapshots(evses_max=7, exclusive=False))
def test_fair_equals_the_lexicographic_optimum_of_linear_programs(snapshot: Snapshot):
    shares = exact_shares(snapshot, "fair")
    admitted = {session.evse for session in snapshot.sessions if charges(snapshot, session, shares)}
    event(f"{len(admitted)} charge")
    assert {key: shares[key] for key in admitted} == pytest.approx(optimum(snapshot, admitted), abs=EXACT_A)
