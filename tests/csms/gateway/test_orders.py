"""Orders of the balancing: how they leave, end, are recorded and taken back, and what else a managed station gets."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from csms.domain.commands import CommandState, Priority, RawCommand
from csms.domain.control import (
    FailsafeOrder,
    LimitOrder,
    OrderOutcome,
    OrderVerdict,
    ProfileForm,
    ReadConfiguration,
    StationOrder,
    WriteConfiguration,
)
from csms.domain.records import CommandRecorded
from csms.gateway.directory import Directory
from tests.csms.gateway.bench import Bench, run

START_US = 1_790_000_000_000_000
FAILSAFE = FailsafeOrder(evse=1, limit=0.0, form=ProfileForm(), start_us=START_US)
LIMIT = LimitOrder(
    evse=1,
    ocpp_transaction_id="7",
    limit=16.0,
    failsafe=0.0,
    lease_s=900.0,
    form=ProfileForm(),
    start_us=START_US,
)
NOT_SENT = OrderVerdict.NOT_SENT


def _order(bench: Bench, order: StationOrder, **more: Any) -> asyncio.Task[OrderOutcome]:
    arguments: dict[str, Any] = {"id": "order", "priority": Priority.LIMIT} | more
    return asyncio.create_task(bench.connection.order(order, **arguments))


def _states(bench: Bench, command_id: str = "order") -> list[str]:
    records = bench.store.records
    return [one.state for one in records if isinstance(one, CommandRecorded) and one.id == command_id]


def test_an_order_leaves_in_the_stations_words_and_comes_back_in_ours() -> None:
    async def scenario(bench: Bench) -> None:
        ordered = _order(bench, LIMIT)
        frame = await bench.frame()
        assert frame[2] == "SetChargingProfile"
        assert frame[3]["csChargingProfiles"]["transactionId"] == 7
        bench.answer(frame, {"status": "Rejected"})
        assert await ordered == OrderOutcome(verdict=OrderVerdict.REJECTED, detail="Rejected")
        (last,) = [one for one in bench.store.records if isinstance(one, CommandRecorded)][-1:]
        assert (last.name, last.action, last.state) == ("limit", "SetChargingProfile", "answered")
        assert json.loads(last.request) == frame[3]
        assert bench.happened == [frame]  # whoever ordered it needs no news of it

    run(scenario)


@pytest.mark.parametrize(
    ("order", "name"),
    [
        (FAILSAFE, "failsafe"),
        (ReadConfiguration(), "configuration.read"),
        (WriteConfiguration("MeterValueSampleInterval", "10"), "configuration.write"),
    ],
)
def test_each_kind_of_order_is_recorded_under_its_name(order: StationOrder, name: str) -> None:
    async def scenario(bench: Bench) -> None:
        ordered = _order(bench, order)
        bench.answer(await bench.frame(), {"status": "Accepted"})
        assert (await ordered).verdict is OrderVerdict.ACCEPTED
        assert {one.name for one in bench.store.records if isinstance(one, CommandRecorded)} == {name}

    run(scenario)


def test_an_order_for_a_station_that_is_not_handled_is_not_sent_and_not_recorded() -> None:
    async def scenario(bench: Bench) -> None:
        assert (await _order(bench, FAILSAFE)).verdict is NOT_SENT
        bench.connection.start(bench.state())
        bench.connection.drain()
        assert (await _order(bench, FAILSAFE)).verdict is NOT_SENT
        bench.connection.end(1012, "the server restarts")
        assert (await _order(bench, FAILSAFE)).verdict is NOT_SENT
        assert (bench.happened, bench.store.records) == ([], [])
        nobody = Directory()
        assert (await nobody.order("CP-1", FAILSAFE, id="order", priority=Priority.STOP)).verdict is NOT_SENT

    run(scenario, started=False)


def test_an_order_that_has_no_words_is_not_sent() -> None:
    async def scenario(bench: Bench) -> None:
        nameless = LimitOrder(
            evse=1,
            ocpp_transaction_id="not a number",
            limit=16.0,
            failsafe=0.0,
            lease_s=None,
            form=ProfileForm(),
            start_us=START_US,
        )
        outcome = await _order(bench, nameless)
        assert outcome.verdict is NOT_SENT
        assert "ocpp_transaction_id" in outcome.detail
        assert bench.happened == []

    run(scenario)


def test_an_order_that_finds_the_queue_full_is_not_sent() -> None:
    async def scenario(bench: Bench) -> None:
        many = [_order(bench, FAILSAFE, id=f"order-{number}") for number in range(257)]
        await bench.frame()  # one has left, 256 wait
        assert (await _order(bench, FAILSAFE)).verdict is NOT_SENT
        bench.connection.end(1012, "the server restarts")
        ends = [(await one).verdict for one in many]
        assert ends == [OrderVerdict.UNKNOWN] + [NOT_SENT] * 256

    run(scenario)


def test_the_connections_end_leaves_open_what_had_left() -> None:
    async def scenario(bench: Bench) -> None:
        left = _order(bench, LIMIT)
        await bench.frame()
        waits = _order(bench, FAILSAFE, id="waits")
        await bench.recorded("waits", "queued")
        bench.connection.closed("gone")
        assert ((await left).verdict, (await waits).verdict) == (OrderVerdict.UNKNOWN, NOT_SENT)

    run(scenario)


def test_an_order_ends_at_its_deadlines() -> None:
    async def scenario(bench: Bench) -> None:
        left = _order(bench, LIMIT, timeout_s=3.0)
        await bench.frame()
        waits = _order(bench, FAILSAFE, id="waits", expires_s=4.0)
        await bench.recorded("waits", "queued")
        bench.pass_time(6.0)
        assert ((await left).verdict, (await waits).verdict) == (OrderVerdict.UNKNOWN, NOT_SENT)

    run(scenario)


# --- taking back


def test_an_order_that_waits_can_be_taken_back_and_one_that_has_left_can_not() -> None:
    async def scenario(bench: Bench) -> None:
        left = _order(bench, LIMIT)
        frame = await bench.frame()
        waits = _order(bench, FAILSAFE, id="waits")
        await bench.recorded("waits", "queued")
        directory = Directory()
        directory.enter(bench.connection)
        assert not directory.withdraw("CP-1", "order")
        assert directory.withdraw("cp-1", "waits")
        assert not directory.withdraw("CP-1", "waits")
        assert not directory.withdraw("CP-2", "waits")
        assert (await waits).verdict is NOT_SENT
        assert _states(bench, "waits") == ["queued", "not_sent"]
        bench.answer(frame, {"status": "Accepted"})
        assert (await left).verdict is OrderVerdict.ACCEPTED
        assert bench.happened == [frame]

    run(scenario)


def test_an_order_that_nobody_waits_for_any_more_does_not_leave() -> None:
    async def scenario(bench: Bench) -> None:
        left = _order(bench, LIMIT)
        frame = await bench.frame()
        waits = _order(bench, FAILSAFE, id="waits")
        await bench.recorded("waits", "queued")
        for task in (left, waits):
            task.cancel()
        await asyncio.gather(left, waits, return_exceptions=True)
        bench.answer(frame, {"status": "Accepted"})
        assert bench.happened == [frame]
        assert _states(bench) == ["queued", "sent", "answered"]
        assert _states(bench, "waits") == ["queued", "not_sent"]

    run(scenario)


# --- a managed station's calls


def _call(bench: Bench, priority: Priority, timeout_s: float | None) -> asyncio.Task[Any]:
    command = RawCommand(
        id="call",
        name="clear-cache",
        action="ClearCache",
        payload=b"{}",
        priority=priority,
        timeout_s=timeout_s,
    )
    return asyncio.create_task(bench.connection.call(command))


@pytest.mark.parametrize("timeout_s", [None, 50.0])
@pytest.mark.parametrize("priority", [Priority.OPERATOR, Priority.BACKGROUND])
def test_what_is_not_urgent_keeps_a_managed_station_waiting_for_ten_seconds_at_most(
    priority: Priority, timeout_s: float | None
) -> None:
    async def scenario(bench: Bench) -> None:
        asked = _call(bench, priority, timeout_s)
        await bench.frame()
        bench.pass_time(9.0)
        limit = _order(bench, LIMIT)
        await bench.recorded("order", "queued")
        assert not asked.done()
        bench.pass_time(3.0)
        assert (await asked).state is CommandState.TIMED_OUT
        bench.answer(await bench.frame(), {"status": "Accepted"})
        assert (await limit).verdict is OrderVerdict.ACCEPTED

    run(scenario, managed=True)


@pytest.mark.parametrize(
    ("managed", "priority", "timeout_s", "short_s"),
    [
        (True, Priority.STOP, 50.0, 40.0),
        (True, Priority.OPERATOR, 2.0, 0.5),
        (False, Priority.OPERATOR, None, 25.0),
    ],
)
def test_other_calls_have_the_time_that_they_were_given(
    managed: bool, priority: Priority, timeout_s: float | None, short_s: float
) -> None:
    async def scenario(bench: Bench) -> None:
        asked = _call(bench, priority, timeout_s)
        frame = await bench.frame()
        bench.pass_time(short_s)
        assert not asked.done()
        bench.answer(frame, {"status": "Accepted"})
        assert (await asked).state is CommandState.ANSWERED

    run(scenario, managed=managed)


# --- who is there, and where


def test_a_station_is_online_from_its_start_to_its_drain_or_end() -> None:
    async def scenario(bench: Bench) -> None:
        directory = Directory()
        directory.enter(bench.connection)
        assert directory.online() == frozenset()
        bench.connection.start(bench.state())
        assert directory.online() == {"CP-1"}
        bench.connection.drain()
        assert directory.online() == frozenset()

    run(scenario, started=False)


def test_an_ended_station_is_not_online() -> None:
    async def scenario(bench: Bench) -> None:
        directory = Directory()
        directory.enter(bench.connection)
        bench.connection.end(1008, "enough")
        assert directory.online() == frozenset()

    run(scenario)


def _site_of_next_record(bench: Bench) -> str | None:
    bench.say(f"m{len(bench.store.records)}", "StatusNotification", {
        "connectorId": 1, "errorCode": "NoError", "status": "Available", "info": f"{len(bench.store.records)}",
    })  # fmt: skip
    return bench.store.records[-1].site_id  # type: ignore[union-attr]


def test_a_station_that_is_placed_belongs_to_its_new_site_at_once() -> None:
    async def scenario(bench: Bench) -> None:
        directory = Directory()
        directory.enter(bench.connection)
        assert _site_of_next_record(bench) == "old"
        directory.place("cp-1", "new")
        directory.place("CP-2", "new")
        assert _site_of_next_record(bench) == "new"
        ordered = _order(bench, FAILSAFE)
        bench.answer(await bench.frame(), {"status": "Accepted"})
        await ordered
        assert bench.store.records[-1].site_id == "new"  # type: ignore[union-attr]
        assert bench.connection.identity.site_id == "new"
        directory.place("CP-1", None)
        assert _site_of_next_record(bench) is None

    run(scenario, site_id="old")


def test_a_state_that_was_read_before_the_station_was_placed_does_not_bring_the_old_site_back() -> None:
    async def scenario(bench: Bench) -> None:
        bench.connection.place("new")
        bench.connection.start(bench.state("old"))
        assert _site_of_next_record(bench) == "new"

    run(scenario, site_id="old", started=False)


def test_a_site_that_the_handshake_did_not_know_yet_comes_with_the_state() -> None:
    async def scenario(bench: Bench) -> None:
        bench.connection.start(bench.state("new"))
        assert _site_of_next_record(bench) == "new"
        assert bench.connection.identity.site_id == "new"

    run(scenario, site_id="old", started=False)


@pytest.mark.parametrize("managed", [False, True])
def test_a_station_that_becomes_managed_or_not_while_it_is_connected_counts_so_at_once(managed: bool) -> None:
    async def scenario(bench: Bench) -> None:
        directory = Directory()
        directory.enter(bench.connection)
        directory.manage("CP-2", managed=not managed)
        directory.manage("cp-1", managed=managed)
        asked = _call(bench, Priority.OPERATOR, None)
        frame = await bench.frame()
        bench.pass_time(12.0)
        if managed:
            assert (await asked).state is CommandState.TIMED_OUT
        else:
            bench.answer(frame, {})
            assert (await asked).state is CommandState.ANSWERED

    run(scenario, managed=not managed)


@pytest.mark.parametrize("told", [False, True])
def test_a_loaded_state_says_who_is_managed_unless_that_was_told_meanwhile(told: bool) -> None:
    async def scenario(bench: Bench) -> None:
        if told:
            bench.connection.manage(managed=False)
        state = bench.state(managed=True)
        bench.connection.start(state)
        assert bench.connection.identity.managed is state.managed is not told

    run(scenario, started=False)
