"""When a loop is stepped: soon after anything happened, never more often than bounded, and when it asked to be."""

from __future__ import annotations

import asyncio

from msgspec import Struct

from csms.ports import Clock


class PaceLimits(Struct, frozen=True, kw_only=True):
    """Bounds in machine seconds."""

    gather_s: float = 0.004
    """What happens within so long counts as one moment."""
    spacing_s: float = 0.045
    """The least time between the beginnings of two steps."""
    share: float = 0.5
    """The most of the process's time that a site's steps may take."""
    look_s: float = 5.0
    """How often a long wait is measured anew: clocks may be set."""
    restart_min_s: float = 1.0
    """How long a failed loop rests the first time; doubled with each failure in a row."""
    restart_max_s: float = 60.0

    def rest_s(self, failed_in_a_row: int) -> float:
        """Return how long to wait before the next life, after that many failures."""
        return min(self.restart_max_s, self.restart_min_s * 2.0 ** min(failed_in_a_row - 1, 20))


class Pace:
    """The waiting of one loop between its steps."""

    def __init__(self, clock: Clock, limits: PaceLimits) -> None:
        """Begin ready for a step."""
        self._clock = clock
        self._limits = limits
        self._began_s = clock.machine_s() - limits.spacing_s
        self._took_s = 0.0

    def begins(self) -> None:
        """Take note that a step begins."""
        self._began_s = self._clock.machine_s()

    def ended(self) -> None:
        """Take note that it ended."""
        self._took_s = self._clock.machine_s() - self._began_s

    async def wait(self, woken: asyncio.Event, wake_at_us: int | None) -> None:
        """Return when the next step is due: something set `woken`, or `wake_at_us` (site time) has come."""
        while not woken.is_set():
            left_s = self._limits.look_s
            if wake_at_us is not None:
                left_s = min(left_s, self._clock.seconds_until(wake_at_us))
            if left_s <= 0:
                break
            try:
                async with asyncio.timeout(left_s):
                    await woken.wait()
            except TimeoutError:
                continue
        limits = self._limits
        due_s = self._began_s + max(limits.spacing_s, self._took_s / limits.share)
        await asyncio.sleep(max(limits.gather_s, due_s - self._clock.machine_s()))
