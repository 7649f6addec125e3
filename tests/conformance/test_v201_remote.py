"""OCPP 2.0.1 B, F, G, K, P: what an operator asks of a station, in the same neutral words as of a 1.6 one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.conftest import Talk
from tests.conformance.station import Station, moment
from tests.end_to_end.link import Payload

pytestmark = pytest.mark.end_to_end
SUBPROTOCOL = "ocpp2.0.1"


async def play(
    station: Station, name: str, body: dict[str, Any], action: str, payload: Payload, answer: Payload
) -> dict[str, Any]:
    """Let the operator ask, check what arrives at the station, answer, and return the command's end."""
    command = station.command(name, body)
    asked = await station.asked(action)
    assert asked.payload == payload
    return await command.answered(answer, asked=asked)


@pytest.mark.parametrize("status", ["Accepted", "Rejected"])
def test_a_remote_start_and_the_transaction_that_names_it(talk: Talk, status: str):
    async def dialogue(station: Station) -> None:
        command = station.command("remote-start", {"evse": 1, "token": "04A2B3C4", "token_type": "ISO14443"})
        asked = await station.asked("RequestStartTransaction")
        number = asked.payload.pop("remoteStartId")
        id_token = {"idToken": "04A2B3C4", "type": "ISO14443"}
        assert number >= 0
        assert asked.payload == {"evseId": 1, "idToken": id_token}
        await command.answered({"status": status}, asked=asked)
        started = {
            "eventType": "Started",
            "timestamp": moment(),
            "triggerReason": "RemoteStart",
            "seqNo": 0,
            "transactionInfo": {"transactionId": f"tx-{station.id}", "remoteStartId": number},
            "idToken": id_token,
            "evse": {"id": 1, "connectorId": 1},
        }
        assert "idTokenInfo" in await station.call("TransactionEvent", started)

    talk(dialogue)


@pytest.mark.parametrize("status", ["Accepted", "Rejected"])
def test_a_remote_stop_names_the_transaction_as_the_station_does(talk: Talk, status: str):
    async def dialogue(station: Station) -> None:
        started = {
            "eventType": "Started",
            "timestamp": moment(-5),
            "triggerReason": "CablePluggedIn",
            "seqNo": 0,
            "transactionInfo": {"transactionId": f"tx-{station.id}"},
            "evse": {"id": 1, "connectorId": 1},
        }
        await station.call("TransactionEvent", started)
        (transaction,) = await station.transactions()
        await play(
            station,
            "remote-stop",
            {"transaction_id": transaction["id"]},
            "RequestStopTransaction",
            {"transactionId": f"tx-{station.id}"},
            {"status": status},
        )

    talk(dialogue)


@pytest.mark.parametrize(
    ("kind", "word"),
    [("soft", "OnIdle"), ("hard", "Immediate"), ("immediate", "Immediate"), ("on-idle", "OnIdle")],
)
@pytest.mark.parametrize("status", ["Accepted", "Rejected", "Scheduled"])
def test_a_reset(talk: Talk, kind: str, word: str, status: str):
    async def dialogue(station: Station) -> None:
        await play(station, "reset", {"type": kind}, "Reset", {"type": word}, {"status": status})

    talk(dialogue)


def test_a_reset_of_one_evse(talk: Talk):
    async def dialogue(station: Station) -> None:
        body = {"type": "immediate", "evse": 2}
        payload = {"type": "Immediate", "evseId": 2}
        await play(station, "reset", body, "Reset", payload, {"status": "Accepted"})

    talk(dialogue)


@pytest.mark.parametrize(
    "status", ["Unlocked", "UnlockFailed", "OngoingAuthorizedTransaction", "UnknownConnector"]
)
def test_an_unlocking(talk: Talk, status: str):
    async def dialogue(station: Station) -> None:
        body, payload = {"evse": 1, "connector": 2}, {"evseId": 1, "connectorId": 2}
        await play(station, "unlock", body, "UnlockConnector", payload, {"status": status})

    talk(dialogue)


@pytest.mark.parametrize("status", ["Accepted", "Rejected", "Scheduled"])
@pytest.mark.parametrize("evse", [None, 1])
@pytest.mark.parametrize(("operative", "word"), [(True, "Operative"), (False, "Inoperative")])
def test_availability(talk: Talk, *, status: str, evse: int | None, operative: bool, word: str):
    async def dialogue(station: Station) -> None:
        payload: Payload = {"operationalStatus": word}
        if evse:
            payload["evse"] = {"id": evse}
        body = {"evse": evse, "operative": operative}
        await play(station, "change-availability", body, "ChangeAvailability", payload, {"status": status})

    talk(dialogue)


@pytest.mark.parametrize("status", ["Accepted", "Rejected", "NotImplemented"])
def test_a_trigger_and_the_message_that_follows(talk: Talk, status: str):
    async def dialogue(station: Station) -> None:
        body = {"message": "Heartbeat", "evse": None}
        payload = {"requestedMessage": "Heartbeat"}
        await play(station, "trigger-message", body, "TriggerMessage", payload, {"status": status})
        assert "currentTime" in await station.call("Heartbeat")

    talk(dialogue)


def test_variables_are_read(talk: Talk):
    async def dialogue(station: Station) -> None:
        command = station.command("get-configuration", {"keys": ["OCPPCommCtrlr.HeartbeatInterval"]})
        asked = await station.asked("GetVariables")
        (variable,) = asked.payload["getVariableData"]
        assert variable["component"] == {"name": "OCPPCommCtrlr"}
        assert variable["variable"] == {"name": "HeartbeatInterval"}
        result = {
            "attributeStatus": "Accepted",
            "attributeValue": "300",
            "component": {"name": "OCPPCommCtrlr"},
            "variable": {"name": "HeartbeatInterval"},
        }
        await command.answered({"getVariableResult": [result]}, asked=asked)

    talk(dialogue)


@pytest.mark.parametrize("status", ["Accepted", "Rejected", "RebootRequired", "UnknownVariable"])
def test_a_variable_is_written(talk: Talk, status: str):
    async def dialogue(station: Station) -> None:
        body = {"key": "OCPPCommCtrlr.HeartbeatInterval", "value": "60"}
        command = station.command("set-configuration", body)
        asked = await station.asked("SetVariables")
        (variable,) = asked.payload["setVariableData"]
        assert variable["attributeValue"] == "60"
        named = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}
        assert {name: variable[name] for name in named} == named
        await command.answered({"setVariableResult": [{"attributeStatus": status, **named}]}, asked=asked)

    talk(dialogue)


@pytest.mark.parametrize("status", ["Accepted", "Rejected"])
def test_the_cache_is_cleared(talk: Talk, status: str):
    async def dialogue(station: Station) -> None:
        await play(station, "clear-cache", {}, "ClearCache", {}, {"status": status})

    talk(dialogue)


def test_data_is_handed_to_the_vendor_as_it_is(talk: Talk):
    async def dialogue(station: Station) -> None:
        body = {"vendor_id": "com.example", "message_id": None, "data": {"fooBar": [1, {"ID": 2}]}}
        payload = {"vendorId": "com.example", "data": {"fooBar": [1, {"ID": 2}]}}
        answer = {"status": "Accepted", "data": {"fooBar": 2}}
        await play(station, "data-transfer", body, "DataTransfer", payload, answer)

    talk(dialogue)


PROFILE: Payload = {
    "id": 11,
    "stackLevel": 1,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": [
        {
            "id": 1,
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10.5}, {"startPeriod": 600, "limit": 6.0}],
        }
    ],
}


@pytest.mark.parametrize("status", ["Accepted", "Rejected"])
def test_a_profile_is_set(talk: Talk, status: str):
    async def dialogue(station: Station) -> None:
        body = {"evse": 1, "profile": PROFILE}
        payload = {"evseId": 1, "chargingProfile": PROFILE}
        await play(station, "set-charging-profile", body, "SetChargingProfile", payload, {"status": status})

    talk(dialogue)


@pytest.mark.parametrize(
    ("body", "payload"),
    [
        ({"profile_id": 11}, {"chargingProfileId": 11}),
        (
            {"evse": 1, "purpose": "TxProfile", "stack_level": 2},
            {
                "chargingProfileCriteria": {
                    "evseId": 1,
                    "chargingProfilePurpose": "TxProfile",
                    "stackLevel": 2,
                }
            },
        ),
    ],
)
@pytest.mark.parametrize("status", ["Accepted", "Unknown"])
def test_profiles_are_cleared(talk: Talk, body: dict[str, Any], payload: Payload, status: str):
    async def dialogue(station: Station) -> None:
        await play(
            station, "clear-charging-profile", body, "ClearChargingProfile", payload, {"status": status}
        )

    talk(dialogue)


@pytest.mark.parametrize("status", ["Accepted", "Rejected"])
def test_the_composite_schedule_is_asked_for(talk: Talk, status: str):
    async def dialogue(station: Station) -> None:
        body = {"evse": 1, "duration_s": 600, "unit": "W"}
        payload = {"evseId": 1, "duration": 600, "chargingRateUnit": "W"}
        await play(
            station, "get-composite-schedule", body, "GetCompositeSchedule", payload, {"status": status}
        )

    talk(dialogue)


def test_any_action_goes_raw(talk: Talk):
    async def dialogue(station: Station) -> None:
        payload = {"requestId": 3, "reportBase": "FullInventory"}
        await play(station, "ocpp/GetBaseReport", payload, "GetBaseReport", payload, {"status": "Accepted"})

    talk(dialogue)


def test_what_the_schema_does_not_allow_is_never_sent(talk: Talk):
    async def dialogue(station: Station) -> None:
        answer = await station.command("ocpp/Reset", {"type": "Soft"}).response()
        assert answer.status_code == 422
        assert "type" in answer.text
        await station.command("clear-cache").answered({"status": "Accepted"})

    talk(dialogue)
