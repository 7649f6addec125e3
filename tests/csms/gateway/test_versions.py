"""Stations of several OCPP versions at one gateway: who speaks what, and that each is answered in its own words."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from csms.domain.commands import CommandState
from tests.csms.gateway.world import DEADLINE_S, Site, command, run

BOOT_201: dict[str, object] = {
    "reason": "PowerUp",
    "chargingStation": {"vendorName": "Acme", "model": "Two", "serialNumber": "S-1"},
}
STATUS_201: dict[str, object] = {
    "timestamp": "2026-01-01T00:00:00Z",
    "connectorStatus": "Occupied",
    "evseId": 2,
    "connectorId": 1,
}


def test_a_station_of_2_0_1_boots_beats_and_tells_its_status(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        station = await site.station(offered=("ocpp2.0.1",))
        assert station.socket.subprotocol == "ocpp2.0.1"
        boot = await station.call("BootNotification", BOOT_201)
        assert boot[0] == 3
        assert boot[2]["status"] == "Accepted"  # type: ignore[index]
        beat = await station.call("Heartbeat", {})
        assert list(beat[2]) == ["currentTime"]  # type: ignore[call-overload]
        assert await station.call("StatusNotification", STATUS_201) == [3, "m3", {}]
        for evse, connector in ((2, 0), (0, 2)):
            degenerate = STATUS_201 | {"evseId": evse, "connectorId": connector}
            assert (await station.call("StatusNotification", degenerate))[2] == {}
        await site.storage.settled()
        assert site.rows("SELECT evse, connector, status FROM connectors") == [(2, 1, "Occupied")]
        assert site.rows("SELECT ocpp_version, vendor, model, serial FROM stations") == [
            ("2.0.1", "Acme", "Two", "S-1")
        ]

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (("ocpp1.6", "ocpp2.0.1"), "ocpp2.0.1"),
        (("ocpp2.1", "ocpp2.0.1", "ocpp1.6"), "ocpp2.0.1"),
        (("ocpp1.6",), "ocpp1.6"),
    ],
)
def test_the_newest_version_that_both_know_is_spoken(
    tmp_path: Path, offered: tuple[str, ...], chosen: str
) -> None:
    async def scenario(site: Site) -> None:
        station = await site.station(offered=offered)
        assert station.socket.subprotocol == chosen
        assert (await station.call("Heartbeat", {}))[0] == 3

    run(tmp_path, scenario)


def test_who_speaks_none_of_our_versions_is_told_which_there_are(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        station = await site.station(offered=("ocpp2.1",))
        assert await station.ending() == (1002, "offer one of the subprotocols ocpp2.0.1, ocpp1.6")

    run(tmp_path, scenario)


def test_a_station_of_2_0_1_hears_errors_in_the_words_of_2_0_1(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        station = await site.station(offered=("ocpp2.0.1",))
        await station.say([2, "m", "StartTransaction", {}])
        assert (await station.hear())[:3] == [4, "m", "NotImplemented"]
        await station.say([2, "m", "StatusNotification", {}])
        assert (await station.hear())[:3] == [4, "m", "OccurrenceConstraintViolation"]
        await station.say([7, "m", {}])
        assert (await station.hear())[:3] == [4, "m", "MessageTypeNotSupported"]
        await station.say([2])
        assert (await station.hear())[:3] == [4, "-1", "RpcFrameworkError"]

    run(tmp_path, scenario)


def test_a_call_of_2_0_1_goes_to_a_station_of_2_0_1(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        station = await site.station(offered=("ocpp2.0.1",))
        await station.call("BootNotification", BOOT_201)
        call = site.gateway.directory.call("CP-1", command("Reset", {"type": "OnIdle", "evseId": 1}))
        asking = asyncio.create_task(call)
        asked = await station.hear()
        assert asked[2:] == ["Reset", {"type": "OnIdle", "evseId": 1}]
        await station.say([3, asked[1], {"status": "Scheduled"}])
        assert (await asyncio.wait_for(asking, DEADLINE_S)).state is CommandState.ANSWERED

    run(tmp_path, scenario)
