"""All that an allocation may know, at one moment: what is free on each circuit, and who wants what."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from balancer.site import EvseKey, Site
from balancer.units import Amperes, PhaseUse


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A session's place in the rotation; seconds on the clock of `Snapshot.now_s`."""

    charging_since_s: float | None = None
    """Since when it has been given its minimum or more without a break; None while it waits."""
    waiting_since_s: float | None = None
    """Since when it has wanted current and got none; None while it charges."""
    paused: bool = False
    """True while it waits because its current was taken away: the minimum off time counts from then."""
    queued_since_s: float | None = None
    """When it began to wait for the turn that it has now; None: it never had to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A car that may charge."""

    evse: EvseKey
    transaction: str
    started_s: float
    phases: PhaseUse
    """The site phases that it really draws on; the wired ones until that is known."""
    demand_a: float = math.inf
    """The most it can use per phase now; `inf` where nobody knows. 0: it wants nothing."""
    min_a: float = 6.0
    max_a: float = 32.0
    step_a: float = 0.1
    priority: int = 0
    weight: float = 1.0
    turn: Turn = Turn()


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One moment of a site, as far as sharing current is concerned.

    `free_a` and `free_w` are what the sessions together may draw below each node: the lowest of rating and
    caps, less the other loads, less what is reserved for EVSEs that can't be moved now. Never negative.
    A node that is missing there has its rating free.
    """

    site: Site
    now_s: float
    sessions: tuple[Session, ...]
    free_a: Mapping[str, Amperes]
    free_w: Mapping[str, float]
    """Only nodes with a limit on power."""
