"""Operators' commands as calls of OCPP 1.6, where EVSE n is connector n."""

from __future__ import annotations

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

TAG_TYPE = "ISO14443"
"""What a tag of 1.6 is, which says no type."""
_EXTENDED_TRIGGERS = frozenset({"LogStatusNotification", "SignChargePointCertificate"})
"""Security whitepaper §5.7: only ExtendedTriggerMessage knows them."""
_WHOLE_STATION = 0
"""§6.5: the connector number that means all of them."""


def word(command: NeutralCommand) -> Wording:  # noqa: C901, PLR0911, PLR0912 - a case for each command
    """Say a command in the words of 1.6; raises `Invalid`."""
    match command:
        case RemoteStart():
            return _remote_start(command)
        case RemoteStop():
            return Wording(
                action="RemoteStopTransaction", payload={"transactionId": _transaction_id(command)}
            )
        case Reset():
            return _reset(command)
        case Unlock():
            _check_connector(command.connector)
            return _of_evse("UnlockConnector", {"connectorId": command.evse})
        case ChangeAvailability():
            return _of_evse(
                "ChangeAvailability",
                {
                    "connectorId": _WHOLE_STATION if command.evse is None else command.evse,
                    "type": "Operative" if command.operative else "Inoperative",
                },
            )
        case TriggerMessage():
            return _trigger(command)
        case GetConfiguration():
            keys: list[Json] = [*command.keys]
            return Wording(
                action="GetConfiguration",
                payload={"key": keys} if keys else {},
                said_as={"key": "keys"},
            )
        case SetConfiguration():
            payload: dict[str, Json] = {"key": command.key, "value": command.value}
            return Wording(action="ChangeConfiguration", payload=payload)
        case ClearCache():
            return Wording(action="ClearCache", payload={})
        case SetChargingProfile():
            return Wording(
                action="SetChargingProfile",
                payload={"connectorId": command.evse, "csChargingProfiles": dict(command.profile)},
                said_as={"connectorId": "evse", "csChargingProfiles": "profile"},
            )
        case ClearChargingProfile():
            return _clearing(command)
        case GetCompositeSchedule():
            return _composite_schedule(command)
        case DataTransfer():
            return _data_transfer(command)


def _remote_start(command: RemoteStart) -> Wording:
    profile = None if command.profile is None else dict(command.profile)
    typed = command.token_type != TAG_TYPE
    return Wording(
        action="RemoteStartTransaction",
        payload=said(connectorId=command.evse, idTag=command.uid, chargingProfile=profile),
        said_as={"connectorId": "evse", "idTag": "token", "chargingProfile": "profile"},
        warning="OCPP 1.6 does not say the type of a token; a tag is ISO14443" if typed else None,
    )


def _transaction_id(command: RemoteStop) -> int:
    try:
        return int(command.ocpp_transaction_id)
    except ValueError:
        message = "the station gave this transaction no number, so OCPP 1.6 can't stop it"
        raise Invalid(f"transaction_id: {message}", [FieldProblem("transaction_id", message)]) from None


def _reset(command: Reset) -> Wording:
    if command.evse is not None:
        message = "must be null: OCPP 1.6 restarts the whole station"
        raise Invalid(f"evse: {message}", [FieldProblem("evse", message)])
    return Wording(action="Reset", payload={"type": "Soft" if command.kind.waits else "Hard"})


def _trigger(command: TriggerMessage) -> Wording:
    if command.connector is not None:
        _check_connector(command.connector)
    extended = command.message in _EXTENDED_TRIGGERS
    return Wording(
        action="ExtendedTriggerMessage" if extended else "TriggerMessage",
        payload=said(requestedMessage=command.message, connectorId=command.evse),
        said_as={"requestedMessage": "message", "connectorId": "evse"},
    )


def _clearing(command: ClearChargingProfile) -> Wording:
    return Wording(
        action="ClearChargingProfile",
        payload=said(
            id=command.profile_id,
            connectorId=command.evse,
            chargingProfilePurpose=command.purpose,
            stackLevel=command.stack_level,
        ),
        said_as={
            "id": "profile_id",
            "connectorId": "evse",
            "chargingProfilePurpose": "purpose",
            "stackLevel": "stack_level",
        },
    )


def _composite_schedule(command: GetCompositeSchedule) -> Wording:
    return Wording(
        action="GetCompositeSchedule",
        payload=said(connectorId=command.evse, duration=command.duration_s, chargingRateUnit=command.unit),
        said_as={"connectorId": "evse", "duration": "duration_s", "chargingRateUnit": "unit"},
    )


def _data_transfer(command: DataTransfer) -> Wording:
    if command.data is not None and not isinstance(command.data, str):
        message = "must be a text: OCPP 1.6 carries no other data"
        raise Invalid(f"data: {message}", [FieldProblem("data", message)])
    return Wording(
        action="DataTransfer",
        payload=said(vendorId=command.vendor_id, messageId=command.message_id, data=command.data),
        said_as={"vendorId": "vendor_id", "messageId": "message_id"},
    )


def _of_evse(action: str, payload: dict[str, Json]) -> Wording:
    return Wording(action=action, payload=payload, said_as={"connectorId": "evse"})


def _check_connector(connector: int) -> None:
    if connector != 1:
        message = "must be 1: in OCPP 1.6 each connector is an EVSE of its own"
        raise Invalid(f"connector: {message}", [FieldProblem("connector", message)])
