"""The whole HTTP application on a real socket, since a stream needs one."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx

from csms.api import build
from csms.api.events import site_state
from csms.clock import SystemClock
from csms.http.security import Security
from csms.http.server import HttpServer
from csms.live import Broadcaster, BroadcasterOptions
from csms.sites import Sites, SitesOptions
from csms.storage import SqliteStorage
from tests.csms.api.stations import Stations
from tests.csms.api.world import resources
from tests.csms.live.world import DEADLINE_S, QUICK, Reader
from tests.csms.storage.engines import SqliteEngine

EVENTS = "/api/v1/events"


class Served:
    """A server at work, and clients of it."""

    def __init__(self, port: int, storage: SqliteStorage, events: Broadcaster, stations: Stations) -> None:
        self.port = port
        self.address = f"http://127.0.0.1:{port}"
        self.storage = storage
        self.events = events
        self.stations = stations

    def client(self, **headers: str) -> httpx.AsyncClient:
        """Return a client that waits as long as a test may."""
        limits = httpx.Limits(max_connections=None)
        return httpx.AsyncClient(base_url=self.address, headers=headers, limits=limits, timeout=DEADLINE_S)


@contextlib.asynccontextmanager
async def served(
    folder: Path, *, security: Security | None = None, options: BroadcasterOptions = QUICK
) -> AsyncIterator[Served]:
    """Serve the store in `folder`; the end is that of the real server."""
    engine = SqliteEngine(folder)
    clock: Any = SystemClock()
    engine.clock = clock
    storage = await engine.open()
    sites = Sites(storage=storage, clock=clock, new_id=lambda: uuid.uuid4().hex, options=SitesOptions())
    events = Broadcaster(log=storage, clock=clock, sites=sites.tasks, show_site=site_state, options=options)
    stations = Stations(storage)
    await sites.start(stations)
    app = build(
        not_ready=storage.healthy,
        sites=sites,
        resources=resources(storage, sites, clock, stations),
        events=events,
        security=security or Security(),
        clock=clock,
        store=storage,
    )
    server = HttpServer(app, host="127.0.0.1", port=0)
    telling, running = asyncio.create_task(events.run()), asyncio.create_task(server.run())
    try:
        yield Served(server.port, storage, events, stations)
    finally:
        await sites.stop()
        events.close()
        server.stop()
        await asyncio.wait_for(running, DEADLINE_S)
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)
        await storage.close()


class Stream:
    """One answer of `GET /api/v1/events` as it comes."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.reader = Reader()
        self._pieces = response.aiter_bytes()

    async def until(self, enough: Any) -> Reader:
        """Read until it is enough, or the answer ends."""
        async with asyncio.timeout(DEADLINE_S):
            while not enough(self.reader):
                try:
                    self.reader.feed(await anext(self._pieces))
                except StopAsyncIteration:
                    break
        return self.reader


@contextlib.asynccontextmanager
async def following(
    client: httpx.AsyncClient, after: str | None = None, **query: Any
) -> AsyncIterator[Stream]:
    """Follow events."""
    headers = {} if after is None else {"Last-Event-ID": after}
    async with client.stream("GET", EVENTS, headers=headers, params=query) as response:
        yield Stream(response)
