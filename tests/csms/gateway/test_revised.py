"""What an operator decides about a connected station counts at once."""

from __future__ import annotations

from pathlib import Path

from csms.domain.register import StationChange
from csms.domain.station import MessageLogPolicy, Registration, StationIdentity
from tests.csms.gateway.world import Site, run

BOOT: dict[str, object] = {"chargePointVendor": "Acme", "chargePointModel": "One"}


async def decided(site: Site, **change: object) -> None:
    changed = await site.storage.change_station("CP-1", StationChange(**change))
    identity = await site.storage.find_station(changed.id)
    assert identity is not None
    site.gateway.directory.revise(identity)


def test_a_station_that_may_not_work_here_any_more_is_refused_from_now_on(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        station = await site.station()
        assert (await station.call("BootNotification", BOOT))[2]["status"] == "Accepted"  # type: ignore[index]
        assert (await station.call("Heartbeat", {}))[0] == 3
        await decided(site, registration=Registration.REJECTED)
        assert (await station.call("Heartbeat", {}))[0] == 4
        assert (await station.call("BootNotification", BOOT))[2]["status"] == "Rejected"  # type: ignore[index]
        await decided(site, registration=Registration.ACCEPTED)
        assert (await station.call("Heartbeat", {}))[0] == 3

    run(tmp_path, scenario)


def test_before_a_station_has_booted_it_is_judged_when_it_does(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        station = await site.station()
        assert (await station.call("Heartbeat", {}))[0] == 3
        await decided(site, registration=Registration.PENDING)
        assert (await station.call("Heartbeat", {}))[0] == 3
        assert (await station.call("BootNotification", BOOT))[2]["status"] == "Pending"  # type: ignore[index]

    run(tmp_path, scenario)


def test_its_messages_are_kept_as_decided_and_its_site_stays(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        station = await site.station()
        await station.call("Heartbeat", {})
        site.gateway.directory.place("CP-1", "depot")
        await decided(site, message_log=MessageLogPolicy.OFF, managed=True)
        await station.call("Heartbeat", {})
        assert len(await site.storage.message_log.read("CP-1")) == 2
        (connection,) = site.gateway.directory
        assert (connection.identity.managed, connection.identity.site_id) == (True, "depot")

    run(tmp_path, scenario)


def test_a_removed_station_is_disconnected(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        station = await site.station()
        await station.call("Heartbeat", {})
        await site.storage.remove_station("CP-1")
        site.gateway.directory.dismiss("cp-1", "the station was removed")
        assert await station.ending() == (1008, "the station was removed")

    run(tmp_path, scenario)


def test_of_a_station_that_is_away_nothing_is_told(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        other = await site.station("CP-2")
        await other.call("BootNotification", BOOT)
        site.gateway.directory.dismiss("CP-1", "the station was removed")
        site.gateway.directory.revise(
            StationIdentity(
                id="CP-1",
                site_id=None,
                managed=True,
                registration=Registration.REJECTED,
                message_log=MessageLogPolicy.OFF,
                key_hmac=None,
                previous_key_hmac=None,
            )
        )
        assert (await other.call("Heartbeat", {}))[0] == 3

    run(tmp_path, scenario)
