"""OCPP 1.6 §5: what an operator asks of a station, and how each of its answers is told."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.conftest import Talk
from tests.conformance.station import Station, moment
from tests.end_to_end.link import Payload

pytestmark = pytest.mark.end_to_end
SUBPROTOCOL = "ocpp1.6"


async def charging(station: Station) -> tuple[int, str]:
    """Begin a transaction; return its number and our id of it."""
    start = {"connectorId": 1, "idTag": "TAG", "meterStart": 0, "timestamp": moment(-5)}
    number = (await station.call("StartTransaction", start))["transactionId"]
    (transaction,) = await station.transactions()
    return number, transaction["id"]


async def play(
    station: Station, name: str, body: dict[str, Any], action: str, payload: Payload, answer: Payload
) -> dict[str, Any]:
    """Let the operator ask, check what arrives at the station, answer, and return the command's end."""
    command = station.command(name, body)
    asked = await station.asked(action)
    assert asked.payload == payload
    return await command.answered(answer, asked=asked)


@pytest.mark.parametrize("status", ["Accepted", "Rejected"])
def test_a_remote_start(talk: Talk, status: str):
    async def dialogue(station: Station) -> None:
        ended = await play(
            station,
            "remote-start",
            {"evse": 1, "token": "04A2B3C4"},
            "RemoteStartTransaction",
            {"connectorId": 1, "idTag": "04A2B3C4"},
            {"status": status},
        )
        assert (ended["name"], ended["action"]) == ("remote-start", "RemoteStartTransaction")

    talk(dialogue)


@pytest.mark.parametrize("status", ["Accepted", "Rejected"])
def test_a_remote_stop_names_the_transaction_as_the_station_does(talk: Talk, status: str):
    async def dialogue(station: Station) -> None:
        number, ours = await charging(station)
        await play(
            station,
            "remote-stop",
            {"transaction_id": ours},
            "RemoteStopTransaction",
            {"transactionId": number},
            {"status": status},
        )

    talk(dialogue)


@pytest.mark.parametrize(
    ("kind", "word"), [("soft", "Soft"), ("hard", "Hard"), ("immediate", "Hard"), ("on-idle", "Soft")]
)
@pytest.mark.parametrize("status", ["Accepted", "Rejected"])
def test_a_reset(talk: Talk, kind: str, word: str, status: str):
    async def dialogue(station: Station) -> None:
        await play(station, "reset", {"type": kind}, "Reset", {"type": word}, {"status": status})

    talk(dialogue)


def test_a_stop_that_comes_before_the_answer_to_the_reset_that_caused_it(talk: Talk):
    async def dialogue(station: Station) -> None:
        number, _ = await charging(station)
        command = station.command("reset", {"type": "soft"})
        asked = await station.asked("Reset")
        stop = {"transactionId": number, "meterStop": 700, "timestamp": moment(), "reason": "SoftReset"}
        await station.call("StopTransaction", stop)
        await command.answered({"status": "Accepted"}, asked=asked)
        (transaction,) = await station.transactions()
        assert (transaction["active"], transaction["stop_reason"]) == (False, "SoftReset")

    talk(dialogue)


@pytest.mark.parametrize("status", ["Unlocked", "UnlockFailed", "NotSupported"])
def test_an_unlocking(talk: Talk, status: str):
    async def dialogue(station: Station) -> None:
        body = {"evse": 1, "connector": 1}
        await play(station, "unlock", body, "UnlockConnector", {"connectorId": 1}, {"status": status})

    talk(dialogue)


def test_what_the_station_will_refuse_is_sent_with_a_warning(talk: Talk):
    async def dialogue(station: Station) -> None:
        for number in (0, 1):
            status = {
                "connectorId": number,
                "errorCode": "NoError",
                "status": "Available",
                "timestamp": moment(),
            }
            await station.call("StatusNotification", status)
        body = {"evse": 9, "connector": 1}
        ended = await play(
            station, "unlock", body, "UnlockConnector", {"connectorId": 9}, {"status": "NotSupported"}
        )
        assert "9" in ended["warning"]

    talk(dialogue)


@pytest.mark.parametrize("status", ["Accepted", "Rejected", "Scheduled"])
@pytest.mark.parametrize("evse", [None, 1])
@pytest.mark.parametrize(("operative", "word"), [(True, "Operative"), (False, "Inoperative")])
def test_availability(talk: Talk, *, status: str, evse: int | None, operative: bool, word: str):
    async def dialogue(station: Station) -> None:
        await play(
            station,
            "change-availability",
            {"evse": evse, "operative": operative},
            "ChangeAvailability",
            {"connectorId": evse or 0, "type": word},
            {"status": status},
        )

    talk(dialogue)


@pytest.mark.parametrize("status", ["Accepted", "Rejected", "NotImplemented"])
def test_a_trigger_and_the_message_that_follows(talk: Talk, status: str):
    async def dialogue(station: Station) -> None:
        body = {"message": "StatusNotification", "evse": 1}
        payload = {"requestedMessage": "StatusNotification", "connectorId": 1}
        await play(station, "trigger-message", body, "TriggerMessage", payload, {"status": status})
        status_now = {"connectorId": 1, "errorCode": "NoError", "status": "Preparing", "timestamp": moment()}
        assert await station.call("StatusNotification", status_now) == {}

    talk(dialogue)


def test_the_configuration_is_read_with_what_is_unknown(talk: Talk):
    async def dialogue(station: Station) -> None:
        keys = ["HeartbeatInterval", "Nonsense"]
        answer = {
            "configurationKey": [{"key": "HeartbeatInterval", "readonly": False, "value": "300"}],
            "unknownKey": ["Nonsense"],
        }
        await play(station, "get-configuration", {"keys": keys}, "GetConfiguration", {"key": keys}, answer)

    talk(dialogue)


@pytest.mark.parametrize("status", ["Accepted", "Rejected", "RebootRequired", "NotSupported"])
def test_a_setting_is_written(talk: Talk, status: str):
    async def dialogue(station: Station) -> None:
        body = {"key": "HeartbeatInterval", "value": "60"}
        await play(station, "set-configuration", body, "ChangeConfiguration", body, {"status": status})

    talk(dialogue)


@pytest.mark.parametrize("status", ["Accepted", "Rejected"])
def test_the_cache_is_cleared(talk: Talk, status: str):
    async def dialogue(station: Station) -> None:
        await play(station, "clear-cache", {}, "ClearCache", {}, {"status": status})

    talk(dialogue)


@pytest.mark.parametrize("status", ["Accepted", "Rejected", "UnknownMessageId", "UnknownVendorId"])
def test_data_is_handed_to_the_vendor(talk: Talk, status: str):
    async def dialogue(station: Station) -> None:
        await play(
            station,
            "data-transfer",
            {"vendor_id": "com.example", "message_id": "hello", "data": "fooBar"},
            "DataTransfer",
            {"vendorId": "com.example", "messageId": "hello", "data": "fooBar"},
            {"status": status, "data": "ID"},
        )

    talk(dialogue)


PROFILE: Payload = {
    "chargingProfileId": 11,
    "stackLevel": 1,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": {
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10.5}, {"startPeriod": 600, "limit": 6}],
    },
}


@pytest.mark.parametrize("status", ["Accepted", "Rejected", "NotSupported"])
def test_a_profile_is_set(talk: Talk, status: str):
    async def dialogue(station: Station) -> None:
        await play(
            station,
            "set-charging-profile",
            {"evse": 1, "profile": PROFILE},
            "SetChargingProfile",
            {"connectorId": 1, "csChargingProfiles": PROFILE},
            {"status": status},
        )

    talk(dialogue)


@pytest.mark.parametrize(
    ("body", "payload"),
    [
        ({"profile_id": 11}, {"id": 11}),
        (
            {"evse": 1, "purpose": "TxProfile", "stack_level": 2},
            {"connectorId": 1, "chargingProfilePurpose": "TxProfile", "stackLevel": 2},
        ),
        ({}, {}),
    ],
)
@pytest.mark.parametrize("status", ["Accepted", "Unknown"])
def test_profiles_are_cleared(talk: Talk, body: dict[str, Any], payload: Payload, status: str):
    async def dialogue(station: Station) -> None:
        await play(
            station, "clear-charging-profile", body, "ClearChargingProfile", payload, {"status": status}
        )

    talk(dialogue)


def test_the_composite_schedule_is_asked_for(talk: Talk):
    async def dialogue(station: Station) -> None:
        schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6}]}
        answer = {
            "status": "Accepted",
            "connectorId": 1,
            "scheduleStart": moment(),
            "chargingSchedule": schedule,
        }
        await play(
            station,
            "get-composite-schedule",
            {"evse": 1, "duration_s": 600, "unit": "A"},
            "GetCompositeSchedule",
            {"connectorId": 1, "duration": 600, "chargingRateUnit": "A"},
            answer,
        )
        body = {"evse": 0, "duration_s": 60, "unit": None}
        payload = {"connectorId": 0, "duration": 60}
        await play(
            station, "get-composite-schedule", body, "GetCompositeSchedule", payload, {"status": "Rejected"}
        )

    talk(dialogue)


def test_any_action_goes_raw(talk: Talk):
    async def dialogue(station: Station) -> None:
        payload = {"location": "ftp://example.org/logs", "retries": 2}
        answer = {"fileName": "log.zip"}
        await play(station, "ocpp/GetDiagnostics", payload, "GetDiagnostics", payload, answer)

    talk(dialogue)
