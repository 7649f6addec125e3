"""Virtual time: what is due, in order; nothing happens between two entries."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable


class Agenda:
    """Things to do at given times; of one time, in the order in which they were put down."""

    def __init__(self, now_s: float = 0.0) -> None:
        """Start at `now_s` with nothing to do."""
        self.now_s = now_s
        self._entries: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    def at(self, at_s: float, do: Callable[[], None]) -> None:
        """Do it at `at_s`, or now where that has passed."""
        heapq.heappush(self._entries, (max(at_s, self.now_s), next(self._numbers), do))

    def after(self, delay_s: float, do: Callable[[], None]) -> None:
        """Do it `delay_s` from now."""
        self.at(self.now_s + delay_s, do)

    def next_s(self) -> float:
        """When the next entry is due; `inf` without any."""
        return self._entries[0][0] if self._entries else math.inf

    def do_due(self) -> None:
        """Do all that is due by now, also what that adds."""
        while self._entries and self._entries[0][0] <= self.now_s:
            heapq.heappop(self._entries)[2]()
