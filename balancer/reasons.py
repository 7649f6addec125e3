"""Says of each EVSE what it has and why not more: the allocation's reason, overlaid by what the controller knows."""

from __future__ import annotations

import math
from collections.abc import Mapping

from balancer.account import Account
from balancer.allocation import Grant, Reason, ReasonKind
from balancer.caps import Bound
from balancer.dispatch import Dispatched
from balancer.scene import Scene
from balancer.site import EvseKey
from balancer.units import EPSILON_A


def reasons(
    scene: Scene, targets: Mapping[EvseKey, Grant], dispatched: Dispatched, deadband_a: float
) -> dict[EvseKey, Grant]:
    """Return the grant of every EVSE of the site."""
    found: dict[EvseKey, Grant] = {}
    for account in scene.ledger.accounts():
        key = account.evse.key
        target = targets.get(key)
        if target is None:
            found[key] = _unmoved(scene, account)
        elif scene.observing:
            found[key] = Grant(target.limit_a, _of_target(scene, key, target.reason))
        else:
            found[key] = _moved(scene, account, target, dispatched, deadband_a)
    return found


def _moved(scene: Scene, account: Account, target: Grant, dispatched: Dispatched, deadband_a: float) -> Grant:
    key = account.evse.key
    has_a = account.newest_a(scene.now_s)
    if target.limit_a - has_a < deadband_a:
        return Grant(has_a, _of_target(scene, key, target.reason))
    if key in dispatched.stale:
        return Grant(has_a, Reason(ReasonKind.STALE_METER))
    most = dispatched.held.get(key)
    if most is None:
        return Grant(has_a, _of_target(scene, key, target.reason))
    kind = ReasonKind.POWER if most.phase is None else ReasonKind.NODE
    return Grant(has_a, _with_source(Reason(kind, node=most.node, phase=most.phase), scene.bounds))


def _of_target(scene: Scene, key: EvseKey, reason: Reason) -> Reason:
    if reason.kind is ReasonKind.DEMAND_MET and scene.visits[key].reclaim.demand_a < math.inf:
        return Reason(ReasonKind.RECLAIMED)
    return _with_source(reason, scene.bounds)


def _with_source(reason: Reason, bounds: Mapping[str, Bound]) -> Reason:
    """Name the cap where a circuit is full because somebody limits it."""
    if reason.node is None or reason.kind not in {ReasonKind.NODE, ReasonKind.POWER}:
        return reason
    bound = bounds[reason.node]
    source = bound.source_w if reason.phase is None else bound.source_a[reason.phase]
    if source is None:
        return reason
    return Reason(ReasonKind.CAP, node=reason.node, phase=reason.phase, source=source)


def _unmoved(scene: Scene, account: Account) -> Grant:
    """Say what is kept for an EVSE that can't be moved, or has no car."""
    if account.is_shut:
        return Grant(max(scene.exposures[account.evse.key]), Reason(ReasonKind.START_GATE))
    idle = account.evse.key not in scene.visits
    failsafe_a = account.wanted_failsafe_a if scene.observing else account.counted_failsafe_a
    worst_a = max(scene.exposures[account.evse.key])
    if idle and (scene.observing or worst_a <= failsafe_a + EPSILON_A):
        return Grant(failsafe_a, Reason(ReasonKind.FAILSAFE))
    return Grant(worst_a, Reason(ReasonKind.OFFLINE_RESERVE, source=_why(account)))


def _why(account: Account) -> str:
    if not account.online:
        return "offline"
    if account.quarantined:
        return "disobeys"
    if account.foreign_a is not None:
        return "foreign-profile"
    return "unproven" if account.capability.movable else "not-movable"
