"""A tiny central system on the `ocpp` package's own ChargePoint: it answers, remembers, and asks what a test wants."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import ocpp.messages
from ocpp.messages import Call, CallResult, validate_payload
from ocpp.v16 import ChargePoint as ChargePoint16
from ocpp.v16 import call as call16
from ocpp.v201 import ChargePoint as ChargePoint201
from ocpp.v201 import call as call201
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

DEADLINE_S = 20.0
START = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)

Payload = dict[str, Any]
Reply = Payload | str | Callable[[Payload], Payload | None]
"""An answer, the code of a CALLERROR, or what makes the answer; None: there will be none."""

ocpp.messages.ASYNC_VALIDATION = False
logging.getLogger("ocpp").setLevel(logging.CRITICAL)


class Central:
    """The server, and all that stations said to it."""

    def __init__(self, *, now: Callable[[], datetime] = lambda: START) -> None:
        self.port = 0
        self.calls: list[tuple[str, Payload]] = []
        self.peers: list[Any] = []
        self.headers: list[str | None] = []
        self.frames: list[str] = []
        self.now = now
        self.transactions = 0
        self.replies: dict[str, Reply] = {}
        """What differs from the usual answers."""
        self._changed = asyncio.Condition()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ocpp/"

    @property
    def peer(self) -> Any:
        """The newest connection."""
        return self.peers[-1]

    def told(self, action: str) -> list[Payload]:
        """Return what was said so far, by action."""
        return [payload for name, payload in self.calls if name == action]

    async def until(self, condition: Callable[[], Any]) -> Any:
        """Wait until something that stations said makes a condition true, and return it."""
        async with asyncio.timeout(DEADLINE_S), self._changed:
            await self._changed.wait_for(condition)
        return condition()

    async def first(self, action: str, **members: Any) -> Payload:
        """Wait for a call with these members."""

        def found() -> list[Payload]:
            return [one for one in self.told(action) if members.items() <= one.items()]

        return (await self.until(found))[0]

    async def ask(self, action: str, **members: Any) -> Any:
        """Call the station on its newest connection and return its answer's dataclass."""
        module = call16 if isinstance(self.peer, ChargePoint16) else call201
        return await self.peer.call(getattr(module, action)(**members), suppress=False)

    def answer(self, version: str, action: str, payload: Payload) -> Payload | str | None:
        reply = self.replies.get(action, _USUAL[version].get(action, {}))
        made = reply(payload) if callable(reply) else reply
        if made is None or isinstance(made, str):
            return made
        made = dict(made)
        if action in {"BootNotification", "Heartbeat"}:
            made.setdefault("currentTime", self.now().isoformat().replace("+00:00", "Z"))
        if action == "StartTransaction" and "transactionId" not in made:
            self.transactions += 1
            made["transactionId"] = self.transactions
        return made

    async def note(self, action: str, payload: Payload) -> None:
        async with self._changed:
            self.calls.append((action, payload))
            self._changed.notify_all()

    async def poke(self) -> None:
        """Let waiting conditions be looked at again."""
        async with self._changed:
            self._changed.notify_all()

    async def serve(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        kind = _Peer201 if socket.subprotocol == "ocpp2.0.1" else _Peer16
        peer = kind(socket.request.path.rpartition("/")[2], socket)
        peer.central = self
        self.headers.append(socket.request.headers.get("Authorization"))
        self.peers.append(peer)
        await self.poke()
        try:
            await peer.start()
        except ConnectionClosed:
            return


class _Answering:
    """Answers each call from the table, held against the schemas; the rest is the library's."""

    central: Central

    async def route_message(self, raw_msg: str) -> None:
        self.central.frames.append(raw_msg)
        try:
            kind, *_ = message = json.loads(raw_msg)
        except (ValueError, TypeError):
            return
        if kind != 2 or len(message) != 4:
            await super().route_message(raw_msg)
            return
        _, message_id, action, payload = message
        await validate_payload(Call(message_id, action, payload), self._ocpp_version)
        await self.central.note(action, payload)
        answer = self.central.answer(self._ocpp_version, action, payload)
        if isinstance(answer, str):
            await self._connection.send(json.dumps([4, message_id, answer, "as the test wants", {}]))
        elif answer is not None:
            result = CallResult(message_id, answer, action)
            await validate_payload(result, self._ocpp_version)
            await self._connection.send(result.to_json())


class _Peer16(_Answering, ChargePoint16):
    pass


class _Peer201(_Answering, ChargePoint201):
    pass


_USUAL: dict[str, dict[str, Reply]] = {
    "1.6": {
        "BootNotification": {"status": "Accepted", "interval": 300},
        "Authorize": {"idTagInfo": {"status": "Accepted"}},
        "StartTransaction": {"idTagInfo": {"status": "Accepted"}},
    },
    "2.0.1": {
        "BootNotification": {"status": "Accepted", "interval": 300},
        "Authorize": {"idTokenInfo": {"status": "Accepted"}},
    },
}


@asynccontextmanager
async def central_system(**options: Any) -> AsyncIterator[Central]:
    """Run one on a free port."""
    central = Central(**options)
    async with serve(central.serve, "127.0.0.1", 0, subprotocols=["ocpp1.6", "ocpp2.0.1"]) as server:
        central.port = next(iter(server.sockets)).getsockname()[1]
        yield central
