"""Who came first is served first."""

from __future__ import annotations

from collections.abc import Sequence

from balancer.snapshot import Session
from balancer.strategies.sharing import Sharing


def first_come(sessions: Sequence[Session]) -> Sharing:
    """Serve one after the other in the order of their beginnings (then of their keys); nobody takes turns."""
    beginnings_s = [session.started_s for session in sessions]
    # Sorting keeps the order of those who began at once: that of their keys.
    order = sorted(range(len(sessions)), key=beginnings_s.__getitem__)
    ranks = [0] * len(sessions)
    for rank, index in enumerate(order):
        ranks[index] = rank
    return Sharing(weights=[1.0] * len(sessions), tiers=ranks, classes=ranks)
