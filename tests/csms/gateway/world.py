"""A gateway with real sockets and a real store, and stations that a test speaks for."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from csms.clock import SystemClock
from csms.domain.commands import RawCommand
from csms.domain.control import ProfilesTouched
from csms.domain.errors import StorageError
from csms.domain.station import MessageLogPolicy, StationState
from csms.gateway.server import Gateway, GatewayOptions
from csms.gateway.services import Services
from csms.gateway.socket import SocketLimits
from csms.gateway.wheel import TimerWheel
from csms.ocpp import v16, v201
from csms.ports import News, Policy
from csms.storage import SqliteStorage, open_storage, station_key_matches, token_hmac
from tests.csms.storage.engines import SECRET

DEADLINE_S = 30.0


class Machine(SystemClock):
    """Site time of this machine; machine time that a test may push on."""

    ahead_s = 0.0

    def machine_s(self) -> float:
        return super().machine_s() + self.ahead_s


class Told:
    """Keeps the news."""

    def __init__(self) -> None:
        self.news: list[News] = []
        self._more: asyncio.Queue[News] = asyncio.Queue()

    def tell(self, news: Sequence[News]) -> None:
        self.news += news
        for one in news:
            self._more.put_nowait(one)

    async def prepare(self, touched: ProfilesTouched) -> None:
        self.tell([touched])

    async def heard(self, kind: type[News]) -> None:
        """Wait until news of a kind come that nobody has waited for."""
        async with asyncio.timeout(DEADLINE_S):
            while not isinstance(await self._more.get(), kind):
                pass


class Breakable:
    """The real store behind a switch that makes every commit fail."""

    def __init__(self, storage: SqliteStorage) -> None:
        self._storage = storage
        self.broken = False
        self._loads_may_go = asyncio.Event()
        self._loads_may_go.set()

    def __getattr__(self, name: str) -> object:
        return getattr(self._storage, name)

    def hold_loads(self) -> None:
        """Let nobody load a state until `release_loads`."""
        self._loads_may_go.clear()

    def release_loads(self) -> None:
        self._loads_may_go.set()

    async def load_state(self, station_id: str) -> StationState:
        await self._loads_may_go.wait()
        return await self._storage.load_state(station_id)

    def submit(self, records: object, done: Callable[[Exception | None], None]) -> None:
        if self.broken:
            asyncio.get_running_loop().call_soon(done, StorageError("the disk is full"))
        else:
            self._storage.submit(records, done)  # type: ignore[arg-type]


class Site:
    """A gateway on a free port, its store, and clients for it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = Machine()
        self.wheel = TimerWheel(self.clock.machine_s)
        self.feed = Told()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Site]:
        self.storage: SqliteStorage = await open_storage(
            f"sqlite+aiosqlite:///{self.path}", clock=self.clock, secret=SECRET
        )
        self.breakable = Breakable(self.storage)
        numbers = itertools.count(1)
        self.gateway = Gateway(
            services=Services(
                clock=self.clock,
                storage=self.breakable,  # type: ignore[arg-type]
                message_log=self.storage.message_log,
                wheel=self.wheel,
                policy=Policy(accept_unknown_tokens=True),
                tokens=self.storage.tokens,
                token_hmac=lambda uid, kind: token_hmac(SECRET, uid, kind),
                new_id=lambda: f"id-{next(numbers)}",
                next_ocpp_id=self.storage.next_ocpp_id,
                feed=self.feed,
                prepare=self.feed.prepare,
            ),
            dialects={dialect.subprotocol: dialect for dialect in (v201.DIALECT, v16.DIALECT)},
            key_matches=lambda identity, key: station_key_matches(SECRET, identity, key),
            options=GatewayOptions(
                limits=SocketLimits(),
                accept_unknown_stations=True,
                message_log=MessageLogPolicy.ALL,
            ),
        )
        self.port = await self.gateway.listen("127.0.0.1", 0)
        try:
            yield self
        finally:
            await self.gateway.drain(5.0)
            await self.storage.close()

    async def station(self, name: str = "CP-1", *, offered: Sequence[str] = ("ocpp1.6",)) -> Station:
        socket = await connect(
            f"ws://127.0.0.1:{self.port}/ocpp/{name}",
            subprotocols=[Subprotocol(subprotocol) for subprotocol in offered],
            ping_interval=None,
        )
        return Station(socket)

    def pass_time(self, seconds: float) -> None:
        self.clock.ahead_s += seconds
        self.wheel.turn()

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with contextlib.closing(sqlite3.connect(self.path)) as store:
            return store.execute(query).fetchall()


class Station:
    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.ids = itertools.count(1)

    async def say(self, frame: list[object]) -> None:
        await self.socket.send(json.dumps(frame))

    async def hear(self) -> list[object]:
        heard: list[object] = json.loads(await asyncio.wait_for(self.socket.recv(), DEADLINE_S))
        return heard

    async def call(self, action: str, payload: dict[str, object]) -> list[object]:
        await self.say([2, f"m{next(self.ids)}", action, payload])
        return await self.hear()

    async def ending(self) -> tuple[int, str]:
        with pytest.raises(ConnectionClosed) as ended:
            await self.hear()
        assert ended.value.rcvd is not None
        return ended.value.rcvd.code, ended.value.rcvd.reason


START: dict[str, object] = {
    "connectorId": 1,
    "idTag": "TAG",
    "meterStart": 10,
    "timestamp": "2026-01-01T00:00:00Z",
}


def run(path: Path, scenario: Callable[[Site], Awaitable[None]]) -> None:
    async def play() -> None:
        async with Site(path / "store.sqlite3").running() as site:
            await asyncio.wait_for(scenario(site), 60.0)

    asyncio.run(play())


def command(action: str, payload: dict[str, object], **more: object) -> RawCommand:
    return RawCommand(
        id=f"command-{action}-{len(str(payload))}",
        name=action,
        action=action,
        payload=json.dumps(payload).encode(),
        **more,  # type: ignore[arg-type]
    )
