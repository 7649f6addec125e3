"""Higher priorities first, by weight inside each."""

from __future__ import annotations

from collections.abc import Sequence

from balancer.snapshot import Session
from balancer.strategies.sharing import Sharing


def priority(sessions: Sequence[Session]) -> Sharing:
    """Serve a higher priority wholly, above everybody's minimum, before the next; admit it first, too."""
    ranks = [-session.priority for session in sessions]
    return Sharing(weights=[session.weight for session in sessions], tiers=ranks, classes=ranks)
