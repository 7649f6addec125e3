"""Sites with the balancing that they really have: a car arrives, and its charger is told; in observe mode never."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from csms.clock import SystemClock
from csms.domain.control import (
    FailsafeOrder,
    LimitOrder,
    OrderOutcome,
    OrderVerdict,
    ReadConfiguration,
    StationOrder,
)
from csms.domain.records import Record, StationBooted, StationConnected
from csms.sites import NewReading, Sites, SitesOptions
from csms.storage import SqliteStorage
from csms.usecases.balancing.steps import LoopOptions
from tests.csms.sites.real_store import DEADLINE_S, site
from tests.csms.storage.engines import SqliteEngine, written
from tests.csms.storage.some_records import OPENED

pytestmark = pytest.mark.anyio


class Charger:
    """CP-1, connected and content with everything."""

    def __init__(self) -> None:
        self.told: list[StationOrder] = []
        self.news = asyncio.Event()

    async def order(self, station_id: str, order: StationOrder, **how: object) -> OrderOutcome:
        self.told.append(order)
        self.news.set()
        keys = order.keys if isinstance(order, ReadConfiguration) else ()
        return OrderOutcome(verdict=OrderVerdict.ACCEPTED, unknown_keys=keys)

    def withdraw(self, station_id: str, command_id: str) -> bool:
        return False

    def online(self) -> frozenset[str]:
        return frozenset({"CP-1"})

    def place(self, station_id: str, site_id: str | None) -> None: ...

    def manage(self, station_id: str, *, managed: bool) -> None: ...

    def gate(self, station_id: str, *, gated: bool) -> None: ...

    async def until_told(self, kind: type[StationOrder]) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not any(isinstance(order, kind) for order in self.told):
                self.news.clear()
                await self.news.wait()


@contextlib.asynccontextmanager
async def one_car(folder: Path, mode: str) -> AsyncIterator[tuple[Sites, Charger]]:
    """A site with one charger, at which a car begins to charge."""
    engine = SqliteEngine(folder)
    clock = SystemClock()
    engine.clock = clock  # type: ignore[assignment]
    storage: SqliteStorage = await engine.open()
    charger = Charger()
    sites = Sites(
        storage=storage,
        clock=clock,
        new_id=lambda: "id",
        options=SitesOptions(loop=LoopOptions(settle_s=0.01)),
    )
    await storage.add_station("CP-1", keyless=True)
    now_us = clock.now_us()
    said: list[Record] = [
        StationConnected("1.6", 1, now_us, "CP-1"),
        StationBooted("Vendor", "Model", None, "1.0", "{}", "Accepted", now_us, "CP-1"),
        replace(OPENED, token_hmac=None, started_at_us=now_us, received_at_us=now_us),
    ]
    assert await written(storage, said) == [None]
    await sites.start(charger)  # type: ignore[arg-type]
    await sites.put_site(site(mode=mode), create=True)
    sites.add_reading("depot", "grid", NewReading(current_a=(5.0, 5.0, 5.0)))
    try:
        yield sites, charger
    finally:
        await sites.stop()
        await storage.close()


async def test_a_charger_is_told_its_failsafe_and_its_car_a_limit(tmp_path: Path):
    async with one_car(tmp_path, "enforce") as (_, charger):
        await charger.until_told(FailsafeOrder)
        await charger.until_told(LimitOrder)
        limit = next(order for order in charger.told if isinstance(order, LimitOrder))
        assert (limit.evse, limit.ocpp_transaction_id, limit.lease_s) == (1, "17", 900.0)


async def test_a_site_that_observes_tells_nobody_anything(tmp_path: Path):
    async with one_car(tmp_path, "observe") as (sites, charger):
        task = sites.tasks()["depot"]
        async with asyncio.timeout(DEADLINE_S):
            while task.steps < 3:
                sites.add_reading("depot", "grid", NewReading(current_a=(5.0, 5.0, 5.0)))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.02):
                        await charger.news.wait()
        (evse,) = sites.allocation("depot").evses
        assert evse.transaction_id == "tx-1"
        assert charger.told == []
