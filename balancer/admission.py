"""Who may charge at all: everyone if all minima fit, else in turns, so that each row carries the minima."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from balancer.cars import Cars
from balancer.filling import ROOM_A, Entries, Flags, Floats, Indices, segments, take_in_order
from balancer.rotation import Places, RotationRules, places, rests_until_s
from balancer.topology import Topology

RESTS = -1
"""In place of a row: it was paused a short time ago."""
GROUP = -2
"""In place of a row: another EVSE of its exclusive group charges."""


@dataclass(slots=True)
class Refusals:
    """Who must wait, and why; one entry in each array for each of them."""

    cars: Indices
    """By their indices among those who want."""
    rows: Indices
    """The row without room for its minimum; or `RESTS` or `GROUP`."""
    in_turn: Flags
    """True: others have what it waits for. False: there is nothing to take turns with."""
    until_s: Floats
    """When its turn may come, if that depends on the turns of others; NaN if it depends on anything else."""


def admit(
    cars: Cars,
    classes: Sequence[int] | None,
    topology: Topology,
    free: Floats,
    now_s: float,
    rules: RotationRules,
) -> tuple[Flags, Refusals]:
    """Return which of `cars` may charge, and why the others may not.

    Rows whose minima all fit are never looked at again; those who take part in one that does not (or in an
    exclusive group) come one after the other: class by class, in each the longest waiting first.
    """
    admitted = np.ones(len(cars.sessions), dtype=bool)
    resting = _resting(cars, now_s, rules)
    minima = cars.loads * cars.floors[:, None]
    if resting.cars.size:
        admitted[resting.cars] = False
        minima[resting.cars] = 0.0
    violated = topology.totals(cars.nodes, minima) > free + ROOM_A
    entries, slack = _contested(cars, admitted, topology, violated, free)
    if not entries.car.size:
        return admitted, resting
    queue = _Queue(cars, classes, entries, slack, now_s, rules)
    taken = queue.decide()
    admitted[queue.cars[~taken]] = False
    refused = queue.refusals(taken, len(free))
    return admitted, Refusals(
        np.concatenate((resting.cars, refused.cars)),
        np.concatenate((resting.rows, refused.rows)),
        np.concatenate((resting.in_turn, refused.in_turn)),
        np.concatenate((resting.until_s, refused.until_s)),
    )


def _resting(cars: Cars, now_s: float, rules: RotationRules) -> Refusals:
    until_s = {
        index: rests_until_s(turn, now_s, rules) for index, turn in enumerate(cars.turns) if turn.paused
    }
    resting = [(index, end_s) for index, end_s in until_s.items() if end_s is not None]
    return Refusals(
        np.array([index for index, _ in resting], dtype=np.int64),
        np.full(len(resting), RESTS, dtype=np.int64),
        np.ones(len(resting), dtype=bool),
        np.array([end_s for _, end_s in resting], dtype=np.float64),
    )


def _contested(
    cars: Cars, candidates: Flags, topology: Topology, violated: Flags, free: Floats
) -> tuple[Entries, Floats]:
    """Return what the candidates' minima take of violated rows, and of exclusive groups as rows of one place."""
    entries = cars.entries(topology, violated)
    entries = Entries(entries.car, entries.row, entries.coefficient * cars.floors[entries.car])
    entries = entries.only((entries.coefficient > 0) & candidates[entries.car])
    if not topology.group_count:
        return entries, free
    members = (candidates & (cars.groups >= 0)).nonzero()[0]
    rivals = np.bincount(cars.groups[members], minlength=1)[cars.groups[members]] > 1
    members = members[rivals]
    every_car = np.concatenate((members, entries.car))
    order = every_car.argsort(kind="stable")
    rows = np.concatenate((len(free) + cars.groups[members], entries.row))
    needs = np.concatenate((np.ones(len(members)), entries.coefficient))
    slack = np.concatenate((free, np.ones(topology.group_count)))
    return Entries(every_car[order], rows[order], needs[order]), slack


class _Queue:
    """Those who contend, with their places; here they are counted from 0 among themselves."""

    def __init__(
        self,
        cars: Cars,
        classes: Sequence[int] | None,
        entries: Entries,
        slack: Floats,
        now_s: float,
        rules: RotationRules,
    ) -> None:
        firsts, own = segments(entries.car)
        self.cars: Indices = entries.car[firsts]
        self._entries = Entries(own, entries.row, entries.coefficient)
        self._slack = slack
        self._left = slack
        self._now_s = now_s
        self._rules = rules
        indices: list[int] = self.cars.tolist()
        self._places: Places = places([cars.turns[index] for index in indices], now_s, rules)
        self._classes: Indices = np.zeros(len(indices), dtype=np.int64)
        if classes is not None:
            # Counted from 0: a strategy's numbers may be any.
            chosen = np.array([classes[index] for index in indices], dtype=np.int64)
            self._classes = np.unique(chosen, return_inverse=True)[1]
        self._overtook: Flags = np.zeros(len(indices), dtype=bool)
        self._ranks: Indices = np.zeros(len(indices), dtype=np.int64)

    def decide(self) -> Flags:
        """Return who of the queue is admitted."""
        place = self._places
        rightful = self._take(np.lexsort([place.tickets, place.spent, self._classes]), None)
        self._overtook = place.protected & ~rightful
        if not self._overtook.any():
            return rightful
        # Somebody began before the one whose turn it is, and may not be paused yet. It stays; but nobody begins
        # now whose turn it is not, else such overlaps could keep the first in the queue out for ever.
        order = np.lexsort([place.tickets, place.spent, ~place.protected, self._classes])
        return self._take(order, place.charging | rightful)

    def _take(self, order: Indices, candidates: Flags | None) -> Flags:
        self._ranks = np.empty(len(order), dtype=np.int64)
        self._ranks[order] = np.arange(len(order))
        entries = self._entries if candidates is None else self._entries.only(candidates[self._entries.car])
        self._left = self._slack.copy()
        return take_in_order(entries, entries.coefficient, self._left, self._ranks)

    def refusals(self, taken: Flags, groups_from: int) -> Refusals:
        """Return why the others wait; rows from `groups_from` on are exclusive groups."""
        theirs = self._entries.only(~taken[self._entries.car])
        firsts, _ = segments(theirs.car)
        # The first row without room. Without any, room is kept for somebody: on its first circuit, if it has one,
        # for nobody of its group need charge.
        position = np.arange(len(theirs.car))
        position[theirs.coefficient <= self._left[theirs.row] + ROOM_A] = len(position)
        blocking = np.minimum.reduceat(position, firsts) if len(firsts) else firsts
        has_circuit = (theirs.row[firsts] >= groups_from) & (np.diff(firsts, append=len(position)) > 1)
        rows = theirs.row[np.where(blocking < len(position), blocking, firsts + has_circuit)]
        cars = theirs.car[firsts]
        held = self._entries.only(taken[self._entries.car])
        in_turn = np.zeros(len(self._slack), dtype=bool)
        in_turn[held.row] = True
        return Refusals(
            cars=self.cars[cars],
            rows=np.where(rows >= groups_from, GROUP, rows),
            in_turn=in_turn[rows],
            until_s=self._turns_s(cars, rows, held),
        )

    def _turns_s(self, cars: Indices, rows: Indices, held: Entries) -> Floats:
        """Return when each of `cars`, which wait at `rows`, may begin: in order, as the turns there end.

        Only members of one class take turns; `held` is what those who charge have.
        """
        # Who charges out of turn has to give way as soon as it may.
        ends_s = self._places.ends_s - self._overtook * (self._rules.quantum_s - self._rules.min_on_s)
        held = held.only(ends_s[held.car] > self._now_s)
        count = int(self._classes.max()) + 1
        lanes = held.row * count + self._classes[held.car]
        order = np.lexsort([ends_s[held.car], lanes])
        lanes, ends_s = lanes[order], ends_s[held.car][order]
        own_lanes = rows * count + self._classes[cars]
        begins = np.searchsorted(lanes, own_lanes)
        turns = np.searchsorted(lanes, own_lanes, side="right") - begins
        order = np.lexsort([self._ranks[cars], own_lanes])
        firsts, run = segments(own_lanes[order])
        ahead = np.empty(len(cars), dtype=np.int64)
        ahead[order] = np.arange(len(cars)) - firsts[run]
        rounds, which = np.divmod(ahead, np.maximum(turns, 1))
        until_s = np.full(len(cars), np.nan)
        has_turns = turns > 0
        until_s[has_turns] = ends_s[(begins + which)[has_turns]]
        return until_s + rounds * self._rules.quantum_s
