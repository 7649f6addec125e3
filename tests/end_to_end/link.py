"""One OCPP-J connection of an independent station, with a journal; it shares no code with the server it judges."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

DEADLINE_S = 60.0
OCPP_1_6 = Subprotocol("ocpp1.6")
Payload = dict[str, Any]
_numbers = itertools.count(1)


class LinkLost(Exception):
    """The connection ended before the answer came."""


class Refused(Exception):
    """The server answered with a CALLERROR."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code


@dataclass(eq=False)
class Call:
    """One line of the journal: a call as it left, and what came back."""

    message_id: str
    action: str
    text: str
    done: asyncio.Future[Payload]
    """The answer's payload; raises `Refused` or `LinkLost`."""
    answer: Payload | None = None
    refusal: list[Any] | None = None
    answers: int = 0
    """How many answers with this call's id came."""
    sent_s: float = 0.0
    took_s: float = 0.0
    """Seconds of the event loop's clock from leaving to the answer."""


class Link:
    """One connection: calls leave in any number, answers are matched by message id."""

    def __init__(self, socket: ClientConnection, station_id: str, observer: Callable[[str], None]) -> None:
        self.station_id = station_id
        self.number = next(_numbers)
        self.journal: list[Call] = []
        self.unmatched: asyncio.Queue[list[Any]] = asyncio.Queue()
        """Answers to no call of ours, and calls that the server makes."""
        self._calls: dict[str, Call] = {}
        self._socket = socket
        self._observer = observer
        self._ids = itertools.count(1)
        self.over = asyncio.create_task(self._read(), name=f"reader of {station_id}")
        """Done when the connection is."""

    @classmethod
    async def to(
        cls,
        url: str,
        station_id: str,
        *,
        observer: Callable[[str], None] = lambda _what: None,
        **options: Any,
    ) -> Link:
        """Connect to the server; `options` go to `websockets`."""
        options = {
            "subprotocols": [OCPP_1_6],
            "open_timeout": DEADLINE_S,
            "close_timeout": DEADLINE_S,
        } | options
        socket = await connect(url + station_id, compression=None, ping_interval=None, proxy=None, **options)
        return cls(socket, station_id, observer)

    @property
    def open_calls(self) -> int:
        """How many calls wait for their answer."""
        return sum(not call.done.done() for call in self._calls.values())

    def write(self, action: str, payload: Payload, *, message_id: str | None = None) -> Call:
        """Enter a call into the journal; `send` sends it."""
        message_id = message_id or f"{self.number}-{next(self._ids)}"
        text = json.dumps([2, message_id, action, payload], separators=(",", ":"))
        call = Call(message_id, action, text, asyncio.get_running_loop().create_future())
        self.journal.append(call)
        self._calls[message_id] = call
        return call

    async def send(self, call: Call) -> None:
        """Send a call; where the connection is gone already, `call.done` says so."""
        call.sent_s = asyncio.get_running_loop().time()
        try:
            await self._socket.send(call.text)
        except ConnectionClosed:
            self._lose(call)
        else:
            self._observer("sent")

    async def post(
        self, action: str, payload: Payload | None = None, *, message_id: str | None = None
    ) -> Call:
        """Send a call without waiting for its answer."""
        call = self.write(action, payload or {}, message_id=message_id)
        await self.send(call)
        return call

    async def call(
        self, action: str, payload: Payload | None = None, *, message_id: str | None = None
    ) -> Payload:
        """Send a call and return its answer; raises `Refused` for a CALLERROR."""
        return await answer_of(await self.post(action, payload, message_id=message_id))

    async def send_text(self, text: str | bytes) -> None:
        """Send a message as it is, outside of the journal."""
        await self._socket.send(text)

    async def stray(self) -> list[Any]:
        """Return the next frame that answers no call of the journal."""
        async with asyncio.timeout(DEADLINE_S):
            return await self.unmatched.get()

    async def close(self) -> None:
        """Close the connection properly and wait for its end."""
        await self._socket.close()
        await self.over

    def abort(self) -> None:
        """Drop the connection without a close frame."""
        self._socket.transport.abort()

    async def ended(self) -> int | None:
        """Wait until the connection is over and return the server's close code; None where it sent none."""
        async with asyncio.timeout(DEADLINE_S):
            await asyncio.shield(self.over)
        received = self._socket.protocol.close_rcvd
        return received.code if received else None

    @property
    def close_reason(self) -> str:
        """What the server's close frame gave as its reason."""
        received = self._socket.protocol.close_rcvd
        return received.reason if received else ""

    @property
    def subprotocol(self) -> str | None:
        """What the server chose."""
        return self._socket.subprotocol

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _read(self) -> None:
        try:
            async for text in self._socket:
                self._received(json.loads(text))
        except ConnectionClosed:
            pass  # the protocol keeps the code
        finally:
            for call in self._calls.values():
                self._lose(call)

    def _lose(self, call: Call) -> None:
        if not call.done.done():
            call.done.set_exception(LinkLost(f"{self.station_id}: the connection ended"))
            call.done.exception()  # nobody has to be waiting for it

    def _received(self, frame: list[Any]) -> None:
        call = self._calls.get(frame[1]) if frame[0] in {3, 4} else None
        if call is None:
            self.unmatched.put_nowait(frame)
            return
        call.answers += 1
        if call.done.done():
            return
        call.took_s = asyncio.get_running_loop().time() - call.sent_s
        if frame[0] == 3:
            call.answer = frame[2]
            call.done.set_result(frame[2])
        else:
            call.refusal = frame
            call.done.set_exception(Refused(frame[2], frame[3]))
            call.done.exception()
        self._observer("answered")


async def answer_of(call: Call) -> Payload:
    """Wait for the answer to a call that was sent."""
    async with asyncio.timeout(DEADLINE_S):
        return await call.done
