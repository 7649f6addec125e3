"""The server on a real socket: what is no HTTP, half a body, and the port that pages must name."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

import pytest

from csms.http.security import Security
from csms.http.server import HttpServer
from tests.csms.http.app import OPEN, Frame

pytestmark = pytest.mark.anyio
DEADLINE_S = 10.0


@contextlib.asynccontextmanager
async def serving(security: Security = OPEN, host: str = "127.0.0.1") -> AsyncIterator[HttpServer]:
    server = HttpServer(Frame(security).app, host=host, port=0)
    running = asyncio.create_task(server.run())
    try:
        yield server
    finally:
        server.stop()
        await asyncio.wait_for(running, DEADLINE_S)


async def say(server: HttpServer, raw: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send bytes as they are and return status, headers and body of the answer, read to the connection's end."""
    async with asyncio.timeout(DEADLINE_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(raw)
        answer = b""
        # A server that closes with unread input resets the connection; what it said first has come all the same.
        with contextlib.suppress(ConnectionResetError):
            while more := await reader.read(65_536):
                answer += more
        writer.close()
        with contextlib.suppress(ConnectionResetError):
            await writer.wait_closed()
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): text for name, _, text in (line.partition(": ") for line in lines)}
    return int(status.split()[1]), headers, body


def get(path: str, *headers: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", *headers, "Connection: close", "", ""]).encode()


@pytest.mark.parametrize(
    "raw",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS greeting\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"nonsense\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_a_problem(raw: bytes):
    async with serving() as server:
        status, headers, body = await say(server, raw)
    assert (status, headers["content-type"]) == (400, "application/problem+json")
    assert json.loads(body)["type"] == "/problems/bad-request"


async def test_the_port_that_was_bound_is_the_one_to_name():
    async with serving() as server:
        status, _, _ = await say(server, get("/thing", f"Host: 127.0.0.1:{server.port}"))
        assert status == 200
        status, _, _ = await say(server, get("/thing", f"Host: 127.0.0.1:{server.port - 1}"))
        assert status == 403


async def test_websockets_are_not_served_here():
    upgrade = (
        "Upgrade: websocket",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
    )
    async with serving() as server:
        status, _, _ = await say(server, get("/nothing", f"Host: 127.0.0.1:{server.port}", *upgrade))
    assert status == 404


async def test_a_body_that_is_announced_too_large_is_not_waited_for():
    async with serving() as server:
        head = (
            f"POST /echo HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
            "Content-Type: application/json\r\nContent-Length: 99999999\r\n\r\n"
        )
        status, headers, _ = await say(server, head.encode() + b" " * 1000)
    assert (status, headers["connection"]) == (413, "close")


async def test_who_leaves_in_the_middle_of_a_body_disturbs_nobody():
    async with serving() as server:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        head = f"POST /echo HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Type: application/json\r\n"
        writer.write(head.encode() + b'Content-Length: 10\r\n\r\n{"a"')
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        status, _, _ = await say(server, get("/thing", f"Host: 127.0.0.1:{server.port}"))
    assert status == 200


async def test_the_server_does_not_say_what_it_is_made_of():
    async with serving() as server:
        _, headers, _ = await say(server, get("/thing", f"Host: 127.0.0.1:{server.port}"))
    assert "server" not in headers


def test_an_address_of_another_machine_can_not_be_bound():
    with pytest.raises(OSError, match=r".+"):
        HttpServer(Frame().app, host="203.0.113.7", port=0)
