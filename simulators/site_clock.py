"""Site time, which may run faster than the machine's: the one module of the simulators that reads a clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LONGEST_WAIT_S = 86_400.0
"""Event loops don't take any number of seconds."""


class SiteClock:
    """Seconds since the epoch (UTC) at the site, `speed` times as fast as this machine's.

    Cars, meters and the chargers' own clocks live in site time; sockets and answers that are waited for in
    the machine's.
    """

    def __init__(
        self,
        speed: float = 1.0,
        *,
        now_s: float | None = None,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`now_s`: what time it is at the site, by default what it is here."""
        if not speed > 0:
            raise ValueError(f"speed {speed}: must be above 0")
        self.speed = speed
        self._monotonic_s = monotonic_s
        self.set(time.time() if now_s is None else now_s)

    def set(self, now_s: float) -> None:
        """Say what time it is at the site. Only before anything there has begun: nobody else may travel in time."""
        self._offset_s = now_s - self._monotonic_s() * self.speed

    def now_s(self) -> float:
        """Return the time at the site."""
        return self._monotonic_s() * self.speed + self._offset_s

    def machine_s(self, site_s: float) -> float:
        """Return how many of this machine's seconds a number of the site's takes."""
        return site_s / self.speed

    async def sleep_until(self, at_s: float) -> None:
        """Return when it is that time at the site."""
        while (left_s := self.machine_s(at_s - self.now_s())) > 0:  # noqa: ASYNC110 - time is what is waited for
            await asyncio.sleep(min(left_s, LONGEST_WAIT_S))


def machine_s() -> float:
    """Return this machine's monotonic time in seconds, for measuring how long something took."""
    return time.monotonic()


def format_utc(at_s: float) -> str:
    """Write seconds since the epoch as ISO 8601 in UTC with milliseconds and `Z`."""
    moment = _EPOCH + timedelta(milliseconds=round(at_s * 1000))
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_utc(text: str) -> float:
    """Return the seconds since the epoch of an ISO 8601 timestamp; without an offset it is UTC (1.6 §3.15).

    Raises `ValueError` where it is none.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH).total_seconds()
