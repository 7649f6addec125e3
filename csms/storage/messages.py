"""The log of raw frames: a bounded queue, and a SQLite file of its own beside the store.

Nothing here is ever waited for by a station's message, and no fault of this file touches the store: lines
that can't be kept are counted and forgotten.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import threading
from collections import deque
from pathlib import Path

import structlog
from msgspec import Struct

from csms.domain.errors import StorageError
from csms.domain.history import LoggedMessage
from csms.ports import Clock
from csms.storage.redaction import redact, redact_text, storable
from csms.storage.retention import DAY_US, PAUSE_S, STEP_ROWS, Sweep

_log = structlog.get_logger(__name__)

_TABLE = (
    "CREATE TABLE IF NOT EXISTS messages (number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, "
    "station_id TEXT NOT NULL, at_us INTEGER NOT NULL, direction TEXT NOT NULL, frame TEXT NOT NULL, "
    "deviation TEXT) STRICT"
)
_INDEX = "CREATE INDEX IF NOT EXISTS messages_by_station ON messages (station_id, number)"
_INSERT = "INSERT INTO messages (station_id, at_us, direction, frame, deviation) VALUES (?, ?, ?, ?, ?)"
_SELECT = (
    "SELECT number, at_us, direction, frame, deviation FROM messages "
    "WHERE station_id = ?1 AND number < coalesce(?2, 9223372036854775807) ORDER BY number DESC LIMIT ?3"
)
_WRITE_EVERY_S = 0.25
"""While the writer is busy; machine seconds."""
_STEP_LINES = 200
_STEP_CHARACTERS = 512 * 1024
_RETRY_S = 10.0
"""After a failure of the file; machine seconds."""

_BUSY_S = 0.1
_FAULTS = (sqlite3.Error, OSError, ValueError, OverflowError)

_Line = tuple[str, int, str, str, str | None]


class MessageLogLimits(Struct, frozen=True, kw_only=True):
    """How much is kept, in the file and in the queue before it."""

    keep_days: int = 14
    file_bytes: int = 1024**3
    queue_lines: int = 10_000
    queue_characters: int = 32 * 1024 * 1024


class SqliteMessageLog:
    """Implements `csms.ports.MessageLog`; `append` is called on the event loop, the chore on the writer's thread."""

    def __init__(self, path: Path, clock: Clock, limits: MessageLogLimits | None = None) -> None:
        self._path = path
        self._clock = clock
        self._limits = MessageLogLimits() if limits is None else limits
        self._queue: deque[_Line] = deque()
        # Each number has one who changes it, so that none needs a lock: the loop …
        self._characters_in = 0
        self._characters_overflowed = 0
        self._overflowed = 0
        # … or whoever writes: the writer's thread, or a reader that wants to see what was said just now.
        self._writing = threading.Lock()
        self._characters_taken = 0
        self._unwritten = 0
        self._connection: sqlite3.Connection | None = None
        self._sweep = Sweep("messages", "at_us", self._limits.keep_days * DAY_US)
        self._cleaning = False
        self._write_at_s = 0.0
        self._retry_at_s = 0.0
        self._sweep_at_s = 0.0

    @property
    def dropped(self) -> int:
        """Lines lost since the start because the queue or the file could not take them."""
        return self._overflowed + self._unwritten

    def append(self, station_id: str, at_us: int, direction: str, frame: str, deviation: str | None) -> None:
        """See `csms.ports.MessageLog.append`; the oldest waiting lines give way."""
        self._queue.append((station_id, at_us, direction, frame, deviation))
        self._characters_in += len(frame)
        while self._overfull():
            with contextlib.suppress(IndexError):  # the thread may take the last line just now
                self._characters_overflowed += len(self._queue.popleft()[3])
                self._overflowed += 1

    def __call__(self) -> bool:
        """Write some lines and delete some old ones, when it is time for that; True where more is due."""
        now_s = self._clock.machine_s()
        writing = now_s >= self._write_at_s or len(self._queue) >= _STEP_LINES
        if now_s < self._retry_at_s or not (writing or self._cleaning):
            return False
        if not self._writing.acquire(blocking=False):
            return False
        try:
            self._cleaning = self._shrink()
            if not self._cleaning:  # room first: meanwhile lines wait, and the oldest of them give way
                if writing:
                    self._write_some()
                    self._write_at_s = now_s + _WRITE_EVERY_S
                self._cleaning = self._sweep_some(now_s)
            return self._cleaning or len(self._queue) >= _STEP_LINES
        except _FAULTS as error:
            self._failed(error)
            self._retry_at_s = now_s + _RETRY_S
            return False
        finally:
            self._writing.release()

    async def read(
        self, station_id: str, *, before: int | None = None, limit: int = 100
    ) -> list[LoggedMessage]:
        """Return a station's newest lines, newest first; `before` is the number of the last one seen.

        Lines said up to now are among them.
        """
        return await asyncio.to_thread(self._read, station_id, before, limit)

    def close(self) -> None:
        """Write what is left and let go of the file."""
        with self._writing:
            self._write_all()
            self._disconnect()

    def _read(self, station_id: str, before: int | None, limit: int) -> list[LoggedMessage]:
        with self._writing:
            self._write_all()
        if not self._path.exists():
            return []
        try:
            with contextlib.closing(sqlite3.connect(self._path)) as connection:
                rows = connection.execute(_SELECT, (station_id, before, limit)).fetchall()
        except sqlite3.Error as error:
            raise StorageError(f"the message log {self._path} can't be read: {error}") from error
        return [LoggedMessage(*row) for row in rows]

    def _overfull(self) -> bool:
        waiting = self._characters_in - self._characters_overflowed - self._characters_taken
        return len(self._queue) > self._limits.queue_lines or waiting > self._limits.queue_characters

    # --- with the lock held

    def _write_all(self) -> None:
        try:
            while self._queue:
                self._write_some()
        except _FAULTS as error:
            self._failed(error)

    def _write_some(self) -> None:
        lines: list[_Line] = []
        characters = 0
        with contextlib.suppress(IndexError):  # the loop may drop the last line just now
            while len(lines) < _STEP_LINES and characters < _STEP_CHARACTERS:
                lines.append(self._queue.popleft())
                characters += len(lines[-1][3])
        self._characters_taken += characters
        if not lines:
            return
        try:
            cleaned = [_cleaned(line) for line in lines]
            connection = self._connected()
            with connection:
                connection.execute("BEGIN")
                connection.executemany(_INSERT, cleaned)
        except BaseException:
            self._unwritten += len(lines)
            raise

    def _sweep_some(self, now_s: float) -> bool:
        """Delete some lines that are too old, when it is time for that; True where more are left."""
        if self._connection is None or now_s < self._sweep_at_s:
            return False
        if self._sweep.step(self._connection, self._clock.now_us()):
            return True
        self._sweep_at_s = now_s + PAUSE_S
        return False

    def _shrink(self) -> bool:
        """Delete the oldest lines while what is used of the file is too much; its free pages are used again."""
        connection = self._connection
        if connection is None:
            return False
        (pages,), (free,), (page_bytes,) = (
            connection.execute(f"PRAGMA {name}").fetchone()
            for name in ("page_count", "freelist_count", "page_size")
        )
        if (pages - free) * page_bytes <= self._limits.file_bytes:
            return False
        deleted = connection.execute(
            "DELETE FROM messages WHERE number <= "
            "(SELECT max(number) FROM (SELECT number FROM messages ORDER BY number LIMIT ?))",
            (STEP_ROWS,),
        )
        return deleted.rowcount > 0

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            # Frames may hold what nobody thought of hiding: only the owner reads them.
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
            connection = sqlite3.connect(
                self._path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
            )
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = NORMAL")
                connection.execute(_TABLE)
                connection.execute(_INDEX)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _failed(self, error: Exception) -> None:
        _log.warning("message-log.failed", problem=str(error), file=str(self._path), dropped=self.dropped)
        self._disconnect()

    def _disconnect(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None


def _cleaned(line: _Line) -> _Line:
    station_id, at_us, direction, frame, deviation = line
    if deviation is not None:
        deviation = storable(redact_text(deviation))
    return station_id, at_us, direction, redact(frame), deviation
