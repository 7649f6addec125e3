"""A site as physics sees it: the true currents through its circuits against their limits, whatever a server believes."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from simulators.draws import Amperes, Draws
from simulators.meter import Series, total

Floats = NDArray[np.float64]

TOLERANCE_A = 1e-6
"""Less above a limit is the rounding of sums."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteNode:
    """A circuit."""

    id: str
    parent: str | None
    limit_a: Series
    """Its breaker's rating, or the caps that were in force; stepped."""
    base: Series | None = None
    """Others' load that hangs on it directly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overload:
    """How one circuit fared on one phase."""

    node: str
    phase: int
    """0 to 2."""
    ampere_s: float
    """The area of the current above the limit."""
    caused_ampere_s: float
    """What of it lay outside the reaction time after a step of the base load or of the limit."""
    overloaded_s: float
    peak_a: float
    """The highest current, above the limit or not."""
    peak_at_s: float
    peak_limit_a: float
    """The limit at that moment."""
    worst_over_a: float
    """The furthest above the limit that it ever was; 0: never."""


@dataclass(slots=True)
class SimulatedSite:
    """A forest of circuits and the chargers on them."""

    nodes: Sequence[SiteNode]
    chargers: list[tuple[str, Draws]] = field(default_factory=list[tuple[str, Draws]])
    """Each EVSE's draws, with the circuit that it hangs on."""

    def __post_init__(self) -> None:
        """Refuse circuits that hang on nothing."""
        known = {node.id for node in self.nodes}
        lost = [node.id for node in self.nodes if node.parent is not None and node.parent not in known]
        if lost or len(known) != len(self.nodes):
            raise ValueError(f"circuits without their parent: {lost}" if lost else "two circuits have one id")

    def attach(self, node: str, draws: Draws) -> None:
        """Hang an EVSE on a circuit."""
        if not any(one.id == node for one in self.nodes):
            raise ValueError(f"there is no circuit {node!r}")
        self.chargers.append((node, draws))

    def below(self, node: str) -> set[str]:
        """Return the circuit and all below it."""
        found = {node}
        while more := {one.id for one in self.nodes if one.parent in found} - found:
            found |= more
        return found

    def current_a(self, node: str, at_s: float, *, chargers: bool = True) -> Amperes:
        """Return what flows through a circuit (without the chargers: only the others' load)."""
        below = self.below(node)
        others = [one.base.at(at_s) for one in self.nodes if one.id in below and one.base]
        own = [draws.at(at_s) for place, draws in self.chargers if place in below and chargers]
        return total((0.0, 0.0, 0.0), [*others, *own])

    def overloads(self, from_s: float, to_s: float, *, reaction_s: float = 0.0) -> list[Overload]:
        """Return each circuit's account on each phase between two moments, exactly for straight lines and jumps.

        The chargers must have been advanced to `to_s`; raises `ValueError` where it is not after `from_s`.
        """
        if not to_s > from_s:
            raise ValueError(f"there is no time between {from_s} and {to_s}")
        flows: dict[str, _Flow] = {}
        accounts: list[Overload] = []
        for node in self._leaves_first():
            parts = [flows[one.id] for one in self.nodes if one.parent == node.id]
            parts += [_flow(draws) for place, draws in self.chargers if place == node.id]
            if node.base is not None:
                parts.append(_flow(node.base.draws(from_s, to_s)))
            causes_s = self._causes(node, from_s, to_s)
            limits_s = [at_s for at_s, _ in node.limit_a.steps(from_s, to_s)]
            ends_s = [at_s + reaction_s for phase_s in causes_s for at_s in phase_s]
            edges_s = [from_s, to_s, *limits_s, *itertools.chain(*causes_s), *ends_s]
            flow = flows[node.id] = _sum(parts, _grid(parts, edges_s, from_s, to_s))
            accounts += _accounts(node, flow, causes_s, reaction_s)
        return accounts

    def _causes(self, node: SiteNode, from_s: float, to_s: float) -> list[list[float]]:
        """Return, for each phase, when others' load below the circuit jumped up or its limit down."""
        below = self.below(node.id)
        bases = [one.base for one in self.nodes if one.id in below and one.base is not None]
        ups = [step for base in bases for step in base.steps(from_s, to_s)]
        downs = node.limit_a.steps(from_s, to_s)
        return [
            sorted(
                {at_s for at_s, by_a in ups if by_a[phase] > 0}
                | {at_s for at_s, by_a in downs if by_a[phase] < 0}
            )
            for phase in range(3)
        ]

    def _leaves_first(self) -> list[SiteNode]:
        by_id = {node.id: node for node in self.nodes}

        def depth(node: SiteNode) -> int:
            return 0 if node.parent is None else 1 + depth(by_id[node.parent])

        return sorted(self.nodes, key=lambda node: (-depth(node), node.id))


@dataclass(frozen=True, slots=True)
class _Flow:
    """Currents at moments that ascend: just before each, and from each on."""

    times_s: Floats
    before_a: Floats
    """Shape (moments, 3)."""
    after_a: Floats

    def on(self, grid_s: Floats) -> tuple[Floats, Floats]:
        """Return the currents just before and from each moment of a grid."""
        if not self.times_s.size:
            nothing = np.zeros((grid_s.size, 3))
            return nothing, nothing
        index = np.searchsorted(self.times_s, grid_s, side="right") - 1
        here = np.clip(index, 0, None)
        there = np.minimum(here + 1, self.times_s.size - 1)
        span_s = self.times_s[there] - self.times_s[here]
        gone_s = grid_s - self.times_s[here]
        share = np.divide(gone_s, span_s, out=np.zeros_like(gone_s), where=span_s > 0)[:, None]
        last = (there == here)[:, None]
        between = np.where(
            last, self.after_a[here], self.after_a[here] * (1 - share) + self.before_a[there] * share
        )
        early, exact = (index < 0)[:, None], (gone_s == 0)[:, None]
        before = np.where(early, 0.0, np.where(exact, self.before_a[here], between))
        return before, np.where(early, 0.0, between)


def _flow(draws: Draws) -> _Flow:
    points = draws.points
    times_s = np.array([at_s for at_s, _ in points], dtype=np.float64)
    currents_a = np.array([current_a for _, current_a in points], dtype=np.float64).reshape(-1, 3)
    if not times_s.size:
        return _Flow(times_s, currents_a, currents_a)
    moments, first = np.unique(times_s, return_index=True)
    last = np.append(first[1:], times_s.size) - 1
    before_a = currents_a[first]
    before_a[0] = 0.0  # nothing was drawn before the first point
    return _Flow(moments, before_a, currents_a[last])


def _grid(parts: Sequence[_Flow], edges_s: Sequence[float], from_s: float, to_s: float) -> Floats:
    every_s = np.unique(
        np.concatenate([np.asarray(edges_s, dtype=np.float64), *(part.times_s for part in parts)])
    )
    return every_s[(every_s >= from_s) & (every_s <= to_s)]


def _sum(parts: Sequence[_Flow], grid_s: Floats) -> _Flow:
    before, after = np.zeros((grid_s.size, 3)), np.zeros((grid_s.size, 3))
    for part in parts:
        part_before, part_after = part.on(grid_s)
        before += part_before
        after += part_after
    return _Flow(grid_s, before, after)


def _accounts(node: SiteNode, flow: _Flow, causes_s: list[list[float]], reaction_s: float) -> list[Overload]:
    times_s = flow.times_s
    limits_a = np.array([node.limit_a.at(at_s) for at_s in times_s[:-1].tolist()]).reshape(-1, 3)
    accounts: list[Overload] = []
    for phase in range(3):
        starts_a, ends_a, limit_a = flow.after_a[:-1, phase], flow.before_a[1:, phase], limits_a[:, phase]
        area, above_s = _above(starts_a - limit_a, ends_a - limit_a, np.diff(times_s))
        excused = _within(times_s[:-1], np.asarray(causes_s[phase], dtype=np.float64), reaction_s)
        highest_a = np.maximum(starts_a, ends_a)
        top = int(np.argmax(highest_a))
        over_a = float(np.max(highest_a - limit_a))
        accounts.append(
            Overload(
                node=node.id,
                phase=phase,
                ampere_s=float(area.sum()),
                caused_ampere_s=float(area[~excused].sum()),
                overloaded_s=float(above_s.sum()),
                peak_a=float(highest_a[top]),
                peak_at_s=float(times_s[top] if starts_a[top] >= ends_a[top] else times_s[top + 1]),
                peak_limit_a=float(limit_a[top]),
                worst_over_a=over_a if over_a > TOLERANCE_A else 0.0,
            )
        )
    return accounts


def _within(starts_s: Floats, causes_s: Floats, reaction_s: float) -> NDArray[np.bool_]:
    """Return which stretches begin less than `reaction_s` after a cause; a grid has an edge where that ends."""
    if not causes_s.size:
        return np.zeros(starts_s.size, dtype=np.bool_)
    index = np.searchsorted(causes_s, starts_s, side="right") - 1
    since_s = starts_s - causes_s[np.clip(index, 0, None)]
    return (index >= 0) & (since_s < reaction_s)


def _above(starts_a: Floats, ends_a: Floats, lengths_s: Floats) -> tuple[Floats, Floats]:
    """Return the area and the time above 0 of straight lines, each from one value to another."""
    high_a, low_a = np.maximum(starts_a, ends_a), np.minimum(starts_a, ends_a)
    crosses = (high_a > TOLERANCE_A) & (low_a < 0)
    rise_a = np.where(crosses, high_a - low_a, 1.0)
    share = np.where(crosses, high_a / rise_a, np.where(high_a > TOLERANCE_A, 1.0, 0.0))
    above_s = share * lengths_s
    mean_a = np.where(crosses, high_a / 2, (high_a + low_a) / 2)
    return np.where(high_a > TOLERANCE_A, mean_a * above_s, 0.0), above_s
