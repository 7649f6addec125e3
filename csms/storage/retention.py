"""Deletes what is older than it may get, a few rows at a time, between the writer's commits."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable

import structlog

from csms.ports import Clock

_log = structlog.get_logger(__name__)

STEP_ROWS = 500
PAUSE_S = 60.0
"""Between two sweeps; machine seconds."""
DAY_US = 86_400_000_000


class Sweep:
    """The rows of one table in the order of their numbers, which is nearly that of their age.

    It goes on while it finds old ones, so that a few rows with a time from the future don't protect those
    behind them. No index on the time is needed.
    """

    def __init__(self, table: str, time_column: str, keep_us: int, *, keep_newest: bool = False) -> None:
        """Delete what is older than `keep_us`; `keep_newest` spares the last row, so that its number stays known."""
        self._table = table
        self._newest = f"(SELECT max(number) - 1 FROM {table})" if keep_newest else "?2"  # noqa: S608
        self._time = time_column
        self._keep_us = keep_us
        self._after = 0

    def step(self, connection: sqlite3.Connection, now_us: int) -> bool:
        """Look at the next few rows and delete the old ones; False at the end of the sweep."""
        oldest_kept_us = now_us - self._keep_us
        rows = connection.execute(
            f"SELECT number, {self._time} FROM {self._table} WHERE number > ? ORDER BY number LIMIT ?",  # noqa: S608
            (self._after, STEP_ROWS),
        ).fetchall()
        if not any(at_us < oldest_kept_us for _, at_us in rows):
            self._after = 0
            return False
        last = rows[-1][0]
        connection.execute(
            f"DELETE FROM {self._table} WHERE number > ?1 AND number <= min(?2, {self._newest}) "  # noqa: S608
            f"AND {self._time} < ?3",
            (self._after, last, oldest_kept_us),
        )
        self._after = last
        return True


class Retention:
    """A chore of the writer: from time to time one sweep through each table."""

    def __init__(
        self, connection: Callable[[], sqlite3.Connection], clock: Clock, sweeps: Iterable[Sweep]
    ) -> None:
        """Delete through the writer's own `connection`, which no transaction is open on."""
        self._connection = connection
        self._clock = clock
        self._sweeps = tuple(sweeps)
        self._left: list[Sweep] = []
        self._due_s = clock.machine_s()

    def __call__(self) -> bool:
        """Do one step; True where the sweep goes on."""
        if not self._left:
            if self._clock.machine_s() < self._due_s:
                return False
            self._left = list(self._sweeps)
        try:
            if not self._left[-1].step(self._connection(), self._clock.now_us()):
                self._left.pop()
        except sqlite3.Error as error:
            _log.warning("retention.failed", problem=str(error))
            self._left.clear()
        if not self._left:
            self._due_s = self._clock.machine_s() + PAUSE_S
        return bool(self._left)
