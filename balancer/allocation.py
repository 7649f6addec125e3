"""Who gets how much: exact weighted max-min over all circuits, in steps, with a reason for each."""

from __future__ import annotations

import enum
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from balancer.admission import GROUP, RESTS, admit
from balancer.cars import STEP_SLIP, Cars, read_cars
from balancer.filling import ROOM_A, Entries, Floats, Indices, fill, hand_out, segments
from balancer.rotation import DEFAULT_RULES, RotationRules
from balancer.site import EvseKey
from balancer.snapshot import Snapshot
from balancer.strategies import STRATEGIES
from balancer.topology import COLUMNS, POWER


class ReasonKind(enum.Enum):
    """Why an EVSE has the limit that it has."""

    DEMAND_MET = "demand-met"
    """The car can't use more."""
    MAXIMUM = "maximum"
    """The EVSE, its cable or its set-up can't give more."""
    NODE = "node"
    """The circuit `node` is full on `phase`."""
    POWER = "power"
    """The circuit `node` is at its limit on power."""
    WAITING = "waiting"
    """It waits for its turn at `node` and `phase`, or rests after one."""
    EXCLUSIVE = "exclusive"
    """Another EVSE of its exclusive group charges, or has its turn first."""
    # What follows is said by the controller, which knows what the allocation doesn't.
    RECLAIMED = "reclaimed"
    """It did not use what it had."""
    STALE_METER = "stale-meter"
    """Nobody knows what others draw: nothing is increased."""
    OFFLINE_RESERVE = "offline-reserve"
    """What it may draw without a connection is kept for it."""
    CAP = "cap"
    """`source` limits the circuit `node`."""
    START_GATE = "start-gate"
    """It can't be told 0 A, so it must not start before there is room."""
    FAILSAFE = "failsafe"
    """It has no confirmed limit and may draw its failsafe."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a limit is what it is."""

    kind: ReasonKind
    node: str | None = None
    phase: int | None = None
    """The site's phase, 0 to 2."""
    until_s: float | None = None
    """WAITING and EXCLUSIVE: when its turn may come; None: nobody can say."""
    source: str | None = None
    """CAP: who limits. WAITING: "rest" while a paused car may not be resumed yet."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What an EVSE may have, and why no more."""

    limit_a: float
    reason: Reason


@dataclass(frozen=True, slots=True)
class Allocation:
    """A grant for each session of the snapshot."""

    grants: dict[EvseKey, Grant]


def allocate(
    snapshot: Snapshot, strategy: str = "fair", rotation: RotationRules = DEFAULT_RULES
) -> Allocation:
    """Return what each session may draw per phase, and why.

    Each limit is 0 or a multiple of the session's step from its minimum to the lesser of maximum and demand (a
    demand below the minimum is given the minimum: the car takes less by itself). No row is exceeded by more
    than rounding, and no car could be given another step. Above the minima the currents are, tier by tier, the
    weighted max-min but for a step. `strategy` is a key of `STRATEGIES`. Depends on nothing but the arguments,
    not even on the order of sessions.
    """
    cars, others = read_cars(snapshot)
    shares = _Shares(snapshot, cars, strategy, rotation, exact=False)
    grants = {session.evse: Grant(0.0, _MAXIMUM if wants else _DEMAND_MET) for session, wants in others}
    grants.update(shares.grants())
    return Allocation(grants)


def exact_shares(
    snapshot: Snapshot, strategy: str = "fair", rotation: RotationRules = DEFAULT_RULES
) -> dict[EvseKey, float]:
    """Return the currents that `allocate` would give if chargers had no steps."""
    cars, others = read_cars(snapshot, exact=True)
    shares = _Shares(snapshot, cars, strategy, rotation, exact=True)
    return {session.evse: 0.0 for session, _ in others} | shares.currents()


_DEMAND_MET = Reason(ReasonKind.DEMAND_MET)
_MAXIMUM = Reason(ReasonKind.MAXIMUM)


class _Shares:
    """One allocation on its way from a snapshot to currents."""

    def __init__(
        self, snapshot: Snapshot, everyone: Cars, strategy: str, rules: RotationRules, *, exact: bool
    ) -> None:
        self._topology = snapshot.site.topology
        self._exact = exact
        sharing = STRATEGIES[strategy](everyone.sessions)
        free = self._topology.free(snapshot.free_a, snapshot.free_w)
        admitted, self._refusals = admit(
            everyone, sharing.classes, self._topology, free, snapshot.now_s, rules
        )
        refused: list[int] = self._refusals.cars.tolist()
        self._refused = [everyone.sessions[index].evse for index in refused]
        cars = everyone.only(admitted) if self._refused else everyone
        self._cars = cars
        self._weights = np.array(sharing.weights, dtype=np.float64)[admitted]
        self._currents = cars.ceilings.copy()
        self._bottlenecks = np.full(len(cars.sessions), -1, dtype=np.int64)
        hot = self._topology.totals(cars.nodes, cars.loads * cars.ceilings[:, None]) > free + ROOM_A
        if hot.any():
            tiers = None if sharing.tiers is None else np.array(sharing.tiers, dtype=np.int64)[admitted]
            self._share(cars.entries(self._topology, hot), free, tiers)

    def _share(self, entries: Entries, free: Floats, tiers: Indices | None) -> None:
        """Share the rows of `entries`, tier by tier, above everybody's minimum."""
        cars = self._cars
        self._currents[entries.car] = cars.floors[entries.car]
        slack = free - entries.sums(cars.floors, len(free))
        np.maximum(slack, 0.0, out=slack)
        if tiers is None:
            self._serve(entries, slack)
            return
        of_entry = tiers[entries.car]
        first_of_car, _ = segments(entries.car)
        values = np.unique(of_entry)
        if len(values) == len(first_of_car):
            self._serve_one_by_one(entries, slack, of_entry[first_of_car].argsort(kind="stable"))
            return
        for value in values:
            self._serve(entries.only(of_entry == value), slack)
        if not self._exact:
            # What a higher tier's rounding left and it can't use itself.
            self._raise(entries, slack, tiers)

    def _serve(self, entries: Entries, slack: Floats) -> None:
        """Share `slack` among the cars of `entries` and reduce it."""
        cars = self._cars
        firsts, _ = segments(entries.car)
        members = entries.car[firsts]
        before = self._currents
        left = slack.copy()
        currents, bottlenecks = fill(entries, left, self._weights, cars.floors, cars.ceilings)
        self._bottlenecks[members] = bottlenecks[members]
        if self._exact:
            before[members] = currents[members]
            slack[:] = left
            return
        rounded = np.floor(currents / cars.steps + STEP_SLIP) * cars.steps
        before[members] = rounded[members]
        slack -= entries.sums(rounded - cars.floors, len(slack))
        # In millionths of a step: what differs by less is equal, and the key decides.
        self._raise(entries, slack, np.rint((rounded - currents) / cars.steps * 1e6).astype(np.int64))

    def _raise(self, entries: Entries, slack: Floats, preference: Indices) -> None:
        """Give another step to whom it can be given, the least `preference` first, then the least key."""
        cars = self._cars
        room = np.rint((cars.ceilings - self._currents) / cars.steps).astype(np.int64)
        ranks = np.empty_like(room)
        ranks[np.argsort(preference, kind="stable")] = np.arange(len(room))
        self._currents += hand_out(entries, slack, cars.steps, room, ranks) * cars.steps
        self._explain(entries, slack)

    def _explain(self, entries: Entries, slack: Floats) -> None:
        """Name the first row that has no room for another step where the one that was full before rounding has."""
        needs = entries.coefficient * self._cars.steps[entries.car]
        blocking = entries.only(needs > slack[entries.row] + ROOM_A)
        stands = np.zeros(len(self._bottlenecks), dtype=bool)
        stands[blocking.car[blocking.row == self._bottlenecks[blocking.car]]] = True
        firsts, _ = segments(blocking.car)
        found = firsts[~stands[blocking.car[firsts]]]
        self._bottlenecks[blocking.car[found]] = blocking.row[found]

    def _serve_one_by_one(self, entries: Entries, slack: Floats, order: Indices) -> None:
        """Let each car take all it can; `order` says whose entries come first (the numbers of their runs)."""
        cars = self._cars
        firsts, _ = segments(entries.car)
        bounds: list[int] = [*firsts.tolist(), len(entries.car)]
        car: list[int] = entries.car[firsts].tolist()
        row: list[int] = entries.row.tolist()
        coefficient: list[float] = entries.coefficient.tolist()
        steps: list[float] = cars.steps.tolist()
        wants: list[float] = (cars.ceilings - cars.floors).tolist()
        left: list[float] = slack.tolist()
        runs: list[int] = order.tolist()
        for run in runs:
            index = car[run]
            rows = row[bounds[run] : bounds[run + 1]]
            takes = coefficient[bounds[run] : bounds[run + 1]]
            rooms = [left[one] / take for one, take in zip(rows, takes, strict=True)]
            room = min(rooms)
            if room >= wants[index] - ROOM_A:
                room = wants[index]
            else:
                self._bottlenecks[index] = rows[rooms.index(room)]
                if not self._exact:
                    room = math.floor(room / steps[index] + STEP_SLIP) * steps[index]
            for one, take in zip(rows, takes, strict=True):
                left[one] = max(0.0, left[one] - take * room)
            self._currents[index] += room

    def currents(self) -> dict[EvseKey, float]:
        """Return what each who wants current and can have some may have."""
        values: list[float] = self._currents.tolist()
        shares = {session.evse: value for session, value in zip(self._cars.sessions, values, strict=True)}
        return shares | dict.fromkeys(self._refused, 0.0)

    def grants(self) -> dict[EvseKey, Grant]:
        """Return the same with reasons; currents are the nearest decimals of whole steps."""
        cars = self._cars
        full = self._currents > cars.ceilings - cars.steps / 2
        codes = np.where(full, np.where(cars.satisfied, -1, -2), self._bottlenecks)
        reasons = {code: self._full(code) for code in set[int](codes.tolist())}
        limits: list[float] = np.round(self._currents, 9).tolist()
        # Many are the same, and looking one up is cheaper than making it.
        pairs = list(zip(limits, codes.tolist(), strict=True))
        made = {pair: Grant(pair[0], reasons[pair[1]]) for pair in set(pairs)}
        found = {session.evse: made[pair] for session, pair in zip(cars.sessions, pairs, strict=True)}
        found.update(zip(self._refused, self._waiting(), strict=True))
        return found

    def _full(self, code: int) -> Reason:
        """Return the reason for a row that is full; -1: the car has all it wants, -2: all it may."""
        if code < 0:
            return _DEMAND_MET if code == -1 else _MAXIMUM
        node, column = divmod(code, COLUMNS)
        node_id = self._topology.order[node].id
        if column == POWER:
            return Reason(ReasonKind.POWER, node=node_id)
        return Reason(ReasonKind.NODE, node=node_id, phase=column)

    def _waiting(self) -> Iterator[Grant]:
        """Yield the grants of the refused."""
        rows: list[int] = self._refusals.rows.tolist()
        until_s: list[float] = self._refusals.until_s.tolist()
        full = {row: self._full(row) for row in set(rows) if row >= 0}
        for row, in_turn, end_s in zip(rows, self._refusals.in_turn.tolist(), until_s, strict=True):
            end = None if math.isnan(end_s) else end_s
            if row == GROUP:
                yield Grant(0.0, Reason(ReasonKind.EXCLUSIVE, until_s=end))
            elif row == RESTS:
                yield Grant(0.0, Reason(ReasonKind.WAITING, until_s=end, source="rest"))
            elif in_turn:
                yield Grant(0.0, Reason(ReasonKind.WAITING, full[row].node, full[row].phase, end))
            else:
                yield Grant(0.0, full[row])
