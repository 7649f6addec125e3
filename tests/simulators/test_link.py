from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from random import Random

import pytest
from websockets.asyncio.server import serve

from simulators.link import Address, Connection, Link, Retry
from simulators.site_clock import SiteClock

pytestmark = pytest.mark.anyio

DEADLINE_S = 10.0


class Meddler:
    """Does what it is told to each text, and nothing to the rest."""

    def __init__(self, **fates) -> None:
        self.fates = fates

    def meddle(self, text, *, outgoing):
        del outgoing
        return self.fates.get(text, [(0.0, text)])


class Line:
    """An echoing server, a link to it, and what came back."""

    def __init__(self, port: int, **options) -> None:
        self.clock = SiteClock(100.0)
        address = Address(url=f"ws://127.0.0.1:{port}/", station_id="CP-1", subprotocol="ocpp1.6")
        self.failures: list[str] = []
        self.link = Link(
            address,
            self.clock,
            Random(1),
            **{"retry": Retry(first_s=1, longest_s=4), "on_failure": self.failures.append, **options},
        )
        self.heard: asyncio.Queue[str] = asyncio.Queue()
        self.connections: asyncio.Queue[Connection] = asyncio.Queue()

    async def talk(self, connection: Connection) -> None:
        self.connections.put_nowait(connection)
        await connection.receive(self._take)

    async def _take(self, frame) -> None:
        self.heard.put_nowait(frame)


@asynccontextmanager
async def echo(**options):
    async def answer(socket):
        async for frame in socket:
            await socket.send(frame)

    async with serve(answer, "127.0.0.1", 0, subprotocols=["ocpp1.6"]) as server:
        line = Line(next(iter(server.sockets)).getsockname()[1], **options)
        life = asyncio.create_task(line.link.live(line.talk))
        try:
            async with asyncio.timeout(DEADLINE_S):
                yield line
        finally:
            life.cancel()
            await asyncio.gather(life, return_exceptions=True)


async def test_it_connects_as_its_station_and_passes_frames():
    async with echo() as line:
        connection = await line.connections.get()
        await connection.send("hello")
        assert await line.heard.get() == "hello"
        assert line.link.up


async def test_faults_drop_double_delay_and_precede_frames():
    # Each frame passes the faults twice: on its way out and back.
    fates = {"lost": [], "garbled": [(0.0, "garbage"), (0.0, "clean")], "late": [(5.0, "later")]}
    async with echo(meddler=Meddler(**fates)) as line:
        connection = await line.connections.get()
        begins_s = line.clock.now_s()
        for frame in ("lost", "garbled", "late", "last"):
            await connection.send(frame)
        assert [await line.heard.get() for _ in range(4)] == ["garbage", "clean", "later", "last"]
        assert line.clock.now_s() - begins_s >= 5.0


async def test_it_comes_back_after_a_cut_and_not_before_it_may():
    async with echo() as line:
        await line.connections.get()
        cut_s = line.clock.now_s()
        line.link.drop(away_s=50)
        connection = await line.connections.get()
        assert line.clock.now_s() - cut_s >= 50
        await connection.send("again")
        assert await line.heard.get() == "again"
        assert (line.link.dialled, line.link.connected) == (2, 2)


async def test_it_goes_on_dialling_where_nobody_answers_and_says_why():
    reserved = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    port = reserved.sockets[0].getsockname()[1]
    reserved.close()
    await reserved.wait_closed()
    line = Line(port)
    tried = asyncio.Event()

    def failed(why: str) -> None:
        line.failures.append(why)
        if len(line.failures) == 4:
            tried.set()

    line.link._on_failure = failed
    life = asyncio.create_task(line.link.live(line.talk))
    await asyncio.wait_for(tried.wait(), DEADLINE_S)
    life.cancel()
    await asyncio.gather(life, return_exceptions=True)
    assert line.link.dialled == 4
    assert "refused" in line.failures[0].lower() or "Connect call failed" in line.failures[0]


async def test_the_key_travels_by_basic_authentication():
    address = Address(url="ws://x/", station_id="CP:1", subprotocol="ocpp1.6", key="secret")
    assert address.headers == {"Authorization": "Basic Q1A6MTpzZWNyZXQ="}


def test_pauses_grow_to_a_longest_and_are_spread():
    retry = Retry(first_s=2, factor=2, longest_s=60, jitter=0.5)
    for attempt, least_s in enumerate([2, 4, 8, 16, 32, 60, 60]):
        pauses = {retry.pause_s(attempt, Random(seed)) for seed in range(20)}
        assert all(least_s <= pause_s <= 1.5 * least_s for pause_s in pauses)
        assert len(pauses) == 20
    assert retry.pause_s(10_000, Random(1)) <= 90
