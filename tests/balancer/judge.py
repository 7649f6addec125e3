"""Judges an allocation by sums of its own: it takes the snapshot's data and none of the balancer's arithmetic."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from balancer.rotation import DEFAULT_RULES
from balancer.site import EvseKey
from balancer.snapshot import Session, Snapshot

TOLERANCE_A = 1e-6
"""Sums of decimals aren't exact; a milliampere would be far above this."""


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that has an end: a node's phase (A) or a node's power (W), and what an ampere of each car takes."""

    node: str
    phase: int | None
    """None: power."""
    free: float
    takes: Mapping[EvseKey, float]

    def left(self, currents_a: Mapping[EvseKey, float]) -> float:
        """What `currents_a` leave of it, below 0 if they break it; in amperes or watts."""
        return self.free - math.fsum(factor * currents_a[key] for key, factor in self.takes.items())

    def tolerance(self) -> float:
        """What rounding may break of it; in amperes or watts."""
        return TOLERANCE_A * max(self.takes.values(), default=1.0)


def circuits_above(snapshot: Snapshot, node_id: str) -> set[str]:
    """The node and all that feed it."""
    parents = {node.id: node.parent for node in snapshot.site.nodes}
    found: set[str] = set()
    step: str | None = node_id
    while step is not None:
        found.add(step)
        step = parents[step]
    return found


def rows(snapshot: Snapshot) -> list[Row]:
    """Everything that bounds the sessions of `snapshot` together."""
    place = {evse.key: evse.node for evse in snapshot.site.evses}
    above = {session.evse: circuits_above(snapshot, place[session.evse]) for session in snapshot.sessions}
    volts = snapshot.site.nominal_voltage_v
    found: list[Row] = []
    for node in snapshot.site.nodes:
        below = [session for session in snapshot.sessions if node.id in above[session.evse]]
        free_a = snapshot.free_a.get(node.id, node.rating_a)
        for phase in range(3):
            takes = {session.evse: 1.0 for session in below if session.phases[phase]}
            found.append(Row(node.id, phase, free_a[phase], takes))
        free_w = snapshot.free_w.get(node.id, node.max_power_w)
        if free_w is not None:
            takes = {session.evse: volts * sum(session.phases) for session in below}
            found.append(Row(node.id, None, free_w, takes))
    return found


def broken(bounds: Iterable[Row], currents_a: Mapping[EvseKey, float]) -> list[Row]:
    """The rows that `currents_a` break."""
    return [row for row in bounds if row.left(currents_a) < -row.tolerance()]


def fits(bounds: Iterable[Row], currents_a: Mapping[EvseKey, float]) -> bool:
    """Whether it stays within each row, to the last bit of what a sum can say."""
    return all(row.left(currents_a) >= -1e-9 * max(1.0, *row.takes.values()) for row in bounds if row.takes)


def clearly_fits(bounds: Iterable[Row], currents_a: Mapping[EvseKey, float]) -> bool:
    """Whether it leaves something of each row, so that no rounding can be the excuse."""
    return all(row.left(currents_a) >= row.tolerance() for row in bounds if row.takes)


def wants(session: Session) -> bool:
    """Whether the car wants current at all."""
    return session.demand_a > 0.0


def most_a(session: Session) -> float:
    """The most that it may be given: what it can use, but no less than the least a charger can say."""
    if not wants(session):
        return 0.0
    return min(session.max_a, max(session.demand_a, session.min_a))


def weighted(snapshot: Snapshot, currents_a: Mapping[EvseKey, float]) -> list[float]:
    """All r/w in rising order: of two allocations the fairer one is the greater list."""
    return sorted(currents_a[session.evse] / session.weight for session in snapshot.sessions)


def group_of(snapshot: Snapshot) -> dict[EvseKey, str | None]:
    return {evse.key: evse.exclusive_group for evse in snapshot.site.evses}


def least_a(snapshot: Snapshot, session: Session) -> float:
    """The least that it can be set to while it charges; who shuts others out is given a step at least."""
    least = math.ceil(session.min_a / session.step_a - 1e-9) * session.step_a
    return session.step_a if least == 0.0 and group_of(snapshot)[session.evse] is not None else least


def shut_out(snapshot: Snapshot, session: Session, currents_a: Mapping[EvseKey, float]) -> bool:
    """Whether another of its exclusive group charges."""
    groups = group_of(snapshot)
    return groups[session.evse] is not None and any(
        currents_a[other.evse] > 0.0 and groups[other.evse] == groups[session.evse]
        for other in snapshot.sessions
        if other.evse != session.evse
    )


def resting(snapshot: Snapshot, session: Session) -> bool:
    """Whether it was paused so shortly ago that its minimum off time holds."""
    since_s = session.turn.waiting_since_s
    return session.turn.paused and since_s is not None and snapshot.now_s - since_s < DEFAULT_RULES.min_off_s


def charges(snapshot: Snapshot, session: Session, currents_a: Mapping[EvseKey, float]) -> bool:
    """Whether it was let in; one without a minimum may be let in and have nothing."""
    if least_a(snapshot, session) > 0.0 or not wants(session):
        return currents_a[session.evse] > 0.0
    return not resting(snapshot, session)


def room_is_kept(snapshot: Snapshot, session: Session, currents_a: Mapping[EvseKey, float]) -> bool:
    """Whether somebody else waits whose turn it is and whom a car keeps out that began too shortly ago to be paused.

    Nobody begins then whose turn it is not, or such overlaps could keep the first in the queue out for ever.
    """
    fresh = any(
        other.turn.charging_since_s is not None
        and snapshot.now_s - other.turn.charging_since_s < DEFAULT_RULES.min_on_s
        and currents_a[other.evse] > 0.0
        for other in snapshot.sessions
    )
    ahead = any(
        wants(other) and currents_a[other.evse] == 0.0 and other.evse != session.evse
        for other in snapshot.sessions
    )
    return fresh and ahead
