"""Kinds of stations: how they are wired, what they can be set to, and what their software does."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from simulators.profile_rules import ProfileRules

_SAME_A = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class EvseSpec:
    """How an EVSE is wired and what it can be set to."""

    id: int = 1
    rotation: tuple[int, ...] = (0, 1, 2)
    """The site's phase (0 to 2) on its L1, L2, L3; as many as it is wired to."""
    max_a: float = 32.0
    min_a: float = 6.0
    below_min: Literal["stop", "round-up", "offer"] = "stop"
    """A limit above 0 and below `min_a`: no current, `min_a` all the same, or just that (the car decides)."""
    step_a: float = 0.1
    only_a: tuple[float, ...] = ()
    """The currents that it can be set to, where they are few."""
    reaction_s: float = 1.0
    """From a limit's coming into force to its being offered to the car; so long the old one is."""
    register_wh: int = 0

    @property
    def phases(self) -> int:
        """Return how many phases it is wired to."""
        return len(self.rotation)

    def settable_a(self, limit_a: float | None) -> float:
        """Return what it offers under a limit; None: its maximum."""
        current_a = self.max_a if limit_a is None else min(limit_a, self.max_a)
        if 0 < current_a < self.min_a:
            if self.below_min == "stop":
                return 0.0
            current_a = self.min_a if self.below_min == "round-up" else current_a
        if self.only_a:
            return max((one_a for one_a in self.only_a if one_a <= current_a + _SAME_A), default=0.0)
        return round(math.floor(current_a / self.step_a + _SAME_A) * self.step_a, 6)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargerSpec:
    """A kind of station; the defaults are a sound one with one connector."""

    id: str
    evses: tuple[EvseSpec, ...] = (EvseSpec(),)
    rules: ProfileRules = field(default_factory=ProfileRules)
    keeps_profiles: bool = True
    """Over a boot (1.6 errata 4.0 §3.37 and 2.0.1 K01.FR.27 want it; not every station does)."""
    after_power_loss: Literal["end", "resume", "lose"] = "end"
    """A transaction that was running: ended with the boot, taken up again, or never heard of any more."""
    obeys: bool = True
    """False: takes profiles and offers its maximum all the same."""
    keep_draws: bool = True
