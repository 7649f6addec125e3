"""The WebSocket of a station, driven byte by byte against a real client's protocol core; no network."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.uri import parse_uri

from csms.gateway.socket import SocketLimits, StationSocket
from csms.gateway.wheel import TimerWheel


class _Transport(asyncio.Transport):
    """Keeps what was written; a closing transport takes nothing more, as asyncio's."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.reading = True
        self.ended: str | None = None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self.ended is None:
            self.written += data

    def close(self) -> None:
        self.ended = self.ended or "closed"

    def abort(self) -> None:
        self.ended = "aborted"

    def is_closing(self) -> bool:
        return self.ended is not None

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


class _Bench:
    """A station socket, its transport, its clock, and a client's protocol core at the other end."""

    def __init__(self, *, limits: SocketLimits | None = None, admit: bool = True) -> None:
        self.now_s = 1000.0
        self.wheel = TimerWheel(lambda: self.now_s)
        self.texts: list[str] = []
        self.ended: list[str] = []
        self.requests: list[Request] = []
        self.forgotten = 0
        self.admit = admit
        self.transport = _Transport()
        self.socket = StationSocket(
            requested=self._requested,
            limits=limits or SocketLimits(),
            wheel=self.wheel,
            machine_s=lambda: self.now_s,
            forget=self._forget,
        )
        self.socket.connection_made(self.transport)
        self.client = ClientProtocol(parse_uri("ws://station.invalid/ocpp/CP-1"), max_size=None)

    def _requested(self, socket: StationSocket, request: Request) -> None:
        self.requests.append(request)
        if self.admit and socket.accept(request, lambda offered: offered[0] if offered else None):
            socket.own(self)
            socket.start()

    def _forget(self, _: StationSocket) -> None:
        self.forgotten += 1

    def received(self, text: str) -> None:
        self.texts.append(text)
        self.socket.send(f"echo {text}")

    def closed(self, reason: str) -> None:
        self.ended.append(reason)

    def open(self) -> None:
        self.client.send_request(self.client.connect())
        self.from_client()

    def client_bytes(self) -> bytes:
        return b"".join(self.client.data_to_send())

    def from_client(self) -> None:
        self.socket.data_received(self.client_bytes())
        self.to_client()

    def to_client(self) -> list[object]:
        self.client.receive_data(bytes(self.transport.written))
        self.transport.written.clear()
        return list(self.client.events_received())

    def pass_time(self, seconds: float) -> None:
        for _ in range(int(seconds)):
            self.now_s += 1.0
            self.wheel.turn()


def _close_code(bench: _Bench) -> int | None:
    return bench.client.close_rcvd.code if bench.client.close_rcvd else None


def test_texts_go_both_ways() -> None:
    bench = _Bench()
    bench.open()
    bench.client.send_text("häl".encode())
    bench.socket.data_received(bench.client_bytes())
    assert bench.texts == ["häl"]
    frame = bench.to_client()[-1]
    assert isinstance(frame, Frame)
    assert bytes(frame.data).decode() == "echo häl"


def test_fragments_make_one_text_and_control_frames_may_stand_between() -> None:
    bench = _Bench()
    bench.open()
    bench.client.send_text("ä".encode()[:1], fin=False)
    bench.client.send_ping(b"still here?")
    bench.client.send_continuation("ä".encode()[1:], fin=False)
    bench.client.send_continuation(b"", fin=True)
    bench.socket.data_received(bench.client_bytes())
    assert bench.texts == ["ä"]


@pytest.mark.parametrize(
    ("send", "code"),
    [
        (lambda client: client.send_binary(b"[]"), 1003),
        (lambda client: client.send_text(b"\xff\xfe"), 1007),
        (lambda client: client.send_text(b"x" * 2000), 1009),
    ],
    ids=["binary", "invalid utf-8", "too long"],
)
def test_a_frame_that_is_no_ocpp_closes_with_the_code_for_it(send: object, code: int) -> None:
    bench = _Bench(limits=SocketLimits(max_frame_bytes=1000))
    bench.open()
    send(bench.client)  # type: ignore[operator]
    bench.from_client()
    assert _close_code(bench) == code
    assert bench.texts == []
    bench.socket.connection_lost(None)
    assert bench.ended
    assert str(code) in bench.ended[0]


def test_unmasked_frames_close_with_1002() -> None:
    bench = _Bench()
    bench.open()
    bench.socket.data_received(Frame(Opcode.TEXT, b"[]").serialize(mask=False))
    bench.to_client()
    assert _close_code(bench) == 1002


def test_bytes_that_are_no_http_get_a_400_and_the_end() -> None:
    bench = _Bench()
    bench.socket.data_received(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")
    assert bytes(bench.transport.written).startswith(b"HTTP/1.1 400 ")
    assert bench.transport.ended == "closed"


def test_a_handshake_that_never_comes_is_dropped_at_its_deadline() -> None:
    bench = _Bench(limits=SocketLimits(handshake_timeout_s=10))
    bench.socket.data_received(b"GET /ocpp/CP-1 HTTP/1.1\r\nHost: x\r\n")
    bench.pass_time(9)
    assert bench.transport.ended is None
    bench.pass_time(3)
    assert bench.transport.ended == "aborted"


def test_a_rejection_carries_its_status_and_text() -> None:
    bench = _Bench(admit=False)
    bench.open()
    bench.socket.reject(401, "no", {"WWW-Authenticate": 'Basic realm="OCPP"'})
    bench.to_client()
    assert isinstance(bench.client.handshake_exc, Exception)
    assert bench.transport.ended == "closed"


def test_what_comes_before_the_admission_waits_for_it() -> None:
    bench = _Bench(admit=False)
    bench.client.send_request(bench.client.connect())
    early = Frame(Opcode.TEXT, b"early").serialize(mask=True)
    bench.socket.data_received(bench.client_bytes() + early)
    assert not bench.transport.reading
    socket = bench.socket
    assert socket.accept(bench.requests[0], lambda _: None)
    socket.own(bench)
    assert bench.texts == []
    socket.start()
    assert bench.texts == ["early"]
    assert bench.transport.reading


def test_a_silent_station_is_pinged_and_then_dropped() -> None:
    bench = _Bench(limits=SocketLimits(ping_interval_s=20, ping_timeout_s=10))
    bench.open()
    bench.pass_time(21)
    assert bench.transport.written[:1] == b"\x89"
    bench.pass_time(12)
    assert bench.transport.ended == "aborted"
    bench.socket.connection_lost(None)
    assert "nothing heard" in bench.ended[0]


def test_any_message_counts_as_life() -> None:
    bench = _Bench(limits=SocketLimits(ping_interval_s=20, ping_timeout_s=10))
    bench.open()
    for _ in range(10):
        bench.pass_time(25)
        bench.client.send_text(b"x")
        bench.from_client()
    assert bench.transport.ended is None


def test_a_station_is_not_called_silent_while_we_do_not_listen() -> None:
    bench = _Bench(limits=SocketLimits(ping_interval_s=20, ping_timeout_s=10))
    bench.open()
    bench.socket.pause_reading("store")
    bench.pass_time(300)
    assert bench.transport.ended is None
    bench.socket.resume_reading("store")
    bench.pass_time(60)
    assert bench.transport.ended == "aborted"


def test_reading_resumes_when_every_cause_is_gone() -> None:
    bench = _Bench()
    bench.open()
    bench.socket.pause_writing()
    bench.socket.pause_reading("store")
    bench.socket.resume_writing()
    assert not bench.transport.reading
    bench.socket.resume_reading("store")
    assert bench.transport.reading


def test_a_close_that_the_station_ignores_ends_in_an_abort() -> None:
    bench = _Bench(limits=SocketLimits(close_timeout_s=5))
    bench.open()
    bench.socket.close(1012, "the server restarts")
    bench.to_client()
    assert _close_code(bench) == 1012
    bench.pass_time(7)
    assert bench.transport.ended == "aborted"


def test_after_the_end_nothing_is_sent_and_the_owner_hears_of_it_once() -> None:
    bench = _Bench()
    bench.open()
    bench.client.send_close(1000, "done")
    bench.from_client()
    bench.socket.send("too late")
    bench.socket.connection_lost(None)
    bench.socket.abort()
    bench.socket.close(1000, "again")
    assert bench.ended == ["the station closed: 1000 done"]
    assert bench.forgotten == 1


@given(st.data())
def test_any_chunking_of_the_bytes_gives_the_same_texts(data: st.DataObject) -> None:
    bench = _Bench()
    bench.client.send_request(bench.client.connect())
    request = bench.client_bytes()
    messages = data.draw(st.lists(st.text(st.characters(codec="utf-8"), max_size=300), max_size=8))
    stream = bytearray()
    for message in messages:
        stream += Frame(Opcode.TEXT, message.encode()).serialize(mask=True)
        if data.draw(st.booleans()):
            stream += Frame(Opcode.PING, b"p").serialize(mask=True)
    for part in (bytearray(request), stream):
        while part:
            cut = data.draw(st.integers(1, len(part)))
            bench.socket.data_received(bytes(part[:cut]))
            del part[:cut]
    assert bench.texts == messages
    events = bench.to_client()
    assert isinstance(events[0], Response)
    answers = [
        bytes(event.data).decode()
        for event in events
        if isinstance(event, Frame) and event.opcode is Opcode.TEXT
    ]
    assert answers == [f"echo {message}" for message in messages]
