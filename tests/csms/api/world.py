"""The whole HTTP application over real sites and a real store, spoken to without sockets."""

from __future__ import annotations

import contextlib
import copy
import uuid
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from csms.api import Resources, build
from csms.api.events import site_state
from csms.clock import SystemClock
from csms.domain.records import TransactionOpened
from csms.domain.register import NewToken
from csms.gateway.remote_control import RemoteControl
from csms.gateway.services import Services
from csms.gateway.wheel import TimerWheel
from csms.http.security import Security
from csms.live import Broadcaster, BroadcasterOptions
from csms.ports import Clock, Connections, Policy
from csms.sites import Sites, SitesOptions
from csms.storage import SqliteStorage, registering, token_hmac
from csms.usecases.station_keeping import StationKeeping
from csms.usecases.token_keeping import TokenKeeping
from csms.usecases.transaction_keeping import TransactionKeeping
from tests.csms.api.stations import Stations
from tests.csms.storage.engines import SECRET, SqliteEngine

ADDRESS = "http://127.0.0.1:8080"
SITES = "/api/v1/sites"
SITE: dict[str, Any] = {
    "id": "depot",
    "name": "Depot North",
    "timezone": "Europe/Berlin",
    "nodes": [{"id": "main", "rating_a": 63, "meter": "grid"}],
    "meters": [{"id": "grid", "measures": "node_total", "fallback_a": {"L1": 20, "L2": 21, "L3": 22}}],
    "evses": [
        {"station": "CP-1", "node": "main"},
        {"station": "CP-2", "node": "main", "phases": 1, "rotation": ["L2"]},
    ],
}


def site(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(SITE), **changes}


BEGAN_US = 1_750_000_000_000_000
"""2025-06-15T15:06:40Z."""


def begun(transaction_id: str, **said: Any) -> TransactionOpened:
    """Return the record of a transaction's begin."""
    fields: dict[str, Any] = {
        "ocpp_id": "17",
        "station_id": "CP-1",
        "site_id": None,
        "evse": 1,
        "connector": 1,
        "token_hmac": None,
        "token_verdict": "Accepted",
        "started_at_us": BEGAN_US,
        "device_started_at": transaction_id,
        "received_at_us": BEGAN_US,
        "meter_start_wh": 1000.0,
        "reservation_id": None,
        "orphan": 0,
    }
    return TransactionOpened(id=transaction_id, **{**fields, **said})


def resources(
    storage: SqliteStorage,
    sites: Sites,
    clock: Clock,
    stations: Stations,
    *,
    connections: Connections | None = None,
) -> Resources:
    """Return the use cases over a store; `connections`: who is connected, where that is not what `stations` says."""
    return Resources(
        stations=StationKeeping(
            register=storage,
            storage=storage,
            connections=connections or stations,
            balancing=sites,
            messages=storage.message_log,
            clock=clock,
        ),
        tokens=TokenKeeping(register=storage, clock=clock),
        transactions=TransactionKeeping(history=storage.history, clock=clock),
        remote_control=remote_control(storage, clock, stations, sites),
    )


class World:
    """What a test of the API has at hand."""

    def __init__(
        self,
        app: FastAPI,
        client: httpx.AsyncClient,
        storage: SqliteStorage,
        sites: Sites,
        stations: Stations,
    ) -> None:
        self.app = app
        self.http = client
        self.storage = storage
        self.sites = sites
        self.stations = stations

    async def add(self, body: dict[str, Any] | None = None) -> httpx.Response:
        """Add a site that must be taken."""
        response = await self.http.post(SITES, json=body or SITE)
        assert response.status_code == 201, response.text
        return response

    async def furnish(self) -> None:
        """Let there be a station CP-7 of no site, a token `tok-7`, and a transaction `tx-7` that runs."""
        await self.storage.add_station("CP-7", keyless=True)
        token = registering.token_added(
            SECRET, NewToken(uid="04A2B3C4"), token_id="tok-7", at_us=BEGAN_US - 1
        )
        await self.storage.write(token)
        await self.storage.write(begun("tx-7", station_id="CP-7", token_hmac=token.hmac))

    async def allocation(self, site_id: str = "depot") -> dict[str, Any]:
        """Return the allocation as soon as there is one."""
        for _ in range(2000):
            response = await self.http.get(f"{SITES}/{site_id}/allocation")
            if response.status_code == 200:
                return response.json()
            assert response.json()["type"] == "/problems/busy"
            await self.storage.sites()
        raise AssertionError("it never came")

    async def eventually(self, site_id: str, **of_main: object) -> dict[str, Any]:
        """Return the root node of the allocation as soon as it has these members."""
        node: dict[str, Any] = {}
        for _ in range(2000):
            node = (await self.allocation(site_id))["nodes"][0]
            if of_main.items() <= node.items():
                return node
            await self.storage.sites()
        raise AssertionError(f"it stays {node}")


def brief_events(storage: SqliteStorage, clock: Clock, sites: Sites) -> Broadcaster:
    """Return events whose streams end when nothing more is to be sent at once.

    Without sockets an answer comes whole or not at all.
    """
    options = BroadcasterOptions(stream_s=0.0)
    return Broadcaster(log=storage, clock=clock, sites=sites.tasks, show_site=site_state, options=options)


@contextlib.asynccontextmanager
async def opened(
    folder: Path,
    *,
    security: Security | None = None,
    headers: Sequence[tuple[str, str]] = (),
    connections: Connections | None = None,
) -> AsyncIterator[World]:
    """Open the world on a store in `folder`."""
    engine = SqliteEngine(folder)
    clock = SystemClock()
    engine.clock = clock
    storage = await engine.open()
    sites = Sites(storage=storage, clock=clock, new_id=lambda: uuid.uuid4().hex, options=SitesOptions())
    stations = Stations(storage)
    await sites.start(stations)
    served = resources(storage, sites, clock, stations, connections=connections)
    app = build(
        not_ready=storage.healthy,
        sites=sites,
        resources=served,
        events=brief_events(storage, clock, sites),
        security=security or Security(),
        clock=clock,
        store=storage,
    )
    try:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url=ADDRESS, headers=headers) as client:
            yield World(app, client, storage, sites, stations)
    finally:
        stations.end_all()
        await served.remote_control.stop()
        await sites.stop()
        await storage.close()


def remote_control(storage: SqliteStorage, clock: Clock, stations: Stations, sites: Sites) -> RemoteControl:
    """Return what operators ask stations by, over a real store."""
    services = Services(
        clock=clock,
        storage=storage,
        message_log=storage.message_log,
        wheel=TimerWheel(clock.machine_s),
        policy=Policy(),
        tokens=storage.tokens,
        token_hmac=lambda uid, kind: token_hmac(SECRET, uid, kind),
        new_id=lambda: uuid.uuid4().hex,
        next_ocpp_id=storage.next_ocpp_id,
        feed=sites,
    )
    return RemoteControl(link=stations, store=storage, services=services)
