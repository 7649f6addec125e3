"""What measured current proves: that a charger came down, that it disobeys, that it can be trusted again."""

from __future__ import annotations

import math
from dataclasses import dataclass

from balancer.settings import Settings
from balancer.units import NO_AMPERES, Amperes, highest, lowest


def is_above(current_a: Amperes, limit_a: Amperes, tolerance_a: float) -> bool:
    """Tell whether any phase carries more than `limit_a` and the tolerance."""
    return any(current > limit + tolerance_a for current, limit in zip(current_a, limit_a, strict=True))


@dataclass(slots=True)
class Settling:
    """A higher exposure that ended on paper: the station may still be on its way down."""

    exposure_a: Amperes
    since_s: float
    until_s: float
    below_a: Amperes
    """What it will have come down to."""
    seen_above: bool
    """Whether the car was measured above that before: only then being below proves that it came down."""

    def is_proven(self, at_s: float, current_a: Amperes, settings: Settings) -> bool:
        """Take in a sample; tell whether it shows that the lower limit is obeyed."""
        if at_s <= self.since_s:
            return False
        above = is_above(current_a, self.below_a, settings.settled_a)
        proven = self.seen_above and not above
        self.seen_above = self.seen_above or above
        if proven and is_above(current_a, self.below_a, 0.0):
            # Within the tolerance, but not there yet: what was seen counts until its time has passed.
            self.exposure_a = lowest(self.exposure_a, highest(self.below_a, current_a))
            return False
        return proven

    def is_over(
        self, now_s: float, sample_s: float, sample_a: Amperes, may_a: Amperes, settings: Settings
    ) -> bool:
        """Tell whether its time has passed, and nothing measured recently contradicts; `may_a` is allowed by now."""
        if now_s < self.until_s:
            return False
        ceiling_a = highest(self.below_a, may_a)
        stuck = sample_s > self.since_s and is_above(sample_a, ceiling_a, settings.disobedience_a)
        return not stuck or now_s - sample_s > settings.sample_max_age_s


@dataclass(slots=True)
class Obedience:
    """Compares what an EVSE draws with what it may: quarantine after too long above, trust after long enough below."""

    settings: Settings
    sample_s: float = -math.inf
    sample_a: Amperes = NO_AMPERES
    over_since_s: float | None = None
    """Since when it has been measured above its limit."""
    quarantined: bool = False
    obeyed_since_s: float | None = None
    """In quarantine: since when it has obeyed."""

    def sample(
        self, at_s: float, current_a: Amperes, *, over: bool, confirmed_s: float, settle_s: float
    ) -> bool:
        """Take in a sample that is `over` its limit or not; tell whether quarantine began or ended by it.

        It begins when it has been over for `settle_s`, counted from the limit's confirmation at the earliest.
        """
        self.sample_s, self.sample_a = at_s, current_a
        if not over:
            self.over_since_s = None
            return self.obeys(at_s)
        self.obeyed_since_s = None
        if self.over_since_s is None:
            self.over_since_s = at_s
        if self.quarantined or at_s - max(self.over_since_s, confirmed_s) < settle_s:
            return False
        self.quarantined = True
        return True

    def obeys(self, at_s: float) -> bool:
        """Note that it obeyed at `at_s`; tell whether that ended its quarantine."""
        if not self.quarantined:
            return False
        if self.obeyed_since_s is None:
            self.obeyed_since_s = at_s
        if at_s < self.obeyed_since_s + self.settings.trust_after_s:
            return False
        self.quarantined, self.obeyed_since_s = False, None
        return True

    def car_left(self) -> None:
        """Note that what was measured belonged to a car that is gone."""
        self.over_since_s = None
