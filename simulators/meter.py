"""Meters: an energy meter inside a charger, and the site's own meter over base load and chargers."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from simulators.draws import NO_AMPERES, Amperes, Draws

_WH = 3600.0
"""Joules."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a charger's meter shows at a moment, on the charger's own phases."""

    at_s: float
    energy_wh: int
    """The register: it survives sessions and boots and never falls."""
    power_w: float
    current_a: tuple[float, ...]
    voltage_v: tuple[float, ...]
    soc: float | None = None
    offered_a: float = 0.0


@dataclass(slots=True)
class EnergyMeter:
    """A meter with a register of whole watt hours; what is below one is kept, only not shown."""

    phases: int
    voltage_v: float = 230.0
    start_wh: int = 0
    """What the register showed when the meter was built in."""
    energy_j: float = 0.0
    current_a: tuple[float, ...] = ()
    _lost_j: float = 0.0
    """What adding small amounts to a large sum has rounded away (Kahan)."""

    @property
    def register_wh(self) -> int:
        """Return what the register shows."""
        return self.start_wh + int(self.energy_j // _WH)

    @property
    def energy_wh(self) -> float:
        """Return all energy since it was built in, without rounding."""
        return self.energy_j / _WH

    def add(self, energy_j: float) -> None:
        """Count energy that has flowed; never negative."""
        due_j = energy_j - self._lost_j
        total_j = self.energy_j + due_j
        self._lost_j = (total_j - self.energy_j) - due_j
        self.energy_j = total_j

    def show(self, current_a: float, phases: int) -> None:
        """Measure a current on the first `phases` phases."""
        self.current_a = tuple(current_a if phase < phases else 0.0 for phase in range(self.phases))

    def read(self, at_s: float, *, soc: float | None = None, offered_a: float = 0.0) -> Reading:
        """Return all that it shows."""
        current_a = self.current_a or (0.0,) * self.phases
        return Reading(
            at_s=at_s,
            energy_wh=self.register_wh,
            power_w=sum(current_a) * self.voltage_v,
            current_a=current_a,
            voltage_v=(self.voltage_v,) * self.phases,
            soc=soc,
            offered_a=offered_a,
        )


@dataclass(frozen=True, slots=True)
class Series:
    """Three currents over time, given at moments that ascend; before the first and after the last they are level."""

    times_s: Sequence[float]
    currents_a: Sequence[Amperes]
    stepped: bool = True
    """Each holds until the next; False: straight lines between them."""
    every_s: float | None = None
    """It begins anew so often (counted from its first moment); None: never."""

    @classmethod
    def level(cls, current_a: Amperes) -> Series:
        """Return a series that never changes."""
        return cls((0.0,), (current_a,))

    def at(self, at_s: float) -> Amperes:
        """Return the currents at a moment."""
        if not self.times_s:
            return NO_AMPERES
        if self.every_s is not None:
            at_s = self.times_s[0] + (at_s - self.times_s[0]) % self.every_s
        index = bisect.bisect_right(self.times_s, at_s) - 1
        if index < 0:
            return self.currents_a[0]
        if self.stepped or index + 1 == len(self.times_s):
            return self.currents_a[index]
        share = (at_s - self.times_s[index]) / (self.times_s[index + 1] - self.times_s[index])
        before, after = self.currents_a[index], self.currents_a[index + 1]
        first, second, third = (a + (b - a) * share for a, b in zip(before, after, strict=True))
        return first, second, third

    def draws(self, from_s: float, to_s: float) -> Draws:
        """Return it as lines and jumps between two moments."""
        draws = Draws()
        draws.add(from_s, self.at(from_s))
        for at_s, after in self._points(from_s, to_s):
            if self.stepped:
                draws.add(at_s, draws.now_a)
            draws.add(at_s, after)
        draws.add(to_s, draws.now_a if self.stepped else self.at(to_s))
        return draws

    def steps(self, from_s: float, to_s: float) -> list[tuple[float, Amperes]]:
        """Return the moments within at which it jumps, and by how much; none where it goes in straight lines."""
        if not self.stepped:
            return []
        steps: list[tuple[float, Amperes]] = []
        before = self.at(from_s)
        for at_s, after in self._points(from_s, to_s):
            first, second, third = (b - a for a, b in zip(before, after, strict=True))
            steps.append((at_s, (first, second, third)))
            before = after
        return steps

    def _points(self, from_s: float, to_s: float) -> list[tuple[float, Amperes]]:
        if self.every_s is None:
            shifts = [0.0]
        else:
            first = int((from_s - self.times_s[0]) // self.every_s)
            last = int((to_s - self.times_s[0]) // self.every_s)
            shifts = [turn * self.every_s for turn in range(first, last + 1)]
        points = list(zip(self.times_s, self.currents_a, strict=True))
        if self.every_s is not None and not self.stepped:
            points.append((self.times_s[0] + self.every_s, self.currents_a[-1]))
        return [
            (at_s + shift_s, current_a)
            for shift_s in shifts
            for at_s, current_a in points
            if from_s < at_s + shift_s < to_s
        ]


@dataclass(slots=True)
class SiteMeter:
    """A meter on a circuit: what everything below it draws, truly."""

    base: Series
    """The loads of others below it."""
    chargers: list[Draws] = field(default_factory=list[Draws])
    """The draws of the chargers below it, as they go on being recorded."""
    counts_chargers: bool = True
    """False: it measures the other loads alone."""

    def read(self, at_s: float) -> Amperes:
        """Return the currents at `at_s`, up to which the chargers must have been advanced."""
        own = (draws.at(at_s) for draws in self.chargers) if self.counts_chargers else ()
        return total(self.base.at(at_s), own)


def total(first: Amperes, others: Iterable[Amperes]) -> Amperes:
    """Return the sum, phase by phase."""
    one, two, three = first
    for other in others:
        one, two, three = one + other[0], two + other[1], three + other[2]
    return one, two, three
