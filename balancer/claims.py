"""What one limit lets an EVSE draw as time passes: until its lease has surely ended the limit, then what follows."""

from __future__ import annotations

from dataclasses import dataclass

from balancer.orders import SetLimit
from balancer.units import PHASES


@dataclass(frozen=True, slots=True)
class Claim:
    """A limit that an EVSE has, or may have."""

    limit_a: float
    """Per phase."""
    after_a: float
    """What follows the lease's end; counted before it too, for nobody knows whose clock is right."""
    lease_end_s: float | None = None
    """When the step down comes by a perfect clock; None: never while the transaction runs."""
    until_s: float | None = None
    """From when on `limit_a` surely no longer holds (the clock's error and a margin later)."""
    total_a: float | None = None
    """A limit in watts: amperes over all phases together, however the station shares them; None: in amperes."""

    def at(self, now_s: float) -> float:
        """Return the most that it allows at `now_s`, in amperes per phase."""
        return self.after_a if self.is_over(now_s) else max(self.limit_a, self.after_a)

    def is_over(self, now_s: float) -> bool:
        """Tell whether its lease has surely ended by `now_s`."""
        return self.until_s is not None and now_s >= self.until_s

    def in_force_a(self, now_s: float) -> float:
        """Return what a station with a perfect clock goes by at `now_s`, in amperes per phase."""
        if self.lease_end_s is not None and now_s >= self.lease_end_s:
            return self.after_a
        return self.limit_a


def claim_of(order: SetLimit, slack_s: float) -> Claim:
    """Return what `order` lets its EVSE draw; its lease may end `slack_s` later than it says."""
    if order.lease_s is None:
        return Claim(order.limit_a, order.failsafe_a, total_a=order.total_a)
    end_s = order.start_s + order.lease_s
    return Claim(order.limit_a, order.failsafe_a, end_s, end_s + slack_s, order.total_a)


def either(first: Claim | None, second: Claim) -> Claim:
    """Return a claim that is at no time below either."""
    if first is None:
        return second
    return Claim(
        max(first.limit_a, second.limit_a),
        max(first.after_a, second.after_a),
        _latest(first.lease_end_s, second.lease_end_s),
        _latest(first.until_s, second.until_s),
        _highest_total(first, second),
    )


def _highest_total(first: Claim, second: Claim) -> float | None:
    if first.total_a is None and second.total_a is None:
        return None
    return max(
        len(PHASES) * claim.limit_a if claim.total_a is None else claim.total_a for claim in (first, second)
    )


def _latest(first_s: float | None, second_s: float | None) -> float | None:
    return None if first_s is None or second_s is None else max(first_s, second_s)
