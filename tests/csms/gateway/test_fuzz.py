"""Whatever a station says, each of its calls is answered once, and neither its neighbours nor the store notice."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from structlog.testing import capture_logs
from websockets.exceptions import ConnectionClosed

from csms.domain.logged import KINDS
from csms.ocpp import v16, v201
from tests.csms.api.world import World, opened
from tests.csms.gateway.hostile import Hostile, Owed, Said
from tests.csms.gateway.world import START, Site, Station
from tests.csms.live.world import Reader
from tests.csms.ocpp import payloads

DIALECTS = {"v16": v16.DIALECT, "v201": v201.DIALECT}
CODES = {
    "v16": {
        "NotImplemented", "NotSupported", "ProtocolError", "SecurityError", "FormationViolation", "GenericError",
        "PropertyConstraintViolation", "OccurenceConstraintViolation", "TypeConstraintViolation",
    },
    "v201": {
        "NotImplemented", "NotSupported", "ProtocolError", "SecurityError", "FormatViolation", "GenericError",
        "PropertyConstraintViolation", "OccurrenceConstraintViolation", "TypeConstraintViolation",
        "MessageTypeNotSupported", "RpcFrameworkError", "MessageFormatNotSupported",
    },
}  # fmt: skip
"""OCPP-J 1.6 §4.2.3 table 7 and 2.0.1 §4.3 table 8, but for InternalError: it would be a fault of ours."""
AT_ONCE = 50
"""Frames that are said before their answers are counted."""
ENDINGS: tuple[tuple[bytes | str, bool | None, int], ...] = (
    (b'[2,"b","Heartbeat",{}]', False, 1003),
    (b"\xff\xfe[2]", True, 1007),
    ("x" * ((1 << 20) + 1), None, 1009),
)
"""What ends a connection: a message, whether it is sent as text, and the code that it is closed with (RFC 6455)."""


class Ledger:
    """What the answers of one version are held against."""

    def __init__(self, package: str) -> None:
        self._package = package
        self._schemas = {
            action: payloads.validator(package, f"{action}Response") for action in DIALECTS[package].inbound
        }
        self.results: Counter[str] = Counter()
        """By action."""
        self.codes: Counter[str] = Counter()

    def settle(self, said: list[Said], heard: list[Any]) -> None:
        """Count the answers to what was said; raises AssertionError where one is too much, missing or improper."""
        answers: dict[Any, list[Any]] = defaultdict(list)
        for answer in heard:
            answers[answer[1]].append(answer)
        astray = answers.pop("-1", [])
        named: dict[Any, list[Said]] = defaultdict(list)
        anonymous = 0
        for frame in said:
            if frame.owed is not Owed.NOTHING:
                named[frame.id].append(frame)
        for call_id, frames in named.items():
            found = answers.pop(call_id, [])
            if all(frame.owed is Owed.OWN for frame in frames):
                assert len(found) == len(frames), (frames, found)
            anonymous += len(frames) - len(found)
            for answer in found:
                self._judge({frame.action for frame in frames}, answer)
        assert not answers, (answers, said)
        assert len(astray) == anonymous, (astray, [frame for frame in said if frame.owed is Owed.ANY])
        for answer in astray:
            assert answer[0] == 4
            self._judge(set(), answer)

    def _judge(self, actions: set[str], answer: list[Any]) -> None:
        if answer[0] == 3:
            _, _, payload = answer
            fitting = [action for action in actions if self._fits(action, payload)]
            assert fitting, (actions, answer)
            self.results[fitting[0]] += 1
        else:
            kind, _, code, description, details = answer
            assert kind == 4
            assert code in CODES[self._package], answer
            assert 0 < len(description) <= 255
            assert details == {}
            self.codes[code] += 1

    def _fits(self, action: str, payload: Any) -> bool:
        return action in self._schemas and payloads.allows(self._schemas[action], json.dumps(payload))


async def exchange(station: Station, said: list[Said]) -> list[Any]:
    """Say frames and return all answers to them; the last call is stored after all before it, and answered last."""
    last = f"last {next(station.ids)}"

    async def say() -> None:
        for frame in said:
            await station.socket.send(frame.text.encode(), text=True)
        await station.say([2, last, "DataTransfer", {"vendorId": "V"}])

    saying = asyncio.create_task(say())
    heard: list[Any] = []
    while (answer := await station.hear())[1] != last:
        heard.append(answer)
    await saying
    assert answer[0] == 3
    return heard


async def neighbour(site: Site, over: asyncio.Event) -> int:
    """Charge beside it all, each call answered; return how many readings were told."""
    station = await site.station("HEALTHY")
    started = await station.call("StartTransaction", START)
    transaction_id = started[2]["transactionId"]  # type: ignore[index,call-overload]
    told = 0
    while not over.is_set():
        told += 1
        value = {"timestamp": "2026-01-01T00:10:00Z", "sampledValue": [{"value": str(10 + told)}]}
        reading = {"connectorId": 1, "transactionId": transaction_id, "meterValue": [value]}
        assert (await station.call("MeterValues", reading))[0::2] == [3, {}]
        assert (await station.call("Heartbeat", {}))[0] == 3
    stop = {"transactionId": transaction_id, "meterStop": 10 + told, "timestamp": "2026-01-01T01:00:00Z"}
    assert (await station.call("StopTransaction", stop))[0] == 3
    return told


async def attack(site: Site, package: str, frames: int) -> Ledger:
    """Say so many frames, over several connections; return how they were answered."""
    dialect, ledger = DIALECTS[package], Ledger(package)
    hostile = Hostile(package, dialect.inbound, package)
    offered = (dialect.subprotocol,)
    station = await site.station("HOSTILE", offered=offered)
    for begun in range(0, frames, AT_ONCE):
        said = [hostile.say() for _ in range(AT_ONCE)]
        ledger.settle(said, await exchange(station, said))
        if begun // AT_ONCE % 10 == 9:
            message, as_text, code = hostile.chance.choice(ENDINGS)
            with contextlib.suppress(ConnectionClosed):  # it may be closed before all of it has left
                await station.socket.send(message, text=as_text)
            ending = await station.ending()
            assert ending[0] == code
            assert ending[1]
            station = await site.station("HOSTILE", offered=offered)
    await station.socket.close()
    return ledger


class Everything(NamedTuple):
    """What the API shows of a store."""

    stations: list[dict[str, Any]]
    messages: list[dict[str, Any]]
    tokens: list[dict[str, Any]]
    transactions: list[dict[str, Any]]
    samples: dict[str, list[dict[str, Any]]]
    """By the transaction's id."""
    events: list[int | None]
    """Their numbers."""


async def read_all(folder: Path) -> Everything:
    """Read everything that the API shows of a store."""
    async with opened(folder) as world:
        stations = await listed(world, "stations")
        messages = [
            message for one in stations for message in await listed(world, f"stations/{one['id']}/messages")
        ]
        transactions = await listed(world, "transactions")
        for path in [f"stations/{one['id']}" for one in stations] + [
            f"transactions/{one['id']}" for one in transactions
        ]:
            assert (await world.http.get(f"/api/v1/{path}")).status_code == 200, path
        samples = {
            one["id"]: await listed(world, f"transactions/{one['id']}/samples") for one in transactions
        }
        tokens = await listed(world, "tokens", seen="true")
        return Everything(stations, messages, tokens, transactions, samples, await told(world))


async def listed(world: World, path: str, **asked: str) -> list[dict[str, Any]]:
    """Return all parts of a list."""
    items: list[dict[str, Any]] = []
    asked["limit"] = "1000"
    while True:
        answer = await world.http.get(f"/api/v1/{path}", params=asked)
        assert answer.status_code == 200, (path, answer.text)
        page = answer.json()
        items += page["items"]
        if page["next_cursor"] is None:
            return items
        asked["cursor"] = page["next_cursor"]


async def told(world: World) -> list[int | None]:
    """Return the numbers of all events."""
    reader = Reader()
    before = None
    while before != reader.last_id:
        before = reader.last_id
        answer = await world.http.get("/api/v1/events", params={"after": before or 0, "kind": KINDS})
        assert answer.status_code == 200
        reader.feed(answer.content)
    return [event.number for event in reader.events if event.number is not None]


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("package", DIALECTS)
def test_nothing_that_a_station_says_breaks_anything(package, tmp_path, scaled):
    async def play() -> tuple[Ledger, int]:
        async with Site(tmp_path / "store.sqlite3").running() as site:
            over = asyncio.Event()
            async with asyncio.TaskGroup() as both:
                beside = both.create_task(neighbour(site, over))
                ledger = await attack(site, package, scaled(10_000, 300_000))
                over.set()
            assert site.rows("PRAGMA integrity_check") == [("ok",)]
            return ledger, beside.result()

    with capture_logs() as lines:
        ledger, readings = asyncio.run(play())
        found = asyncio.run(read_all(tmp_path))
    assert [line for line in lines if line["log_level"] in {"error", "critical"}] == []
    assert ledger.results.keys() == DIALECTS[package].inbound.keys()
    assert not [one for one in found.messages if str(one["deviation"]).startswith("internal")]
    assert {one["id"] for one in found.stations} == {"HOSTILE", "HEALTHY"}
    assert found.events == list(range(1, len(found.events) + 1))
    (healthy,) = [one for one in found.transactions if one["station_id"] == "HEALTHY"]
    assert (healthy["active"], healthy["energy_wh"]) == (False, readings)
    registers = [sample["energy_wh"] for sample in found.samples[healthy["id"]]]
    assert sorted(registers) == [10, *range(11, 11 + readings), 10 + readings]
    # So that all this says something: what was hostile was also stored.
    assert len(found.transactions) > 20
    assert len(found.tokens) > 20
    assert sum(map(len, found.samples.values())) > readings + 100
