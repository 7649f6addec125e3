"""What a car shows of itself by what it draws: current that it leaves unused, and phases that it doesn't use."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from balancer.settings import Settings
from balancer.units import Amperes, PhaseUse


@dataclass(slots=True)
class Reclaim:
    """How much a car can use, learned from what it leaves unused; `inf` while it may use more than it has."""

    settings: Settings
    demand_a: float = math.inf
    unused_since_s: float | None = None
    given_back_s: float = -math.inf
    raised_s: float = -math.inf
    """When its limit was raised last; until it followed, what it draws says nothing."""

    def raised(self, now_s: float) -> None:
        """Note that the car was given more."""
        self.raised_s = now_s
        self.unused_since_s = None

    def sample(self, at_s: float, drawn_a: float, limit_a: float, *, wants: bool | None) -> None:
        """Take in that the car drew `drawn_a` per phase of the `limit_a` that it has; 0: it shows nothing."""
        if limit_a <= 0:
            self.unused_since_s = None
            return
        if wants or drawn_a >= limit_a - self.settings.give_back_a:
            self._give_back(at_s)
        elif drawn_a < limit_a - self.settings.reclaim_margin_a:
            self._take(at_s, drawn_a, limit_a)
        else:
            self.unused_since_s = None

    def _give_back(self, at_s: float) -> None:
        self.unused_since_s = None
        if self.demand_a < math.inf and at_s >= self.given_back_s + self.settings.probe_every_s:
            self.demand_a = math.inf
            self.given_back_s = at_s

    def _take(self, at_s: float, drawn_a: float, limit_a: float) -> None:
        if at_s < self.raised_s + self.settings.ramp_s:
            return
        if self.unused_since_s is None:
            self.unused_since_s = at_s
        if at_s - self.unused_since_s < self.settings.reclaim_after_s:
            return
        margin_a = max(self.settings.reclaim_margin_a, self.settings.reclaim_share * drawn_a)
        demand_a = drawn_a + margin_a
        if demand_a <= min(limit_a, self.demand_a) - self.settings.deadband_a:
            self.demand_a = demand_a
            self.unused_since_s = at_s


@dataclass(slots=True)
class PhaseWatch:
    """Which of the wired phases a car uses: all, until it shows that it leaves one alone."""

    settings: Settings
    wired: PhaseUse
    quiet_since_s: list[float | None] = field(default_factory=lambda: [None, None, None])
    released: list[bool] = field(default_factory=lambda: [False, False, False])

    def rewire(self, wired: PhaseUse) -> None:
        """Begin anew on other wires."""
        self.wired = wired
        self.quiet_since_s, self.released = [None, None, None], [False, False, False]

    def sample(self, at_s: float, current_a: Amperes) -> PhaseUse:
        """Take in a sample and return the phases that must be counted from now on."""
        busy = max(current_a) > self.settings.phase_busy_a
        for phase, value_a in enumerate(current_a):
            if value_a >= self.settings.phase_quiet_a:
                self.released[phase] = False
                self.quiet_since_s[phase] = None
            elif not busy:
                self.quiet_since_s[phase] = None
            else:
                since_s = self.quiet_since_s[phase]
                self.quiet_since_s[phase] = since_s = at_s if since_s is None else since_s
                if at_s - since_s >= self.settings.phase_release_s:
                    self.released[phase] = True
        used = [wired and not released for wired, released in zip(self.wired, self.released, strict=True)]
        return (used[0], used[1], used[2])
