"""OCPP 2.0.1 B01 to B04, B07, G01, P: a station presents itself, reports, and says all kinds of things."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.conformance.conftest import Talk
from tests.conformance.station import Station, moment
from tests.end_to_end.link import Payload, Refused

pytestmark = pytest.mark.end_to_end
SUBPROTOCOL = "ocpp2.0.1"
BOOT = {
    "reason": "PowerUp",
    "chargingStation": {
        "vendorName": "Witness",
        "model": "W-201",
        "serialNumber": "S-2",
        "firmwareVersion": "4.5.6",
    },
}


def status(evse: int, connector: int, name: str, *, minutes: float = 0.0) -> Payload:
    return {
        "timestamp": moment(minutes),
        "connectorStatus": name,
        "evseId": evse,
        "connectorId": connector,
    }


def test_a_known_station_is_accepted_and_told_the_time_and_its_interval(talk: Talk):
    async def dialogue(station: Station) -> None:
        told = await station.call("BootNotification", BOOT)
        assert (told["status"], told["interval"]) == ("Accepted", 300)
        off = abs(datetime.now(UTC) - datetime.fromisoformat(told["currentTime"]))
        assert off < timedelta(minutes=2)
        seen = await station.seen()
        shown = ("Witness", "W-201", "S-2", "4.5.6", "Accepted", "2.0.1", True)
        names = ("vendor", "model", "serial", "firmware", "boot_status", "ocpp_version", "connected")
        assert tuple(seen[name] for name in names) == shown

    talk(dialogue)


def test_a_heartbeat_is_answered_with_the_time(talk: Talk):
    async def dialogue(station: Station) -> None:
        await station.call("BootNotification", BOOT)
        assert list(await station.call("Heartbeat")) == ["currentTime"]

    talk(dialogue)


@pytest.mark.parametrize("registration", ["Pending", "Rejected"])
def test_a_station_that_is_not_accepted_may_only_boot_again(talk: Talk, registration: str):
    async def dialogue(station: Station) -> None:
        await station.rest.change(f"/stations/{station.id}", {"registration": registration})
        told = await station.call("BootNotification", BOOT)
        assert told["status"] == registration
        with pytest.raises(Refused) as refused:
            await station.call("StatusNotification", status(1, 1, "Available"))
        assert refused.value.code == "SecurityError"
        await station.rest.change(f"/stations/{station.id}", {"registration": "Accepted"})
        assert (await station.call("BootNotification", BOOT))["status"] == "Accepted"
        assert await station.call("StatusNotification", status(1, 1, "Available")) == {}

    talk(dialogue)


def test_statuses_of_connectors_are_shown_and_those_of_nothing_make_no_connector(talk: Talk):
    async def dialogue(station: Station) -> None:
        await station.call("BootNotification", BOOT)
        for evse, connector, name in (
            (0, 0, "Available"),
            (1, 1, "Occupied"),
            (1, 2, "Available"),
            (2, 0, "Faulted"),
        ):
            assert await station.call("StatusNotification", status(evse, connector, name)) == {}
        assert await station.call("StatusNotification", status(1, 1, "Available", minutes=-9)) == {}
        shown = {
            (evse["id"], one["id"]): one["status"]
            for evse in (await station.seen())["evses"]
            for one in evse["connectors"]
        }
        assert (shown[1, 1], shown[1, 2]) == ("Occupied", "Available")
        assert not [place for place in shown if 0 in place]

    talk(dialogue)


def report(seq_no: int, names: list[str], *, more: bool) -> Payload:
    data = [
        {
            "component": {"name": "SmartChargingCtrlr"},
            "variable": {"name": name},
            "variableAttribute": [{"type": "Actual", "value": "1", "mutability": "ReadOnly"}],
            "variableCharacteristics": {"dataType": "integer", "supportsMonitoring": False},
        }
        for name in names
    ]
    return {"requestId": 7, "generatedAt": moment(), "seqNo": seq_no, "tbc": more, "reportData": data}


def test_a_report_in_parts_is_taken_in_any_order(talk: Talk):
    async def dialogue(station: Station) -> None:
        await station.call("BootNotification", BOOT)
        assert await station.call("NotifyReport", report(1, ["Enabled"], more=False)) == {}
        assert await station.call("NotifyReport", report(0, ["Available"], more=True)) == {}
        assert await station.call("NotifyReport", report(0, ["Available"], more=True)) == {}

    talk(dialogue)


NOTICES: dict[str, tuple[Payload, Payload]] = {
    "FirmwareStatusNotification": ({"status": "Installed"}, {}),
    "LogStatusNotification": ({"status": "Uploaded", "requestId": 1}, {}),
    "PublishFirmwareStatusNotification": ({"status": "Published", "location": ["https://example.org"]}, {}),
    "SecurityEventNotification": ({"type": "FirmwareUpdated", "timestamp": "2027-01-04T07:00:00Z"}, {}),
    "NotifyEvent": (
        {
            "generatedAt": "2027-01-04T07:00:00Z",
            "seqNo": 0,
            "eventData": [
                {
                    "eventId": 1,
                    "timestamp": "2027-01-04T07:00:00Z",
                    "trigger": "Alerting",
                    "actualValue": "91.5",
                    "eventNotificationType": "HardWiredNotification",
                    "component": {"name": "EVSE", "evse": {"id": 1}},
                    "variable": {"name": "Temperature"},
                }
            ],
        },
        {},
    ),
    "NotifyMonitoringReport": ({"requestId": 1, "seqNo": 0, "generatedAt": "2027-01-04T07:00:00Z"}, {}),
    "NotifyCustomerInformation": (
        {"data": "", "seqNo": 0, "generatedAt": "2027-01-04T07:00:00Z", "requestId": 1},
        {},
    ),
    "NotifyDisplayMessages": ({"requestId": 1}, {}),
    "ReservationStatusUpdate": ({"reservationId": 1, "reservationUpdateStatus": "Expired"}, {}),
    "NotifyChargingLimit": (
        {
            "evseId": 1,
            "chargingLimit": {"chargingLimitSource": "EMS"},
            "chargingSchedule": [
                {
                    "id": 1,
                    "chargingRateUnit": "A",
                    "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10.0}],
                }
            ],
        },
        {},
    ),
    "ClearedChargingLimit": ({"chargingLimitSource": "EMS", "evseId": 1}, {}),
    "ReportChargingProfiles": (
        {
            "requestId": 1,
            "chargingLimitSource": "CSO",
            "evseId": 1,
            "chargingProfile": [
                {
                    "id": 1,
                    "stackLevel": 0,
                    "chargingProfilePurpose": "TxDefaultProfile",
                    "chargingProfileKind": "Relative",
                    "chargingSchedule": [
                        {
                            "id": 1,
                            "chargingRateUnit": "A",
                            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6.0}],
                        }
                    ],
                }
            ],
        },
        {},
    ),
    "DataTransfer": (
        {"vendorId": "com.example", "data": {"fooBar": 1, "ID": [2]}},
        {"status": "UnknownVendorId"},
    ),
}


@pytest.mark.parametrize("action", NOTICES)
def test_each_notice_is_answered(talk: Talk, action: str):
    async def dialogue(station: Station) -> None:
        await station.call("BootNotification", BOOT)
        said, expected = NOTICES[action]
        told = await station.call(action, said)
        assert {name: told[name] for name in expected} == expected
        assert bool(told) == bool(expected)

    talk(dialogue)


@pytest.mark.parametrize(
    ("action", "payload", "statuses"),
    [
        (
            "NotifyEVChargingNeeds",
            {
                "evseId": 1,
                "chargingNeeds": {
                    "requestedEnergyTransfer": "AC_three_phase",
                    "acChargingParameters": {
                        "energyAmount": 20000,
                        "evMinCurrent": 6,
                        "evMaxCurrent": 16,
                        "evMaxVoltage": 400,
                    },
                },
            },
            {"Rejected", "NoChargingProfile"},
        ),
        (
            "NotifyEVChargingSchedule",
            {
                "timeBase": "2027-01-04T07:00:00Z",
                "evseId": 1,
                "chargingSchedule": {
                    "id": 1,
                    "chargingRateUnit": "A",
                    "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6.0}],
                },
            },
            {"Accepted", "Rejected"},
        ),
        ("SignCertificate", {"csr": "-----BEGIN CERTIFICATE REQUEST-----"}, {"Rejected"}),
        (
            "Get15118EVCertificate",
            {"iso15118SchemaVersion": "urn:iso", "action": "Install", "exiRequest": "AAAA"},
            {"Failed"},
        ),
        (
            "GetCertificateStatus",
            {
                "ocspRequestData": {
                    "hashAlgorithm": "SHA256",
                    "issuerNameHash": "00",
                    "issuerKeyHash": "00",
                    "serialNumber": "1",
                    "responderURL": "https://example.org",
                }
            },
            {"Failed"},
        ),
    ],
)
def test_what_we_do_not_offer_is_declined_in_the_standards_words(
    talk: Talk, action: str, payload: Payload, statuses: set[str]
):
    async def dialogue(station: Station) -> None:
        await station.call("BootNotification", BOOT)
        assert (await station.call(action, payload))["status"] in statuses

    talk(dialogue)


@pytest.mark.parametrize(("action", "code"), [("Reset", "NotSupported"), ("MakeCoffee", "NotImplemented")])
def test_what_a_station_may_not_ask_is_refused(talk: Talk, action: str, code: str):
    async def dialogue(station: Station) -> None:
        with pytest.raises(Refused) as refused:
            await station.call(action, {"type": "Immediate"})
        assert refused.value.code == code

    talk(dialogue)
