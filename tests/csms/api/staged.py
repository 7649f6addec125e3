"""The world of `world.py` with a part that a test plays itself: its time, its loop, or its store."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx

from csms.api import build
from csms.clock import SystemClock
from csms.http.security import Security
from csms.sites import Sites, SitesOptions
from csms.usecases.balancing.loop import SiteLoop
from tests.csms.api.stations import Stations
from tests.csms.api.world import ADDRESS, World, brief_events, resources
from tests.csms.storage.engines import SqliteEngine

HOUR_US = 3_600_000_000


class SetClock(SystemClock):
    """Site time that a test sets ahead, as an operator sets a clock."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead_us = 0

    def now_us(self) -> int:
        return super().now_us() + self.ahead_us


class Interrupted:
    """A store in which somebody else acts right after one look at it."""

    def __init__(self, storage: Any) -> None:
        self._storage = storage
        self._looks: dict[str, Callable[[], None]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def after(self, look: str, act: Callable[[], None]) -> None:
        """Let `act` happen after the next `look`, once."""
        self._looks[look] = act

    async def known_stations(self) -> Any:
        return await self._seen("known_stations", self._storage.known_stations())

    async def find_site(self, site_id: str) -> Any:
        return await self._seen("find_site", self._storage.find_site(site_id))

    async def _seen(self, look: str, asked: Awaitable[Any]) -> Any:
        found = await asked
        act = self._looks.pop(look, None)
        if act is not None:
            act()
        return found


class Stage(World):
    """The world, and what a test plays."""

    clock: SetClock
    engine: SqliteEngine
    store: Interrupted


@contextlib.asynccontextmanager
async def staged(folder: Path, make_loop: Any = SiteLoop) -> AsyncIterator[Stage]:
    """Open the world on a store in `folder`; `make_loop` makes the loops of its sites."""
    engine, clock = SqliteEngine(folder), SetClock()
    engine.clock = clock  # pyright: ignore[reportAttributeAccessIssue] - it asks for no more than a clock has
    storage = await engine.open()
    store: Any = Interrupted(storage)
    sites = Sites(
        storage=store,
        clock=clock,
        new_id=lambda: uuid.uuid4().hex,
        options=SitesOptions(),
        make_loop=make_loop,
    )
    stations = Stations(storage)
    await sites.start(stations)
    app = build(
        not_ready=storage.healthy,
        sites=sites,
        resources=resources(storage, sites, clock, stations),
        events=brief_events(storage, clock, sites),
        security=Security(),
        clock=clock,
        store=storage,
    )
    try:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url=ADDRESS) as client:
            stage = Stage(app, client, storage, sites, stations)
            stage.clock, stage.engine, stage.store = clock, engine, store
            yield stage
    finally:
        await sites.stop()
        await storage.close()
