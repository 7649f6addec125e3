"""A current over time on the site's three phases: straight lines between points, jumps where two share a moment."""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from dataclasses import dataclass, field

Amperes = tuple[float, float, float]
"""On the site's L1, L2, L3."""

NO_AMPERES: Amperes = (0.0, 0.0, 0.0)

_SAME_A = 1e-12


def on_site(current_a: float, phases: int, rotation: tuple[int, ...]) -> Amperes:
    """Return what a car that draws on its first `phases` phases does to the site's.

    `rotation[i]` is the site's phase (0 to 2) on the charger's phase i.
    """
    drawn = [0.0, 0.0, 0.0]
    for site_phase in rotation[:phases]:
        drawn[site_phase] += current_a
    return drawn[0], drawn[1], drawn[2]


@dataclass(slots=True)
class Draws:
    """What was drawn, from the first point on; before it nothing, after the last what that says."""

    points: list[tuple[float, Amperes]] = field(default_factory=list[tuple[float, Amperes]])
    keep: bool = True
    """False: only the last point is kept, for fleets of thousands."""

    def add(self, at_s: float, current_a: Amperes) -> None:
        """Go in a straight line to `current_a` at `at_s`, or jump there if the last point is of that moment."""
        points = self.points
        if not self.keep:
            points[:] = [(at_s, current_a)]
            return
        if len(points) > 1:
            if points[-1][0] == points[-2][0] == at_s:
                points.pop()  # only the first and the last of several jumps at one moment matter
            elif points[-1][1] == points[-2][1] == current_a:
                points.pop()  # a point within a level stretch says nothing
        if not points or points[-1] != (at_s, current_a):
            points.append((at_s, current_a))

    def add_stretch(self, from_s: float, from_a: Amperes, to_s: float, to_a: Amperes) -> None:
        """Jump to `from_a` where it differs, then go to `to_a`."""
        self.add(from_s, from_a)
        self.add(to_s, to_a)

    @property
    def now_a(self) -> Amperes:
        """Return the last current."""
        return self.points[-1][1] if self.points else NO_AMPERES

    def at(self, at_s: float) -> Amperes:
        """Return the current at a moment; at a jump, that after it."""
        index = bisect.bisect_right(self.points, at_s, key=lambda point: point[0])
        if index == 0:
            return NO_AMPERES
        if index == len(self.points):
            return self.points[-1][1]
        (from_s, from_a), (to_s, to_a) = self.points[index - 1], self.points[index]
        share = (at_s - from_s) / (to_s - from_s)
        first, second, third = (a + (b - a) * share for a, b in zip(from_a, to_a, strict=True))
        return first, second, third

    def ampere_seconds(self) -> Amperes:
        """Return the integral over all points, phase by phase."""
        sums = [0.0, 0.0, 0.0]
        for from_s, from_a, to_s, to_a in self._lines():
            for phase in range(3):
                sums[phase] += (from_a[phase] + to_a[phase]) / 2 * (to_s - from_s)
        return sums[0], sums[1], sums[2]

    def _lines(self) -> Iterator[tuple[float, Amperes, float, Amperes]]:
        for (from_s, from_a), (to_s, to_a) in zip(self.points, self.points[1:], strict=False):
            if to_s > from_s:
                yield from_s, from_a, to_s, to_a
