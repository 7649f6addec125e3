"""The sessions of a snapshot as columns of numbers, in the order of their keys."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, compress
from typing import Any

import numpy as np

from balancer.filling import Entries, Flags, Floats, Indices
from balancer.snapshot import Session, Snapshot, Turn
from balancer.topology import COLUMNS, POWER, Topology
from balancer.units import PhaseUse

_MOST_A = 100_000.0
"""Stands for "no limit" where sums are made: more than any node carries is never given."""
STEP_SLIP = 1e-9
"""Of a step: a multiple that is off by less is the multiple."""

_columns = operator.attrgetter("evse", "turn", "phases", "demand_a", "min_a", "max_a", "step_a")


@dataclass(slots=True)
class Cars:
    """Those who want current; all lists and arrays have one entry a car."""

    sessions: list[Session]
    nodes: Indices
    """Each one's node, as an index of the topology."""
    turns: list[Turn]
    groups: Indices
    """Each one's exclusive group, numbered by the topology; -1: none."""
    loads: Floats
    """n by 4: what an ampere of it takes of its node's rows, and of all above."""
    floors: Floats
    """The least that it can be given if anything; a whole number of steps."""
    ceilings: Floats
    """The most that it can use; a whole number of steps, at least the floor."""
    steps: Floats
    satisfied: Flags
    """True where at the ceiling the car has all that it wants, False where it has all that it may."""

    def only(self, keep: Flags) -> Cars:
        """Return those that `keep` says."""
        chosen: list[bool] = keep.tolist()
        return Cars(
            list(compress(self.sessions, chosen)),
            self.nodes[keep],
            list(compress(self.turns, chosen)),
            self.groups[keep],
            self.loads[keep],
            self.floors[keep],
            self.ceilings[keep],
            self.steps[keep],
            self.satisfied[keep],
        )

    def entries(self, topology: Topology, rows: Flags) -> Entries:
        """Return where the cars take part in `rows` (a flag for each row of the topology), root first."""
        if not rows.any():
            none = np.zeros(0, dtype=np.int64)
            return Entries(none, none, np.zeros(0))
        # The matrix is filled up with -1: the flag at the end.
        matrix = topology.row_matrix
        flags = np.concatenate((rows, [False]))[matrix].reshape(len(matrix), -1, COLUMNS)
        flat = (flags[self.nodes] & (self.loads > 0)[:, None, :]).reshape(-1).nonzero()[0]
        car, place = np.divmod(flat, matrix.shape[1])
        return Entries(car, matrix[self.nodes[car], place], self.loads[car, place % COLUMNS])


def read_cars(snapshot: Snapshot, *, exact: bool = False) -> tuple[Cars, list[tuple[Session, bool]]]:
    """Return those who want current and can have some, and the others (True: their maximum is below the least).

    With `exact` nothing is rounded to steps.
    """
    topology = snapshot.site.topology
    # Each session is looked at once: they lie about in memory.
    columns: list[tuple[Any, ...]] = list(zip(*map(_columns, snapshot.sessions), strict=True)) or [()] * 7
    keys, turns, phases = columns[:3]
    ranks: Indices = np.array([topology.ranks[key] for key in keys], dtype=np.int64)
    order = ranks.argsort(kind="stable")
    ranks = ranks[order]
    demands, minima, maxima, steps = (np.array(column, dtype=np.float64)[order] for column in columns[3:])
    in_order: list[int] = order.tolist()
    sessions = [snapshot.sessions[index] for index in in_order]
    maxima = np.minimum(maxima, _MOST_A)
    wanted = np.minimum(maxima, demands)
    if exact:
        floors, ceilings, tops = minima, wanted, maxima
    else:
        floors = np.ceil(minima / steps - STEP_SLIP) * steps
        ceilings = np.floor(wanted / steps + STEP_SLIP) * steps
        tops = np.floor(maxima / steps + STEP_SLIP) * steps
    groups = topology.group_of_rank[ranks]
    # Who shuts others out must charge: without a minimum it needs a step, or it would hold its group with 0 A.
    alone = (groups >= 0) & (floors <= 0)
    floors = np.where(alone, steps, floors)
    wants = (demands > 0) & ~(alone & (wanted < steps * (1 - STEP_SLIP)))
    able = wants & (floors <= tops)
    cars = Cars(
        sessions=sessions,
        nodes=topology.node_of_rank[ranks],
        turns=[turns[index] for index in in_order],
        groups=groups,
        loads=_loads(snapshot, sessions, phases, order),
        floors=floors,
        ceilings=np.maximum(ceilings, floors),
        steps=steps,
        satisfied=demands < maxima,
    )
    if able.all():
        return cars, []
    others = [
        (session, bool(want)) for session, want, can in zip(sessions, wants, able, strict=True) if not can
    ]
    return cars.only(able), others


def _loads(snapshot: Snapshot, sessions: list[Session], phases: Sequence[PhaseUse], order: Indices) -> Floats:
    loads = np.empty((len(sessions), COLUMNS))
    uses = np.fromiter(chain.from_iterable(phases), dtype=bool, count=POWER * len(sessions))
    loads[:, :POWER] = uses.reshape(-1, POWER)[order]
    loads[:, POWER] = loads[:, :POWER].sum(axis=1)
    # A car on no phase at all is one of which nothing is known: it counts on all that it is wired to.
    unknown: list[int] = (loads[:, POWER] == 0).nonzero()[0].tolist()
    for index in unknown:
        wired = snapshot.site.evse(sessions[index].evse).phases
        loads[index] = (*wired, sum(wired))
    return loads
