"""A station that follows a script: it says what the test says, and waits for what the test expects to be asked."""

from __future__ import annotations

import asyncio
import itertools
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self

import httpx
from websockets.typing import Subprotocol

from tests.conformance.rest import Json, Rest
from tests.end_to_end.link import DEADLINE_S, Call, Link, Payload
from tests.end_to_end.server import Server

_numbers = itertools.count(1)
WAIT_S = 50


def moment(minutes: float = 0.0) -> str:
    """Return a time so many minutes from now, as stations write it."""
    at = datetime.now(UTC) + timedelta(minutes=minutes)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True)
class Asked:
    """A call of the server's."""

    message_id: str
    action: str
    payload: Payload


class Commanded:
    """A command that is on its way: what the operator hears in the end."""

    def __init__(self, station: Station, answer: asyncio.Task[httpx.Response]) -> None:
        self._station = station
        self._answer = answer

    async def response(self) -> httpx.Response:
        """Return what HTTP said."""
        async with asyncio.timeout(DEADLINE_S):
            return await self._answer

    async def end(self) -> Json:
        """Return the command in its final state."""
        answer = await self.response()
        assert answer.status_code == 200, f"{answer.status_code} {answer.text}"
        return answer.json()

    async def answered(self, payload: Payload, *, asked: Asked | None = None) -> Json:
        """Let the station answer so, and return the command in its final state, which must hold that answer."""
        asked = asked or await self._station.asked()
        await self._station.answer(asked, payload)
        command = await self.end()
        assert (command["state"], command["response"]) == ("answered", payload), command
        assert None not in {command["sent_at"], command["answered_at"]}, command
        assert command["error"] is None, command
        return command


class Station:
    """One station in a dialogue, with the operator's view of it."""

    def __init__(self, server: Server, subprotocol: str, rest: Rest) -> None:
        self.id = f"CP-{next(_numbers)}"
        self.rest = rest
        self.link: Link
        self._server = server
        self._subprotocol = Subprotocol(subprotocol)
        self._rest_opened = False

    async def connect(self) -> Self:
        """Open a (new) connection."""
        self.link = await Link.to(self._server.url, self.id, subprotocols=[self._subprotocol])
        assert self.link.subprotocol == self._subprotocol
        return self

    async def __aenter__(self) -> Self:
        return await self.connect()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.link.close()

    async def call(self, action: str, payload: Payload | None = None) -> Payload:
        """Tell the server something and return its answer; raises `Refused` for a CALLERROR."""
        return await self.link.call(action, payload)

    async def post(
        self, action: str, payload: Payload | None = None, *, message_id: str | None = None
    ) -> Call:
        """Tell it without waiting for the answer."""
        return await self.link.post(action, payload, message_id=message_id)

    # --- what it is asked

    async def asked(self, action: str | None = None) -> Asked:
        """Return the server's next call, which must be this one."""
        frame = await self.link.stray()
        assert frame[0] == 2, f"no call: {frame}"
        asked = Asked(frame[1], frame[2], frame[3])
        assert action in {None, asked.action}, f"{asked.action} and not {action}"
        return asked

    async def answer(self, asked: Asked, payload: Payload) -> None:
        """Answer a call with a CALLRESULT."""
        await self.link.send_text(json.dumps([3, asked.message_id, payload]))

    async def refuse(self, asked: Asked, code: str, description: str = "", details: Any = None) -> None:
        """Answer a call with a CALLERROR."""
        await self.link.send_text(json.dumps([4, asked.message_id, code, description, details or {}]))

    # --- what the operator does and sees

    def command(self, name: str, body: Json | None = None) -> Commanded:
        """Let the operator send a command and wait for its end."""
        sending = self.rest.command(self.id, name, body or {}, wait_s=WAIT_S)
        return Commanded(self, asyncio.create_task(sending))

    async def seen(self) -> Json:
        """Return the station as the API shows it."""
        return await self.rest.get(f"/stations/{self.id}")

    async def transactions(self) -> list[Json]:
        """Return its transactions, the newest first."""
        return (await self.rest.get("/transactions", station=self.id))["items"]
