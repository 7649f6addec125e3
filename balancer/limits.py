"""What circuits leave: headroom, what breaks a limit, and which EVSEs may keep current when nobody steers them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from balancer.site import Evse, EvseKey, Site
from balancer.units import EPSILON_A, NO_AMPERES, Amperes, add, lowest, on_phases

KEPT_A = 6.0
"""The least failsafe that lets a car charge (IEC 61851-1: no control pilot says less)."""


@dataclass(frozen=True, slots=True)
class Headroom:
    """What is left on each node; never negative. As a `Snapshot` takes it."""

    free_a: dict[str, Amperes]
    free_w: dict[str, float]
    """Only nodes with a limit on power."""


class Violation(NamedTuple):
    """A limit that is exceeded."""

    node: str
    phase: int | None
    """The site's phase, 0 to 2; None: the node's power."""
    over: float
    """By how much: amperes, for power watts."""


@dataclass(frozen=True, slots=True)
class FailsafeCheck:
    """What the commissioning of failsafes found (control.md "Failsafe")."""

    broken: tuple[Violation, ...]
    """Where the site's failsafes together with the worst load of others exceed a limit: refuse it."""
    proposed_a: dict[EvseKey, float]
    """What each EVSE may have as its failsafe; 0 for those that can't keep enough to charge."""


def headroom(
    site: Site,
    caps_a: Mapping[str, Amperes],
    base_a: Mapping[str, Amperes],
    exposures: Mapping[EvseKey, Amperes],
    caps_w: Mapping[str, float] | None = None,
) -> Headroom:
    """Return what is left on each node of `site` for those who are not among `exposures`.

    `caps_a` (A per phase) and `caps_w` limit a node below its rating, never above; `base_a` is what others draw
    below each node; `exposures` what EVSEs draw at worst. Nodes and EVSEs that are missing there have none.
    """
    left_a, left_w = _left(site, caps_a, base_a, exposures, caps_w or {})
    return Headroom(
        free_a={
            node: (max(0.0, left[0]), max(0.0, left[1]), max(0.0, left[2])) for node, left in left_a.items()
        },
        free_w={node: max(0.0, left) for node, left in left_w.items()},
    )


def violations(
    site: Site,
    caps_a: Mapping[str, Amperes],
    base_a: Mapping[str, Amperes],
    exposures: Mapping[EvseKey, Amperes],
    caps_w: Mapping[str, float] | None = None,
) -> list[Violation]:
    """Return where `exposures` and `base_a` together exceed a limit by more than rounding; as for `headroom`."""
    left_a, left_w = _left(site, caps_a, base_a, exposures, caps_w or {})
    found: list[Violation] = []
    for node in site.nodes:
        found += [
            Violation(node.id, phase, -left)
            for phase, left in enumerate(left_a[node.id])
            if left < -EPSILON_A
        ]
        watts = left_w.get(node.id, 0.0)
        if watts < -EPSILON_A * site.nominal_voltage_v:
            found.append(Violation(node.id, None, -watts))
    return found


def _left(
    site: Site,
    caps_a: Mapping[str, Amperes],
    base_a: Mapping[str, Amperes],
    exposures: Mapping[EvseKey, Amperes],
    caps_w: Mapping[str, float],
) -> tuple[dict[str, Amperes], dict[str, float]]:
    """Return what is left on each node, in amperes and (where there is a limit) in watts; below 0: exceeded."""
    drawn: dict[str, Amperes] = {node.id: base_a.get(node.id, NO_AMPERES) for node in site.nodes}
    for key, exposure in exposures.items():
        for node_id in site.path(site.evse(key).node):
            drawn[node_id] = add(drawn[node_id], exposure)
    left_a: dict[str, Amperes] = {}
    left_w: dict[str, float] = {}
    for node in site.nodes:
        limit, taken = lowest(node.rating_a, caps_a.get(node.id, node.rating_a)), drawn[node.id]
        left_a[node.id] = (limit[0] - taken[0], limit[1] - taken[1], limit[2] - taken[2])
        limits_w = [watts for watts in (node.max_power_w, caps_w.get(node.id)) if watts is not None]
        if limits_w:
            left_w[node.id] = min(limits_w) - sum(taken) * site.nominal_voltage_v
    return left_a, left_w


def worst_base(site: Site) -> dict[str, Amperes]:
    """Return what others draw at worst below each node, as far as the site says: its meters' fallbacks.

    A node without a meter has what its children have together.
    """
    meters = {meter.id: meter for meter in site.meters}
    found: dict[str, Amperes] = {}
    for node in reversed(site.topology.order):
        # Children come before their parent here, so a node's sum is whole when it is looked at.
        own = found.get(node.id, NO_AMPERES) if node.meter is None else meters[node.meter].fallback_a
        found[node.id] = own
        if node.parent is not None:
            found[node.parent] = add(found.get(node.parent, NO_AMPERES), own)
    return found


def failsafe_check(site: Site, worst_base_a: Mapping[str, Amperes]) -> FailsafeCheck:
    """Return whether all failsafes fit beside the worst load of others, and a proposal that does.

    `worst_base_a` is what others draw at worst below each node (`worst_base`, or from a year of readings).
    Proposed is 6 A or the EVSE's minimum (more, where its failsafe says more) to as many as fit, the highest
    priority first, then in the site's order; a DC EVSE, for which there is no such least current, keeps what its
    failsafe says or nothing.
    """
    wanted = {evse.key: on_phases(evse.failsafe_a, evse.phases) for evse in site.evses}
    left_a, left_w = _left(site, {}, worst_base_a, {}, {})
    proposed: dict[EvseKey, float] = dict.fromkeys(wanted, 0.0)
    for evse in sorted(site.evses, key=lambda evse: -evse.priority):
        proposed[evse.key] = _keep(site, evse, left_a, left_w)
    return FailsafeCheck(tuple(violations(site, {}, worst_base_a, wanted)), proposed)


def _keep(site: Site, evse: Evse, left_a: dict[str, Amperes], left_w: dict[str, float]) -> float:
    """Return what `evse` may keep of what is left, and take it from there."""
    least_a = max(KEPT_A, evse.min_a) if evse.supply == "AC" else evse.failsafe_a
    path = site.path(evse.node)
    for current_a in (max(least_a, evse.failsafe_a), least_a):
        takes_a = on_phases(current_a, evse.phases)
        takes_w = sum(takes_a) * site.nominal_voltage_v
        if current_a <= evse.max_a and all(
            all(
                take <= left + EPSILON_A for take, left in zip(takes_a, left_a[node], strict=True) if take > 0
            )
            and takes_w <= left_w.get(node, takes_w) + EPSILON_A * site.nominal_voltage_v
            for node in path
        ):
            for node in path:
                left = left_a[node]
                left_a[node] = (left[0] - takes_a[0], left[1] - takes_a[1], left[2] - takes_a[2])
                if node in left_w:
                    left_w[node] -= takes_w
            return current_a
    return 0.0
