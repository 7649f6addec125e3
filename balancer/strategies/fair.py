"""Everyone the same, by weight."""

from __future__ import annotations

from collections.abc import Sequence

from balancer.snapshot import Session
from balancer.strategies.sharing import Sharing


def fair(sessions: Sequence[Session]) -> Sharing:
    """Share by weight among all; take turns among all."""
    return Sharing(weights=[session.weight for session in sessions])
