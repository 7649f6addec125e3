"""What a strategy says: how much each car counts, and who goes first. Pure data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from balancer.snapshot import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """A strategy's answer; each list has one entry for each session, in their order."""

    weights: Sequence[float]
    """Inside a tier currents are shared in proportion to these; above 0."""
    tiers: Sequence[int] | None = None
    """Of what is left above the minima, a lower tier takes all it can before the next; None: all are in one."""
    classes: Sequence[int] | None = None
    """When not everyone can have the minimum, a lower class is admitted first, and only members of one class take
    turns; None: all are in one."""


Strategy = Callable[[Sequence[Session]], Sharing]
"""Pure: the sessions that want current, in the order of their keys, to how they share."""
