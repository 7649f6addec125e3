"""The engines that the contract of the store is told on, and what its stories need."""

from __future__ import annotations

import asyncio
import functools
import sqlite3
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

from csms.domain.records import Record
from csms.storage import MessageLogLimits, SqliteStorage, StoreOptions, open_storage
from csms.storage.migrate import migrate
from csms.storage.writer import WriterLimits

SECRET = bytes(range(32))
NOW_US = 1_750_000_000_000_000
MINUTE_US = 60_000_000
_T = TypeVar("_T")
Story = Callable[[SqliteStorage], Awaitable[_T]]


class FakeClock:
    """Stands still until it is told."""

    def __init__(self) -> None:
        self.us = NOW_US
        self.s = 1_000.0

    def now_us(self) -> int:
        return self.us

    def machine_s(self) -> float:
        return self.s


@functools.cache
def _fresh_store() -> bytes:
    """Return a store as its first opening makes it, since making it takes long."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.sqlite3"
        migrate(path)
        return path.read_bytes()


class SqliteEngine:
    """A store in a file of its own; each story opens it anew."""

    name = "sqlite"

    def __init__(self, folder: Path) -> None:
        self.path = folder / "store.sqlite3"
        self.url = f"sqlite+aiosqlite:///{self.path}"
        self.clock = FakeClock()

    async def open(
        self,
        *,
        secret: bytes = SECRET,
        serving: bool = True,
        busy_s: float = 5.0,
        keep_days: int = 90,
        decisions_keep_days: int = 30,
        writer: WriterLimits | None = None,
        message_log: MessageLogLimits | None = None,
    ) -> SqliteStorage:
        if not self.path.exists():
            self.path.write_bytes(_fresh_store())
        options = StoreOptions(
            samples_keep_days=keep_days,
            decisions_keep_days=decisions_keep_days,
            busy_s=busy_s,
            writer=writer or WriterLimits(),
            message_log=message_log or MessageLogLimits(),
        )
        return await open_storage(self.url, clock=self.clock, secret=secret, serving=serving, options=options)

    def tell(self, story: Story[_T], **how: Any) -> _T:
        async def told() -> _T:
            storage = await self.open(**how)
            try:
                return await story(storage)
            finally:
                await storage.close()

        return asyncio.run(told())

    def write(self, *records: Record, **how: Any) -> list[Exception | None]:
        """Submit each record as a unit of its own and return how each ended."""
        return self.tell(lambda storage: written(storage, *([record] for record in records)), **how)

    def rows(self, statement: str, *arguments: object) -> list[dict[str, Any]]:
        """Ask the database itself, past all of our code."""
        with closing(sqlite3.connect(self.path)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(statement, arguments)]

    def execute(self, statement: str, *arguments: object) -> None:
        """Change the database as another process would."""
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute(statement, arguments)


async def written(storage: SqliteStorage, *units: Sequence[Record]) -> list[Exception | None]:
    """Submit units and return how each ended, in the order in which they were told so."""
    ended: list[Exception | None] = []
    for unit in units:
        storage.submit(unit, ended.append)
    await storage.settled()
    assert len(ended) == len(units)
    return ended


def count(engine: SqliteEngine, table: str) -> int:
    """Return how many rows there are in a table."""
    return engine.rows(f"SELECT count(*) AS n FROM {table}")[0]["n"]  # noqa: S608
