"""A station's WebSocket on an asyncio transport: bytes to whole texts, limits, keep-alive; knows no OCPP."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol, cast

from msgspec import Struct
from websockets.exceptions import InvalidState
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol

from csms.gateway.wheel import TimerWheel

_QUIET = logging.getLogger("csms.websocket")
_QUIET.setLevel(logging.ERROR)

_BAD_REQUEST = (
    b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: 47\r\n\r\nThis port speaks OCPP over WebSocket (HTTP/1.1)"
)


class SocketLimits(Struct, frozen=True, kw_only=True):
    """What a station may do to us before its connection ends; seconds are machine time."""

    max_frame_bytes: int = 1 << 20
    """A larger message closes with 1009; fragments count together."""
    handshake_timeout_s: float = 15.0
    ping_interval_s: float = 20.0
    """A station that was silent for so long is pinged; any received message counts as life."""
    ping_timeout_s: float = 20.0
    """Silence after the ping that ends the connection."""
    close_timeout_s: float = 5.0
    """How long a closing handshake may take before the transport is aborted."""


class SocketOwner(Protocol):
    """Who listens to an open socket."""

    def received(self, text: str) -> None:
        """Take one whole text message."""
        ...

    def closed(self, reason: str) -> None:
        """Take note that nothing more comes; called once."""
        ...


class StationSocket(asyncio.Protocol):
    """Drives `ServerProtocol`; everything happens in callbacks, an idle connection has no task."""

    def __init__(
        self,
        *,
        requested: Callable[[StationSocket, Request], None],
        limits: SocketLimits,
        wheel: TimerWheel,
        machine_s: Callable[[], float],
        forget: Callable[[StationSocket], None],
    ) -> None:
        """Ask `requested` to `accept` or `reject` the handshake, now or later; `forget` is called at the very end."""
        self._on_request = requested
        self._owner: SocketOwner | None = None
        self._limits = limits
        self._wheel = wheel
        self._machine_s = machine_s
        self._forget = forget
        self._ws = ServerProtocol(max_size=limits.max_frame_bytes, logger=_QUIET)
        self._transport: asyncio.Transport | None = None
        self._fragments: list[bytes] = []
        self._early: list[Frame] = []
        self._requested = False
        self._failed = False
        self.accepted = False
        self._paused_by: set[str] = set()
        self._heard_s = machine_s()
        self._pinged = False
        self.peer_name = ""
        self._own_reason: str | None = None

    # --- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the handshake's deadline."""
        self._transport = cast("asyncio.Transport", transport)
        self.peer_name = str(transport.get_extra_info("peername"))
        self._wheel.at(self._heard_s + self._limits.handshake_timeout_s, self._check_handshake)

    def data_received(self, data: bytes) -> None:
        """Parse what came and hand out whole messages."""
        self._heard_s = self._machine_s()
        self._ws.receive_data(data)
        self._process()

    def eof_received(self) -> bool:
        """Let the protocol see the end of the stream; the transport then closes by itself."""
        self._ws.receive_eof()
        self._process()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the owner, once."""
        self._transport = None
        self._forget(self)
        if self._owner is not None:
            self._owner.closed(self._why_closed(exc))

    def pause_writing(self) -> None:
        """Stop reading from a station that does not read our answers: memory stays bounded."""
        self.pause_reading("slow reader")

    def resume_writing(self) -> None:
        """Read again."""
        self.resume_reading("slow reader")

    # --- for the owner

    @property
    def gone(self) -> bool:
        """Whether nothing can be sent or received any more."""
        return self._transport is None or self._ws.state is not State.OPEN

    def paused_by(self, cause: str) -> bool:
        """Tell whether reading has stopped for `cause`."""
        return cause in self._paused_by

    def accept(self, request: Request, choose: Callable[[list[str]], str | None]) -> bool:
        """Answer the handshake with 101 (True) or with the error that is due (False).

        `choose` picks the subprotocol from those offered. Nothing is read on until `start`.
        """
        self._ws.select_subprotocol = lambda offered: choose(list(offered))  # type: ignore[assignment,return-value]
        self._answer(self._ws.accept(request))
        if self._ws.state is not State.OPEN:
            return False
        self.accepted = True
        self._wheel.at(self._heard_s + self._limits.ping_interval_s, self._check_alive)
        return True

    def own(self, owner: SocketOwner) -> None:
        """Tell `owner` when the socket is gone, from now on."""
        self._owner = owner

    def start(self) -> None:
        """Let the owner have what came early, and read on."""
        early, self._early = self._early, []
        for frame in early:
            self._take(frame)
        self.resume_reading("handshake")
        self._flush()

    def reject(self, status: int, text: str, headers: dict[str, str] | None = None) -> None:
        """Answer the handshake with an HTTP error."""
        response = self._ws.reject(status, text + "\n")
        response.headers.update(headers or {})
        self._answer(response)

    def send(self, text: str) -> None:
        """Send one text message; silently nothing where the socket is gone."""
        if not self.gone:
            self._ws.send_text(text.encode())
            self._flush()

    def close(self, code: int, reason: str) -> None:
        """Start the closing handshake; the transport is aborted where the station does not join in."""
        self._own_reason = reason
        if self._transport is None:
            return
        try:
            self._ws.send_close(code, reason.encode()[:120].decode(errors="ignore"))
        except InvalidState:
            self.abort()
            return
        self._flush()

    def abort(self) -> None:
        """Drop the transport at once."""
        if self._transport is not None:
            self._transport.abort()

    def pause_reading(self, cause: str) -> None:
        """Stop reading until every cause is resumed; back-pressure reaches the station through TCP."""
        if not self._paused_by and self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()
        self._paused_by.add(cause)

    def resume_reading(self, cause: str) -> None:
        """Withdraw one cause."""
        if cause not in self._paused_by:
            return
        self._paused_by.discard(cause)
        if not self._paused_by and self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    # --- inside

    def _process(self) -> None:
        for event in self._ws.events_received():
            if isinstance(event, Request):
                self._requested = True
                self.pause_reading("handshake")
                self._on_request(self, event)
            elif isinstance(event, Frame):
                if "handshake" not in self._paused_by:
                    self._take(event)
                else:
                    self._early.append(event)
        self._flush()

    def _why_closed(self, error: Exception | None) -> str:
        if self._own_reason is not None:
            return self._own_reason
        if self._ws.close_rcvd is not None:
            return f"the station closed: {self._ws.close_rcvd.code} {self._ws.close_rcvd.reason}".strip()
        if self._ws.close_sent is not None:
            return f"failed: {self._ws.close_sent.code} {self._ws.close_sent.reason}".strip()
        return str(error) if error else "the connection was lost"

    def _take(self, frame: Frame) -> None:
        if frame.opcode is Opcode.BINARY:
            self._fail(CloseCode.UNSUPPORTED_DATA, "OCPP-J sends text frames")
        elif frame.opcode is Opcode.TEXT or frame.opcode is Opcode.CONT:
            if frame.data:
                self._fragments.append(bytes(frame.data))
            if frame.fin and not self._failed:
                data, self._fragments = b"".join(self._fragments), []
                try:
                    text = data.decode()
                except UnicodeDecodeError as error:
                    self._fail(CloseCode.INVALID_DATA, f"{error.reason} at byte {error.start}")
                else:
                    self._deliver(text)

    def _fail(self, code: CloseCode, reason: str) -> None:
        self._failed = True
        self._ws.fail(code, reason)

    def _deliver(self, text: str) -> None:
        if self._owner is not None:
            self._owner.received(text)

    def _answer(self, response: Response) -> None:
        if self._transport is not None and self._ws.state is State.CONNECTING:
            self._ws.send_response(response)
            self._flush()

    def _flush(self) -> None:
        transport = self._transport
        if transport is None:
            return
        outgoing = self._ws.data_to_send()
        if self._ws.handshake_exc is not None and not self._requested:
            self._requested = True
            if not any(outgoing):  # the protocol has words of its own for some requests
                transport.write(_BAD_REQUEST)
        for data in outgoing:
            if data:
                transport.write(data)
            else:
                transport.close()
        if self._ws.close_expected():
            self._wheel.at(self._machine_s() + self._limits.close_timeout_s, self.abort)

    def _check_handshake(self) -> None:
        if not self.accepted:
            self.abort()

    def _check_alive(self) -> None:
        if self.gone:
            return
        if self._paused_by - {"slow reader"}:
            self._heard_s = self._machine_s()  # not listening: silence says nothing about the station
        silent_s = self._machine_s() - self._heard_s
        if silent_s >= self._limits.ping_interval_s + self._limits.ping_timeout_s and self._pinged:
            self._own_reason = f"nothing heard for {silent_s:.0f} s"
            self.abort()
            return
        if silent_s >= self._limits.ping_interval_s:
            if not self._pinged:
                self._pinged = True
                self._ws.send_ping(b"")
                self._flush()
            self._wheel.at(
                self._heard_s + self._limits.ping_interval_s + self._limits.ping_timeout_s, self._check_alive
            )
        else:
            self._pinged = False
            self._wheel.at(self._heard_s + self._limits.ping_interval_s, self._check_alive)
