"""Chargers and cars as the specification wants them, with declared weaknesses; they know what they really draw."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, field

from balancer.observations import Verdict
from balancer.orders import InstallFailsafe, Order, SetLimit
from balancer.site import Evse
from balancer.units import NO_AMPERES, Amperes, dc_input_current_a

LEAST_PILOT_A = 6.0
"""Below it no AC car charges (IEC 61851-1)."""


@dataclass(frozen=True)
class Car:
    """What a car would draw if it were let: steps over time, on its first `phases` of the charger's."""

    phases: int = 3
    plan: tuple[tuple[float, float], ...] = ((0.0, 32.0),)
    """(from when, seconds since it was plugged in; amperes per phase), ascending, the first at 0."""
    one_phase_s: float = 0.0
    """How long it takes to use more than the first of them."""
    sleeps_after_pause_s: float = 0.0
    """How long it takes to wake up after having been at 0."""

    def demand_a(self, since_s: float) -> float:
        """Return what it would draw `since_s` after it was plugged in."""
        return self.plan[bisect_right(self.plan, (since_s, math.inf)) - 1][1]

    def next_change_s(self, since_s: float) -> float:
        """Return when the demand changes after that; `inf` if never."""
        index = bisect_right(self.plan, (since_s, math.inf))
        return self.plan[index][0] if index < len(self.plan) else math.inf


@dataclass(frozen=True)
class Foreign:
    """A profile that somebody else set: it wins over ours, or (`caps`) can only lower."""

    limit_a: float
    caps: bool


@dataclass
class Charger:
    """One EVSE. Between two calls of `update` its draw stays as it is."""

    evse: Evse
    clock_error_s: float = 0.0
    """Its clock is that much ahead."""
    reaction_s: float = 0.0
    """How long the current may stay high after a lower limit was applied."""
    offers_late: bool = False
    """It goes on offering the old limit for `reaction_s`, so that a car may even draw more in that time."""
    in_watts: bool = False
    """It takes limits in watts, and shares them among the phases that the car uses."""
    volts: float = 230.0
    rejects: bool = False
    """It says no to every limit (but keeps what it has)."""
    disobeys: bool = False
    """It accepts limits and ignores them."""
    disobeyed_s: float = -math.inf
    """Until when it did."""
    default_a: float | None = None
    """Its default profile; None: no limit but the hardware's."""
    running: SetLimit | None = None
    foreign: Foreign | None = None
    transaction: str | None = None
    car: Car | None = None
    plugged_s: float = 0.0
    dark_until_s: float = -math.inf
    """Booting: it draws nothing until then."""
    draw_a: float = 0.0
    """Per phase, now."""
    _phases: int = 0
    _pilot_a: float = 0.0
    _ceiling_a: float = 0.0
    """What may flow although the limit is lower: the limit of `reaction_s` ago, about."""
    _ceilings: list[tuple[float, float]] = field(default_factory=list)
    """(from when, ceiling): how that comes down."""
    _paused: bool = False
    _asleep_until_s: float = -math.inf

    @property
    def full_a(self) -> float:
        """What its hardware can draw, per phase."""
        if self.evse.max_power_w is None:
            return self.evse.max_a
        return min(
            self.evse.max_a, dc_input_current_a(self.evse.max_power_w, self.volts, self.evse.efficiency)
        )

    @property
    def current_a(self) -> Amperes:
        """What it draws on each phase of the site."""
        if self.car is None or self.draw_a == 0.0:
            return NO_AMPERES
        drawn = [0.0, 0.0, 0.0]
        for phase in self.evse.rotation[: self._phases]:
            drawn[phase] += self.draw_a
        return (drawn[0], drawn[1], drawn[2])

    def allowed_a(self, now_s: float) -> float:
        """Return the limit that its profiles and its hardware make now."""
        limit_a = self.full_a
        shares = max(1, self._phases) if self.in_watts else 1
        ours_a = limit_a if self.default_a is None else self.default_a / shares
        if self.running is not None and self.transaction == self.running.transaction:
            since_s = now_s + self.clock_error_s - self.running.start_s
            if since_s >= 0:
                lease_s = math.inf if self.running.lease_s is None else self.running.lease_s
                total_a = self.running.total_a if self.in_watts else None
                running_a = self.running.limit_a if total_a is None else total_a / shares
                ours_a = running_a if since_s < lease_s else self.running.failsafe_a / shares
        if self.disobeys:
            return limit_a
        if self.foreign is None:
            return min(limit_a, ours_a)
        return min(limit_a, self.foreign.limit_a, ours_a if self.foreign.caps else math.inf)

    def wants_a(self, now_s: float) -> float:
        """Return what the car would draw if it were let."""
        if (
            self.car is None
            or self.transaction is None
            or now_s < max(self.dark_until_s, self._asleep_until_s)
        ):
            return 0.0
        return self.car.demand_a(now_s - self.plugged_s)

    def update(self, now_s: float) -> None:
        """Let the current follow limit and car."""
        if self.car is None:
            self._offer_nothing()
            return
        self._phases = 1 if now_s < self.plugged_s + self.car.one_phase_s else self.car.phases
        allowed_a = self.allowed_a(now_s)
        pilot_a = allowed_a if allowed_a >= min(self.evse.min_a, LEAST_PILOT_A) else 0.0
        self._fall_asleep(pilot_a, now_s)
        if pilot_a < self._pilot_a:
            self._ceilings.append((now_s + self.reaction_s, pilot_a))
        self._ceilings = [(from_s, max(ceiling_a, pilot_a)) for from_s, ceiling_a in self._ceilings]
        self._pilot_a, self._ceiling_a = pilot_a, max(self._ceiling_a, pilot_a)
        while self._ceilings and self._ceilings[0][0] <= now_s:
            self._ceiling_a = min(self._ceiling_a, self._ceilings.pop(0)[1])
        lingers_a = self._ceiling_a if self.offers_late else min(self.draw_a, self._ceiling_a)
        self.draw_a = min(self.wants_a(now_s), max(pilot_a, lingers_a))

    def _fall_asleep(self, pilot_a: float, now_s: float) -> None:
        if pilot_a == 0.0:
            self._paused = True
        elif self._paused:
            self._paused = False
            if self.car is not None:
                self._asleep_until_s = now_s + self.car.sleeps_after_pause_s

    def next_change_s(self, now_s: float) -> float:
        """Return when it changes by itself, if nobody does anything; `inf` if never."""
        times_s = [self.dark_until_s, self._asleep_until_s, *(from_s for from_s, _ in self._ceilings)]
        if self.running is not None:
            times_s.append(self.running.start_s - self.clock_error_s)
            if self.running.lease_s is not None:
                times_s.append(self.running.start_s + self.running.lease_s - self.clock_error_s)
        if self.car is not None:
            times_s.append(self.plugged_s + self.car.next_change_s(now_s - self.plugged_s))
            times_s.append(self.plugged_s + self.car.one_phase_s)
        return min((time_s for time_s in times_s if time_s > now_s), default=math.inf)

    def obey(self, order: Order) -> Verdict:
        """Take an order from the wire."""
        if self.rejects:
            return Verdict.REJECTED
        if isinstance(order, InstallFailsafe):
            self.default_a = order.limit_a
            return Verdict.ACCEPTED
        if order.transaction != self.transaction:
            return Verdict.REJECTED  # OCPP 1.6 §5.16.4: a TxProfile needs its transaction
        self.running = order
        return Verdict.ACCEPTED

    def begin(self, transaction: str, car: Car, now_s: float) -> None:
        """Start a transaction; what was set for another one is gone."""
        self.transaction, self.car, self.plugged_s = transaction, car, now_s
        self.running, self._paused, self._asleep_until_s = None, False, -math.inf

    def end(self) -> None:
        """End the transaction and with it its limit."""
        self.transaction, self.car, self.running = None, None, None
        self._offer_nothing()

    def _offer_nothing(self) -> None:
        """Without a car nothing flows, and no limit lingers: what takes its time is a car's coming down."""
        self.draw_a, self._pilot_a, self._ceiling_a, self._ceilings = 0.0, 0.0, 0.0, []

    def boot(self, dark_until_s: float, *, forgets: bool) -> None:
        """Start anew: dark for a while; 1.6 has no duty to keep profiles (2.0.1 K01.FR.27 has)."""
        self.dark_until_s = dark_until_s
        self.end()
        if forgets:
            self.default_a, self.foreign = None, None
