"""Sharing rows among cars, as arithmetic on arrays: exact max-min filling, taking in order, rounding leftovers.

A row is anything that has an end: a node's phase, a node's power. Cars take part in rows with coefficients
above 0. Nothing here knows what a row or a car is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

ROOM_A = 1e-9
"""Sums of decimals may be off by this much; it is no current."""
_SAME = 1e-11
"""Relative: levels that differ by less are the same."""
_FLAT = 1e-12
"""A slope below this is rounding; real ones are weights."""
_RADIX = 1 << 16
"""Numpy sorts 16-bit integers in linear time."""


@dataclass(slots=True)
class Entries:
    """Which car takes part in which row; sorted by car, and for each car in the order in which rows are blamed."""

    car: Indices
    row: Indices
    coefficient: Floats

    def only(self, keep: Flags) -> Entries:
        """Return those that `keep` says."""
        kept = keep.nonzero()[0]
        return Entries(self.car[kept], self.row[kept], self.coefficient[kept])

    def sums(self, currents: Floats, rows: int) -> Floats:
        """Return what `currents`, one for each car, take of each of `rows` rows."""
        # The stubs know only sums of ones.
        sums = np.bincount(self.row, weights=self.coefficient * currents[self.car], minlength=rows)
        return cast("Floats", sums)


def fill(
    entries: Entries, slack: Floats, weights: Floats, floors: Floats, ceilings: Floats
) -> tuple[Floats, Indices]:
    """Return the currents between `floors` and `ceilings` that are the weighted max-min, and each car's bottleneck.

    The lexicographically greatest sorted current/weight with Σ coefficient · (current - floor) ≤ `slack` (≥ 0) in
    each row; exact but for rounding. A bottleneck is the first row, in the order of the car's entries, that keeps
    the car from more; -1: its ceiling does. `slack` is reduced by what is given out.

    All rows at once: for each row the level t at which clip(t · weight, floor, ceiling) of its cars saturates it,
    from the sorted breakpoints of that piecewise linear function. A row whose cars would all have no less in every
    other row of theirs is a bottleneck for good: its cars are fixed, and the rest goes on without them. (Bertsekas
    and Gallager, Data Networks, 6.5.2, fix only the least of all rows in each round.)
    """
    starts, ends = floors / weights, ceilings / weights
    currents = ceilings.copy()
    bottlenecks = np.full(len(weights), -1, dtype=np.int64)
    entries = entries.only((ends > starts)[entries.car])
    points = _Breakpoints.of(entries, starts, ends, weights, len(slack))
    while entries.car.size:
        firsts, car_of_entry = segments(entries.car)
        cars = entries.car[firsts]
        least, most = starts[cars], ends[cars]
        level_of_row = points.saturate(slack)
        level_of_entry = level_of_row[entries.row]
        levels = np.minimum.reduceat(level_of_entry, firsts)
        sated = levels >= most
        levels = np.minimum(np.maximum(levels, least), most)
        here = np.minimum(np.maximum(level_of_entry, least[car_of_entry]), most[car_of_entry])
        shaky = np.isinf(level_of_row)
        shaky[entries.row[here > levels[car_of_entry] * (1 + _SAME) + _SAME]] = True
        firm = ~shaky[entries.row]
        blamed = np.full(len(cars), -1, dtype=np.int64)
        # Backwards: of several bottlenecks the first entry's is kept.
        blamed[car_of_entry[firm][::-1]] = entries.row[firm][::-1]
        blamed[sated] = -1
        bottlenecks[cars] = blamed
        fixed = sated.copy()
        fixed[car_of_entry[firm]] = True
        bounded = cars[blamed >= 0]
        currents[bounded] = np.maximum((levels * weights[cars])[blamed >= 0], floors[bounded])
        gone = fixed[car_of_entry]
        slack -= entries.only(gone).sums(currents - floors, len(slack))
        np.maximum(slack, 0.0, out=slack)
        entries = entries.only(~gone)
        points = points.without(cars[fixed], len(weights))
    return currents, bottlenecks


def segments(sorted_indices: Indices) -> tuple[Indices, Indices]:
    """Return where each run of equal indices begins, and for each element the number of its run."""
    differs = np.empty(len(sorted_indices), dtype=bool)
    differs[:1] = True
    np.not_equal(sorted_indices[1:], sorted_indices[:-1], out=differs[1:])
    return differs.nonzero()[0], differs.cumsum() - 1


def _order_by(row: Indices, rows: int, rank: Indices, ranks: int) -> Indices:
    """Return the order by row and, inside each, by rank; `rows` and `ranks` are more than the greatest of each."""
    order = rank.astype(np.uint16 if ranks <= _RADIX else np.int64).argsort(kind="stable")
    return order[row.astype(np.uint16 if rows <= _RADIX else np.int64)[order].argsort(kind="stable")]


@dataclass(slots=True)
class _Breakpoints:
    """Where cars begin and cease to rise, sorted by row and level; the slope is what changes there."""

    row: Indices
    car: Indices
    level: Floats
    slope: Floats

    @classmethod
    def of(cls, entries: Entries, starts: Floats, ends: Floats, weights: Floats, rows: int) -> _Breakpoints:
        levels = np.concatenate((starts, ends))
        ranks = np.empty(len(levels), dtype=np.int64)
        ranks[levels.argsort(kind="stable")] = np.arange(len(levels))
        point = np.concatenate((entries.car, entries.car + len(starts)))
        row = np.concatenate((entries.row, entries.row))
        order = _order_by(row, rows, ranks[point], len(levels))
        rise = entries.coefficient * weights[entries.car]
        return cls(
            row=row[order],
            car=np.concatenate((entries.car, entries.car))[order],
            level=levels[point[order]],
            slope=np.concatenate((rise, -rise))[order],
        )

    def without(self, cars: Indices, count: int) -> _Breakpoints:
        keep = np.ones(count, dtype=bool)
        keep[cars] = False
        kept = keep[self.car].nonzero()[0]
        return _Breakpoints(self.row[kept], self.car[kept], self.level[kept], self.slope[kept])

    def saturate(self, slack: Floats) -> Floats:
        """Return for each row the level at which its cars use up its `slack`; `inf` if they never do."""
        firsts, segment = segments(self.row)
        products = self.slope * self.level
        slopes, offsets = self.slope.cumsum(), products.cumsum()
        slopes -= (slopes[firsts] - self.slope[firsts])[segment]
        offsets -= (offsets[firsts] - products[firsts])[segment]
        used = slopes * self.level - offsets
        over = np.arange(len(self.row))
        over[used <= slack[self.row]] = len(self.row)
        first_over = np.minimum.reduceat(over, firsts)
        found = first_over < len(self.row)
        firsts, first_over = firsts[found], first_over[found]
        before = np.maximum(first_over - 1, firsts)
        rows = self.row[firsts]
        rise = np.maximum(slack[rows] - used[before], 0.0) / np.maximum(slopes[before], _FLAT)
        levels = np.full(len(slack), np.inf)
        levels[rows] = np.minimum(self.level[before] + rise, self.level[first_over])
        return levels


def take_in_order(entries: Entries, needs: Floats, slack: Floats, ranks: Indices) -> Flags:
    """Return which cars are taken when they come in the order of `ranks` and each is taken that still fits.

    `needs` is what each entry's car takes of its row; `slack` is reduced by what is taken. The same as one after
    the other, but in rounds: who fits even if all before it were taken is taken, who doesn't fit alone is
    refused, and the rest is looked at again. Cars without entries are not taken.
    """
    count = len(ranks)
    taken = np.zeros(count, dtype=bool)
    order = _order_by(entries.row, len(slack), ranks[entries.car], count)
    car, row, need = entries.car[order], entries.row[order], needs[order]
    while car.size:
        firsts, segment = segments(row)
        running = need.cumsum()
        running -= (running[firsts] - need[firsts])[segment]
        room = slack[row] + ROOM_A
        late = np.zeros(count, dtype=bool)
        late[car[running > room]] = True
        refused = np.zeros(count, dtype=bool)
        refused[car[need > room]] = True
        chosen = ~late[car]
        taken[car[chosen]] = True
        slack -= np.bincount(row[chosen], weights=need[chosen], minlength=len(slack))
        again = (late & ~refused)[car]
        car, row, need = car[again], row[again], need[again]
    return taken


def hand_out(entries: Entries, slack: Floats, steps: Floats, room: Indices, ranks: Indices) -> Indices:
    """Return how many steps more each car gets so that none can be given another; at most `room` each.

    One step each in the order of `ranks`, as far as rows allow, and again; `slack` is reduced. Cars without
    entries get none.
    """
    given = np.zeros_like(room)
    needs = entries.coefficient * steps[entries.car]
    bounded = np.zeros(len(room), dtype=bool)
    bounded[entries.car] = True
    first = True
    while True:
        can = bounded & (given < room)
        can[entries.car[needs > slack[entries.row] + ROOM_A]] = False
        here = can[entries.car]
        asking, asked = entries.only(here), needs[here]
        if not asking.car.size:
            return given
        units = np.ones_like(room)
        if not first:
            # Steps differ: what a coarse one left may be many fine ones.
            in_row = np.bincount(asking.row, weights=asked, minlength=len(slack))
            shares = np.maximum(slack[asking.row] // in_row[asking.row], 1.0)
            firsts, _ = segments(asking.car)
            cars = asking.car[firsts]
            units[cars] = np.minimum(np.minimum.reduceat(shares, firsts), (room - given)[cars])
        taken = take_in_order(asking, asked * units[asking.car], slack, ranks)
        given[taken] += units[taken]
        first = False
