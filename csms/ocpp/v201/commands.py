"""Operators' commands as calls of OCPP 2.0.1."""

from __future__ import annotations

from typing import cast

import msgspec

from csms.domain.errors import FieldProblem, Invalid
from csms.domain.remote_control import (
    ChangeAvailability,
    ClearCache,
    ClearChargingProfile,
    DataTransfer,
    GetCompositeSchedule,
    GetConfiguration,
    NeutralCommand,
    RemoteStart,
    RemoteStop,
    Reset,
    SetChargingProfile,
    SetConfiguration,
    TriggerMessage,
    Unlock,
)
from csms.ocpp.schemas import Json
from csms.ocpp.tables import Wording, said
from csms.ocpp.v201.variables import on_the_wire, parse

_OF_A_CONNECTOR = "StatusNotification"
"""F06.FR.13: only asked for with a connector."""
_FIRST_CONNECTOR = 1


def word(command: NeutralCommand) -> Wording:  # noqa: C901, PLR0911, PLR0912 - a case for each command
    """Say a command in the words of 2.0.1; raises `Invalid`."""
    match command:
        case RemoteStart():
            return _remote_start(command)
        case RemoteStop():
            return Wording(
                action="RequestStopTransaction",
                payload={"transactionId": command.ocpp_transaction_id},
                said_as={"transactionId": "transaction_id"},
            )
        case Reset():
            kind = "OnIdle" if command.kind.waits else "Immediate"
            return _wording("Reset", {"evseId": "evse"}, said(type=kind, evseId=command.evse))
        case Unlock():
            return _wording(
                "UnlockConnector",
                {"evseId": "evse", "connectorId": "connector"},
                {"evseId": command.evse, "connectorId": command.connector},
            )
        case ChangeAvailability():
            status = "Operative" if command.operative else "Inoperative"
            evse = _evse(command.evse)
            return _wording(
                "ChangeAvailability", {"evse.id": "evse"}, said(operationalStatus=status, evse=evse)
            )
        case TriggerMessage():
            return _trigger(command)
        case GetConfiguration():
            return _reading(command)
        case SetConfiguration():
            return _writing(command)
        case ClearCache():
            return Wording(action="ClearCache", payload={})
        case SetChargingProfile():
            return _wording(
                "SetChargingProfile",
                {"evseId": "evse", "chargingProfile": "profile"},
                {"evseId": command.evse, "chargingProfile": dict(command.profile)},
            )
        case ClearChargingProfile():
            return _clearing(command)
        case GetCompositeSchedule():
            return _wording(
                "GetCompositeSchedule",
                {"evseId": "evse", "duration": "duration_s", "chargingRateUnit": "unit"},
                said(evseId=command.evse, duration=command.duration_s, chargingRateUnit=command.unit),
            )
        case DataTransfer():
            return _wording(
                "DataTransfer",
                {"vendorId": "vendor_id", "messageId": "message_id"},
                said(
                    vendorId=command.vendor_id,
                    messageId=command.message_id,
                    data=cast("Json", command.data),
                ),
            )


def _wording(action: str, said_as: dict[str, str], payload: dict[str, Json]) -> Wording:
    return Wording(action=action, payload=payload, said_as=said_as)


def _remote_start(command: RemoteStart) -> Wording:
    token: dict[str, Json] = {"idToken": command.uid, "type": command.token_type}
    profile = None if command.profile is None else dict(command.profile)
    return Wording(
        action="RequestStartTransaction",
        payload=said(
            evseId=command.evse,
            remoteStartId=command.remote_start_id,
            idToken=token,
            chargingProfile=profile,
        ),
        said_as={
            "evseId": "evse",
            "idToken.idToken": "token",
            "idToken.type": "token_type",
            "chargingProfile": "profile",
        },
    )


def _evse(evse: int | None, connector: int | None = None) -> Json:
    """Return an EVSEType; without one, or for number 0, the whole station is meant (G04, F06.FR.11)."""
    return said(id=evse, connectorId=connector) if evse else None


def _trigger(command: TriggerMessage) -> Wording:
    warning = None
    connector = command.connector
    if command.message == _OF_A_CONNECTOR:
        connector = connector or _FIRST_CONNECTOR
        if not command.evse:
            warning = "a station tells the status of one connector at a time (F06.FR.12); say an evse"
    return Wording(
        action="TriggerMessage",
        payload=said(requestedMessage=command.message, evse=_evse(command.evse, connector)),
        said_as={"requestedMessage": "message", "evse.id": "evse", "evse.connectorId": "connector"},
        warning=warning,
    )


def _reading(command: GetConfiguration) -> Wording:
    if not command.keys:
        message = "must name variables, as OCPPCommCtrlr.HeartbeatInterval; ocpp/GetBaseReport asks for all"
        raise Invalid(f"keys: {message}", [FieldProblem("keys", message)])
    data: list[Json] = [_named(key, f"keys[{index}]") for index, key in enumerate(command.keys)]
    return _wording("GetVariables", {"getVariableData": "keys"}, {"getVariableData": data})


def _writing(command: SetConfiguration) -> Wording:
    data: list[Json] = [{"attributeValue": command.value, **_named(command.key, "key")}]
    return _wording(
        "SetVariables",
        {"setVariableData[0].attributeValue": "value", "setVariableData[0]": "key"},
        {"setVariableData": data},
    )


def _named(key: str, path: str) -> dict[str, Json]:
    name = parse(key)
    if name is None:
        message = "must be Component.Variable, each with its [instance] where it has one"
        raise Invalid(f"{path}: {message}", [FieldProblem(path, message)])
    component, variable = on_the_wire(name)
    return {"component": msgspec.to_builtins(component), "variable": msgspec.to_builtins(variable)}


def _clearing(command: ClearChargingProfile) -> Wording:
    criteria = said(
        evseId=command.evse,
        chargingProfilePurpose=command.purpose,
        stackLevel=command.stack_level,
    )
    names_nothing = not criteria and command.profile_id is None
    return Wording(
        action="ClearChargingProfile",
        payload=said(chargingProfileId=command.profile_id, chargingProfileCriteria=criteria or None),
        said_as={
            "chargingProfileId": "profile_id",
            "chargingProfileCriteria.evseId": "evse",
            "chargingProfileCriteria.chargingProfilePurpose": "purpose",
            "chargingProfileCriteria.stackLevel": "stack_level",
        },
        warning="a station expects an id or criteria (K10.FR.02)" if names_nothing else None,
    )
