from __future__ import annotations

import asyncio
import io
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from simulators.site_clock import SiteClock
from simulators.site_meter import Http, Lines, ReadingLost, SitePush

pytestmark = pytest.mark.anyio

NOON_S = 1_772_449_200.0


@pytest.fixture
def listener():
    """A web server that keeps what it is sent and answers as it is told."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.server.got.append((self.path, self.headers.get("Authorization"), json.loads(body)))
            self.send_response(self.server.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format, *args):  # noqa: A002 - the base has it so
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.got, server.status = [], 202
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


async def test_readings_are_handed_on_at_even_intervals_until_the_meter_is_silent():
    clock = SiteClock(1000.0, now_s=NOON_S)
    got: list[tuple[float, tuple]] = []
    enough = asyncio.Event()

    async def sink(at_s, current_a):
        got.append((at_s, current_a))
        if len(got) == 3:
            push.silent = True
            enough.set()

    push = SitePush(clock, lambda _at_s: (1.0, 2.0, 3.0), sink, every_s=10)
    life = asyncio.create_task(push.live())
    await asyncio.wait_for(enough.wait(), 5)
    life.cancel()
    await asyncio.gather(life, return_exceptions=True)
    await push.push()
    assert len(got) == push.delivered == 3
    begins_s = got[0][0]
    assert all(at_s - begins_s >= 10 * number - 0.1 for number, (at_s, _) in enumerate(got))


async def test_a_reading_that_is_lost_is_counted_and_told():
    async def sink(_at_s, _current_a):
        raise ReadingLost("nobody there")

    told: list[str] = []
    push = SitePush(SiteClock(), lambda _at_s: (0, 0, 0), sink, on_failure=told.append)
    await push.push()
    assert (push.lost, told) == (1, ["nobody there"])


async def test_readings_can_be_written_as_lines():
    stream = io.StringIO()
    await Lines(stream)(NOON_S, (1.004, 2.0, 3.0))
    assert json.loads(stream.getvalue()) == {
        "at": "2026-03-02T11:00:00.000Z",
        "current_a": {"L1": 1.0, "L2": 2.0, "L3": 3.0},
    }


async def test_readings_can_be_posted_with_a_token(listener):
    url = f"http://127.0.0.1:{listener.server_port}/sites/a/meters/b/readings?x=1"
    send = Http(url, token="secret")
    await send(NOON_S, (1.0, 2.0, 3.0))
    await send(NOON_S + 5, (1.0, 2.0, 3.0))
    assert [(path, token) for path, token, _ in listener.got] == [
        ("/sites/a/meters/b/readings?x=1", "Bearer secret")
    ] * 2
    listener.status = 404
    with pytest.raises(ReadingLost, match="404"):
        await send(NOON_S, (1.0, 2.0, 3.0))
    send.close()


async def test_a_dead_listener_loses_readings_and_nothing_else():
    with pytest.raises(ReadingLost, match="Refused"):
        await Http("http://127.0.0.1:9/")(NOON_S, (0, 0, 0))


async def test_only_http_is_spoken():
    with pytest.raises(ValueError, match="ftp"):
        Http("ftp://x/")
    with pytest.raises(ValueError, match="every_s"):
        SitePush(SiteClock(), lambda _at_s: (0, 0, 0), Lines(io.StringIO()), every_s=0)
