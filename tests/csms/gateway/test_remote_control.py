"""What operators ask, over real sockets: however the station takes it, each command ends once and is recorded."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from csms.domain.commands import CommandState, StoredCommand
from csms.domain.errors import Busy, NotConnected
from csms.domain.remote_control import ClearCache, GetConfiguration, RawCall, Reset, ResetKind
from csms.gateway.remote_control import RemoteControl
from tests.csms.gateway.world import DEADLINE_S, Site, Station, run

SOFT = Reset(kind=ResetKind.SOFT)


def control_of(site: Site) -> RemoteControl:
    return RemoteControl(
        link=site.gateway.directory,
        store=site.storage,
        services=site.gateway._services,
    )


async def connected(site: Site) -> Station:
    """Return a station that is handled."""
    station = await site.station()
    await station.call("Heartbeat", {})
    return station


def states(site: Site, command_id: str) -> list[str]:
    told = site.rows("SELECT data FROM events WHERE kind = 'command.state' ORDER BY number")
    lines: list[dict[str, Any]] = [json.loads(bytes(data)) for (data,) in told]  # type: ignore[arg-type]
    return [line["state"] for line in lines if line["id"] == command_id]


async def ended(control: RemoteControl, asked: StoredCommand) -> StoredCommand:
    found = await control.wait(asked.id, DEADLINE_S)
    assert found.state.final
    return found


def test_a_command_leaves_at_once_also_before_a_boot_and_its_answer_is_kept(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        station, control = await connected(site), control_of(site)
        asked = await control.ask("CP-1", "reset", SOFT)
        frame = await station.hear()
        assert frame[2:] == ["Reset", {"type": "Soft"}]
        await station.say([3, frame[1], {"status": "Accepted"}])
        found = await ended(control, asked)
        assert (found.state, found.response) == (CommandState.ANSWERED, b'{"status": "Accepted"}')
        assert found.created_at_us == asked.created_at_us
        assert states(site, asked.id) == ["queued", "sent", "answered"]

    run(tmp_path, scenario)


def test_a_callerror_ends_it(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        station, control = await connected(site), control_of(site)
        asked = await control.ask("CP-1", "clear-cache", ClearCache())
        frame = await station.hear()
        await station.say([4, frame[1], "NotSupported", "no cache", {"why": 1}])
        found = await ended(control, asked)
        assert found.state is CommandState.CALL_ERROR
        assert json.loads(found.error or "") == {
            "code": "NotSupported",
            "description": "no cache",
            "details": {"why": 1},
        }

    run(tmp_path, scenario)


def test_one_that_is_never_answered_times_out_and_lets_the_next_go_and_a_late_answer_changes_nothing(
    tmp_path: Path,
) -> None:
    async def scenario(site: Site) -> None:
        station, control = await connected(site), control_of(site)
        reset = await control.ask("CP-1", "reset", SOFT)
        late = await station.hear()
        cache = await control.ask("CP-1", "ClearCache", RawCall(action="ClearCache", payload=b"{}"))
        assert (await control.find(cache.id)).state is CommandState.QUEUED
        site.pass_time(31.0)
        assert (await ended(control, reset)).state is CommandState.TIMED_OUT
        frame = await station.hear()
        assert frame[2] == "ClearCache"
        await station.say([3, late[1], {"status": "Accepted"}])
        await station.say([3, frame[1], {"status": "Rejected"}])
        assert (await ended(control, cache)).response == b'{"status": "Rejected"}'
        found = await control.find(reset.id)
        assert (found.state, found.response) == (CommandState.TIMED_OUT, None)

    run(tmp_path, scenario)


def test_a_station_that_dies_ends_all_that_is_open_at_once(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        station, control = await connected(site), control_of(site)
        sent = await control.ask("CP-1", "reset", SOFT)
        await station.hear()
        waiting = await control.ask("CP-1", "clear-cache", ClearCache())
        station.socket.transport.abort()
        assert (await ended(control, sent)).state is CommandState.TIMED_OUT
        assert (await ended(control, waiting)).state is CommandState.NOT_SENT
        with pytest.raises(NotConnected):
            await control.ask("CP-1", "clear-cache", ClearCache())

    run(tmp_path, scenario)


def test_what_is_secret_in_an_answer_is_not_kept(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        station, control = await connected(site), control_of(site)
        asked = await control.ask("CP-1", "get-configuration", GetConfiguration())
        frame = await station.hear()
        key = {"key": "AuthorizationKey", "readonly": False, "value": "0123456789"}
        await station.say([3, frame[1], {"configurationKey": [key]}])
        assert b"0123456789" not in ((await ended(control, asked)).response or b"")
        assert not site.rows("SELECT 1 FROM commands WHERE instr(response, '0123456789')")

    run(tmp_path, scenario)


def test_a_full_queue_takes_no_more_and_keeps_nothing_of_it(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        station, control = await connected(site), control_of(site)
        await asyncio.gather(*(control.ask("CP-1", "clear-cache", ClearCache()) for _ in range(257)))
        await station.hear()
        with pytest.raises(Busy):
            await control.ask("CP-1", "clear-cache", ClearCache())
        assert site.rows("SELECT count(*) FROM commands") == [(257,)]

    run(tmp_path, scenario)
