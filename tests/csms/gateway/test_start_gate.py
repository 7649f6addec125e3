"""Gated stations: an Authorize is held until there is room, and holds nothing else up."""

from __future__ import annotations

import asyncio

import pytest

from csms.domain.errors import RecordRefused
from csms.gateway.directory import Directory
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
