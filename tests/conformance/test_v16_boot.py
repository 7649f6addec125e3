"""OCPP 1.6 §4.2, §4.6: a station presents itself, and what it may do before it is accepted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.conformance.conftest import Talk
from tests.conformance.station import Station, moment
from tests.end_to_end.link import Refused

pytestmark = pytest.mark.end_to_end
SUBPROTOCOL = "ocpp1.6"
BOOT = {
    "chargePointVendor": "Witness",
    "chargePointModel": "W-16",
    "chargePointSerialNumber": "S-1",
    "firmwareVersion": "1.2.3",
}
STATUS = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}


def test_a_known_station_is_accepted_and_told_the_time_and_its_interval(talk: Talk):
    async def dialogue(station: Station) -> None:
        told = await station.call("BootNotification", BOOT)
        assert (told["status"], told["interval"]) == ("Accepted", 300)
        off = abs(datetime.now(UTC) - datetime.fromisoformat(told["currentTime"]))
        assert off < timedelta(minutes=2)
        seen = await station.seen()
        shown = ("Witness", "W-16", "S-1", "1.2.3", "Accepted", "1.6", True)
        names = ("vendor", "model", "serial", "firmware", "boot_status", "ocpp_version", "connected")
        assert tuple(seen[name] for name in names) == shown

    talk(dialogue)


def test_a_heartbeat_is_answered_with_the_time(talk: Talk):
    async def dialogue(station: Station) -> None:
        await station.call("BootNotification", BOOT)
        told = await station.call("Heartbeat")
        assert list(told) == ["currentTime"]
        assert told["currentTime"].endswith("Z")

    talk(dialogue)


@pytest.mark.parametrize("registration", ["Pending", "Rejected"])
def test_a_station_that_is_not_accepted_may_only_boot_again_and_report_what_it_charged(
    talk: Talk, registration: str
):
    async def dialogue(station: Station) -> None:
        await station.rest.change(f"/stations/{station.id}", {"registration": registration})
        told = await station.call("BootNotification", BOOT)
        assert told["status"] == registration
        assert told["interval"] >= 30
        with pytest.raises(Refused) as refused:
            await station.call("StatusNotification", STATUS)
        assert refused.value.code == "SecurityError"
        start = {"connectorId": 1, "idTag": "TAG", "meterStart": 0, "timestamp": moment(-5)}
        assert (await station.call("StartTransaction", start))["transactionId"] > 0
        await station.rest.change(f"/stations/{station.id}", {"registration": "Accepted"})
        assert (await station.call("BootNotification", BOOT))["status"] == "Accepted"
        assert await station.call("StatusNotification", STATUS) == {}

    talk(dialogue)


def test_an_operator_may_ask_a_pending_station(talk: Talk):
    """§4.2.1: while it is pending the central system may read and set its configuration."""

    async def dialogue(station: Station) -> None:
        await station.rest.change(f"/stations/{station.id}", {"registration": "Pending"})
        await station.call("BootNotification", BOOT)
        command = station.command("get-configuration", {"keys": ["HeartbeatInterval"]})
        key = {"key": "HeartbeatInterval", "readonly": False, "value": "300"}
        await command.answered({"configurationKey": [key]})

    talk(dialogue)


def test_an_older_status_never_covers_a_newer_one(talk: Talk):
    async def dialogue(station: Station) -> None:
        await station.call("BootNotification", BOOT)
        await station.call("StatusNotification", STATUS | {"status": "Charging", "timestamp": moment(-1)})
        await station.call("StatusNotification", STATUS | {"timestamp": moment(-9)})
        (evse,) = (await station.seen())["evses"]
        assert evse["id"] == 1
        assert [(one["id"], one["status"], one["error"]) for one in evse["connectors"]] == [
            (1, "Charging", None)
        ]

    talk(dialogue)


def test_a_fault_is_shown_with_its_error(talk: Talk):
    async def dialogue(station: Station) -> None:
        await station.call("BootNotification", BOOT)
        fault = {"connectorId": 2, "errorCode": "GroundFailure", "status": "Faulted", "timestamp": moment()}
        await station.call("StatusNotification", fault)
        shown = [
            (evse["id"], one["status"], one["error"])
            for evse in (await station.seen())["evses"]
            for one in evse["connectors"]
        ]
        assert shown == [(2, "Faulted", "GroundFailure")]

    talk(dialogue)


def test_what_the_station_says_of_firmware_diagnostics_and_security_is_acknowledged(talk: Talk):
    async def dialogue(station: Station) -> None:
        await station.call("BootNotification", BOOT)
        assert await station.call("FirmwareStatusNotification", {"status": "Installed"}) == {}
        assert await station.call("DiagnosticsStatusNotification", {"status": "Uploaded"}) == {}
        event = {"type": "FirmwareUpdated", "timestamp": moment()}
        assert await station.call("SecurityEventNotification", event) == {}

    talk(dialogue)


def test_a_vendor_that_nobody_knows_is_told_so(talk: Talk):
    async def dialogue(station: Station) -> None:
        told = await station.call("DataTransfer", {"vendorId": "com.example", "data": '{"x": 1}'})
        assert told["status"] == "UnknownVendorId"

    talk(dialogue)


@pytest.mark.parametrize(("action", "code"), [("Reset", "NotSupported"), ("MakeCoffee", "NotImplemented")])
def test_what_a_station_may_not_ask_is_refused_in_the_words_of_1_6(talk: Talk, action: str, code: str):
    async def dialogue(station: Station) -> None:
        with pytest.raises(Refused) as refused:
            await station.call(action, {"type": "Soft"})
        assert refused.value.code == code

    talk(dialogue)
