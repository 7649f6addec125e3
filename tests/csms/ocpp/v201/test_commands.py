"""Operators' commands in the words of OCPP 2.0.1."""

from __future__ import annotations

from typing import Any

import pytest

from csms.domain import remote_control as rc
from csms.domain.errors import Invalid
from csms.ocpp.schemas import find_fault, request_schema
from csms.ocpp.v201.commands import word

PROFILE: dict[str, Any] = {
    "id": 7,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": [
        {
            "id": 1,
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.5}],
        }
    ],
}
TOKEN = {"idToken": "TAG", "type": "ISO14443"}
INTERVAL = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}
TIMEOUT = {
    "component": {"name": "OCPPCommCtrlr"},
    "variable": {"name": "MessageTimeout", "instance": "Default"},
}
LIMIT = {
    "component": {"name": "LocalEnergyStorage", "instance": "1"},
    "variable": {"name": "Capacity"},
}
SHAPES: list[tuple[rc.NeutralCommand, str, dict[str, Any]]] = [
    (
        rc.RemoteStart(uid="TAG", remote_start_id=5),
        "RequestStartTransaction",
        {"remoteStartId": 5, "idToken": TOKEN},
    ),
    (
        rc.RemoteStart(uid="TAG", token_type="KeyCode", evse=2, profile=PROFILE, remote_start_id=5),
        "RequestStartTransaction",
        {
            "evseId": 2,
            "remoteStartId": 5,
            "idToken": {"idToken": "TAG", "type": "KeyCode"},
            "chargingProfile": PROFILE,
        },
    ),
    (
        rc.RemoteStop(transaction_id="x", ocpp_transaction_id="a-b"),
        "RequestStopTransaction",
        {"transactionId": "a-b"},
    ),
    *(
        (rc.Reset(kind=rc.ResetKind(kind)), "Reset", {"type": wire})
        for kind, wire in {
            "soft": "OnIdle",
            "on-idle": "OnIdle",
            "hard": "Immediate",
            "immediate": "Immediate",
        }.items()
    ),
    (rc.Reset(kind=rc.ResetKind.ON_IDLE, evse=2), "Reset", {"type": "OnIdle", "evseId": 2}),
    (rc.Unlock(evse=1, connector=2), "UnlockConnector", {"evseId": 1, "connectorId": 2}),
    (
        rc.ChangeAvailability(operative=False),
        "ChangeAvailability",
        {"operationalStatus": "Inoperative"},
    ),
    (
        rc.ChangeAvailability(operative=False, evse=0),
        "ChangeAvailability",
        {"operationalStatus": "Inoperative"},
    ),
    (
        rc.ChangeAvailability(operative=True, evse=2),
        "ChangeAvailability",
        {"operationalStatus": "Operative", "evse": {"id": 2}},
    ),
    (rc.TriggerMessage(message="Heartbeat"), "TriggerMessage", {"requestedMessage": "Heartbeat"}),
    (
        rc.TriggerMessage(message="MeterValues", evse=1),
        "TriggerMessage",
        {"requestedMessage": "MeterValues", "evse": {"id": 1}},
    ),
    (
        rc.TriggerMessage(message="StatusNotification", evse=1),
        "TriggerMessage",
        {"requestedMessage": "StatusNotification", "evse": {"id": 1, "connectorId": 1}},
    ),
    (
        rc.TriggerMessage(message="StatusNotification", evse=1, connector=2),
        "TriggerMessage",
        {"requestedMessage": "StatusNotification", "evse": {"id": 1, "connectorId": 2}},
    ),
    (
        rc.GetConfiguration(
            keys=(
                "OCPPCommCtrlr.HeartbeatInterval",
                "OCPPCommCtrlr.MessageTimeout[Default]",
                "LocalEnergyStorage[1].Capacity",
            )
        ),
        "GetVariables",
        {"getVariableData": [INTERVAL, TIMEOUT, LIMIT]},
    ),
    (
        rc.SetConfiguration(key="OCPPCommCtrlr.HeartbeatInterval", value="60"),
        "SetVariables",
        {"setVariableData": [{"attributeValue": "60", **INTERVAL}]},
    ),
    (rc.ClearCache(), "ClearCache", {}),
    (
        rc.SetChargingProfile(evse=0, profile=PROFILE),
        "SetChargingProfile",
        {"evseId": 0, "chargingProfile": PROFILE},
    ),
    (rc.ClearChargingProfile(profile_id=7), "ClearChargingProfile", {"chargingProfileId": 7}),
    (
        rc.ClearChargingProfile(evse=2, purpose="TxProfile", stack_level=0),
        "ClearChargingProfile",
        {
            "chargingProfileCriteria": {
                "evseId": 2,
                "chargingProfilePurpose": "TxProfile",
                "stackLevel": 0,
            }
        },
    ),
    (
        rc.GetCompositeSchedule(evse=1, duration_s=600, unit="W"),
        "GetCompositeSchedule",
        {"evseId": 1, "duration": 600, "chargingRateUnit": "W"},
    ),
    (
        rc.DataTransfer(vendor_id="v", message_id="m", data={"any": [1]}),
        "DataTransfer",
        {"vendorId": "v", "messageId": "m", "data": {"any": [1]}},
    ),
]
MISFITS: list[tuple[rc.NeutralCommand, str, str]] = [
    (rc.RemoteStart(uid="x" * 37), "idToken.idToken", "token"),
    (rc.RemoteStart(uid="x", token_type="?"), "idToken.type", "token_type"),
    (rc.RemoteStop(transaction_id="x", ocpp_transaction_id="y" * 37), "transactionId", "transaction_id"),
    (rc.TriggerMessage(message="?"), "requestedMessage", "message"),
    (
        rc.SetConfiguration(key="A.B", value="x" * 1001),
        "setVariableData[0].attributeValue",
        "value",
    ),
    (rc.ClearChargingProfile(purpose="?"), "chargingProfileCriteria.chargingProfilePurpose", "purpose"),
    (rc.GetCompositeSchedule(evse=1, duration_s=1, unit="V"), "chargingRateUnit", "unit"),
]


@pytest.mark.parametrize(("command", "action", "payload"), SHAPES)
def test_a_command_becomes_a_call_that_fits_its_schema(
    command: rc.NeutralCommand, action: str, payload: dict[str, Any]
):
    worded = word(command)
    assert (worded.action, worded.payload, worded.warning) == (action, payload, None)
    assert find_fault(request_schema("v201", action), worded.payload, date_times=True) is None


@pytest.mark.parametrize(("command", "path", "told"), MISFITS)
def test_each_place_is_called_as_it_was_said(command: rc.NeutralCommand, path: str, told: str):
    worded = word(command)
    fault = find_fault(request_schema("v201", worded.action), worded.payload)
    assert fault is not None
    assert fault.path == path
    assert worded.said_as[path] == told


@pytest.mark.parametrize(
    ("command", "path"),
    [
        (rc.GetConfiguration(), "keys"),
        (rc.GetConfiguration(keys=("A.B", "HeartbeatInterval")), "keys[1]"),
        (rc.GetConfiguration(keys=("A.B.C",)), "keys[0]"),
        (rc.SetConfiguration(key="A[.B", value=""), "key"),
    ],
)
def test_what_names_no_variable_is_refused(command: rc.NeutralCommand, path: str):
    with pytest.raises(Invalid) as refused:
        word(command)
    assert [problem.path for problem in refused.value.problems] == [path]


@pytest.mark.parametrize(
    "command", [rc.TriggerMessage(message="StatusNotification"), rc.ClearChargingProfile()]
)
def test_what_a_station_may_refuse_goes_with_a_warning(command: rc.NeutralCommand):
    worded = word(command)
    assert worded.warning
    assert find_fault(request_schema("v201", worded.action), worded.payload) is None
