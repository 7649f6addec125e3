"""The gateway over real sockets with a real store: order, our calls, faults of the store and of our own code."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from csms.domain.commands import CommandResult, CommandState, Priority
from csms.domain.errors import Invalid, NotConnected
from tests.csms.gateway.world import DEADLINE_S, START, Site, command, run


def test_pipelined_calls_are_handled_in_their_order(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        station = await site.station()
        await station.say([2, "start", "StartTransaction", START])
        await station.say([2, "stop", "StopTransaction", {
            "transactionId": 1, "meterStop": 20, "timestamp": "2026-01-01T01:00:00Z", "idTag": "TAG",
        }])  # fmt: skip
        answers = {str(answer[1]): answer for answer in (await station.hear(), await station.hear())}
        assert answers["start"][2]["transactionId"] == 1  # type: ignore[index]
        assert site.rows("SELECT ocpp_id, meter_stop_wh, orphan FROM transactions") == [("1", 20.0, 0)]

    run(tmp_path, scenario)


def test_our_call_waits_for_its_answer_while_the_station_goes_on_talking(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        station = await site.station()
        await station.call("BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"})
        started = await station.call("StartTransaction", START)
        reset = asyncio.create_task(site.gateway.directory.call("cp-1", command("Reset", {"type": "Hard"})))
        asked = await station.hear()
        assert asked[0] == 2
        assert asked[2:] == ["Reset", {"type": "Hard"}]
        stopped = await station.call("StopTransaction", {
            "transactionId": started[2]["transactionId"],  # type: ignore[index]
            "meterStop": 30, "timestamp": "2026-01-01T02:00:00Z", "reason": "HardReset",
        })  # fmt: skip
        assert stopped[0] == 3
        await station.say([3, asked[1], {"status": "Accepted"}])
        result = await asyncio.wait_for(reset, DEADLINE_S)
        assert result == CommandResult(CommandState.ANSWERED, response=b'{"status": "Accepted"}')
        await site.storage.settled()
        assert site.rows("SELECT state, action, response FROM commands") == [
            ("answered", "Reset", b'{"status": "Accepted"}')
        ]

    run(tmp_path, scenario)


def test_one_call_of_ours_is_in_flight_and_stops_overtake_what_waits(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        station = await site.station()
        link = site.gateway.directory
        calls = [
            command("ClearCache", {}, priority=Priority.OPERATOR),
            command("GetConfiguration", {}, priority=Priority.BACKGROUND),
            command("RemoteStopTransaction", {"transactionId": 4}, priority=Priority.STOP),
        ]
        await station.call("Heartbeat", {})
        tasks = [asyncio.create_task(link.call("CP-1", call)) for call in calls]
        order: list[object] = []
        for _ in calls:
            asked = await station.hear()
            order.append(asked[2])
            payload = {} if asked[2] == "GetConfiguration" else {"status": "Accepted"}
            await station.say([3, asked[1], payload])
        await asyncio.gather(*tasks)
        assert order == ["ClearCache", "RemoteStopTransaction", "GetConfiguration"]

    run(tmp_path, scenario)


def test_a_call_of_ours_ends_at_its_deadline_and_lets_the_next_go(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        station = await site.station()
        await station.call("Heartbeat", {})
        link = site.gateway.directory
        slow = asyncio.create_task(link.call("CP-1", command("ClearCache", {}, timeout_s=5.0)))
        await station.hear()
        next_one = asyncio.create_task(link.call("CP-1", command("Reset", {"type": "Soft"}, timeout_s=50.0)))
        await station.call("Heartbeat", {})
        site.pass_time(7.0)
        assert (await asyncio.wait_for(slow, DEADLINE_S)).state is CommandState.TIMED_OUT
        asked = await station.hear()
        await station.say([4, asked[1], "InternalError", "busy", {"a": 1}])
        result = await asyncio.wait_for(next_one, DEADLINE_S)
        assert result.state is CommandState.CALL_ERROR
        assert result.error is not None
        assert (result.error.code, json.loads(result.error.details)) == ("InternalError", {"a": 1})
        await site.storage.settled()
        stored = site.rows("SELECT state, error FROM commands WHERE action = 'Reset'")
        assert stored[0][0] == "call_error"
        assert json.loads(str(stored[0][1]))["details"] == {"a": 1}

    run(tmp_path, scenario)


def test_the_end_of_the_connection_ends_our_calls_at_once(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        station = await site.station()
        await station.call("Heartbeat", {})
        link = site.gateway.directory
        sent = asyncio.create_task(link.call("CP-1", command("ClearCache", {})))
        await station.hear()
        waiting = asyncio.create_task(link.call("CP-1", command("Reset", {"type": "Soft"})))
        await station.call("Heartbeat", {})
        await station.socket.close()
        assert (await asyncio.wait_for(sent, DEADLINE_S)).state is CommandState.TIMED_OUT
        assert (await asyncio.wait_for(waiting, DEADLINE_S)).state is CommandState.NOT_SENT
        with pytest.raises(NotConnected):
            await link.call("CP-1", command("ClearCache", {}))

    run(tmp_path, scenario)


def test_a_call_that_breaks_its_schema_is_refused_and_nothing_is_sent(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        station = await site.station()
        await station.call("Heartbeat", {})
        with pytest.raises(Invalid, match="type"):
            await site.gateway.directory.call("CP-1", command("Reset", {"type": "Gentle"}))
        with pytest.raises(Invalid):
            await site.gateway.directory.call("CP-1", command("BootNotification", {}))
        assert (await station.call("Heartbeat", {}))[0] == 3
        assert site.rows("SELECT * FROM commands") == []

    run(tmp_path, scenario)


def test_the_newest_connection_is_the_station_and_the_old_ones_end_changes_nothing(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        old = await site.station("CP-1")
        await old.call("Heartbeat", {})
        new = await site.station("cp-1")
        assert (await old.ending())[0] == 1008
        assert (await new.call("Heartbeat", {}))[0] == 3
        assert len(site.gateway.directory) == 1
        await site.storage.settled()
        assert site.rows("SELECT kind, count(*) FROM events GROUP BY kind") == [("station.connected", 2)]
        assert site.rows("SELECT id FROM stations") == [("CP-1",)]

    run(tmp_path, scenario)


def test_what_the_store_can_not_take_is_kept_raw_and_answered(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        station = await site.station()
        await station.call("Heartbeat", {})
        with contextlib.closing(sqlite3.connect(site.path)) as store:
            store.execute(
                "CREATE TRIGGER poison BEFORE INSERT ON transactions WHEN NEW.meter_start_wh = 666 "
                "BEGIN SELECT RAISE(ABORT, 'poisoned'); END"
            )
            store.commit()
        poisoned = await station.call("StartTransaction", START | {"meterStart": 666})
        assert poisoned[0] == 3
        assert poisoned[2]["idTagInfo"] == {"status": "Invalid"}  # type: ignore[index]
        healthy = await station.call("StartTransaction", START)
        assert healthy[2]["transactionId"] > 0  # type: ignore[index]
        assert len(site.rows("SELECT * FROM transactions")) == 1
        (raw,) = site.rows("SELECT action, payload FROM raw_messages")
        assert raw[0] == "StartTransaction"
        assert json.loads(bytes(raw[1]))["meterStart"] == 666  # type: ignore[arg-type]

    run(tmp_path, scenario)


def test_a_store_that_fails_closes_the_connection_so_that_the_station_sends_again(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        station = await site.station()
        await station.call("Heartbeat", {})
        site.breakable.broken = True
        await station.say([2, "s", "StartTransaction", START])
        assert (await station.ending())[0] == 1011
        site.breakable.broken = False
        again = await site.station()
        answer = await again.call("StartTransaction", START)
        assert answer[0] == 3
        assert len(site.rows("SELECT * FROM transactions")) == 1

    run(tmp_path, scenario)


def test_a_new_station_is_told_to_come_again_when_it_can_not_be_registered(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        site.breakable.broken = True
        with pytest.raises(InvalidStatus) as refused:
            await site.station("NEW")
        assert refused.value.response.status_code == 503
        assert refused.value.response.headers["Retry-After"] == "10"
        site.breakable.broken = False
        assert (await (await site.station("NEW")).call("Heartbeat", {}))[0] == 3

    run(tmp_path, scenario)


def test_draining_lets_answers_out_and_closes_with_1012(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        station = await site.station()
        await station.call("Heartbeat", {})
        await station.say([2, "s", "StartTransaction", START])
        answer = await station.hear()
        draining = asyncio.create_task(site.gateway.drain(5.0))
        assert (await station.ending())[0] == 1012
        await draining
        assert answer[0] == 3
        assert len(site.gateway.directory) == 0

    run(tmp_path, scenario)
