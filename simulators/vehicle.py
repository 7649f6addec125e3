"""A car at a plug: how much current it takes of what it is offered, as stretches of constant or ramping current.

Above the knee the battery takes less and less. The taper is a staircase below the straight line from the knee
to full, so that each stretch is a constant or a ramp and its energy is exact.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

_SAME_A = 1e-9
_SAME_WH = 1e-9
_WH = 3600.0
"""Joules."""


class Stretch(NamedTuple):
    """A current that is constant or a ramp: per phase, on the first `phases` of the car."""

    from_s: float
    to_s: float
    from_a: float
    to_a: float
    phases: int

    def energy_j(self, voltage_v: float) -> float:
        """Return the energy that it takes at unit power factor, in joules."""
        return (self.from_a + self.to_a) / 2 * (self.to_s - self.from_s) * voltage_v * self.phases


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleSpec:
    """A kind of car. Times of its habits count from the moment it is plugged in."""

    pack_wh: float = 60_000.0
    phases: int = 3
    max_a: float = 16.0
    min_a: float = 6.0
    """Below it the car draws nothing (IEC 61851-1)."""
    wants_wh: float = math.inf
    """What it takes from the grid before it has enough; `inf`: until it is full."""
    efficiency: float = 1.0
    """Energy in the battery over energy from the grid."""
    knee_soc: float = 0.8
    """From here on it takes less."""
    taper_step_a: float = 1.0
    reaction_s: float = 0.0
    """From a change of the offer to the beginning of its own (IEC 61851-1 allows 5 s)."""
    ramp_a_per_s: float = math.inf
    """In both directions."""
    phase_changes: tuple[tuple[float, int], ...] = ()
    """When it goes over to how many phases, in mid-session."""
    pauses: tuple[tuple[float, float], ...] = ()
    """From when to when it takes nothing by its own will."""
    sleeps_after_s: float = math.inf
    """After so long a pause of the offer it sleeps …"""
    wakes_at_offer: int | None = 2
    """… until it is offered current anew for so many times: 1 is no sleep at all, None is for good."""

    @property
    def settles_s(self) -> float:
        """Return how long after a change of the offer it may still draw the old current at worst."""
        return self.reaction_s + (self.max_a / self.ramp_a_per_s)


class Vehicle:
    """One car, plugged in; time only goes forward, by `run`."""

    def __init__(self, spec: VehicleSpec, *, soc: float = 0.5) -> None:
        """Make a car with its battery filled to `soc` (0 to 1)."""
        self.spec = spec
        self.taken_wh = 0.0
        """From the grid, since it was plugged in."""
        self.current_a = 0.0
        self._soc_at_plug = soc
        self._now_s = 0.0
        self._plugged_s = 0.0
        self._wired = spec.phases
        self._voltage_v = 230.0
        self._offered_a = 0.0
        self._follows_a = 0.0
        """The offer that it follows by now."""
        self._heeds: list[tuple[float, float]] = []
        """Offers that it will follow, and from when."""
        self._unoffered_since_s = 0.0
        self._asleep = False
        self._offers_since_asleep = 0

    def plug(self, now_s: float, *, wired_phases: int, voltage_v: float = 230.0) -> None:
        """Connect it to an EVSE of so many phases that offers nothing yet."""
        self._now_s = self._plugged_s = self._unoffered_since_s = now_s
        self._wired = wired_phases
        self._voltage_v = voltage_v
        self._soc_at_plug = self.soc
        self.taken_wh = 0.0
        self.current_a = self._offered_a = self._follows_a = 0.0
        self._heeds.clear()
        self._asleep = False

    def unplug(self) -> None:
        """Take the cable out: the current ends at once."""
        self.current_a = self._offered_a = self._follows_a = 0.0
        self._heeds.clear()

    @property
    def soc(self) -> float:
        """Return how full the battery is, 0 to 1."""
        return min(1.0, self._soc_at_plug + self.taken_wh * self.spec.efficiency / self.spec.pack_wh)

    @property
    def phases(self) -> int:
        """Return on how many phases it draws now (the first ones of its plug)."""
        since_s = self._now_s - self._plugged_s
        phases = self.spec.phases
        for at_s, changed in self.spec.phase_changes:
            if at_s <= since_s:
                phases = changed
        return min(phases, self._wired)

    @property
    def accepts_a(self) -> float:
        """Return what it would take per phase of an unlimited offer: 0 when it has enough, pauses or sleeps."""
        if self._asleep or self._pausing or self._missing_wh <= 0:
            return 0.0
        return self._acceptance_a()

    @property
    def satisfied(self) -> bool:
        """Return whether it has what it wants."""
        return self._missing_wh <= 0

    @property
    def asleep(self) -> bool:
        """Return whether it sleeps."""
        return self._asleep

    def wire(self, phases: int) -> None:
        """Let the EVSE connect so many phases from now on."""
        self._wired = phases

    def offer(self, current_a: float) -> None:
        """Change what the EVSE offers per phase, from now on; 0: nothing."""
        rises = self._offered_a < self.spec.min_a <= current_a
        if self._offered_a >= self.spec.min_a > current_a:
            self._unoffered_since_s = self._now_s
        if rises:
            self._wake_or_sleep_on()
        self._offered_a = current_a
        self._heeds.append((self._now_s + self.spec.reaction_s, current_a))
        self._settle()

    def cut(self) -> None:
        """Open the contactor: whatever it does, no current flows."""
        self.offer(0.0)
        self._heeds.clear()
        self._follows_a = self.current_a = 0.0

    def run(self, to_s: float) -> Iterator[Stretch]:
        """Let time pass until `to_s` and yield what it draws meanwhile, without gaps."""
        while self._now_s < to_s:
            target_a = self._settle()
            yield self._stretch(target_a, min(to_s, self._next_habit_s()))
        self._settle()

    def next_change_s(self) -> float:
        """Return when it does something by itself that its charger would notice; `inf`: never, as things are."""
        step_s = self._until_step_s(self.current_a, 0.0, self.phases)
        return max(min(self._next_habit_s(), self._now_s + step_s), math.nextafter(self._now_s, math.inf))

    # -- what it does -----------------------------------------------------------------------------------------------------

    @property
    def _missing_wh(self) -> float:
        room_wh = (1.0 - self._soc_at_plug) * self.spec.pack_wh / self.spec.efficiency
        missing_wh = min(self.spec.wants_wh, room_wh) - self.taken_wh
        return missing_wh if missing_wh > _SAME_WH else 0.0

    @property
    def _pausing(self) -> bool:
        since_s = self._now_s - self._plugged_s
        return any(from_s <= since_s < until_s for from_s, until_s in self.spec.pauses)

    def _acceptance_a(self) -> float:
        """Return the step of the staircase it stands on: never above the straight line behind the knee."""
        return self._step_a(self._steps_down())

    def _steps_down(self) -> int:
        span_soc = 1.0 - self.spec.knee_soc
        if span_soc <= 0 or self.soc < self.spec.knee_soc - 1e-12:
            return 0
        fallen_a = self.spec.max_a * (self.soc - self.spec.knee_soc) / span_soc
        return math.floor(fallen_a / self.spec.taper_step_a + 1e-9) + 1

    def _step_a(self, steps: int) -> float:
        if steps == 0:
            return self.spec.max_a
        # The last step before full still takes something, or the battery would never fill.
        return max(
            self.spec.max_a - steps * self.spec.taper_step_a, min(self.spec.taper_step_a, self.spec.max_a)
        )

    def _wh_to_next_step(self) -> float:
        """Return the energy from the grid until it takes less."""
        spec = self.spec
        span_soc = 1.0 - spec.knee_soc
        if span_soc <= 0:
            return math.inf
        soc = spec.knee_soc + self._steps_down() * spec.taper_step_a / spec.max_a * span_soc
        return (soc - self._soc_at_plug) * spec.pack_wh / spec.efficiency - self.taken_wh

    def _target_a(self) -> float:
        if self._follows_a < self.spec.min_a:
            return 0.0
        return min(self._follows_a, self.accepts_a)

    def _settle(self) -> float:
        """Take note of the moment and return the current that it makes for; it is there at once without a ramp."""
        while self._heeds and self._heeds[0][0] <= self._now_s:
            self._follows_a = self._heeds.pop(0)[1]
        self._doze()
        target_a = self._target_a()
        if self.spec.ramp_a_per_s == math.inf:
            self.current_a = target_a
        return target_a

    def _doze(self) -> None:
        """Fall asleep when the pause has lasted long enough, with energy still wanted."""
        waits = self._offered_a < self.spec.min_a and self._missing_wh > 0
        if waits and not self._asleep and self._now_s >= self._unoffered_since_s + self.spec.sleeps_after_s:
            self._asleep = True
            self._offers_since_asleep = 0

    def _wake_or_sleep_on(self) -> None:
        if not self._asleep:
            return
        self._offers_since_asleep += 1
        wakes_at = self.spec.wakes_at_offer
        if wakes_at is not None and self._offers_since_asleep >= wakes_at:
            self._asleep = False

    def _next_habit_s(self) -> float:
        """Return the next moment, after now, at which its target may change for a reason known beforehand."""
        spec = self.spec
        moments = [self._plugged_s + at_s for at_s, _ in spec.phase_changes]
        moments += [self._plugged_s + at_s for pause in spec.pauses for at_s in pause]
        moments += [at_s for at_s, _ in self._heeds]
        if self._offered_a < spec.min_a and not self._asleep:
            moments.append(self._unoffered_since_s + spec.sleeps_after_s)
        return min((at_s for at_s in moments if at_s > self._now_s), default=math.inf)

    def _stretch(self, target_a: float, end_s: float) -> Stretch:
        """Draw for as long as the current keeps its slope and the battery its step, at most until `end_s`."""
        from_a, phases = self.current_a, self.phases
        slope = 0.0
        if abs(target_a - from_a) > _SAME_A:
            slope = math.copysign(self.spec.ramp_a_per_s, target_a - from_a)
            end_s = min(end_s, self._now_s + (target_a - from_a) / slope)
        duration_s = self._until_step_s(from_a, slope, phases)
        end_s = min(end_s, self._now_s + duration_s)
        if end_s <= self._now_s:  # a remainder too small for the clock's resolution: count it as done
            end_s = math.nextafter(self._now_s, math.inf)
        to_a = from_a + slope * (end_s - self._now_s)
        reached = slope != 0.0 and (to_a - target_a) * slope >= -_SAME_A
        stretch = Stretch(self._now_s, end_s, from_a, target_a if reached else to_a, phases)
        self.current_a = stretch.to_a if slope else target_a
        self._take(stretch)
        return stretch

    def _take(self, stretch: Stretch) -> None:
        self._now_s = stretch.to_s
        self.taken_wh += stretch.energy_j(self._voltage_v) / _WH

    def _until_step_s(self, from_a: float, slope: float, phases: int) -> float:
        """Return how long until the battery takes less or has enough: E = V·n·(a·t + s·t²/2), solved for t."""
        wh = min(self._wh_to_next_step(), self._missing_wh)
        ampere_s = wh * _WH / (self._voltage_v * phases)
        if not 0 < ampere_s < math.inf:
            return math.inf
        if slope == 0.0:
            return ampere_s / from_a if from_a > 0 else math.inf
        root = from_a * from_a + 2 * slope * ampere_s
        if root < 0:  # it ramps down before that
            return math.inf
        return 2 * ampere_s / (from_a + math.sqrt(root))
