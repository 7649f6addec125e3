"""A WebSocket client in bytes, for everything that a proper client library would not send."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

DEADLINE_S = 60.0
TEXT, BINARY, CLOSE, PING, PONG, CONTINUATION = 0x1, 0x2, 0x8, 0x9, 0xA, 0x0
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = base64.b64encode(
    hashlib.sha1(KEY.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11", usedforsecurity=False).digest()
).decode()
"""What RFC 6455 §4.2.2 asks for in answer to `KEY`."""


def handshake(
    target: str, *, subprotocol: str | None = "ocpp1.6", credentials: str | None = None, extra: str = ""
) -> bytes:
    """Return an opening handshake for a request target, percent-encoded already."""
    lines = [
        f"GET {target} HTTP/1.1",
        "Host: 127.0.0.1",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {KEY}",
        "Sec-WebSocket-Version: 13",
    ]
    if subprotocol is not None:
        lines.append(f"Sec-WebSocket-Protocol: {subprotocol}")
    if credentials is not None:
        lines.append("Authorization: Basic " + base64.b64encode(credentials.encode()).decode())
    return ("\r\n".join(lines) + "\r\n" + extra + "\r\n").encode("utf-8", "surrogateescape")


def frame(
    payload: bytes | str,
    *,
    opcode: int = TEXT,
    fin: bool = True,
    mask: bytes | None = b"\x11\x22\x33\x44",
    reserved: int = 0,
) -> bytes:
    """Return one WebSocket frame (RFC 6455 §5.2); `mask=None` leaves it unmasked, which a client must not do."""
    data = payload.encode() if isinstance(payload, str) else payload
    head = bytes([(0x80 if fin else 0) | reserved << 4 | opcode])
    bit = 0x80 if mask is not None else 0
    if len(data) < 126:
        head += bytes([bit | len(data)])
    elif len(data) < 1 << 16:
        head += bytes([bit | 126]) + struct.pack("!H", len(data))
    else:
        head += bytes([bit | 127]) + struct.pack("!Q", len(data))
    if mask is None:
        return head + data
    repeated = (mask * (len(data) // 4 + 1))[: len(data)]
    masked = (int.from_bytes(data, "big") ^ int.from_bytes(repeated, "big")).to_bytes(len(data), "big")
    return head + mask + masked


@dataclass
class Response:
    """The server's answer to a request: its head and, where it is no handshake, its body."""

    status: int
    headers: dict[str, str]
    raw: bytes
    body: bytes = b""

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()


@dataclass
class Wire:
    """One TCP connection to the server, and what came over it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    received: bytearray = field(default_factory=bytearray)

    @classmethod
    async def to(cls, port: int, *, receive_buffer: int | None = None) -> Wire:
        """Connect; a small `receive_buffer` (bytes) makes a client that stops reading felt soon."""
        plain = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        plain.setblocking(False)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        limit = 1 << 16
        if receive_buffer is not None:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            limit = receive_buffer
        async with asyncio.timeout(DEADLINE_S):
            await asyncio.get_running_loop().sock_connect(plain, ("127.0.0.1", port))
        reader, writer = await asyncio.open_connection(sock=plain, limit=limit)
        return cls(reader, writer)

    @classmethod
    async def open(cls, port: int, station_id: str, *, receive_buffer: int | None = None) -> Wire:
        """Connect and finish the handshake."""
        wire = await cls.to(port, receive_buffer=receive_buffer)
        wire.send(handshake(f"/ocpp/{station_id}"))
        response = await wire.response()
        assert response.status == 101, response.raw
        return wire

    def send(self, data: bytes) -> None:
        """Hand bytes to the kernel, or to the client's own buffer where the kernel takes no more."""
        self.writer.write(data)

    async def flush(self) -> None:
        """Wait until the client's own buffer is (nearly) empty."""
        async with asyncio.timeout(DEADLINE_S):
            await self.writer.drain()

    async def response(self) -> Response:
        """Read the answer to an HTTP request; the body goes to the end of the stream unless it is a 101."""
        async with asyncio.timeout(DEADLINE_S):
            raw = await self.reader.readuntil(b"\r\n\r\n")
            first, *lines = raw.decode().strip().split("\r\n")
            headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
            response = Response(int(first.split()[1]), headers, raw)
            if response.status != 101:
                response.body = await self.reader.read(-1)
                response.raw += response.body
        return response

    async def frame(self) -> tuple[int, bytes]:
        """Return the next frame's opcode and payload; raises `EOFError` at the end of the stream."""
        async with asyncio.timeout(DEADLINE_S):
            first, second = await self._exactly(2)
            assert not second & 0x80, "a server must not mask (RFC 6455 §5.1)"
            size = second & 0x7F
            if size == 126:
                (size,) = struct.unpack("!H", await self._exactly(2))
            elif size == 127:
                (size,) = struct.unpack("!Q", await self._exactly(8))
            return first & 0x0F, await self._exactly(size)

    async def text(self) -> str:
        """Return the next text message; a ping is answered on the way, anything else is an error."""
        while True:
            opcode, payload = await self.frame()
            if opcode == TEXT:
                return payload.decode()
            assert opcode == PING, f"opcode {opcode}: {payload!r}"
            self.send(frame(payload, opcode=PONG))

    async def close_code(self) -> int:
        """Read on until the close frame and return its code."""
        while True:
            opcode, payload = await self.frame()
            if opcode == CLOSE:
                return int.from_bytes(payload[:2], "big")

    async def gone(self) -> None:
        """Wait until the server has ended the connection, whatever it says before that."""
        try:
            async with asyncio.timeout(DEADLINE_S):
                while await self.reader.read(1 << 16):
                    pass
        except ConnectionError:
            pass

    async def close(self) -> None:
        """Free the socket."""
        self.writer.transport.abort()
        with suppress(ConnectionError):
            await self.writer.wait_closed()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _exactly(self, size: int) -> bytes:
        data = await self.reader.readexactly(size)
        self.received += data
        return data
