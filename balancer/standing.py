"""What one EVSE may draw at worst, as far as is known of it: the ledger's questions; nothing changes by them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from balancer.attempts import Attempts
from balancer.claims import Claim, claim_of
from balancer.evidence import Obedience, Settling
from balancer.observations import Capability
from balancer.orders import InstallFailsafe, Order, SetLimit
from balancer.settings import Settings
from balancer.site import Evse
from balancer.units import EPSILON_A, Amperes, PhaseUse, highest, on_phases


@dataclass(slots=True)
class Standing:
    """What is known of one EVSE, and what it may draw at worst by that (control.md "Failsafe", "Running limit and lease", "Ledger").

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
