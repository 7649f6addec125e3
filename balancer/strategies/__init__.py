"""How cars share: one file a strategy, one row in the table below."""

from __future__ import annotations

from balancer.strategies.fair import fair
from balancer.strategies.first_come import first_come
from balancer.strategies.priority import priority
from balancer.strategies.sharing import Sharing, Strategy

__all__ = ["STRATEGIES", "Sharing", "Strategy"]

STRATEGIES: dict[str, Strategy] = {
    "fair": fair,
    "priority": priority,
    "first_come": first_come,
}
