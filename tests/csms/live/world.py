"""Events over a real store, and a client that reads a stream as the HTML Living Standard §9.2.6 has it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from csms.api.events import site_state
from csms.clock import SystemClock
from csms.domain.records import EventRecorded, Record
from csms.live import Broadcaster, BroadcasterOptions, Follower, Wanted
from csms.storage import SqliteStorage
from tests.csms.storage.engines import SqliteEngine, written

DEADLINE_S = 30.0
QUICK = BroadcasterOptions(spacing_s=0.001, look_s=0.005)


class Got(Struct, frozen=True):
    """One event as a client gets it."""

    number: int | None
    kind: str
    data: dict[str, Any]


class Reader:
    """Takes the bytes of a stream."""

    def __init__(self) -> None:
        self.last_id = ""
        self.events: list[Got] = []
        self.comments: list[str] = []
        self.retry_ms: int | None = None
        self._rest = b""

    def feed(self, more: bytes) -> None:
        *blocks, self._rest = (self._rest + more).split(b"\n\n")
        for block in blocks:
            self._block(block.decode())

    def numbers(self) -> list[int]:
        return [event.number for event in self.events if event.number is not None]

    def of(self, kind: str) -> list[Got]:
        return [event for event in self.events if event.kind == kind]

    def _block(self, block: str) -> None:
        number, kind, data = None, "message", list[str]()
        for line in block.split("\n"):
            name, _, value = line.partition(": ")
            match name:
                case "id":
                    self.last_id = value
                    number = int(value)
                case "event":
                    kind = value
                case "data":
                    data.append(value)
                case "retry":
                    self.retry_ms = int(value)
                case "":
                    self.comments.append(value)
                case _:
                    raise AssertionError(line)
        if data:
            self.events.append(Got(number, kind, json.loads("\n".join(data))))


class LiveWorld:
    """Events, the store that they come from, and what goes on at sites."""

    def __init__(self, storage: SqliteStorage, events: Broadcaster, sites: dict[str, Any]) -> None:
        self.storage = storage
        self.events = events
        self.sites = sites

    async def write(self, *records: Record) -> None:
        """Make each record durable as a unit of its own."""
        assert not any(await written(self.storage, *([record] for record in records)))

    async def follow(self, after: int | None = None, **wanted: Any) -> Follower:
        return await self.events.follow(after, Wanted(**wanted))

    @contextlib.asynccontextmanager
    async def reading(self, after: int | None = None, **wanted: Any) -> AsyncIterator[Reading]:
        """Follow from now on."""
        follower = await self.follow(after, **wanted)
        source = follower.messages()
        try:
            yield Reading(source)
        finally:
            await source.aclose()
            follower.leave()


class Reading:
    """A stream that is read as far as a test wants."""

    def __init__(self, source: Any) -> None:
        self.reader = Reader()
        self._source = source

    async def until(self, enough: Callable[[Reader], object]) -> Reader:
        """Read until it is enough, or the stream ends."""
        async with asyncio.timeout(DEADLINE_S):
            while not enough(self.reader):
                try:
                    self.reader.feed(await anext(self._source))
                except StopAsyncIteration:
                    break
        return self.reader

    async def to_the_end(self) -> Reader:
        return await self.until(lambda _: False)


@contextlib.asynccontextmanager
async def live(
    folder: Path, options: BroadcasterOptions = QUICK, *, runs: bool = True
) -> AsyncIterator[LiveWorld]:
    """Open the world on a store in `folder`."""
    engine = SqliteEngine(folder)
    clock: Any = SystemClock()
    engine.clock = clock
    storage = await engine.open()
    sites: dict[str, Any] = {}

    def at_work() -> Mapping[str, Any]:
        return sites

    events = Broadcaster(log=storage, clock=clock, sites=at_work, show_site=site_state, options=options)
    running = asyncio.create_task(events.run() if runs else asyncio.Event().wait())
    try:
        yield LiveWorld(storage, events, sites)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await storage.close()


LATER_US = 4_000_000_000_000_000
"""Events of this time are not old before the tests are."""


def status(number: int, *, station: str = "CP-1", site: str | None = None, size: int = 0) -> EventRecorded:
    """Return an event that says which one it is."""
    data = json.dumps({"station_id": station, "evse": number, "info": "x" * size}).encode()
    return EventRecorded("connector.status", station, site, LATER_US + number, data)
