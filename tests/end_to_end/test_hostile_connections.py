"""Connections that flood, stall, vanish or knock at the wrong door: nobody else is disturbed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest

from tests.end_to_end import wire
from tests.end_to_end.conftest import StartServer, finish
from tests.end_to_end.neighbour import undisturbed
from tests.end_to_end.server import Server
from tests.end_to_end.store import query
from tests.end_to_end.wire import Wire, frame, handshake

pytestmark = pytest.mark.end_to_end
HANDSHAKE_TIMEOUT_S = 2.0
MEMORY_ALLOWED_MB = 64.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all that is done to it here: what one attack leaves behind, the next test meets."""
    folder = tmp_path_factory.mktemp("hostile")
    server = Server(folder, handshake_timeout_s=HANDSHAKE_TIMEOUT_S, message_log="off").start()
    yield server
    finish(server)


def meter_values(number: int) -> str:
    value = {
        "timestamp": f"2026-01-01T00:{number // 60 % 60:02}:{number % 60:02}Z",
        "sampledValue": [{"value": str(number)}],
    }
    return json.dumps([2, f"m{number}", "MeterValues", {"connectorId": 1, "meterValue": [value]}])


# Floods and stalls


def test_a_flood_of_pipelined_calls_is_answered_call_by_call_and_disturbs_nobody(server: Server):
    calls = 3000
    texts = [meter_values(n) if n % 2 else f'[2,"h{n}","Heartbeat",{{}}]' for n in range(calls)]

    async def flood() -> list[str]:
        async with undisturbed(server) as neighbour, await Wire.open(server.ocpp_port, "FLOOD") as attacking:
            attacking.send(b"".join(frame(text) for text in texts))
            before = neighbour.answered
            answers = [json.loads(await attacking.text()) for _ in range(calls)]
            assert neighbour.answered > before, "the neighbour got no word in"
            assert {answer[0] for answer in answers} == {3}
            return [answer[1] for answer in answers]

    answered = asyncio.run(flood())
    assert sorted(answered) == sorted(json.loads(text)[1] for text in texts)
    (stored,) = query(server, "SELECT count(*) AS n FROM samples WHERE station_id = 'FLOOD'")
    assert stored["n"] == calls / 2


def test_a_client_that_sends_and_never_reads_is_throttled_in_bounded_memory(server: Server):
    # Long ids make long answers: the fewer calls fill the buffers between.
    batch = b"".join(frame(f'[2,"{n:0250}","Heartbeat",{{}}]') for n in range(100))

    async def stall() -> int:
        sent = 0
        async with (
            undisturbed(server) as neighbour,
            await Wire.open(server.ocpp_port, "DEAF", receive_buffer=4096) as attacking,
        ):
            before = server.resident_mb()
            while sent < 2000:
                attacking.send(batch)
                sent += 1
                try:
                    await asyncio.wait_for(attacking.writer.drain(), 5)
                except TimeoutError:
                    break  # the server has stopped to read
            else:
                pytest.fail(f"{sent} batches were swallowed, and none of the answers were read")
            assert server.resident_mb() - before < MEMORY_ALLOWED_MB
            await neighbour.progress(20)
            # It wakes up: all that it sent is answered, in order.
            for number in range(100 * sent):
                assert json.loads(await attacking.text())[1] == f"{number % 100:0250}"
        return sent

    assert asyncio.run(stall()) > 0


def test_a_crowd_of_half_open_handshakes_is_closed_in_time_and_disturbs_nobody(server: Server):
    beginnings = [b"", b"G", b"GET /ocpp/HALF HTTP/1.1\r\n", handshake("/ocpp/HALF")[:-2], b"\r\n\r\n"[:1]]

    async def knock() -> None:
        async with undisturbed(server) as neighbour, AsyncExitStack() as stack:
            wires = []
            for number in range(200):
                attacking = await stack.enter_async_context(await Wire.to(server.ocpp_port))
                attacking.send(beginnings[number % len(beginnings)])
                wires.append(attacking)
            before = neighbour.answered
            await asyncio.gather(*(attacking.gone() for attacking in wires))
            assert neighbour.answered > before

    asyncio.run(knock())


def test_a_handshake_that_dribbles_in_byte_by_byte_is_cut_off_in_time(server: Server):
    async def dribble() -> float:
        clock = asyncio.get_running_loop().time
        async with undisturbed(server), await Wire.to(server.ocpp_port) as attacking:
            began = clock()
            gone = asyncio.ensure_future(attacking.gone())
            for byte in handshake("/ocpp/SLOWLORIS", extra="X-Padding: " + "x" * 2000 + "\r\n"):
                attacking.send(bytes([byte]))
                done, _ = await asyncio.wait({gone}, timeout=0.05)
                if done:
                    return clock() - began
            gone.cancel()
            return 0

    took_s = asyncio.run(dribble())
    assert 0 < took_s < HANDSHAKE_TIMEOUT_S + 20
    assert not query(server, "SELECT 1 FROM stations WHERE id = 'SLOWLORIS'")


def test_a_client_that_vanished_without_a_word_is_noticed_by_pings_and_recorded(start_server: StartServer):
    server = start_server(ping_interval_s=2, ping_timeout_s=2)

    async def vanish() -> None:
        async with undisturbed(server) as neighbour, await Wire.open(server.ocpp_port, "GONE") as vanished:
            assert (await vanished.frame())[0] == wire.PING
            await vanished.gone()  # it never answers
            await neighbour.progress(5)

    asyncio.run(vanish())
    (row,) = query(server, "SELECT connected_at_us, disconnected_at_us FROM stations WHERE id = 'GONE'")
    assert row["disconnected_at_us"] > row["connected_at_us"]


def test_a_client_that_answers_no_ping_but_talks_stays(start_server: StartServer):
    server = start_server(ping_interval_s=1, ping_timeout_s=1)

    async def talk() -> int:
        clock = asyncio.get_running_loop().time
        answered = 0
        async with await Wire.open(server.ocpp_port, "TALKER") as talker:
            until = clock() + 6
            while clock() < until:
                talker.send(frame(f'[2,"{answered}","Heartbeat",{{}}]'))
                while (await talker.frame())[0] != wire.TEXT:
                    pass  # a ping, left unanswered
                answered += 1
        return answered

    assert asyncio.run(talk()) > 0


# Doors


IDS_TAKEN = {
    "CP-1": "CP-1",
    "a*b_c=d:e+f|g@h.i-j": "a*b_c=d:e+f|g@h.i-j",
    "PLUS%2BPLUS+PLUS": "PLUS+PLUS+PLUS",
    "%43%50": "CP",
    "PIPE%7C": "PIPE|",
    "N" * 48: "N" * 48,
    "...": "...",
}
IDS_REFUSED = {
    "nothing": "/ocpp/",
    "no slash": "/ocpp",
    "the root": "/",
    "another path": "/ocppx/CP-1",
    "a slash inside": "/ocpp/CP/1",
    "an encoded slash": "/ocpp/CP%2F1",
    "a slash encoded twice": "/ocpp/CP%252F1",
    "a parent folder": "/ocpp/..",
    "an encoded parent folder": "/ocpp/%2e%2e",
    "this folder": "/ocpp/.",
    "a path out": "/ocpp/../../etc/passwd",
    "NUL": "/ocpp/CP%00",
    "a line break": "/ocpp/CP%0d%0aX-Evil:%201",
    "a hash": "/ocpp/CP%23",
    "a naked hash": "/ocpp/CP#1",
    "a space": "/ocpp/CP%201",
    "HTML": "/ocpp/%3Cscript%3Ealert(1)%3C%2Fscript%3E",
    "a letter beyond ASCII": "/ocpp/%C3%A4",
    "no UTF-8": "/ocpp/%FF",
    "no hexadecimal": "/ocpp/CP%zz",
    "a quote": "/ocpp/CP'--",
    "49 characters": "/ocpp/" + "N" * 49,
    "7,000 characters": "/ocpp/" + "N" * 7_000,
}


@pytest.mark.parametrize("target", IDS_TAKEN)
def test_an_id_is_decoded_once_and_kept_as_it_is(server: Server, target: str):
    async def connect() -> None:
        async with await Wire.open(server.ocpp_port, target):
            pass

    asyncio.run(connect())
    assert query(server, "SELECT 1 FROM stations WHERE id = ?", IDS_TAKEN[target])


@pytest.mark.parametrize("target", IDS_REFUSED.values(), ids=IDS_REFUSED)
def test_what_is_no_station_id_is_refused_with_404_and_words(server: Server, target: str):
    async def connect() -> wire.Response:
        async with undisturbed(server), await Wire.to(server.ocpp_port) as knocking:
            knocking.send(handshake(target))
            return await knocking.response()

    def stations() -> set[str]:
        strangers = query(server, "SELECT id FROM stations WHERE id NOT LIKE 'NEIGHBOUR-%'")
        return {row["id"] for row in strangers}

    before = stations()
    response = asyncio.run(connect())
    assert response.status == 404
    assert "/ocpp/" in response.text
    assert response.headers["content-type"].startswith("text/plain")
    assert "<" not in response.text
    assert stations() == before


def test_a_request_line_with_a_naked_space_is_refused(server: Server):
    async def connect() -> int:
        async with await Wire.to(server.ocpp_port) as knocking:
            knocking.send(handshake("/ocpp/CP 1"))
            return (await knocking.response()).status

    assert asyncio.run(connect()) in {400, 404}


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        ("ocpp1.6", "ocpp1.6"),
        ("ocpp9.9, ocpp1.6", "ocpp1.6"),
        ("ocpp1.5,ocpp1.6 , ocpp1.2", "ocpp1.6"),
        (None, None),
    ],
)
def test_a_subprotocol_that_is_spoken_here_is_chosen_and_none_is_taken_for_1_6(
    server: Server, offered: str | None, chosen: str | None
):
    async def connect() -> None:
        async with await Wire.to(server.ocpp_port) as knocking:
            knocking.send(handshake("/ocpp/SUB", subprotocol=offered))
            response = await knocking.response()
            assert (response.status, response.headers.get("sec-websocket-protocol")) == (101, chosen)
            assert response.headers["sec-websocket-accept"] == wire.ACCEPT
            knocking.send(frame('[2,"1","Heartbeat",{}]'))
            assert json.loads(await knocking.text())[:2] == [3, "1"]

    asyncio.run(connect())


def test_compression_is_never_agreed_to(server: Server):
    """A kilobyte could stand for megabytes."""

    async def connect() -> wire.Response:
        async with await Wire.to(server.ocpp_port) as knocking:
            extension = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
            knocking.send(handshake("/ocpp/SUB", extra=extension))
            return await knocking.response()

    response = asyncio.run(connect())
    assert response.status == 101
    assert "sec-websocket-extensions" not in response.headers


@pytest.mark.parametrize("offered", ["ocpp9.9", "ocpp1.5, ocpp1.2", "soap"])
def test_subprotocols_that_nobody_speaks_end_in_a_handshake_without_one_and_a_close(
    server: Server, offered: str
):
    """OCPP-J 1.6 §3.2 wants exactly that, where RFC 6455 would let the server fail the handshake."""

    async def connect() -> None:
        async with await Wire.to(server.ocpp_port) as knocking:
            knocking.send(handshake("/ocpp/SUB", subprotocol=offered))
            response = await knocking.response()
            assert response.status == 101
            assert "sec-websocket-protocol" not in response.headers
            assert await knocking.close_code() == 1002

    asyncio.run(connect())


def test_a_station_without_subprotocol_is_closed_where_the_setting_says_so(start_server: StartServer):
    server = start_server(missing_subprotocol="refuse")

    async def connect() -> None:
        async with await Wire.to(server.ocpp_port) as knocking:
            knocking.send(handshake("/ocpp/SUB", subprotocol=None))
            response = await knocking.response()
            assert response.status == 101
            assert await knocking.close_code() == 1002

    asyncio.run(connect())


STRANGERS = {
    "POST": b"POST /ocpp/CP-1 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}",
    "GET without upgrade": b"GET /ocpp/CP-1 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a browser at the root": b"GET / HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\n\r\n",
    "HTTP/1.0": b"GET /ocpp/CP-1 HTTP/1.0\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9),
    "TLS": bytes.fromhex("16030100c8010000c40303") + bytes(range(192)),
    "Modbus": bytes.fromhex("000100000006010300000001"),
    "noise": bytes(range(256)) * 8 + b"\r\n\r\n",
    "a head without end": b"GET /ocpp/CP-1 HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(500)),
    "a line without end": b"GET /ocpp/" + b"x" * 100_000,
    "another WebSocket version": handshake("/ocpp/CP-1").replace(b"Version: 13", b"Version: 8"),
    "no key": handshake("/ocpp/CP-1").replace(wire.KEY.encode(), b""),
}


@pytest.mark.parametrize("data", STRANGERS.values(), ids=STRANGERS)
def test_who_speaks_something_else_gets_an_http_error_or_the_end_and_nobody_else_notices(
    server: Server, data: bytes
):
    async def knock() -> bytes:
        received = b""
        async with undisturbed(server), await Wire.to(server.ocpp_port) as stranger:
            stranger.send(data)
            try:
                async with asyncio.timeout(wire.DEADLINE_S):
                    while chunk := await stranger.reader.read(1 << 16):
                        received += chunk
            except ConnectionError:
                pass  # the server did not care for the rest
        return received

    received = asyncio.run(knock())
    if received:
        head, _, body = received.partition(b"\r\n\r\n")
        assert head.startswith((b"HTTP/1.1 4", b"HTTP/1.1 505"))
        assert body
        sizes = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        assert [int(line.split(b":")[1]) for line in sizes] == [len(body)]


def test_what_comes_before_the_handshake_is_answered_is_served_or_refused_but_never_hangs(server: Server):
    """RFC 6455 §4.1 forbids it, and stations in a hurry do it."""

    async def hurry() -> None:
        async with await Wire.to(server.ocpp_port) as hasty:
            hasty.send(handshake("/ocpp/HASTY") + frame('[2,"1","Heartbeat",{}]'))
            assert (await hasty.response()).status == 101
            assert json.loads(await hasty.text())[:2] == [3, "1"]

    asyncio.run(hurry())
