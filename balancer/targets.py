"""What each car should have: the allocation, asked with what the ledger reserves for all that can't be moved."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

from balancer.account import Account
from balancer.allocation import Allocation, Grant, Reason, ReasonKind
from balancer.base_load import Base
from balancer.caps import Bound
from balancer.ledger import Ledger
from balancer.site import EvseKey, Site
from balancer.snapshot import Session, Snapshot
from balancer.units import NO_AMPERES, Amperes, PhaseUse, add, highest, on_phases
from balancer.visits import Visit

Allocate = Callable[[Snapshot, str], Allocation]


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


def is_reachable(account: Account) -> bool:
    """Tell whether an EVSE can be told a limit now."""
    return account.online and account.capability.movable


def allot(scene: Scene, allocate: Allocate) -> tuple[dict[EvseKey, Grant], bool]:
    """Return what each movable car should have, and whether the strategy failed to say so.

    A car that would get less than the failsafe that is counted for it anyway is given that instead, and the
    others share the rest. If the strategy fails each keeps what it has, as far as that still fits.
    """
    moving = [account for account in scene.ledger.accounts() if scene.is_moving(account)]
    sessions = {account.evse.key: session_of(scene, account) for account in moving}
    settled: dict[EvseKey, Grant] = {}
    while True:
        free_a, free_w = _free(scene, sessions)
        snapshot = Snapshot(
            site=scene.site,
            now_s=scene.now_s,
            sessions=tuple(sessions.values()),
            free_a=free_a,
            free_w=free_w,
        )
        try:
            grants = allocate(snapshot, scene.site.strategy).grants
        except Exception:  # noqa: BLE001 - control.md "Faults": a strategy's fault must not stop the site
            return settled | _keep(scene, snapshot), True
        low = [key for key, grant in grants.items() if grant.limit_a < scene.ledger[key].counted_failsafe_a]
        if not low:
            return settled | grants | _share_rest(scene, allocate, sessions, grants, settled), False
        for key in low:
            settled[key] = _at_failsafe(scene.ledger[key], grants[key])
            del sessions[key]


def _share_rest(
    scene: Scene,
    allocate: Allocate,
    sessions: Mapping[EvseKey, Session],
    grants: Mapping[EvseKey, Grant],
    settled: Mapping[EvseKey, Grant],
) -> dict[EvseKey, Grant]:
    """Return more for those who were given their failsafe, from what all others leave unused; nothing if that's none."""
    again: dict[EvseKey, Session] = {}
    for key, grant in settled.items():
        if grant.reason.kind is ReasonKind.FAILSAFE:
            session = session_of(scene, scene.ledger[key])
            again[key] = replace(session, min_a=grant.limit_a, max_a=max(session.max_a, grant.limit_a))
    if not again:
        return {}
    free_a, free_w = _free(scene, {**sessions, **again})
    for key, grant in grants.items():
        taken_a = on_phases(-grant.limit_a, sessions[key].phases)
        for node in scene.site.path(scene.site.evse(key).node):
            free_a[node] = highest(NO_AMPERES, add(free_a[node], taken_a))
            if node in free_w:
                free_w[node] = max(0.0, free_w[node] + sum(taken_a) * scene.site.nominal_voltage_v)
    snapshot = Snapshot(
        site=scene.site, now_s=scene.now_s, sessions=tuple(again.values()), free_a=free_a, free_w=free_w
    )
    more = allocate(snapshot, scene.site.strategy).grants
    return {key: grant for key, grant in more.items() if grant.limit_a > settled[key].limit_a}


def _at_failsafe(account: Account, grant: Grant) -> Grant:
    """Return a grant that is free: its failsafe is counted for a car anyway."""
    failsafe_a = account.counted_failsafe_a
    if failsafe_a < account.evse.min_a or grant.reason.kind in {ReasonKind.EXCLUSIVE, ReasonKind.DEMAND_MET}:
        return grant
    return Grant(failsafe_a, Reason(ReasonKind.FAILSAFE))


def session_of(scene: Scene, account: Account) -> Session:
    """Return an EVSE's car as the allocation is to see it."""
    evse, visit = account.evse, scene.visits[account.evse.key]
    cap_a = math.inf if account.foreign_cap_a is None else account.foreign_cap_a
    return Session(
        evse=evse.key,
        transaction=visit.transaction,
        started_s=visit.started_s,
        phases=account.phases,
        demand_a=0.0 if cap_a < evse.min_a else visit.reclaim.demand_a,
        min_a=evse.min_a,
        max_a=max(evse.min_a, min(account.full_a, cap_a)),
        step_a=evse.step_a,
        priority=evse.priority if visit.priority is None else visit.priority,
        weight=evse.weight if visit.weight is None else visit.weight,
        turn=visit.turn,
    )


def _free(scene: Scene, sessions: Mapping[EvseKey, Session]) -> tuple[dict[str, Amperes], dict[str, float]]:
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
    if session is not None:
        return on_phases(account.counted_failsafe_a, _without(wired, session.phases))
    if scene.is_moving(account):
        return on_phases(account.counted_failsafe_a, wired)
    idle = key not in scene.visits and account.foreign_a is None and not account.quarantined
    if idle and (scene.observing or (is_reachable(account) and key not in scene.late)):
        return on_phases(max(account.evse.failsafe_a, account.counted_failsafe_a), wired)
    return scene.exposures[key]


def _without(wired: PhaseUse, used: PhaseUse) -> PhaseUse:
    return (wired[0] and not used[0], wired[1] and not used[1], wired[2] and not used[2])


def _keep(scene: Scene, snapshot: Snapshot) -> dict[EvseKey, Grant]:
    """Let each car keep what it has, the oldest first, as far as it still fits."""
    free_a = dict(snapshot.free_a)
    free_w = dict(snapshot.free_w)
    volts = scene.site.nominal_voltage_v
    grants: dict[EvseKey, Grant] = {}
    for session in sorted(snapshot.sessions, key=lambda session: (session.started_s, session.evse)):
        path = scene.site.path(scene.site.evse(session.evse).node)
        limit_a = scene.visits[session.evse].target_a
        used = [phase for phase in range(3) if session.phases[phase]]
        fits = all(limit_a <= free_a[node][phase] for node in path for phase in used) and all(
            limit_a * len(used) * volts <= free_w.get(node, math.inf) for node in path
        )
        if not fits:
            limit_a = 0.0
        taken_a = on_phases(-limit_a, session.phases)
        for node in path:
            free_a[node] = add(free_a[node], taken_a)
            if node in free_w:
                free_w[node] -= limit_a * len(used) * volts
        grants[session.evse] = Grant(limit_a, Reason(ReasonKind.NODE, node=path[-1]))
    return grants
