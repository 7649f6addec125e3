"""Judges a site by physics: every recorded ampere against the limits in force, but for what was excused beforehand.

An excuse says which circuits a cause reaches, for how long at most, and by how many amperes: the server's doing is
whatever goes beyond it. Nothing is sampled: between two recorded points the currents are straight lines.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from simulators.draws import Amperes
from simulators.meter import Series, total
from simulators.site import TOLERANCE_A, SimulatedSite, SiteNode


class Level:
    """Three currents that step from one level to the next as a test goes on."""

    def __init__(self, at_s: float, current_a: Amperes) -> None:
        self._times_s = [at_s]
        self._currents_a = [current_a]
        self.series = Series(self._times_s, self._currents_a)

    @property
    def now_a(self) -> Amperes:
        """The newest level."""
        return self._currents_a[-1]

    def step(self, at_s: float, current_a: Amperes) -> Amperes:
        """Go to a level at a moment after all others, and return by how much that is up, phase by phase."""
        assert at_s > self._times_s[-1], "steps come one after the other"
        up_a = differences(current_a, self.now_a)
        self._times_s.append(at_s)
        self._currents_a.append(current_a)
        return up_a


@dataclass(frozen=True, slots=True)
class Excuse:
    """Why some circuits may carry more for a while, and how much more."""

    why: str
    nodes: frozenset[str]
    from_s: float
    until_s: float
    by_a: Amperes


class Breach(NamedTuple):
    """A circuit that carried more than it may."""

    node: str
    phase: int
    from_s: float
    until_s: float
    over_a: float
    """The most by which it was above the limit, between the two moments."""
    allowed_a: float
    """What of it was excused."""
    ampere_s: float

    def __str__(self) -> str:
        span = f"{self.from_s:.1f} … {self.until_s:.1f}"
        return (
            f"{self.node} L{self.phase + 1}: {self.over_a:.2f} A above its limit ({self.allowed_a:.2f} A excused), "
            f"{self.ampere_s:.1f} As within {span}"
        )


@dataclass(slots=True)
class Witness:
    """Knows a site's true currents and limits, and what is excused."""

    site: SimulatedSite
    excuses: list[Excuse] = field(default_factory=list[Excuse])

    def excuse(self, why: str, node: str, from_s: float, for_s: float, by_a: Amperes) -> None:
        """Let a circuit and all above it carry more for a while: the cause hangs on `node`."""
        nodes = frozenset(self._above(node))
        self.excuses.append(Excuse(why, nodes, from_s, from_s + for_s, upward(by_a)))

    def excuse_alone(self, why: str, node: str, from_s: float, for_s: float, by_a: Amperes) -> None:
        """Let one circuit carry more for a while: its limit fell."""
        self.excuses.append(Excuse(why, frozenset({node}), from_s, from_s + for_s, upward(by_a)))

    def breaches(self, from_s: float, to_s: float) -> list[Breach]:
        """Return each circuit that carried more than its limit and what is excused, in each stretch of time.

        All chargers must have been advanced to `to_s`.
        """
        return list(self._breaches(from_s, to_s))

    def _breaches(self, from_s: float, to_s: float) -> Iterator[Breach]:
        edges_s = {edge_s for one in self.excuses for edge_s in (one.from_s, one.until_s)}
        cuts_s = sorted({from_s, to_s, *(edge_s for edge_s in edges_s if from_s < edge_s < to_s)})
        for start_s, end_s in pairwise(cuts_s):
            for account in self.site.overloads(start_s, end_s):
                allowed_a = self._allowed_a(account.node, account.phase, start_s, end_s)
                if account.worst_over_a > allowed_a + TOLERANCE_A:
                    yield Breach(
                        account.node,
                        account.phase,
                        start_s,
                        end_s,
                        account.worst_over_a,
                        allowed_a,
                        account.ampere_s,
                    )

    def _allowed_a(self, node: str, phase: int, from_s: float, to_s: float) -> float:
        return sum(
            one.by_a[phase]
            for one in self.excuses
            if node in one.nodes and one.from_s <= from_s and to_s <= one.until_s
        )

    def _above(self, node: str) -> Iterator[str]:
        parents = {one.id: one.parent for one in self.site.nodes}
        here: str | None = node
        while here is not None:
            yield here
            here = parents[here]


def circuit(node: str, parent: str | None, limit: Level, base: Level) -> SiteNode:
    """Return a circuit whose limit and whose others' load a test steps."""
    return SiteNode(id=node, parent=parent, limit_a=limit.series, base=base.series)


def differences(first: Amperes, second: Amperes) -> Amperes:
    """Return first less second, phase by phase."""
    return total(first, [(-second[0], -second[1], -second[2])])


def upward(current_a: Amperes) -> Amperes:
    """Return what of the currents is above 0."""
    one_a, two_a, three_a = current_a
    return max(one_a, 0.0), max(two_a, 0.0), max(three_a, 0.0)
