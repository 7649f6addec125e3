"""Gated stations: who would start, there or remotely, is held until there is room, and holds nothing else up."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from csms.domain.commands import CommandResult, CommandState, RawCommand
from csms.domain.errors import Invalid, RecordRefused
from csms.domain.records import CommandRecorded
from csms.gateway.directory import Directory
from csms.ocpp.rpc.errors import QueueFull
from tests.csms.gateway.bench import DEADLINE_S, STATUS, Bench, run, soon


async def _verdict(station: Bench, message_id: str = "start") -> str:
    kind, answered, payload = await soon(station.socket.sent)
    assert (kind, answered) == (3, message_id)
    return payload["idTagInfo"]["status"]


async def _ask(station: Bench, message_id: str = "start") -> None:
    station.say(message_id, "Authorize", {"idTag": "CARD"})
    (await soon(station.store.look_ups)).set_result(None)


@pytest.mark.parametrize(("has_room", "verdict"), [(True, "Accepted"), (False, "ConcurrentTx")])
def test_an_authorize_waits_for_room_while_other_calls_are_answered(has_room: bool, verdict: str) -> None:
    async def scenario(station: Bench) -> None:
        station.connection.gate(gated=True)
        await _ask(station)
        waiting = await soon(station.starts)
        station.say("beat", "Heartbeat", {})
        assert await station.hear() == "beat"
        waiting.set_result(has_room)
        assert await _verdict(station) == verdict

    run(scenario)


def test_who_has_waited_for_long_enough_is_told_to_try_again_and_waits_no_more() -> None:
    async def scenario(station: Bench) -> None:
        station.connection.gate(gated=True)
        await _ask(station)
        waiting = await soon(station.starts)
        assert await _verdict(station) == "ConcurrentTx"
        assert waiting.cancelled()

    run(scenario, patience_s=0.01)


def test_nobody_waits_at_a_station_that_is_not_gated_any_more() -> None:
    async def scenario(station: Bench) -> None:
        station.connection.gate(gated=True)
        station.connection.gate(gated=False)
        await _ask(station)
        assert await _verdict(station) == "Accepted"
        assert station.starts.empty()

    run(scenario)


def test_while_the_state_is_loaded_anew_who_may_start_waits_for_that_and_asks_again() -> None:
    async def scenario(station: Bench) -> None:
        station.connection.gate(gated=True)
        await _ask(station)
        waiting = await soon(station.starts)
        station.store.held = True
        station.say("refused", "StatusNotification", STATUS)
        await station.store.end_oldest(RecordRefused("it breaks a rule"))
        loading = await soon(station.store.loads)
        waiting.set_result(True)
        loading.set_result(station.state())
        assert await station.hear() == "refused"
        (await soon(station.store.look_ups)).set_result(None)
        (await soon(station.starts)).set_result(True)
        assert await _verdict(station) == "Accepted"

    run(scenario)


def test_the_end_of_the_connection_ends_the_waiting() -> None:
    async def scenario(station: Bench) -> None:
        station.connection.gate(gated=True)
        await _ask(station)
        waiting = await soon(station.starts)
        station.connection.end(1001, "going")
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(waiting, DEADLINE_S)

    run(scenario)


def test_a_station_stays_gated_over_its_connections() -> None:
    async def scenario(station: Bench) -> None:
        directory = Directory()
        directory.gate("cp-1", gated=True)
        directory.enter(station.connection)
        station.connection.start(station.state())
        await _ask(station)
        (await soon(station.starts)).set_result(False)
        assert await _verdict(station) == "ConcurrentTx"
        directory.gate("CP-1", gated=False)
        await _ask(station, "again")
        assert await _verdict(station, "again") == "Accepted"

    run(scenario, started=False)


# --- remote starts


def _start(station: Bench, **more: Any) -> asyncio.Task[CommandResult]:
    command = RawCommand(
        id="remote",
        name="remote-start",
        action="RemoteStartTransaction",
        payload=b'{"idTag":"CARD","connectorId":1}',
        **more,
    )
    return asyncio.create_task(station.connection.call(command))


def _states(station: Bench) -> list[tuple[str, str | None]]:
    return [(one.state, one.error) for one in station.store.records if isinstance(one, CommandRecorded)]


def test_a_remote_start_leaves_once_there_is_room() -> None:
    async def scenario(station: Bench) -> None:
        station.connection.gate(gated=True)
        started = _start(station)
        waiting = await soon(station.starts)
        await station.recorded("remote", "queued")
        assert station.happened == []
        waiting.set_result(True)
        frame = await station.frame()
        assert (frame[2], frame[3]["connectorId"]) == ("RemoteStartTransaction", 1)
        station.answer(frame, {"status": "Accepted"})
        assert (await started).state is CommandState.ANSWERED
        assert _states(station) == [("queued", None), ("sent", None), ("answered", None)]

    run(scenario)


@pytest.mark.parametrize("options", [{"patience_s": 0.01}, {}])
def test_a_remote_start_without_room_in_time_is_not_sent_and_says_why(options: dict[str, float]) -> None:
    async def scenario(station: Bench) -> None:
        station.connection.gate(gated=True)
        started = _start(station) if options else _start(station, expires_s=0.01)
        result = await started
        assert result.state is CommandState.NOT_SENT
        assert result.error is not None
        assert (result.error.code, result.error.ours) == ("NoRoom", True)
        assert station.happened == []
        (_, queued), (state, error) = _states(station)
        assert (queued, state) == (None, "not_sent")
        assert json.loads(error or "")["code"] == "NoRoom"
        assert (await soon(station.starts)).cancelled()

    run(scenario, **options)


def test_a_remote_start_is_refused_where_the_balancing_says_so() -> None:
    async def scenario(station: Bench) -> None:
        station.connection.gate(gated=True)
        started = _start(station)
        (await soon(station.starts)).set_result(False)
        result = await started
        assert (result.state, result.error is None) == (CommandState.NOT_SENT, False)

    run(scenario)


def test_room_that_was_found_is_not_kept_for_a_start_that_can_not_leave() -> None:
    async def scenario(station: Bench) -> None:
        first = asyncio.create_task(station.connection.call(_other("first", timeout_s=300.0)))
        await station.frame()
        station.connection.gate(gated=True)
        started = _start(station)
        (await soon(station.starts)).set_result(True)
        other = asyncio.create_task(station.connection.call(_other("second")))
        await station.recorded("second", "queued")
        station.pass_time(31.0)
        assert (await started).state is CommandState.EXPIRED
        assert not other.done()
        station.connection.end(1001, "going")
        await asyncio.gather(first, other)

    run(scenario)


def _other(command_id: str, **more: Any) -> RawCommand:
    return RawCommand(id=command_id, name="clear-cache", action="ClearCache", payload=b"{}", **more)


def test_other_calls_and_starts_at_other_stations_wait_for_no_room() -> None:
    async def scenario(station: Bench) -> None:
        started = _start(station)
        station.answer(await station.frame(), {"status": "Accepted"})
        assert (await started).state is CommandState.ANSWERED
        station.connection.gate(gated=True)
        other = asyncio.create_task(station.connection.call(_other("other")))
        station.answer(await station.frame(), {"status": "Accepted"})
        assert (await other).state is CommandState.ANSWERED
        assert station.starts.empty()

    run(scenario)


def test_a_remote_start_that_waits_for_room_can_be_taken_back() -> None:
    async def scenario(station: Bench) -> None:
        station.connection.gate(gated=True)
        started = _start(station)
        waiting = await soon(station.starts)
        assert station.connection.withdraw("remote")
        assert await started == CommandResult(CommandState.NOT_SENT)
        assert not station.connection.withdraw("remote")
        assert waiting.cancelled()
        assert _states(station) == [("queued", None), ("not_sent", None)]

    run(scenario)


def test_a_remote_start_that_waits_for_room_ends_with_its_connection() -> None:
    async def scenario(station: Bench) -> None:
        station.connection.gate(gated=True)
        started = _start(station)
        await soon(station.starts)
        station.connection.closed("gone")
        assert await started == CommandResult(CommandState.NOT_SENT)
        assert _states(station) == [("queued", None), ("not_sent", None)]

    run(scenario)


def test_a_remote_start_that_nobody_waits_for_any_more_is_not_sent() -> None:
    async def scenario(station: Bench) -> None:
        station.connection.gate(gated=True)
        started = _start(station)
        waiting = await soon(station.starts)
        started.cancel()
        with pytest.raises(asyncio.CancelledError):
            await started
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(waiting, DEADLINE_S)
        assert _states(station) == [("queued", None), ("not_sent", None)]
        assert station.happened == []

    run(scenario)


def test_a_remote_start_that_breaks_its_schema_is_refused_before_it_waits() -> None:
    async def scenario(station: Bench) -> None:
        station.connection.gate(gated=True)
        command = RawCommand(id="r", name="r", action="RemoteStartTransaction", payload=b"{}")
        with pytest.raises(Invalid):
            await station.connection.call(command)
        assert station.starts.empty()

    run(scenario)


def test_a_remote_start_that_finds_the_queue_full_after_it_waited_is_recorded_as_not_sent() -> None:
    async def scenario(station: Bench) -> None:
        station.connection.gate(gated=True)
        started = _start(station)
        waiting = await soon(station.starts)
        others = [asyncio.create_task(station.connection.call(_other(f"o{number}"))) for number in range(257)]
        await station.recorded("o256", "queued")
        waiting.set_result(True)
        with pytest.raises(QueueFull):
            await started
        last = [
            one for one in station.store.records if isinstance(one, CommandRecorded) and one.id == "remote"
        ]
        assert [one.state for one in last] == ["queued", "not_sent"]
        station.connection.end(1001, "going")
        await asyncio.gather(*others)

    run(scenario)
