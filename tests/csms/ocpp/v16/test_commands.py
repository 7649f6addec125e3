"""Operators' commands in the words of OCPP 1.6."""

from __future__ import annotations

import json
from typing import Any

import pytest

from csms.domain import remote_control as rc
from csms.domain.errors import Invalid
from csms.ocpp import v16
from tests.csms.ocpp.v16.some_profiles import PROFILE

SHAPES: list[tuple[rc.StationCommand, str, dict[str, Any]]] = [
    (rc.RemoteStart(uid="TAG"), "RemoteStartTransaction", {"idTag": "TAG"}),
    (
        rc.RemoteStart(uid="TAG", evse=2, profile=PROFILE, remote_start_id=5),
        "RemoteStartTransaction",
        {"connectorId": 2, "idTag": "TAG", "chargingProfile": PROFILE},
    ),
    (
        rc.RemoteStop(transaction_id="x", ocpp_transaction_id="17"),
        "RemoteStopTransaction",
        {"transactionId": 17},
    ),
    *(
        (rc.Reset(kind=rc.ResetKind(kind)), "Reset", {"type": wire})
        for kind, wire in {"soft": "Soft", "on-idle": "Soft", "hard": "Hard", "immediate": "Hard"}.items()
    ),
    (rc.Unlock(evse=1), "UnlockConnector", {"connectorId": 1}),
    (
        rc.ChangeAvailability(operative=False),
        "ChangeAvailability",
        {"connectorId": 0, "type": "Inoperative"},
    ),
    (
        rc.ChangeAvailability(operative=True, evse=2),
        "ChangeAvailability",
        {"connectorId": 2, "type": "Operative"},
    ),
    (rc.TriggerMessage(message="Heartbeat"), "TriggerMessage", {"requestedMessage": "Heartbeat"}),
    (
        rc.TriggerMessage(message="StatusNotification", evse=1, connector=1),
        "TriggerMessage",
        {"requestedMessage": "StatusNotification", "connectorId": 1},
    ),
    (
        rc.TriggerMessage(message="LogStatusNotification"),
        "ExtendedTriggerMessage",
        {"requestedMessage": "LogStatusNotification"},
    ),
    (rc.GetConfiguration(), "GetConfiguration", {}),
    (rc.GetConfiguration(keys=("A", "B")), "GetConfiguration", {"key": ["A", "B"]}),
    (rc.SetConfiguration(key="A", value="1"), "ChangeConfiguration", {"key": "A", "value": "1"}),
    (rc.ClearCache(), "ClearCache", {}),
    (
        rc.SetChargingProfile(evse=0, profile=PROFILE),
        "SetChargingProfile",
        {"connectorId": 0, "csChargingProfiles": PROFILE},
    ),
    (rc.ClearChargingProfile(), "ClearChargingProfile", {}),
    (
        rc.ClearChargingProfile(profile_id=1, evse=2, purpose="TxProfile", stack_level=0),
        "ClearChargingProfile",
        {"id": 1, "connectorId": 2, "chargingProfilePurpose": "TxProfile", "stackLevel": 0},
    ),
    (
        rc.GetCompositeSchedule(evse=1, duration_s=600),
        "GetCompositeSchedule",
        {"connectorId": 1, "duration": 600},
    ),
    (
        rc.GetCompositeSchedule(evse=1, duration_s=600, unit="W"),
        "GetCompositeSchedule",
        {"connectorId": 1, "duration": 600, "chargingRateUnit": "W"},
    ),
    (rc.DataTransfer(vendor_id="v"), "DataTransfer", {"vendorId": "v"}),
    (
        rc.DataTransfer(vendor_id="v", message_id="m", data="d"),
        "DataTransfer",
        {"vendorId": "v", "messageId": "m", "data": "d"},
    ),
    (rc.RawCall(action="Reset", payload=b'{ "type":"Soft"}'), "Reset", {"type": "Soft"}),
]
FAULTS: list[tuple[rc.StationCommand, str]] = [
    (rc.RemoteStart(uid="x" * 21), "token"),
    (rc.RemoteStart(uid="x", profile={}), "profile.chargingProfileId"),
    (rc.RemoteStop(transaction_id="x", ocpp_transaction_id="abc"), "transaction_id"),
    (rc.Reset(kind=rc.ResetKind.SOFT, evse=1), "evse"),
    (rc.Unlock(evse=1, connector=2), "connector"),
    (rc.TriggerMessage(message="Nonsense"), "message"),
    (rc.TriggerMessage(message="Heartbeat", connector=2), "connector"),
    (rc.GetConfiguration(keys=("A", "B" * 51)), "keys[1]"),
    (rc.SetConfiguration(key="A", value="x" * 501), "value"),
    (
        rc.SetChargingProfile(evse=1, profile={**PROFILE, "chargingProfilePurpose": "?"}),
        "profile.chargingProfilePurpose",
    ),
    (rc.ClearChargingProfile(purpose="?"), "purpose"),
    (rc.GetCompositeSchedule(evse=1, duration_s=1, unit="V"), "unit"),
    (rc.DataTransfer(vendor_id="x" * 256), "vendor_id"),
    (rc.DataTransfer(vendor_id="v", data={"a": 1}), "data"),
    (rc.RawCall(action="Reset", payload=b'{"type":"Softly"}'), "type"),
    (rc.RawCall(action="Reset", payload=b"{}"), "type"),
    (rc.RawCall(action="BootNotification", payload=b"{}"), "action"),
    (rc.RawCall(action="Nonsense", payload=b"{}"), "action"),
]


@pytest.mark.parametrize(("command", "action", "payload"), SHAPES)
def test_a_command_becomes_a_call(command: rc.StationCommand, action: str, payload: dict[str, Any]):
    shaped = v16.DIALECT.shape_command(command)
    assert (shaped.action, json.loads(shaped.payload), shaped.warning) == (action, payload, None)


@pytest.mark.parametrize(("command", "path"), FAULTS)
def test_what_does_not_fit_is_told_where_it_was_said(command: rc.StationCommand, path: str):
    with pytest.raises(Invalid) as refused:
        v16.DIALECT.shape_command(command)
    (problem,) = refused.value.problems
    assert problem.path == path
    assert path == "action" or str(refused.value).startswith(f"{path}: ")


def test_the_type_of_a_token_is_not_carried_and_that_is_said():
    shaped = v16.DIALECT.shape_command(rc.RemoteStart(uid="TAG", token_type="KeyCode"))
    assert json.loads(shaped.payload) == {"idTag": "TAG"}
    assert "type of a token" in (shaped.warning or "")
