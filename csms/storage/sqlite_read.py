"""Reads of a SQLite file off the event loop: a whole read in one hop, on connections apart from the writer's.

Through SQLAlchemy and aiosqlite every statement costs about 0.4 ms of CPU and several hops; a station's
state takes half a dozen statements, and after a restart all stations come at once. Lists are read with
SQLModel all the same.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from csms.domain.errors import StorageError
from csms.storage.queries import Rows

_T = TypeVar("_T")
_THREADS = 2


class SqliteReads:
    """Implements `csms.storage.queries.Reads`."""

    def __init__(self, path: Path, *, busy_s: float) -> None:
        self._path = path
        self._busy_s = busy_s
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="store-reader")
        self._idle: deque[sqlite3.Connection] = deque()

    async def run(self, read: Callable[[Rows], _T]) -> _T:
        """Return what `read` makes of the rows it asks for; all of them are of one moment.

        Raises `StorageError` where the file can't be read.
        """
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._read, read)

    async def close(self) -> None:
        """Wait for the reads under way and let go of the file."""
        await asyncio.to_thread(self._threads.shutdown)
        while self._idle:
            self._idle.pop().close()

    def _read(self, read: Callable[[Rows], _T]) -> _T:
        try:
            connection = self._idle.pop() if self._idle else self._connect()
            try:
                connection.execute("BEGIN")
                result = read(_rows_of(connection))
                connection.execute("COMMIT")
            except BaseException:
                connection.close()
                raise
        except sqlite3.Error as error:
            raise StorageError(f"the store can't be read: {error}") from error
        self._idle.append(connection)
        return result

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=self._busy_s, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA query_only = ON")
        return connection


def _rows_of(connection: sqlite3.Connection) -> Rows:
    def rows(statement: str, parameters: Mapping[str, object]) -> list[Any]:
        return connection.execute(statement, parameters).fetchall()

    return rows
