"""`GET /api/v1/events` over sockets: resumed over restarts, bounded, guarded, and ended with the server."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path

import httpx
import pytest
from msgspec.structs import replace

from csms.http.security import Security
from tests.csms.api.serving import EVENTS, Served, Stream, following, served
from tests.csms.live.world import DEADLINE_S, QUICK, status
from tests.csms.storage.engines import written

pytestmark = pytest.mark.anyio
TOKEN = "a-token-of-sixteen-or-more"


async def test_events_come_as_they_are_committed(tmp_path: Path):
    async with served(tmp_path) as server, server.client() as client, following(client) as stream:
        assert stream.response.headers["content-type"].partition(";")[0] == "text/event-stream"
        assert stream.response.headers["cache-control"] == "no-store"
        await stream.until(lambda reader: reader.last_id)
        for number in range(1, 4):
            await written(server.storage, [status(number)])
            await stream.until(lambda reader, so_many=number: len(reader.events) == so_many)
    assert stream.reader.numbers() == [1, 2, 3]


async def test_a_stream_is_resumed_over_a_restart_without_gaps_and_doubles(tmp_path: Path):
    seen: list[int] = []
    last_id: str | None = None
    for round_number in range(3):
        async with served(tmp_path) as server, server.client() as client:
            if round_number:  # what was committed before the client is back
                await written(server.storage, [status(1)], [status(2)])
            async with following(client, after=last_id) as stream:
                await stream.until(lambda reader: reader.last_id)
                await written(server.storage, [status(3)])
                so_many = 3 if round_number else 1
                reader = await stream.until(lambda reader, so_many=so_many: len(reader.events) == so_many)
        seen += reader.numbers()
        last_id = reader.last_id
    assert seen == list(range(1, 8))


async def test_who_cannot_send_headers_says_in_the_query_where_to_go_on(tmp_path: Path):
    async with served(tmp_path) as server, server.client() as client:
        await written(server.storage, *([status(number)] for number in range(1, 6)))
        async with client.stream("GET", EVENTS, params={"after": "3"}) as response:
            stream = Stream(response)
            assert (await stream.until(lambda reader: len(reader.events) == 2)).numbers() == [4, 5]
        query = {"after": "1"}
        async with client.stream("GET", EVENTS, params=query, headers={"Last-Event-ID": "4"}) as response:
            assert "id: 4" in await anext(response.aiter_text())


async def test_two_hundred_clients_get_everything_in_order(tmp_path: Path):
    clients, events = 200, 30
    async with served(tmp_path) as server, server.client() as client:

        async def follow() -> list[int]:
            async with following(client, after="0") as stream:
                return (await stream.until(lambda reader: len(reader.events) == events)).numbers()

        tasks = [asyncio.create_task(follow()) for _ in range(clients)]
        for number in range(1, events + 1):
            await written(server.storage, [status(number)])
        assert await asyncio.gather(*tasks) == [list(range(1, events + 1))] * clients
        await nobody_follows(server)


async def nobody_follows(server: Served) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while len(server.events):
            await server.storage.sites()


async def test_a_client_that_goes_is_forgotten(tmp_path: Path):
    async with served(tmp_path) as server, server.client() as client:
        async with following(client) as stream:
            await stream.until(lambda reader: reader.last_id)
            assert len(server.events) == 1
        await nobody_follows(server)


async def test_a_client_that_does_not_read_is_dropped_and_the_others_go_on(tmp_path: Path):
    options = replace(QUICK, send_timeout_s=0.2)
    async with served(tmp_path, options=options) as server, server.client() as client:
        sleeper = socket.socket()
        sleeper.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sleeper.connect(("127.0.0.1", server.port))
        sleeper.sendall(f"GET {EVENTS} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode())
        async with following(client) as stream:
            await stream.until(lambda reader: reader.last_id)
            async with asyncio.timeout(DEADLINE_S):
                while len(server.events) < 2:
                    await server.storage.sites()
                number = 0
                while len(server.events) == 2:
                    number += 1
                    await written(server.storage, [status(number, size=100_000)])
                    await stream.until(lambda reader, so_many=number: len(reader.events) == so_many)
            assert stream.reader.numbers() == list(range(1, number + 1))
        answer = b""
        while more := sleeper.recv(1 << 20):
            answer += more
        sleeper.close()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert not answer.endswith(b"0\r\n\r\n")  # cut off, so that nobody takes it for the whole


async def test_when_the_server_stops_the_streams_end_in_good_order(tmp_path: Path):
    async with served(tmp_path) as server, server.client() as client, following(client) as stream:
        await stream.until(lambda reader: reader.last_id)
        server.events.close()
        reader = await stream.until(lambda _: False)
    assert reader.comments == ["the server stops; it is followed again when it is back"]


async def test_the_server_does_not_wait_for_its_streams(tmp_path: Path):
    client = httpx.AsyncClient(timeout=DEADLINE_S)
    async with served(tmp_path) as server:
        request = client.build_request("GET", f"{server.address}{EVENTS}")
        response = await client.send(request, stream=True)
        assert response.status_code == 200
    assert b"the server stops" in await response.aread()
    await client.aclose()


@pytest.mark.parametrize("last", ["", "x", "-1", "1.5", "٣", "9" * 19, "1" * 20, "1" * 5000])
async def test_a_last_event_id_that_is_none_is_refused(tmp_path: Path, last: str):
    async with served(tmp_path) as server, server.client() as client:
        answer = await client.get(EVENTS, headers=[(b"Last-Event-ID", last.encode())])
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/bad-request")


async def test_two_last_event_ids_are_refused(tmp_path: Path):
    async with served(tmp_path) as server, server.client() as client:
        answer = await client.get(EVENTS, headers=[("Last-Event-ID", "1"), ("Last-Event-ID", "2")])
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "query",
    [
        "kind=none",
        "station=%00",
        "site=a/b",
        "after=-1",
        "after=x",
        f"after={2**63}",
        "odd=1",
        "&".join(["site=a"] * 101),
    ],
)
async def test_a_query_that_cannot_be_meant_is_refused(tmp_path: Path, query: str):
    async with served(tmp_path) as server, server.client() as client:
        answer = await client.get(f"{EVENTS}?{query}")
        assert len(server.events) == 0
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid")
    assert answer.json()["errors"][0]["in"] == "query"


async def test_filters_are_heeded(tmp_path: Path):
    async with served(tmp_path) as server, server.client() as client:
        await written(
            server.storage,
            [status(1, station="CP-1")],
            [status(2, station="CP-2")],
            [status(3, site="depot")],
        )
        async with following(client, after="0", station=["cp-2", "CP-9"]) as stream:
            assert (await stream.until(lambda reader: reader.events)).numbers() == [2]
        async with following(client, after="0", site="depot", kind="connector.status") as stream:
            assert (await stream.until(lambda reader: reader.events)).numbers() == [3]


async def test_no_more_clients_than_the_setting_says(tmp_path: Path):
    async with served(tmp_path, options=replace(QUICK, followers_max=1)) as server, server.client() as client:
        async with following(client):
            answer = await client.get(EVENTS)
            assert (answer.status_code, answer.json()["type"]) == (503, "/problems/busy")
            assert answer.headers["retry-after"]
        await nobody_follows(server)
        async with following(client) as stream:
            assert stream.response.status_code == 200


async def test_only_who_has_the_token_may_follow(tmp_path: Path):
    async with served(tmp_path, security=Security.of(api_token=TOKEN)) as server:
        async with server.client() as client:
            assert (await client.get(EVENTS)).status_code == 401
        async with server.client(Authorization="Bearer another") as client:
            assert (await client.get(EVENTS)).status_code == 401
        assert len(server.events) == 0
        async with server.client(Authorization=f"Bearer {TOKEN}") as client, following(client) as stream:
            assert (await stream.until(lambda reader: reader.last_id)).last_id == "0"


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Host": "evil.example"}])
async def test_without_a_token_foreign_pages_may_not_follow(tmp_path: Path, headers: dict[str, str]):
    async with served(tmp_path) as server, server.client() as client:
        answer = await client.get(EVENTS, headers=headers)
        assert answer.status_code == 403
        assert len(server.events) == 0


async def test_a_site_is_shown_while_it_is_balanced(tmp_path: Path):
    site = {
        "id": "depot",
        "nodes": [{"id": "main", "rating_a": 63}],
        "evses": [{"station": "CP-1", "node": "main"}],
    }
    async with served(tmp_path) as server, server.client() as client:
        assert (await client.post("/api/v1/sites", json=site)).status_code == 201
        async with following(client, kind="site.state") as stream:
            reader = await stream.until(lambda reader: any("nodes" in event.data for event in reader.events))
            shown = next(event.data for event in reader.events if "nodes" in event.data)
            allocation = (await client.get("/api/v1/sites/depot/allocation")).json()
            assert (shown["id"], shown["mode"]) == ("depot", "observe")
            assert shown["nodes"][0].keys() == allocation["nodes"][0].keys()
            assert shown["evses"][0].keys() == allocation["evses"][0].keys()
            cap = {"limit_a": 10, "reason": json.dumps("works")}
            assert (await client.put("/api/v1/sites/depot/nodes/main/cap", json=cap)).status_code == 200
            reader = await stream.until(
                lambda reader: any(
                    node["limit_a"] == {"L1": 10.0, "L2": 10.0, "L3": 10.0}
                    for event in reader.events
                    for node in event.data.get("nodes", [])
                )
            )
            assert reader.numbers() == []
