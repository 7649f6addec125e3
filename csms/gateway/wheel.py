"""One timer for every connection's deadlines, in whole machine seconds: a task or timer each would cost kilobytes."""

from __future__ import annotations

import asyncio
import math
from collections import defaultdict
from collections.abc import Callable

import structlog

_log = structlog.get_logger(__name__)


class TimerWheel:
    """Calls back once, within about a second after the moment asked for; never before it."""

    def __init__(self, machine_s: Callable[[], float]) -> None:
        """Turn by `machine_s` (monotonic seconds)."""
        self._machine_s = machine_s
        self._slots: dict[int, list[Callable[[], None]]] = defaultdict(list)
        self._turned_to = math.floor(machine_s())

    def at(self, deadline_s: float, callback: Callable[[], None]) -> None:
        """Call `callback` once machine time has passed `deadline_s`; a caller that lost interest ignores the call."""
        self._slots[max(math.ceil(deadline_s), self._turned_to + 1)].append(callback)

    def turn(self) -> None:
        """Call everything that is due."""
        now = math.floor(self._machine_s())
        while self._turned_to < now:
            self._turned_to += 1
            for callback in self._slots.pop(self._turned_to, ()):
                try:
                    callback()
                except Exception:  # noqa: BLE001 - one connection's fault must not stop the others' timers
                    _log.exception("timer.failed")

    async def run(self) -> None:
        """Turn once a second until cancelled."""
        while True:
            await asyncio.sleep(1.0)
            self.turn()
