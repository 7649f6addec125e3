"""One connection between a socket and a store that do what a test tells them, when it tells them."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from csms.clock import SystemClock
from csms.domain.records import CommandRecorded, Record
from csms.domain.station import MessageLogPolicy, Registration, StationIdentity, StationState
from csms.gateway.connection import Connection
from csms.gateway.services import Services
from csms.gateway.wheel import TimerWheel
from csms.ocpp import v16
from csms.ports import Lookup, News, Policy

DEADLINE_S = 10.0
STATUS = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}


class Socket:
    """Keeps what is sent, and why reading stopped."""

    def __init__(self, happened: list[Any]) -> None:
        self.sent: asyncio.Queue[list[Any]] = asyncio.Queue()
        self.causes: set[str] = set()
        self._happened = happened

    def send(self, text: str) -> None:
        frame = json.loads(text)
        self._happened.append(frame)
        self.sent.put_nowait(frame)

    def close(self, _code: int, _reason: str) -> None:
        """Be gone: whoever closes has told the connection before."""

    def paused_by(self, cause: str) -> bool:
        return cause in self.causes

    def pause_reading(self, cause: str) -> None:
        self.causes.add(cause)

    def resume_reading(self, cause: str) -> None:
        self.causes.discard(cause)


class Store:
    """Commits at once, unless `held`; reads wait until the test lets them go."""

    def __init__(self) -> None:
        self.held = False
        self.records: list[Record] = []
        self.noted: asyncio.Queue[Record] = asyncio.Queue()
        self.units: asyncio.Queue[Callable[[Exception | None], None]] = asyncio.Queue()
        self.look_ups: asyncio.Queue[asyncio.Future[None]] = asyncio.Queue()
        self.loads: asyncio.Queue[asyncio.Future[StationState]] = asyncio.Queue()

    def submit(self, records: Sequence[Record], done: Callable[[Exception | None], None]) -> None:
        self.records += records
        for record in records:
            self.noted.put_nowait(record)
        if self.held:
            self.units.put_nowait(done)
        else:
            asyncio.get_running_loop().call_soon(done, None)

    async def end_oldest(self, error: Exception | None) -> None:
        (await soon(self.units))(error)

    def congested(self) -> bool:
        return False

    async def look_up(self, _station_id: str, _lookup: Lookup) -> None:
        return await asked(self.look_ups)

    async def load_state(self, _station_id: str) -> StationState:
        return await asked(self.loads)


class Feed:
    """Keeps the news among what is sent."""

    def __init__(self, happened: list[Any]) -> None:
        self._happened = happened

    def tell(self, news: Sequence[News]) -> None:
        self._happened += news


class Machine(SystemClock):
    """Site time of this machine; machine time that a test may push on."""

    ahead_s = 0.0

    def machine_s(self) -> float:
        return super().machine_s() + self.ahead_s


class Log:
    def append(self, *_line: object) -> None:
        """Forget it."""


async def asked(questions: asyncio.Queue[asyncio.Future[Any]]) -> Any:
    future = asyncio.get_running_loop().create_future()
    questions.put_nowait(future)
    return await future


async def soon(queue: asyncio.Queue[Any]) -> Any:
    return await asyncio.wait_for(queue.get(), DEADLINE_S)


class Bench:
    """A connection, and what stands around it."""

    def __init__(
        self,
        *,
        managed: bool = False,
        site_id: str | None = None,
        started: bool = True,
        patience_s: float = DEADLINE_S,
    ) -> None:
        self.happened: list[Any] = []
        """Frames that were sent and news that were told, in their order."""
        self.socket = Socket(self.happened)
        self.store = Store()
        self.starts: asyncio.Queue[asyncio.Future[bool]] = asyncio.Queue()
        """Who waits for room at a gated station."""
        self.clock = clock = Machine()
        self.wheel = TimerWheel(clock.machine_s)
        numbers = itertools.count(1)
        self.connection = Connection(
            identity=StationIdentity(
                id="CP-1",
                site_id=site_id,
                managed=managed,
                registration=Registration.ACCEPTED,
                message_log=MessageLogPolicy.ALL,
                key_hmac=None,
                previous_key_hmac=None,
            ),
            socket=self.socket,  # type: ignore[arg-type]
            dialect=v16.DIALECT,
            services=Services(
                clock=clock,
                storage=self.store,  # type: ignore[arg-type]
                message_log=Log(),  # type: ignore[arg-type]
                wheel=self.wheel,
                policy=Policy(accept_unknown_tokens=True),
                tokens={},
                token_hmac=lambda uid, kind: f"{kind}:{uid}".encode(),
                new_id=lambda: f"id-{next(numbers)}",
                next_ocpp_id=lambda: next(numbers),
                feed=Feed(self.happened),
                start_gate=lambda _station_id: asked(self.starts),
                start_gate_timeout_s=patience_s,
            ),
            max_nesting=64,
            closed=lambda _connection, _reason: None,
        )
        if started:
            self.connection.start(self.state(site_id, managed=managed))

    @staticmethod
    def state(site_id: str | None = None, *, managed: bool = False) -> StationState:
        return StationState(id="CP-1", site_id=site_id, managed=managed, registration=Registration.ACCEPTED)

    def say(self, message_id: str, action: str, payload: dict[str, Any]) -> None:
        self.connection.received(json.dumps([2, message_id, action, payload]))

    def answer(self, frame: list[Any], payload: dict[str, Any]) -> None:
        self.connection.received(json.dumps([3, frame[1], payload]))

    async def hear(self) -> str:
        return (await soon(self.socket.sent))[1]

    async def frame(self) -> list[Any]:
        """Return the next call that the station gets."""
        while (frame := await soon(self.socket.sent))[0] != 2:
            pass
        return frame

    async def recorded(self, command_id: str, state: str) -> None:
        """Wait until a command is recorded to be in a state."""
        noted = None
        while not (isinstance(noted, CommandRecorded) and (noted.id, noted.state) == (command_id, state)):
            noted = await soon(self.store.noted)

    def pass_time(self, seconds: float) -> None:
        self.clock.ahead_s += seconds
        self.wheel.turn()


def run(scenario: Callable[[Bench], Awaitable[None]], **options: Any) -> None:
    async def play() -> None:
        await asyncio.wait_for(scenario(Bench(**options)), 60.0)

    asyncio.run(play())
