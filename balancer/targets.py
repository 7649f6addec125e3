"""What each car should have: the allocation, asked with what the ledger reserves for all that can't be moved."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

from balancer.account import Account
from balancer.allocation import Allocation, Grant, Reason, ReasonKind
from balancer.room import Room
from balancer.scene import Scene, free_for, session_of
from balancer.site import EvseKey
from balancer.snapshot import Session, Snapshot
from balancer.units import EPSILON_A, NO_AMPERES, add, floor_to_step, highest, on_phases

Allocate = Callable[[Snapshot, str], Allocation]


def allot(scene: Scene, allocate: Allocate) -> tuple[dict[EvseKey, Grant], bool]:
    """Return what each movable car should have, and whether the strategy failed to say so.

    A car that would get less than the failsafe that is counted for it anyway is given that instead, and the
    others share the rest. If the strategy fails each keeps what it has, as far as that still fits.
    """
    moving = [account for account in scene.ledger.accounts() if scene.is_moving(account)]
    sessions = {account.evse.key: session_of(scene, account) for account in moving}
    try:
        grants = _shares(scene, allocate, dict(sessions))
    except Exception:  # noqa: BLE001 - control.md "Faults": a strategy's fault must not stop the site
        return _keep(scene, _snapshot(scene, sessions)), True
    return {key: _told(scene.ledger[key], grant) for key, grant in grants.items()}, False


def beside_foreign(scene: Scene, room: Room) -> dict[EvseKey, Grant]:
    """Return what cars are told that somebody else's profile may give more than that.

    The worst of it is counted anyway, so it costs nothing; but where that profile does not count they go by it.
    """
    found: dict[EvseKey, Grant] = {}
    for account in scene.ledger.accounts():
        if not scene.is_overruled(account):
            continue
        key, evse = account.evse.key, account.evse
        fits_a = room.beside_others(key, scene.exposures[key], account.phases)
        caps_a = math.inf if account.foreign_cap_a is None else account.foreign_cap_a
        most_a = min(account.allowed_a(scene.now_s), account.full_a, fits_a) / account.spread
        limit_a = floor_to_step(min(most_a, caps_a), evse.step_a)
        reason = Reason(ReasonKind.OFFLINE_RESERVE, source="foreign-profile")
        found[key] = Grant(limit_a if limit_a >= evse.min_a else 0.0, reason)
    return found


def _snapshot(scene: Scene, sessions: Mapping[EvseKey, Session]) -> Snapshot:
    free_a, free_w = free_for(scene, sessions)
    return Snapshot(
        site=scene.site, now_s=scene.now_s, sessions=tuple(sessions.values()), free_a=free_a, free_w=free_w
    )


def _told(account: Account, grant: Grant) -> Grant:
    """Return what to tell a station whose share is what it may bring on one phase (`session_of`)."""
    if account.spread == 1 or grant.limit_a >= account.full_a - EPSILON_A:
        return grant
    limit_a = floor_to_step(grant.limit_a / account.spread, account.evse.step_a)
    return Grant(limit_a, grant.reason)


def _shares(scene: Scene, allocate: Allocate, sessions: dict[EvseKey, Session]) -> dict[EvseKey, Grant]:
    settled: dict[EvseKey, Grant] = {}
    while True:
        grants = allocate(_snapshot(scene, sessions), scene.site.strategy).grants
        low = [key for key, grant in grants.items() if grant.limit_a < scene.ledger[key].counted_failsafe_a]
        if not low:
            return settled | grants | _share_rest(scene, allocate, sessions, grants, settled)
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
    free_a, free_w = free_for(scene, {**sessions, **again})
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


def _keep(scene: Scene, snapshot: Snapshot) -> dict[EvseKey, Grant]:
    """Let each car keep what it has, the oldest first, as far as it still fits."""
    free_a = dict(snapshot.free_a)
    free_w = dict(snapshot.free_w)
    volts = scene.site.nominal_voltage_v
    grants: dict[EvseKey, Grant] = {}
    for session in sorted(snapshot.sessions, key=lambda session: (session.started_s, session.evse)):
        path = scene.site.path(scene.site.evse(session.evse).node)
        account = scene.ledger[session.evse]
        told_a = scene.visits[session.evse].target_a
        limit_a = min(told_a * account.spread, max(told_a, account.full_a))
        used = [phase for phase in range(3) if session.phases[phase]]
        fits = all(limit_a <= free_a[node][phase] for node in path for phase in used) and all(
            limit_a * len(used) * volts <= free_w.get(node, math.inf) for node in path
        )
        if not fits:
            told_a = limit_a = 0.0
        taken_a = on_phases(-limit_a, session.phases)
        for node in path:
            free_a[node] = add(free_a[node], taken_a)
            if node in free_w:
                free_w[node] -= limit_a * len(used) * volts
        grants[session.evse] = Grant(told_a, Reason(ReasonKind.NODE, node=path[-1]))
    return grants
