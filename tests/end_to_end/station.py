"""A charger with an offline queue and a journal, on `link`; it shares no code with the server it judges."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from websockets.exceptions import WebSocketException

from tests.end_to_end.link import DEADLINE_S, Call, Link, LinkLost, Payload, Refused

LONG_AGO = timedelta(days=2)
"""How far chargers are behind: they may then run ahead of the wall clock and stay plausible."""
BOOTS_AGAIN = 0.3
"""How many present themselves again after a reconnect; OCPP-J 1.6 §5.4 says that they should not."""


@dataclass(eq=False)
class Message:
    """What a charger wants to tell, however often it must be sent."""

    action: str
    payload: Payload
    session: Session | None = None
    """Set for transaction messages: they survive the connection; all else is lost with it."""
    calls: list[Call] = field(default_factory=list)
    """Each time it was sent."""
    answer: Payload | None = None
    refusal: str | None = None

    @property
    def ready(self) -> bool:
        """Whether it can be written: what follows a start needs the id that the start was answered."""
        return self.session is None or self is self.session.start or self.session.id is not None


@dataclass(eq=False)
class Session:
    """One charging session as its charger knows it."""

    connector: int
    tag: str
    start: Message
    id: int | None = None
    readings: list[Message] = field(default_factory=list)
    stop: Message | None = None


class Gate:
    """Whether the server is there; chargers wait at it instead of knocking in vain."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.opened = asyncio.Event()
        self.opened.set()


class Station:
    """A charger that keeps its transaction messages, in order, until they are answered."""

    def __init__(
        self,
        gate: Gate,
        station_id: str,
        *,
        tag: str = "TAG",
        window: int = 1,
        seed: int = 0,
        observer: Callable[[str], None] = lambda _what: None,
    ) -> None:
        self.id = station_id
        self.tag = tag
        self.window = window
        """How many calls it has open at once; 1 obeys OCPP-J 1.6 §4.1.1, more is what many do."""
        self.sessions: list[Session] = []
        self.told: list[Message] = []
        """Every message that it ever wanted to send, in order."""
        self.links: list[Link] = []
        self._gate = gate
        self._observer = observer
        self._outbox: deque[Message] = deque()
        self._flying: set[Message] = set()
        self._changed = asyncio.Event()
        self._random = Random(seed)
        self._register_wh = {1: 1000 * seed, 2: 500 * seed}
        self._clock = datetime.now(UTC).replace(microsecond=0) - LONG_AGO

    # What a charger does

    async def boot(self) -> Message:
        """Present itself."""
        message = self._boot_message()
        await self._queue(message)
        return message

    async def status(self, connector: int, status: str) -> Message:
        """Report a connector's status."""
        payload = {
            "connectorId": connector,
            "errorCode": "NoError",
            "status": status,
            "timestamp": self.now(),
        }
        return await self.tell("StatusNotification", payload)

    async def charge(self, connector: int, readings: int) -> Session:
        """Run a whole session; its last messages may still be queued at the end (see `drained`)."""
        await self.tell("Authorize", {"idTag": self.tag})
        await self.status(connector, "Preparing")
        session = await self.begin(connector)
        await self.status(connector, "Charging")
        for number in range(readings):
            await self.read_meter(session)
            if number % 4 == 3:  # now and then
                await self.tell("Heartbeat", {})
        await self.end(session)
        await self.status(connector, "Finishing")
        await self.status(connector, "Available")
        return session

    async def begin(self, connector: int) -> Session:
        """Start a transaction."""
        payload = {
            "connectorId": connector,
            "idTag": self.tag,
            "meterStart": self._register_wh[connector],
            "timestamp": self.now(),
        }
        session = Session(connector, self.tag, Message("StartTransaction", payload))
        session.start.session = session
        self.sessions.append(session)
        await self._queue(session.start)
        return session

    async def read_meter(self, session: Session) -> Message:
        """Send one or two readings of a session's meter."""
        values = [self._reading(session.connector) for _ in range(self._random.choice((1, 1, 2)))]
        message = Message("MeterValues", {"connectorId": session.connector, "meterValue": values}, session)
        session.readings.append(message)
        await self._queue(message)
        return message

    async def end(self, session: Session) -> Message:
        """Stop a transaction; the last reading travels with it."""
        payload = {
            "transactionData": [self._reading(session.connector, context="Transaction.End")],
            "meterStop": self._register_wh[session.connector],
            "timestamp": self.now(),
            "idTag": session.tag,
            "reason": self._random.choice(("Local", "EVDisconnected", "Remote")),
        }
        session.stop = Message("StopTransaction", payload, session)
        await self._queue(session.stop)
        return session.stop

    async def tell(self, action: str, payload: Payload) -> Message:
        """Queue a message that does not outlive the connection over which it is sent."""
        message = Message(action, payload)
        await self._queue(message)
        return message

    def now(self) -> str:
        """Return the charger's time, a second later at each look, so that no two moments are the same."""
        self._clock += timedelta(seconds=1)
        return self._clock.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def _boot_message(self) -> Message:
        payload = {
            "chargePointVendor": "Witness",
            "chargePointModel": "W-1",
            "chargePointSerialNumber": self.id,
        }
        return Message("BootNotification", payload)

    def _reading(self, connector: int, context: str = "Sample.Periodic") -> Payload:
        self._register_wh[connector] += self._random.randrange(1, 200)
        current_a = self._random.randrange(60, 320) / 10
        values = (
            ("Energy.Active.Import.Register", "Wh", None, str(self._register_wh[connector])),
            ("Power.Active.Import", "W", None, str(round(current_a * 230))),
            ("Current.Import", "A", "L1", str(current_a)),
        )
        return {
            "timestamp": self.now(),
            "sampledValue": [
                {"value": value, "context": context, "measurand": measurand, "unit": unit}
                | ({"phase": phase} if phase else {})
                for measurand, unit, phase, value in values
            ],
        }

    # Its queue and its connections

    @property
    def open_calls(self) -> int:
        """How many calls wait for their answer."""
        return len(self._flying)

    async def drained(self) -> None:
        """Wait until all that was queued is answered, or lost with its connection."""
        async with asyncio.timeout(DEADLINE_S):
            await self._until(lambda: not self._outbox)

    async def live(self) -> None:
        """Connect whenever the server is there, and send what is queued, until cancelled."""
        while True:
            await self._gate.opened.wait()
            try:
                link = await Link.to(self._gate.url, self.id, observer=self._observer)
            except (OSError, WebSocketException):
                if self._gate.opened.is_set():
                    raise
                continue  # the server died while we knocked
            self.links.append(link)
            if len(self.links) > 1 and self._random.random() < BOOTS_AGAIN:
                self._outbox.appendleft(self._boot_message())
            await self._serve(link)
            if self._gate.opened.is_set():
                raise LinkLost(f"{self.id}: closed with {await link.ended()} by a server that lives")

    async def _serve(self, link: Link) -> None:
        sender = asyncio.create_task(self._send_over(link), name=f"sender of {self.id}")
        try:
            await asyncio.wait({link.over, sender}, return_when=asyncio.FIRST_COMPLETED)
            if sender.done():
                sender.result()
        finally:
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)
            await link.close()

    async def _send_over(self, link: Link) -> None:
        while True:
            await self._until(lambda: self._next() is not None)
            message = self._next()
            assert message is not None
            if message.session is not None and message is not message.session.start:
                message.payload["transactionId"] = message.session.id
            call = link.write(message.action, message.payload)
            message.calls.append(call)
            self._flying.add(message)
            call.done.add_done_callback(lambda done, message=message: self._answered(message, done))
            await link.send(call)

    def _next(self) -> Message | None:
        """Return what may leave now: in order, as far as the window goes, and once its text is known."""
        if len(self._flying) >= self.window:
            return None
        waiting = next((message for message in self._outbox if message not in self._flying), None)
        return waiting if waiting is not None and waiting.ready else None

    def _answered(self, message: Message, done: asyncio.Future[Payload]) -> None:
        self._flying.discard(message)
        problem = done.exception()
        if problem is None:
            message.answer = done.result()
            if message.session is not None and message is message.session.start:
                message.session.id = message.answer["transactionId"]
        elif isinstance(problem, Refused):
            message.refusal = str(problem)
        if message.session is None or not isinstance(problem, LinkLost):
            self._outbox.remove(message)
        self._changed.set()

    async def _queue(self, message: Message) -> None:
        async with asyncio.timeout(DEADLINE_S):
            await self._until(lambda: len(self._outbox) <= self.window)
        self.told.append(message)
        self._outbox.append(message)
        self._changed.set()

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._changed.clear()
            await self._changed.wait()
