"""One connection between a socket and a store that do what a test tells them, when it tells them."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from csms.clock import SystemClock
from csms.domain.errors import RecordRefused
from csms.domain.records import Record
from csms.domain.station import MessageLogPolicy, Registration, StationIdentity, StationState
from csms.gateway.connection import OPEN_CHARACTERS_LIMIT, Connection
from csms.gateway.services import Services
from csms.gateway.wheel import TimerWheel
from csms.ocpp import v16
from csms.ports import Lookup, Policy

DEADLINE_S = 10.0
STATUS = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}


class _Socket:
    """Keeps what is sent, and why reading stopped."""

    def __init__(self) -> None:
        self.sent: asyncio.Queue[list[Any]] = asyncio.Queue()
        self.causes: set[str] = set()

    def send(self, text: str) -> None:
        self.sent.put_nowait(json.loads(text))

    def paused_by(self, cause: str) -> bool:
        return cause in self.causes

    def pause_reading(self, cause: str) -> None:
        self.causes.add(cause)

    def resume_reading(self, cause: str) -> None:
        self.causes.discard(cause)


class _Store:
    """Commits at once, unless `held`; reads wait until the test lets them go."""

    def __init__(self) -> None:
        self.held = False
        self.units: asyncio.Queue[Callable[[Exception | None], None]] = asyncio.Queue()
        self.look_ups: asyncio.Queue[asyncio.Future[None]] = asyncio.Queue()
        self.loads: asyncio.Queue[asyncio.Future[StationState]] = asyncio.Queue()

    def submit(self, _records: Sequence[Record], done: Callable[[Exception | None], None]) -> None:
        if self.held:
            self.units.put_nowait(done)
        else:
            asyncio.get_running_loop().call_soon(done, None)

    async def end_oldest(self, error: Exception | None) -> None:
        (await _next(self.units))(error)

    def congested(self) -> bool:
        return False

    async def look_up(self, _station_id: str, _lookup: Lookup) -> None:
        return await _asked(self.look_ups)

    async def load_state(self, _station_id: str) -> StationState:
        return await _asked(self.loads)


class _Log:
    def append(self, *_line: object) -> None:
        """Forget it."""


async def _asked(questions: asyncio.Queue[asyncio.Future[Any]]) -> Any:
    future = asyncio.get_running_loop().create_future()
    questions.put_nowait(future)
    return await future


async def _next(queue: asyncio.Queue[Any]) -> Any:
    return await asyncio.wait_for(queue.get(), DEADLINE_S)


class _Station:
    """A connection, and what stands around it."""

    def __init__(self) -> None:
        self.socket = _Socket()
        self.store = _Store()
        clock = SystemClock()
        numbers = itertools.count(1)
        self.connection = Connection(
            identity=StationIdentity(
                id="CP-1",
                site_id=None,
                managed=False,
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
                message_log=_Log(),  # type: ignore[arg-type]
                wheel=TimerWheel(clock.machine_s),
                policy=Policy(accept_unknown_tokens=True),
                tokens={},
                token_hmac=lambda uid, kind: f"{kind}:{uid}".encode(),
                new_id=lambda: f"id-{next(numbers)}",
                next_ocpp_id=lambda: next(numbers),
            ),
            max_nesting=64,
            closed=lambda _connection, _reason: None,
        )
        self.connection.start(self.state())

    @staticmethod
    def state() -> StationState:
        return StationState(id="CP-1", site_id=None, managed=False, registration=Registration.ACCEPTED)

    def say(self, message_id: str, action: str, payload: dict[str, Any]) -> None:
        self.connection.received(json.dumps([2, message_id, action, payload]))

    async def hear(self) -> str:
        return (await _next(self.socket.sent))[1]


def _run(scenario: Callable[[_Station], Awaitable[None]]) -> None:
    async def run() -> None:
        await scenario(_Station())

    asyncio.run(run())


def test_calls_keep_their_order_when_the_state_is_loaded_anew_before_a_look_up_ends() -> None:
    async def scenario(station: _Station) -> None:
        store = station.store
        store.held = True
        station.say("refused", "StatusNotification", STATUS)
        station.say("looks-up", "Authorize", {"idTag": "NOBODY"})
        station.say("behind", "Heartbeat", {})
        looking_up = await _next(store.look_ups)
        await store.end_oldest(RecordRefused("it breaks a rule"))
        loading = await _next(store.loads)
        loading.set_result(station.state())
        assert await station.hear() == "refused"
        looking_up.set_result(None)
        # What it found may count on what was not stored: it is asked again.
        (await _next(store.look_ups)).set_result(None)
        assert [await station.hear(), await station.hear()] == ["looks-up", "behind"]

    _run(scenario)


def test_a_look_up_that_ends_while_the_state_is_loaded_anew_waits_for_that() -> None:
    async def scenario(station: _Station) -> None:
        store = station.store
        store.held = True
        station.say("refused", "StatusNotification", STATUS)
        station.say("looks-up", "Authorize", {"idTag": "NOBODY"})
        looking_up = await _next(store.look_ups)
        await store.end_oldest(RecordRefused("it breaks a rule"))
        loading = await _next(store.loads)
        looking_up.set_result(None)
        station.say("behind", "Heartbeat", {})
        loading.set_result(station.state())
        (await _next(store.look_ups)).set_result(None)
        heard = [await station.hear() for _ in range(3)]
        assert heard == ["refused", "looks-up", "behind"]

    _run(scenario)


def test_a_station_with_much_unanswered_is_not_read_from_until_that_is_stored() -> None:
    async def scenario(station: _Station) -> None:
        station.store.held = True
        half = "x" * (OPEN_CHARACTERS_LIMIT // 2)
        station.say("1", "DataTransfer", {"vendorId": "V", "data": half})
        assert station.socket.causes == set()
        station.say("2", "DataTransfer", {"vendorId": "V", "data": half})
        assert station.socket.causes == {"open calls"}
        await station.store.end_oldest(None)
        assert await station.hear() == "1"
        assert station.socket.causes == set()

    _run(scenario)


def test_a_station_is_read_from_again_when_what_could_only_be_kept_raw_is_stored() -> None:
    async def scenario(station: _Station) -> None:
        station.store.held = True
        long = {
            "connectorId": 1,
            "meterValue": [{"timestamp": "x" * OPEN_CHARACTERS_LIMIT, "sampledValue": []}],
        }
        station.say("1", "MeterValues", long)
        assert station.socket.causes == {"open calls"}
        await station.store.end_oldest(RecordRefused("it breaks a rule"))
        (await _next(station.store.loads)).set_result(station.state())
        await station.store.end_oldest(None)
        assert await station.hear() == "1"
        assert station.socket.causes == set()

    _run(scenario)
