"""The ledger's account of one EVSE, kept up to date by what it was told, what it answered and what it drew."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from balancer.claims import Claim, claim_of, either
from balancer.evidence import Settling, is_above
from balancer.observations import Capability, Verdict
from balancer.orders import InstallFailsafe, Order, SetLimit
from balancer.site import Evse
from balancer.standing import Standing
from balancer.units import EPSILON_A, Amperes, PhaseUse, on_phases


@dataclass(slots=True)
class Account(Standing):
    """Where one EVSE stands, and what changes it."""

    # --- orders and answers

    def hand_out(self, order: Order) -> None:
        """Count `order` from now on."""
        self.open[order.id] = order
        if isinstance(order, SetLimit):
            self.owner = order.transaction

    def answered(self, order_id: int, verdict: Verdict, now_s: float) -> None:
        """Take in how an order ended; raises KeyError for one that is not open."""
        before = self._on_paper(now_s)
        order = self.open.pop(order_id)
        if order_id in self.outdated and verdict is Verdict.ACCEPTED:
            verdict = Verdict.UNKNOWN
        self.outdated.discard(order_id)
        if isinstance(order, InstallFailsafe):
            self._failsafe_answered(order, verdict, now_s)
        elif order.transaction == self.session:
            self._limit_answered(order, verdict, now_s)
        if verdict is not Verdict.NOT_SENT:
            self._settle_from(before, now_s)

    def _failsafe_answered(self, order: InstallFailsafe, verdict: Verdict, now_s: float) -> None:
        if verdict is Verdict.ACCEPTED:
            self.failsafe_a, self.failsafe_unanswered_a = order.limit_a, 0.0
            self.failsafe_proven = True
            self.blank = False
            self.installing.reset()
            if self.owner is None:
                self.running = self.unanswered = None
            self._end_lasting_doubt()
            return
        self.installing.failed(now_s, self.settings)
        if verdict is Verdict.REJECTED:
            self.failsafe_proven = False
            self.lasting_doubt = True
        elif verdict is Verdict.UNKNOWN:
            self.failsafe_unanswered_a = max(self.failsafe_unanswered_a, order.limit_a)

    def _limit_answered(self, order: SetLimit, verdict: Verdict, now_s: float) -> None:
        if verdict is Verdict.ACCEPTED:
            # Calls of a station follow each other, so this limit replaced all that ended before it.
            self.running, self.unanswered = claim_of(order, self.slack_s), None
            self.running_proven = True
            self.confirmed_s = now_s
            self.setting.reset()
            self._end_lasting_doubt()
            return
        self.setting.failed(now_s, self.settings)
        self.tried_a = order.limit_a
        if verdict is Verdict.REJECTED:
            self.running_proven = False
            self.lasting_doubt = True
        elif verdict is Verdict.UNKNOWN:
            self.unanswered = either(self.unanswered, claim_of(order, self.slack_s))

    def _end_lasting_doubt(self) -> None:
        if not self.doubtful:
            self.lasting_doubt = False

    def _settle_from(self, before: Amperes, now_s: float) -> None:
        """Keep counting what was counted `before`, if it was more, until the station has obeyed."""
        after = self._on_paper(now_s)
        if self.session is None or not any(b > a + EPSILON_A for b, a in zip(before, after, strict=True)):
            return
        seen = self.obedience
        recent = now_s - seen.sample_s <= self.settings.sample_max_age_s
        self.settlings.append(
            Settling(
                exposure_a=before,
                until_s=now_s + self.settle_s,
                since_s=now_s,
                below_a=after,
                seen_above=recent and is_above(seen.sample_a, after, self.settings.settled_a),
            )
        )

    # --- the station's connection

    def connected(self) -> None:
        """Note a fresh connection: nothing is verified by it; who began meanwhile is told soon."""
        self.online = True
        if self.hold is not None:
            self.hold = replace(self.hold, until_s=None)
        self._doubt()

    def disconnected(self) -> None:
        """Note that it can't be told anything."""
        self.online = False
        self.lowering_since_s = None

    def lost_profiles(self) -> None:
        """Note that it booted, or that somebody cleared our profiles."""
        self._doubt()
        self.lasting_doubt = True

    def foreign_set(self, limit_a: float | None, *, caps: bool) -> None:
        """Somebody else set a profile: it caps, or it may raise (None: up to what the hardware can)."""
        if caps:
            # A cap that says no number lowers by nobody knows how much; of several the lowest holds.
            caps_a = [cap_a for cap_a in (self.foreign_cap_a, limit_a) if cap_a is not None]
            self.foreign_cap_a = min(caps_a, default=None)
        else:
            self.foreign_a = max(self.foreign_a or 0.0, self.full_a if limit_a is None else limit_a)

    def foreign_cleared(self, now_s: float) -> None:
        """All foreign profiles are gone; the station may take a while to come down."""
        before = self._on_paper(now_s)
        self.foreign_a = self.foreign_cap_a = None
        self._settle_from(before, now_s)

    def _doubt(self) -> None:
        self.failsafe_proven = False
        self.outdated.update(self.open)
        if self.claims():
            self.running_proven = False
        self.installing.reset()
        self.setting.reset()

    # --- sessions

    def let_start(self, limit_a: float, now_s: float) -> None:
        """Hold `limit_a` for a session until it begins, or for long enough; what was held already stays."""
        held_a = 0.0 if self.hold is None else self.hold.limit_a
        within_s = self.capability.starts_within_s
        hold_s = self.settings.start_hold_s if within_s is None else within_s
        self.hold = Claim(max(held_a, limit_a), 0.0, until_s=now_s + hold_s)

    def began(self, transaction: str, at_s: float) -> None:
        """Note that a transaction runs; one that we didn't know starts at the failsafe."""
        if transaction != self.owner:
            self._forget_running()
            # What ran before we ever spoke to this station may have any limit.
            self.running_proven = not (self.blank and at_s < self.created_s)
            self.owner = transaction
        self.session = transaction
        self._expect_anything()

    def ended(self, transaction: str) -> None:
        """Note that a transaction ended and its running limit with it; the failsafe stays."""
        if transaction != self.owner:
            return
        self.session = None
        self._expect_anything()
        self._forget_running()

    def _expect_anything(self) -> None:
        """Expect a car that may use any phase."""
        self.phases, self.phases_proven = self.evse.phases, False

    def _forget_running(self) -> None:
        self.running = self.unanswered = self.owner = self.hold = None
        self.running_proven = True
        self.settlings.clear()
        self.obedience.car_left()
        self.setting.reset()
        self._end_lasting_doubt()

    # --- what is measured

    def seen_on(self, phases: PhaseUse, current_a: Amperes) -> None:
        """Count the car on `phases` from now on; proven once all of them carry something."""
        proven = all(
            value_a >= self.settings.phase_quiet_a
            for value_a, used in zip(current_a, phases, strict=True)
            if used
        )
        self.phases_proven = proven or (self.phases_proven and phases == self.phases)
        self.phases = phases

    def measured(self, at_s: float, current_a: Amperes) -> bool:
        """Take in a sample; tell whether the EVSE was put into quarantine or left it by that."""
        self.settlings = [
            settling for settling in self.settlings if not settling.is_proven(at_s, current_a, self.settings)
        ]
        allowed = self._told(at_s) if self.quarantined else self._on_paper(at_s)
        over = is_above(current_a, allowed, self.settings.disobedience_a)
        changed = self.obedience.sample(
            at_s, current_a, over=over, confirmed_s=self.confirmed_s, settle_s=self.settle_s
        )
        if self.quarantined:
            self.lasting_doubt = True
        elif changed:
            self._trust()
        return changed

    def settle(self, now_s: float) -> bool:
        """Drop what has surely come down by `now_s`; tell whether a quarantine without a car ended."""
        seen = self.obedience
        if self.hold is not None and self.online:
            # While the station was away nothing was told: what began then is told now.
            if self.hold.until_s is None:
                self.let_start(0.0, now_s)
            elif now_s >= self.hold.until_s:
                self.hold = None
        if self.settlings:
            may_a = self._on_paper(now_s)
            self.settlings = [
                settling
                for settling in self.settlings
                if not settling.is_over(now_s, seen.sample_s, seen.sample_a, may_a, self.settings)
            ]
        if self.session is not None or seen.over_since_s is not None or not seen.obeys(now_s):
            return False
        self._trust()
        return True

    def _trust(self) -> None:
        self.lowering_since_s = None
        self._end_lasting_doubt()

    # --- time and changes

    def next_s(self, now_s: float) -> float:
        """Return when after `now_s` the exposure changes by itself; `inf` if never."""
        times_s = [settling.until_s for settling in self.settlings]
        if self.hold is not None and self.hold.until_s is not None:
            times_s.append(self.hold.until_s)
        for claim in self.claims():
            if claim.until_s is not None and claim.lease_end_s is not None:
                times_s += [claim.lease_end_s, claim.until_s]
        if self.obedience.obeyed_since_s is not None:
            times_s.append(self.obedience.obeyed_since_s + self.settings.trust_after_s)
        if self.settlings:
            times_s.append(self.obedience.sample_s + self.settings.sample_max_age_s)
        return min((time_s for time_s in times_s if time_s > now_s), default=math.inf)

    def learn(self, capability: Capability) -> None:
        """Take in what the station can; what it was told counts by that too."""
        self.capability = capability
        for claim in (self.running, self.unanswered):
            if claim is not None and claim.lease_end_s is not None:
                later = replace(claim, until_s=claim.lease_end_s + self.slack_s)
                if claim is self.running:
                    self.running = later
                else:
                    self.unanswered = later

    def rewire(self, evse: Evse, full_a: float) -> None:
        """Go on as `evse` is wired now; what may flow may flow on its new phases."""
        rewired = evse.rotation != self.evse.rotation
        self.evse, self.full_a = evse, full_a
        if rewired:
            self._expect_anything()
            for settling in self.settlings:
                settling.exposure_a = on_phases(max(settling.exposure_a), evse.phases)
