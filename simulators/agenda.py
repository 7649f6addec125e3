"""What is to be done when: a list of appointments in site time."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable

Work = Callable[[float], None]
"""Is told the moment for which it was noted, which may be a little past."""


class Agenda:
    """Appointments in order of time, then of noting."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Work]] = []
        self._numbers = itertools.count()

    def at(self, at_s: float, work: Work) -> None:
        """Note something to be done at a moment; what is past is done at the next look."""
        heapq.heappush(self._heap, (at_s, next(self._numbers), work))

    def next_s(self) -> float:
        """Return the first moment noted; `inf`: none."""
        return self._heap[0][0] if self._heap else math.inf

    def keep(self, until_s: float) -> None:
        """Do all that is due, also what is noted meanwhile."""
        while self._heap and self._heap[0][0] <= until_s:
            at_s, _, work = heapq.heappop(self._heap)
            work(at_s)
