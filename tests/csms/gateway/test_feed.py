"""What the gateway tells those who follow: what was committed, who came and went, and what touches profiles."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from csms.domain.commands import CommandResult, Priority, RawCommand
from csms.domain.control import ConfigurationTouched, EffectStage, FailsafeOrder, ProfileForm, ProfilesTouched
from csms.domain.errors import Busy, RecordRefused, StorageError
from csms.domain.records import (
    ConnectorStatusRecorded,
    EventRecorded,
    Record,
    StationConnected,
    StationDisconnected,
)
from csms.ports import News
from tests.csms.gateway.bench import STATUS, Bench, run, soon
from tests.csms.gateway.world import START, Site
from tests.csms.gateway.world import run as run_site

# --- records


def _kinds(happened: list[Any]) -> list[str]:
    return [one[1] if isinstance(one, list) else type(one).__name__ for one in happened]


def test_what_a_call_brought_is_told_after_its_commit_and_its_answer() -> None:
    async def scenario(bench: Bench) -> None:
        bench.store.held = True
        bench.say("status", "StatusNotification", STATUS)
        assert bench.happened == []
        await bench.store.end_oldest(None)
        assert _kinds(bench.happened) == ["status", "ConnectorStatusRecorded", "EventRecorded"]

    run(scenario)


def test_what_could_not_be_committed_is_not_told() -> None:
    async def scenario(bench: Bench) -> None:
        bench.store.held = True
        bench.say("status", "StatusNotification", STATUS)
        await bench.store.end_oldest(RecordRefused("it breaks a rule"))
        (await soon(bench.store.loads)).set_result(bench.state())
        assert await bench.hear() == "status"
        bench.say("again", "StatusNotification", STATUS)
        await bench.store.end_oldest(None)  # what was kept raw
        await bench.store.end_oldest(StorageError("the disk is full"))
        assert _kinds(bench.happened) == ["status"]

    run(scenario)


def test_what_was_committed_is_told_even_if_the_station_is_gone_by_then() -> None:
    async def scenario(bench: Bench) -> None:
        bench.store.held = True
        bench.say("status", "StatusNotification", STATUS)
        bench.connection.closed("gone")
        await bench.store.end_oldest(None)
        assert _kinds(bench.happened) == ["ConnectorStatusRecorded", "EventRecorded"]

    run(scenario)


def test_a_transaction_message_that_was_kept_raw_is_told_when_it_is_stored() -> None:
    async def scenario(bench: Bench) -> None:
        bench.store.held = True
        bench.say("start", "StartTransaction", START)
        (await soon(bench.store.look_ups)).set_result(None)
        (await soon(bench.store.look_ups)).set_result(None)
        await bench.store.end_oldest(RecordRefused("it breaks a rule"))
        (await soon(bench.store.loads)).set_result(bench.state())
        await bench.store.end_oldest(None)
        assert await bench.hear() == "start"
        assert "RawKept" in _kinds(bench.happened)

    run(scenario)


# --- connections


def _connections(news: list[News]) -> list[type[Record]]:
    return [type(one) for one in news if isinstance(one, StationConnected | StationDisconnected)]  # type: ignore[misc]


def test_a_station_that_comes_and_goes_is_told_around_what_it_says(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        station = await site.station()
        await station.call("StatusNotification", dict(STATUS))
        assert site.gateway.directory.online() == {"CP-1"}
        await station.socket.close()
        await site.feed.heard(StationDisconnected)
        kinds = [type(one) for one in site.feed.news if not isinstance(one, EventRecorded)]
        assert kinds == [StationConnected, ConnectorStatusRecorded, StationDisconnected]
        assert site.gateway.directory.online() == frozenset()

    run_site(tmp_path, scenario)


def test_of_a_connection_that_is_replaced_only_the_new_one_is_told(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        old = await site.station()
        await old.call("Heartbeat", {})
        new = await site.station("cp-1")
        assert (await old.ending())[0] == 1008
        await new.call("Heartbeat", {})
        await site.storage.settled()
        assert _connections(site.feed.news) == [StationConnected, StationConnected]

    run_site(tmp_path, scenario)


def test_a_connections_end_is_told_even_if_it_can_not_be_stored(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        station = await site.station()
        await station.call("Heartbeat", {})
        site.breakable.broken = True
        await station.socket.close()
        await site.feed.heard(StationDisconnected)
        assert _connections(site.feed.news) == [StationConnected, StationDisconnected]
        site.breakable.broken = False

    run_site(tmp_path, scenario)


def test_a_connection_that_is_replaced_before_it_could_be_handled_was_never_there(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        site.breakable.hold_loads()
        stillborn = await site.station()
        newest = await site.station()
        site.breakable.release_loads()
        await newest.call("Heartbeat", {})
        assert (await stillborn.ending())[0] == 1008
        await site.storage.settled()
        assert _connections(site.feed.news) == [StationConnected]

    run_site(tmp_path, scenario)


# --- profiles

FOREIGN = {
    "connectorId": 1,
    "csChargingProfiles": {
        "chargingProfileId": 5,
        "stackLevel": 0,
        "chargingProfilePurpose": "ChargePointMaxProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 8.0}],
        },
    },
}


def _call(bench: Bench, action: str, payload: dict[str, Any]) -> asyncio.Task[CommandResult]:
    command = RawCommand(id="call", name=action, action=action, payload=json.dumps(payload).encode())
    return asyncio.create_task(bench.connection.call(command))


def _stages(bench: Bench) -> list[Any]:
    return [
        (one.command_id, one.stage) if isinstance(one, ProfilesTouched) else one[2] for one in bench.happened
    ]


LEAVING = ("call", EffectStage.LEAVING)


@pytest.mark.parametrize(
    ("status", "stage"),
    [
        ("Accepted", EffectStage.ACCEPTED),
        ("Rejected", EffectStage.REFUSED),
        ("NotSupported", EffectStage.REFUSED),
        ("Perhaps", EffectStage.UNKNOWN),
    ],
)
def test_a_foreign_profile_is_told_before_it_leaves_and_when_its_answer_is_there(
    status: str, stage: EffectStage
) -> None:
    async def scenario(bench: Bench) -> None:
        called = _call(bench, "SetChargingProfile", FOREIGN)
        frame = await bench.frame()
        assert _stages(bench) == [LEAVING, LEAVING, "SetChargingProfile"]
        bench.answer(frame, {"status": status})
        await called
        assert _stages(bench) == [LEAVING, LEAVING, "SetChargingProfile", ("call", stage)]
        first, *_, last = bench.happened
        assert first.station_id == "CP-1"
        assert first.effects == last.effects
        (effect,) = first.effects
        assert (effect.profile_id, effect.caps, effect.limit_a) == (5, True, 8.0)
        assert bench.clock.now_us() >= last.at_us >= first.at_us

    run(scenario)


def test_a_profile_waits_until_it_is_durable_that_it_may_be_there() -> None:
    async def scenario(bench: Bench) -> None:
        durable = asyncio.get_running_loop().create_future()
        bench.feed.prepares = lambda: asyncio.shield(durable)
        called = _call(bench, "SetChargingProfile", FOREIGN)
        other = _call(bench, "ClearCache", {})
        await bench.frame()
        assert _stages(bench) == [LEAVING, "ClearCache"]
        bench.answer(bench.happened[-1], {"status": "Accepted"})
        await other
        durable.set_result(None)
        bench.answer(await bench.frame(), {"status": "Accepted"})
        await called

    run(scenario)


def test_a_profile_that_can_not_be_kept_does_not_leave() -> None:
    async def scenario(bench: Bench) -> None:
        async def fails() -> None:
            raise Busy("not now")

        bench.feed.prepares = fails
        with pytest.raises(Busy):
            await _call(bench, "SetChargingProfile", FOREIGN)
        assert _stages(bench) == [LEAVING, ("call", EffectStage.REFUSED)]

    run(scenario)


def test_a_profile_that_was_prepared_and_taken_back_is_told_to_be_none() -> None:
    async def scenario(bench: Bench) -> None:
        first = _call(bench, "ClearCache", {})
        frame = await bench.frame()
        called = _call(bench, "SetChargingProfile", FOREIGN)
        await bench.recorded("call", "queued")
        bench.connection.withdraw("call")
        await called
        assert _stages(bench)[-2:] == [LEAVING, ("call", EffectStage.REFUSED)]
        bench.answer(frame, {"status": "Accepted"})
        await first

    run(scenario)


def test_what_waits_behind_another_call_is_told_when_it_leaves() -> None:
    async def scenario(bench: Bench) -> None:
        failsafe = FailsafeOrder(evse=1, limit=0.0, form=ProfileForm(), start_us=0)
        ordered = asyncio.create_task(bench.connection.order(failsafe, id="order", priority=Priority.STOP))
        frame = await bench.frame()
        called = _call(bench, "ClearChargingProfile", {})
        await bench.recorded("call", "queued")
        assert _stages(bench) == ["SetChargingProfile"]
        bench.answer(frame, {"status": "Accepted"})
        assert _stages(bench) == ["SetChargingProfile", LEAVING, "ClearChargingProfile"]
        bench.answer(bench.happened[-1], {"status": "Unknown"})
        await asyncio.gather(ordered, called)
        assert _stages(bench)[-1] == ("call", EffectStage.ACCEPTED)

    run(scenario)


def test_what_gets_no_answer_may_have_changed_the_profiles() -> None:
    async def scenario(bench: Bench) -> None:
        late = _call(bench, "SetChargingProfile", FOREIGN)
        await bench.frame()
        bench.pass_time(40.0)
        await late
        cut_off = _call(bench, "SetChargingProfile", FOREIGN)
        await bench.frame()
        bench.connection.closed("gone")
        await cut_off
        unknown = ("call", EffectStage.UNKNOWN)
        assert _stages(bench) == [LEAVING, LEAVING, "SetChargingProfile", unknown] * 2

    run(scenario)


def test_of_a_call_that_never_left_nothing_is_told() -> None:
    async def scenario(bench: Bench) -> None:
        first = _call(bench, "ClearCache", {})
        await bench.frame()
        command = RawCommand(
            id="waits", name="x", action="ClearChargingProfile", payload=b"{}", expires_s=300.0
        )
        waits = asyncio.create_task(bench.connection.call(command))
        await bench.recorded("waits", "queued")
        assert bench.connection.withdraw("waits")
        await waits
        bench.answer(bench.happened[0], {"status": "Accepted"})
        await first
        assert _stages(bench) == ["ClearCache"]

    run(scenario)


# --- configuration


@pytest.mark.parametrize("status", ["Accepted", "Rejected"])
def test_a_write_of_configuration_is_told_as_it_leaves_and_when_it_has_ended(status: str) -> None:
    async def scenario(bench: Bench) -> None:
        called = _call(bench, "ChangeConfiguration", {"key": "LocalPreAuthorize", "value": "true"})
        frame = await bench.frame()
        bench.answer(frame, {"status": status})
        await called
        first, left, last = bench.happened
        assert left == frame
        for told in (first, last):
            assert isinstance(told, ConfigurationTouched)
            assert (told.station_id, told.keys) == ("CP-1", ("LocalPreAuthorize",))

    run(scenario)


def test_a_write_that_never_leaves_is_not_told() -> None:
    async def scenario(bench: Bench) -> None:
        other = RawCommand(id="first", name="clear-cache", action="ClearCache", payload=b"{}")
        first = asyncio.create_task(bench.connection.call(other))
        await bench.frame()
        called = _call(bench, "ChangeConfiguration", {"key": "LocalPreAuthorize", "value": "true"})
        await bench.recorded("call", "queued")
        bench.connection.closed("gone")
        await asyncio.gather(first, called)
        assert len(bench.happened) == 1

    run(scenario)
