"""A car's stay at an EVSE as the controller sees it: what it is owed, what it shows, and what it was told."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from balancer.settings import Settings
from balancer.site import Evse
from balancer.snapshot import Turn
from balancer.usage import PhaseWatch, Reclaim


@dataclass(slots=True)
class Visit:
    """One running transaction."""

    transaction: str
    started_s: float
    priority: int | None
    weight: float | None
    reclaim: Reclaim
    phase_watch: PhaseWatch
    turn: Turn = field(default_factory=Turn)
    target_a: float = 0.0
    """What it should have now, amperes per phase."""
    changed_s: float = -math.inf
    """When its limit was changed last."""
    repeated_s: float = -math.inf
    """When a limit was last given again to a charger that ignores it."""


def new_visit(
    evse: Evse,
    settings: Settings,
    transaction: str,
    started_s: float,
    priority: int | None,
    weight: float | None,
) -> Visit:
    """Return the visit of a car that has shown nothing yet."""
    return Visit(
        transaction=transaction,
        started_s=started_s,
        priority=priority,
        weight=weight,
        reclaim=Reclaim(settings),
        phase_watch=PhaseWatch(settings, evse.phases),
    )
