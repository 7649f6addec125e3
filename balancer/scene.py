"""What a step knows of its site before it shares anything: who can be moved, and what is reserved for the others."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from balancer.account import Account
from balancer.base_load import Base
from balancer.caps import Bound
from balancer.ledger import Ledger
from balancer.site import EvseKey, Site
from balancer.snapshot import Session
from balancer.units import NO_AMPERES, Amperes, PhaseUse, add, highest, on_phases
from balancer.visits import Visit


@dataclass(frozen=True, slots=True)
class Scene:
    """What a step knows of its site before it shares anything."""

    site: Site
    now_s: float
    ledger: Ledger
    visits: Mapping[EvseKey, Visit]
    bounds: Mapping[str, Bound]
    bases: Mapping[str, Base]
    exposures: Mapping[EvseKey, Amperes]
    late: Collection[EvseKey]
    """Who should have come down by now, or been proven, and isn't."""
    starting: Mapping[EvseKey, float] = field(default_factory=dict[EvseKey, float])
    """For whose start the others make room: how much of it, amperes per phase."""

    @property
    def observing(self) -> bool:
        """Whether nothing is sent and so nothing will ever be proven."""
        return self.site.mode == "observe"

    def is_moving(self, account: Account) -> bool:
        """Tell whether a car's limit can be set now and is expected to be obeyed."""
        key = account.evse.key
        if key not in self.visits:
            return False
        if self.observing:
            return True
        return is_reachable(account) and not (
            account.quarantined or account.foreign_a is not None or key in self.late
        )

    def is_overruled(self, account: Account) -> bool:
        """Tell whether somebody else's profile may let a car have more than it is told; it can be told all the same."""
        return (
            not self.observing
            and account.evse.key in self.visits
            and account.foreign_a is not None
            and is_reachable(account)
            and not account.quarantined
        )


def is_reachable(account: Account) -> bool:
    """Tell whether an EVSE can be told a limit now."""
    return account.online and account.capability.movable


def session_of(scene: Scene, account: Account) -> Session:
    """Return an EVSE's car as the allocation is to see it.

    Where watts are set and the car's phases are not proven, all of it may come on one phase: such a car shares
    in what it may bring there (`Account.spread` times its limit), not in what it will be told.
    """
    evse, visit, spread = account.evse, scene.visits[account.evse.key], account.spread
    cap_a = math.inf if account.foreign_cap_a is None else account.foreign_cap_a
    least_a = min(evse.min_a * spread, account.full_a)
    return Session(
        evse=evse.key,
        transaction=visit.transaction,
        started_s=visit.started_s,
        phases=account.phases,
        demand_a=0.0 if cap_a < evse.min_a else visit.reclaim.demand_a * spread,
        min_a=least_a,
        max_a=max(least_a, min(account.full_a, cap_a * spread)),
        step_a=evse.step_a,
        priority=evse.priority if visit.priority is None else visit.priority,
        weight=evse.weight if visit.weight is None else visit.weight,
        turn=visit.turn,
    )


def free_for(
    scene: Scene, sessions: Mapping[EvseKey, Session]
) -> tuple[dict[str, Amperes], dict[str, float]]:
    """Return what bounds, other loads and reserves leave to `sessions`: amperes, and watts where bounded."""
    reserves = {key: _reserve(scene, key, sessions.get(key)) for key in scene.exposures}
    totals = scene.ledger.totals(reserves)
    free_a: dict[str, Amperes] = {}
    free_w: dict[str, float] = {}
    for node, bound in scene.bounds.items():
        taken_a = add(scene.bases[node].seen_a, totals[node])
        free_a[node] = highest(
            NO_AMPERES,
            (
                bound.limit_a[0] - taken_a[0],
                bound.limit_a[1] - taken_a[1],
                bound.limit_a[2] - taken_a[2],
            ),
        )
        if bound.limit_w < math.inf:
            free_w[node] = max(0.0, bound.limit_w - scene.site.nominal_voltage_v * sum(taken_a))
    return free_a, free_w


def _reserve(scene: Scene, key: EvseKey, session: Session | None) -> Amperes:
    """Return what is kept for an EVSE besides what it shares in.

    Who is about to be proven is counted as if it were: it is asked first, and only if it doesn't answer are
    the others made to yield.
    """
    if key not in scene.ledger:
        return scene.exposures[key]
    account = scene.ledger[key]
    wired = account.evse.phases
    if account.is_shut:
        return highest(scene.exposures[key], on_phases(scene.starting.get(key, 0.0), wired))
    if session is not None:
        return on_phases(account.counted_failsafe_a, _without(wired, session.phases))
    if scene.is_moving(account):
        return on_phases(account.counted_failsafe_a, wired)
    idle = key not in scene.visits and account.foreign_a is None and not account.quarantined
    if idle and (scene.observing or (is_reachable(account) and key not in scene.late)):
        return on_phases(max(account.wanted_failsafe_a, account.counted_failsafe_a), wired)
    return scene.exposures[key]


def _without(wired: PhaseUse, used: PhaseUse) -> PhaseUse:
    return (wired[0] and not used[0], wired[1] and not used[1], wired[2] and not used[2])
