"""The only reader of time.

*Site time* is UTC in microseconds and may run fast in the demo; everything in the domain and on the
wire uses it. *Machine time* is monotonic seconds and never scaled: deadlines, pings, fsync.
"""

from __future__ import annotations

import time


class SystemClock:
    """Site time and machine time of this machine; `speed` scales site time from the moment of creation."""

    def __init__(self, *, speed: float = 1.0, start_us: int | None = None) -> None:
        """Start site time at `start_us` (default: now), running `speed` times as fast as machine time."""
        self._speed = speed
        self._origin_us = time.time_ns() // 1000 if start_us is None else start_us
        self._origin_ns = time.monotonic_ns()
        self._real = speed == 1.0 and start_us is None

    def now_us(self) -> int:
        """Return site time in UTC microseconds."""
        if self._real:
            return time.time_ns() // 1000
        return self._origin_us + int((time.monotonic_ns() - self._origin_ns) * self._speed) // 1000

    def machine_s(self) -> float:
        """Return machine time in monotonic seconds."""
        return time.monotonic()

    def seconds_until(self, at_us: int) -> float:
        """Return the machine seconds until the moment `at_us` of site time; below 0 where it has passed."""
        return (at_us - self.now_us()) / 1e6 / self._speed
