"""How often in a row something failed, and when it may be tried again."""

from __future__ import annotations

import math
from dataclasses import dataclass

from balancer.settings import Settings


@dataclass(slots=True)
class Attempts:
    """The attempts at one kind of order; each failure in a row doubles the wait."""

    failures: int = 0
    again_s: float = -math.inf

    def failed(self, now_s: float, settings: Settings) -> None:
        """Wait longer than the last time."""
        delay_s = settings.retry_s * 2 ** min(self.failures, 16)
        self.failures += 1
        self.again_s = now_s + min(delay_s, settings.retry_max_s)

    def reset(self) -> None:
        """Begin anew."""
        self.failures, self.again_s = 0, -math.inf
