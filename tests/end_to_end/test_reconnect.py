"""Crowds that connect at once, stations that connect again and again, and a server that says goodbye."""

from __future__ import annotations

import asyncio
import http.client
from contextlib import AsyncExitStack, closing
from functools import partial

import pytest

from tests.end_to_end.audit import discrepancies, unanswered
from tests.end_to_end.conftest import StartServer
from tests.end_to_end.link import Link
from tests.end_to_end.server import Server
from tests.end_to_end.station import Gate, Station
from tests.end_to_end.store import query
from tests.end_to_end.wire import Wire

pytestmark = pytest.mark.end_to_end
BOOT = {"chargePointVendor": "Witness", "chargePointModel": "W-1"}


def status(connector: int, name: str) -> dict[str, object]:
    return {"connectorId": connector, "errorCode": "NoError", "status": name}


def test_two_hundred_stations_that_boot_at_once_are_all_accepted(shared_server: Server):
    async def boot(number: int) -> str:
        async with await Link.to(shared_server.url, f"CROWD-{number:03}") as link:
            answer = await link.call("BootNotification", BOOT | {"chargePointSerialNumber": str(number)})
            await asyncio.gather(
                *(link.call("StatusNotification", status(n, "Available")) for n in (0, 1, 2))
            )
            return answer["status"]

    async def crowd() -> list[str]:
        return await asyncio.gather(*(boot(number) for number in range(200)))

    assert asyncio.run(crowd()) == ["Accepted"] * 200
    stations = query(shared_server, "SELECT id, serial FROM stations WHERE id LIKE 'CROWD-%'")
    assert {row["id"]: row["serial"] for row in stations} == {f"CROWD-{n:03}": str(n) for n in range(200)}
    statuses = query(shared_server, "SELECT evse, status FROM connectors WHERE station_id LIKE 'CROWD-%'")
    assert len(statuses) == 600
    assert {row["status"] for row in statuses} == {"Available"}


def test_twenty_stations_that_reconnect_fifty_times_are_each_served_by_their_newest_connection(
    shared_server: Server,
):
    async def reconnect(station_id: str) -> None:
        link = await Link.to(shared_server.url, station_id)
        for number in range(50):
            older, link = link, await Link.to(shared_server.url, station_id)
            assert "currentTime" in await link.call("Heartbeat")
            if number % 3 == 0:
                older.abort()
            await older.ended()
            assert "currentTime" in await link.call("Heartbeat"), "the old one's end took the new one along"
        assert (await link.call("BootNotification", BOOT))["status"] == "Accepted"
        assert link.unmatched.empty()
        await link.close()

    async def all_of_them() -> None:
        await asyncio.gather(*(reconnect(f"RESTLESS-{number}") for number in range(20)))
        async with await Link.to(shared_server.url, "FRESH") as fresh:
            assert (await fresh.call("BootNotification", BOOT))["status"] == "Accepted"

    asyncio.run(all_of_them())
    restless = query(shared_server, "SELECT id, disconnected_at_us FROM stations WHERE id LIKE 'RESTLESS-%'")
    assert len(restless) == 20
    assert all(row["disconnected_at_us"] for row in restless)


def test_the_replaced_connection_is_told_why_it_ends(shared_server: Server):
    async def replace() -> tuple[int | None, str]:
        older = await Link.to(shared_server.url, "TWICE")
        async with await Link.to(shared_server.url, "TWICE"):
            return await older.ended(), older.close_reason

    code, reason = asyncio.run(replace())
    assert code is not None
    assert reason


def test_a_replaced_connection_that_never_answers_the_close_takes_nothing_along_when_it_dies(
    shared_server: Server,
):
    async def replace() -> None:
        deaf = await Wire.open(shared_server.ocpp_port, "DEAF")
        async with deaf, await Link.to(shared_server.url, "DEAF") as link:
            assert (await link.call("BootNotification", BOOT))["status"] == "Accepted"
            await deaf.gone()
            assert "currentTime" in await link.call("Heartbeat")
            (station,) = query(shared_server, "SELECT * FROM stations WHERE id = 'DEAF'")
            assert station["disconnected_at_us"] is None

    asyncio.run(replace())


def test_a_station_that_comes_back_in_another_case_is_the_same_station(shared_server: Server):
    async def connect_both() -> None:
        older = await Link.to(shared_server.url, "Mixed-Case")
        async with await Link.to(shared_server.url, "MIXED-CASE") as link:
            await older.ended()
            assert (await link.call("BootNotification", BOOT))["status"] == "Accepted"

    asyncio.run(connect_both())
    assert [
        row["id"] for row in query(shared_server, "SELECT id FROM stations WHERE lower(id) = 'mixed-case'")
    ] == ["Mixed-Case"]


def test_sigterm_lets_answers_out_and_closes_with_1012_and_keeps_all_that_was_acknowledged(server: Server):
    asyncio.run(drain_under_load(server))


async def drain_under_load(server: Server) -> None:
    gate = Gate(server.url)
    answered = 0
    enough = asyncio.Event()

    def saw(kind: str) -> None:
        nonlocal answered
        answered += kind == "answered"
        if answered == 500:
            gate.opened.clear()
            server.terminate()
            enough.set()

    stations = [Station(gate, f"DRAIN-{n:02}", window=1 + n % 8, seed=n, observer=saw) for n in range(20)]
    async with asyncio.TaskGroup() as group:
        lives = [group.create_task(station.live()) for station in stations]
        works = [group.create_task(charge_thrice(station)) for station in stations]
        async with asyncio.timeout(60):
            await enough.wait()
        codes = [await station.links[-1].ended() for station in stations]
        assert await asyncio.to_thread(server.wait) == 0
        assert codes == [1012] * len(stations)
        assert not discrepancies(partial(query, server), stations)
        await asyncio.to_thread(server.start)
        gate.opened.set()
        await asyncio.gather(*works)
        gate.opened.clear()
        for life in lives:
            life.cancel()
    assert not unanswered(stations)
    assert not discrepancies(partial(query, server), stations)


async def charge_thrice(station: Station) -> None:
    for _ in range(3):
        await station.charge(1, readings=8)
    await station.drained()


def test_sigterm_ends_also_who_is_in_the_middle_of_a_handshake_or_does_not_read(start_server: StartServer):
    server = start_server(drain_timeout_s=3)

    async def terminate() -> int:
        async with AsyncExitStack() as stack:
            silent = await stack.enter_async_context(await Wire.to(server.ocpp_port))
            halfway = await stack.enter_async_context(await Wire.to(server.ocpp_port))
            halfway.send(b"GET /ocpp/HALFWAY HTTP/1.1\r\nHost:")
            deaf = await stack.enter_async_context(await Wire.open(server.ocpp_port, "DEAF"))
            code = await asyncio.to_thread(server.stop)
            await asyncio.gather(silent.gone(), halfway.gone(), deaf.gone())
            return code

    assert asyncio.run(terminate()) == 0


def test_a_server_that_is_ready_says_so_over_http(shared_server: Server):
    with closing(http.client.HTTPConnection("127.0.0.1", shared_server.http_port, timeout=30)) as connection:
        for path in ("/healthz/live", "/healthz/ready"):
            connection.request("GET", path)
            response = connection.getresponse()
            response.read()
            assert response.status == 200, path
