"""The only reader of time.

*Site time* is UTC in microseconds and may run fast in the demo; everything in the domain and on the
wire uses it. *Machine time* is monotonic seconds and never scaled: deadlines, pings, fsync.
"""

from __future__ import annotations

import time


class SystemClock:
    """Site time and machine time of this machine; `speed` scales site time."""

    def __init__(
        self, *, speed: float = 1.0, start_us: int | None = None, anchor_us: int | None = None
    ) -> None:
        """Let site time be `start_us` (default: now) and run `speed` times as fast as machine time.

        It is `start_us` at the moment `anchor_us` of this machine's UTC; by default at this call. Clocks with
        one start, speed and anchor agree, whenever and in whichever process they are made.
        """
        self._speed = speed
        self._origin_ns = time.monotonic_ns()
        wall_us = time.time_ns() // 1000
        since_us = 0 if anchor_us is None else wall_us - anchor_us
        self._origin_us = wall_us if start_us is None else start_us + int(since_us * speed)
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
