"""The ledger's account of one EVSE: all that it may draw at worst, from what it was told and what it answered."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from balancer.attempts import Attempts
from balancer.claims import Claim, claim_of, either
from balancer.evidence import Obedience, Settling, is_above
from balancer.observations import Capability, Verdict
from balancer.orders import InstallFailsafe, Order, SetLimit
from balancer.settings import Settings
from balancer.site import Evse
from balancer.units import EPSILON_A, Amperes, PhaseUse, highest, on_phases


@dataclass(slots=True)
class Account:
    """What one EVSE may draw at worst (control.md "Failsafe", "Running limit and lease", "Ledger").

    It knows three states of trust: proven (failsafe and, with a car, running limit confirmed on this
    connection), doubtful (counts at the hardware's maximum until proven), and quarantined (measured above its
    limit; counts at the maximum until it obeyed for a while).
    """

    evse: Evse
    settings: Settings
    full_a: float
    """The hardware's maximum per phase."""
    created_s: float
    phases: PhaseUse
    """The site phases that the car draws on; the wired ones until that is known."""
    capability: Capability
    phases_proven: bool = False
    """The car was seen to draw on all of `phases` at once."""
    online: bool = False
    session: str | None = None
    """The transaction that runs, as far as we were told."""
    owner: str | None = None
    """The transaction that the running limit belongs to."""
    failsafe_a: float | None = None
    """The failsafe that was confirmed last; None: never one."""
    failsafe_proven: bool = False
    running_proven: bool = True
    blank: bool = True
    """Nothing is known of its past: a transaction from before may have any limit."""
    lasting_doubt: bool = True
    """Doubt that a restart must remember: more than a fresh connection."""
    running: Claim | None = None
    """The running limit that was confirmed last."""
    unanswered: Claim | None = None
    """What orders that got no answer may have set."""
    open: dict[int, Order] = field(default_factory=dict[int, Order])
    """Orders that were handed out and have not ended."""
    outdated: set[int] = field(default_factory=set[int])
    """Those of them that something came after: they may still set a limit, but prove nothing."""
    failsafe_unanswered_a: float = 0.0
    settlings: list[Settling] = field(default_factory=list[Settling])
    foreign_a: float | None = None
    """What somebody else's profile may raise it to."""
    foreign_cap_a: float | None = None
    hold: Claim | None = None
    """What is held for a session that was let start and has not begun, at least until the station is back."""
    confirmed_s: float = -math.inf
    """When the running limit was confirmed last."""
    lowering_since_s: float | None = None
    """Since when it may have more than it should, or should have been proven; None: all is as it should be."""
    tried_a: float = 0.0
    """The limit of the last order that failed."""
    installing: Attempts = field(default_factory=Attempts)
    setting: Attempts = field(default_factory=Attempts)
    obedience: Obedience = field(init=False)

    def __post_init__(self) -> None:
        """Have seen nothing yet."""
        self.obedience = Obedience(self.settings)

    # --- what it may draw

    @property
    def quarantined(self) -> bool:
        """Whether it draws more than it may."""
        return self.obedience.quarantined

    @property
    def doubtful(self) -> bool:
        """Whether it must be expected to draw what its hardware can."""
        return (
            self.quarantined or not self.failsafe_proven or not (self.session is None or self.running_proven)
        )

    @property
    def is_shut(self) -> bool:
        """Whether nobody can charge there without our consent: what it would be allowed does not matter."""
        nobody = self.session is None and self.owner is None
        return self.capability.gated and nobody and not self.quarantined

    @property
    def is_taken(self) -> bool:
        """Whether a car is there, or may begin at any moment."""
        return self.session is not None or self.hold is not None

    @property
    def start_a(self) -> float:
        """What must be free for a session to start there: all that it may count at, and the least that charges."""
        if self.quarantined or not (self.capability.movable and self.failsafe_proven):
            return self.full_a
        always_a = max(self.counted_failsafe_a, self.wanted_failsafe_a, self.foreign_a or 0.0)
        return min(max(always_a, self.evse.min_a), self.full_a)

    @property
    def wanted_failsafe_a(self) -> float:
        """What its failsafe should be."""
        return max(self.evse.failsafe_a, self.capability.failsafe_at_least_a)

    @property
    def counted_failsafe_a(self) -> float:
        """The highest failsafe that it may have, amperes per phase."""
        worst_a = max(self.failsafe_a or 0.0, self.failsafe_unanswered_a)
        for order in self.open.values():
            if isinstance(order, InstallFailsafe):
                worst_a = max(worst_a, order.limit_a)
        return worst_a

    def exposure(self, now_s: float) -> Amperes:
        """Return what it may draw at worst at `now_s`, on each site phase."""
        worst = self._on_paper(now_s)
        for settling in self.settlings:
            worst = highest(worst, settling.exposure_a)
        return worst if self.obedience.over_since_s is None else highest(worst, self.obedience.sample_a)

    def ceiling_a(self, now_s: float) -> float:
        """Return the highest limit per phase that may be in force at `now_s`, however slowly it obeys."""
        if self.is_shut:
            return 0.0
        if self.doubtful:
            return self.full_a
        return min(self.allowed_a(now_s), self.full_a)

    def believed_a(self, now_s: float) -> float:
        """Return the limit per phase that it goes by at `now_s` if all that was confirmed holds."""
        if self.running is not None and self.owner == self.session:
            return min(self.running.in_force_a(now_s), self.full_a)
        return self.full_a if self.failsafe_a is None else min(self.failsafe_a, self.full_a)

    def newest_a(self, now_s: float) -> float:
        """Return the limit of the newest order that has no answer yet, or else what it goes by."""
        limits = [order.limit_a for order in self._current() if isinstance(order, SetLimit)]
        return limits[-1] if limits else self.believed_a(now_s)

    def is_setting(self) -> bool:
        """Tell whether a running limit was ordered and has no answer yet."""
        return any(isinstance(order, SetLimit) for order in self._current())

    def is_installing(self, limit_a: float) -> bool:
        """Tell whether that failsafe was ordered and has no answer yet."""
        return any(
            isinstance(order, InstallFailsafe) and order.limit_a == limit_a for order in self._current()
        )

    def _current(self) -> list[Order]:
        """Return the open orders that still mean something: nothing came after, and it is for this car."""
        return [
            order
            for order in self.open.values()
            if order.id not in self.outdated
            and (isinstance(order, InstallFailsafe) or order.transaction == self.session)
        ]

    @property
    def has_lease(self) -> bool:
        """Whether its limits can step down by themselves."""
        return self.capability.leases and self.capability.clock_error_s <= self.settings.clock_error_max_s

    @property
    def slack_s(self) -> float:
        """How much later than it says a lease of it may end."""
        return self.settings.lease_margin_s + abs(self.capability.clock_error_s)

    @property
    def settle_s(self) -> float:
        """How long it may take to obey."""
        return self.settings.obeys_within_s(self.capability.obeys_within_s)

    def claims(self) -> list[Claim]:
        """Return every running limit that it has or may have."""
        claims = [claim for claim in (self.running, self.unanswered) if claim is not None]
        claims.extend(
            claim_of(order, self.slack_s)
            for order in self.open.values()
            if isinstance(order, SetLimit) and order.transaction == self.owner
        )
        return claims

    @property
    def in_watts(self) -> bool:
        """Whether its limits are said in watts over the car's phases; a DC charger's car has none."""
        return self.capability.in_watts and self.evse.supply == "AC"

    @property
    def spread(self) -> int:
        """How many times an ampere per phase may come on one phase: more than once where watts are set."""
        return self.phases.count(True) if self.in_watts and not self.phases_proven else 1

    def total_a(self, limit_a: float) -> float | None:
        """Return what a limit per phase is over all phases, for a station that takes watts; None for others."""
        if not self.in_watts:
            return None
        shares: float = self.phases.count(True)
        if not self.phases_proven and self.running is not None and self.running.total_a is not None:
            # After a restart the phases are unknown again; no more is set than was set before.
            shares = min(shares, self.running.total_a / max(self.running.limit_a, EPSILON_A))
        return limit_a * shares

    def reach_a(self, claim: Claim, now_s: float) -> float:
        """Return what a claim may bring on one phase at `now_s`: watts may all come on one until that is known.

        Where the car has come to use more phases since, each may still carry what one was meant to.
        """
        worst_a = claim.at(now_s)
        if claim.total_a is not None and not claim.is_over(now_s):
            shared = self.phases.count(True) if self.phases_proven else 1
            worst_a = max(worst_a, claim.total_a / shared)
        return min(worst_a, self.full_a)

    def _on_paper(self, now_s: float) -> Amperes:
        """Return what it may draw once it obeys."""
        if self.is_shut:
            held_a = 0.0 if self.hold is None else min(self.hold.limit_a, self.full_a)
            return on_phases(held_a, self.evse.phases)
        return on_phases(self.full_a, self.evse.phases) if self.doubtful else self._told(now_s)

    def _told(self, now_s: float) -> Amperes:
        """Return the highest that it was told, doubt apart."""
        always_a = max(self.counted_failsafe_a, self.foreign_a or 0.0)
        worst = on_phases(min(always_a, self.full_a), self.evse.phases)
        for claim in self.claims():
            worst = highest(worst, on_phases(self.reach_a(claim, now_s), self.phases))
        return worst

    def allowed_a(self, now_s: float) -> float:
        """Return the highest limit that is counted for the car, doubt apart."""
        limits = [claim.at(now_s) for claim in self.claims()]
        return max(self.counted_failsafe_a, self.foreign_a or 0.0, *limits)

    @property
    def is_unsure(self) -> bool:
        """Whether an order is needed to know the running limit."""
        return self.session is not None and (not self.running_proven or self.unanswered is not None)

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
