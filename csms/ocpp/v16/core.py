"""The Core profile of OCPP 1.6: what every station says and can be asked."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET

from csms.domain import answers, events
from csms.domain.times import format_utc
from csms.domain.token import Judgement
from csms.ocpp import times
from csms.ocpp.rpc.errors import ErrorKind
from csms.ocpp.schemas import Fault
from csms.ocpp.tables import Inbound, Outbound, Reading, Untranslatable
from csms.ocpp.v16 import messages as m
from csms.ocpp.v16 import metering
from csms.ocpp.v16.repairs import NOT_SAID
from csms.ocpp.values import LARGEST_PLACE, given_id, said

TOKEN_TYPE = "ISO14443"  # noqa: S105  # what kind of token it is, no secret
"""1.6 knows one kind of token (api.md "Token")."""

LONGEST_ID_TAG = 20


def place(connector_id: int) -> tuple[int, int]:
    """Return EVSE and connector of a 1.6 connector: each is an EVSE with one connector, 0 is the station."""
    if not 0 <= connector_id <= LARGEST_PLACE:
        # OCPP 1.6 §3.8: connectors count from 1, and 0 is the station; the schema forgets to say so.
        raise Untranslatable(Fault(ErrorKind.PROPERTY, "connectorId", "is no number of a connector"))
    return (connector_id, 1) if connector_id else (0, 0)


def _register(value: int, member: str) -> float:
    try:
        return float(value)
    except OverflowError:
        fault = Fault(ErrorKind.PROPERTY, member, "is no register of a meter")
        raise Untranslatable(fault) from None


def _authorize(request: m.AuthorizeRequest, _reading: Reading) -> events.AuthorizationRequested:
    return events.AuthorizationRequested(uid=request.idTag, token_type=TOKEN_TYPE)


def _boot(request: m.BootNotificationRequest, _reading: Reading) -> events.Booted:
    box, point = said(request.chargeBoxSerialNumber), said(request.chargePointSerialNumber)
    details = {
        "box_serial": box,
        "iccid": said(request.iccid),
        "imsi": said(request.imsi),
        "meter_type": said(request.meterType),
        "meter_serial": said(request.meterSerialNumber),
    }
    return events.Booted(
        vendor=request.chargePointVendor,
        model=request.chargePointModel,
        serial=point or box,
        firmware=said(request.firmwareVersion),
        details=msgspec.json.encode({key: value for key, value in details.items() if value}).decode(),
    )


def _vendor_data(request: m.DataTransferRequest, _reading: Reading) -> events.VendorDataReceived:
    return events.VendorDataReceived(
        vendor_id=request.vendorId,
        message_id=None if request.messageId is UNSET else request.messageId,
        data=None if request.data is UNSET else request.data,
    )


def _heartbeat(_request: m.HeartbeatRequest, _reading: Reading) -> events.HeartbeatReceived:
    return events.HeartbeatReceived()


def _meter_values(request: m.MeterValuesRequest, reading: Reading) -> events.SamplesReported:
    evse, connector = place(request.connectorId)
    samples, signed = metering.read(request.meterValue, reading, at_station=evse == 0)
    return events.SamplesReported(
        evse=evse,
        connector=connector,
        ocpp_id=None if request.transactionId is UNSET else str(request.transactionId),
        samples=samples,
        signed=signed,
    )


def _start(request: m.StartTransactionRequest, _reading: Reading) -> events.TransactionStartReported:
    evse, connector = place(request.connectorId)
    return events.TransactionStartReported(
        evse=evse,
        connector=connector,
        uid=request.idTag,
        token_type=TOKEN_TYPE,
        device_at=times.as_said(request.timestamp),
        device_at_us=times.parse(request.timestamp),
        meter_wh=_register(request.meterStart, "meterStart"),
        reservation_id=given_id(request.reservationId),
    )


def _stop(request: m.StopTransactionRequest, reading: Reading) -> events.TransactionStopReported:
    data = () if request.transactionData is UNSET else request.transactionData
    samples, signed = metering.read(data, reading)
    return events.TransactionStopReported(
        ocpp_id=None if request.transactionId == NOT_SAID else str(request.transactionId),
        uid=said(request.idTag),
        token_type=TOKEN_TYPE,
        device_at=times.as_said(request.timestamp),
        device_at_us=times.parse(request.timestamp),
        meter_wh=None if request.meterStop == NOT_SAID else _register(request.meterStop, "meterStop"),
        reason=None if request.reason is UNSET else request.reason,
        samples=samples,
        signed=signed,
    )


def _status(request: m.StatusNotificationRequest, _reading: Reading) -> events.StatusReported:
    evse, connector = place(request.connectorId)
    return events.StatusReported(
        evse=evse,
        connector=connector,
        status=request.status,
        error=None if request.errorCode == "NoError" else request.errorCode,
        info=said(request.info),
        vendor_error=said(request.vendorErrorCode),
        device_at_us=None if request.timestamp is UNSET else times.parse(request.timestamp),
    )


def _id_tag_info(judgement: Judgement) -> m.IdTagInfo:
    expires_at_us, group = judgement.expires_at_us, judgement.group
    return m.IdTagInfo(
        expiryDate=UNSET if expires_at_us is None else format_utc(expires_at_us),
        # A group's name cut short would be another group's.
        parentIdTag=UNSET if group is None or len(group) > LONGEST_ID_TAG else group,
        status=judgement.verdict.value,
    )


def _boot_response(answer: answers.BootAnswer) -> m.BootNotificationResponse:
    return m.BootNotificationResponse(
        status=answer.registration.value,
        currentTime=format_utc(answer.now_us),
        interval=answer.interval_s,
    )


def _heartbeat_response(answer: answers.HeartbeatAnswer) -> m.HeartbeatResponse:
    return m.HeartbeatResponse(currentTime=format_utc(answer.now_us))


def _authorize_response(answer: answers.AuthorizationAnswer) -> m.AuthorizeResponse:
    return m.AuthorizeResponse(idTagInfo=_id_tag_info(answer.judgement))


def _start_response(answer: answers.StartAnswer) -> m.StartTransactionResponse:
    id_tag_info = _id_tag_info(answer.judgement)
    return m.StartTransactionResponse(idTagInfo=id_tag_info, transactionId=int(answer.ocpp_id))


def _stop_response(answer: answers.StopAnswer) -> m.StopTransactionResponse:
    judgement = answer.judgement
    return m.StopTransactionResponse(idTagInfo=UNSET if judgement is None else _id_tag_info(judgement))


def _vendor_data_response(_answer: answers.VendorDataAnswer) -> m.DataTransferResponse:
    # OCPP 1.6 §4.3: where no vendor is known, this status and no data.
    return m.DataTransferResponse(status="UnknownVendorId")


INBOUND: dict[str, Inbound[Any, Any]] = {
    "Authorize": Inbound(
        request=m.AuthorizeRequest,
        translate=_authorize,
        answer=answers.AuthorizationAnswer,
        shape=_authorize_response,
    ),
    "BootNotification": Inbound(
        request=m.BootNotificationRequest,
        translate=_boot,
        answer=answers.BootAnswer,
        shape=_boot_response,
    ),
    "DataTransfer": Inbound(
        request=m.DataTransferRequest,
        translate=_vendor_data,
        answer=answers.VendorDataAnswer,
        shape=_vendor_data_response,
    ),
    "Heartbeat": Inbound(
        request=m.HeartbeatRequest,
        translate=_heartbeat,
        answer=answers.HeartbeatAnswer,
        shape=_heartbeat_response,
    ),
    "MeterValues": Inbound(
        request=m.MeterValuesRequest,
        translate=_meter_values,
        answer=answers.Acknowledged,
        shape=lambda _: m.MeterValuesResponse(),
        unreadable="samples",
    ),
    "StartTransaction": Inbound(
        request=m.StartTransactionRequest,
        translate=_start,
        answer=answers.StartAnswer,
        shape=_start_response,
        unreadable="transaction.start",
    ),
    "StatusNotification": Inbound(
        request=m.StatusNotificationRequest,
        translate=_status,
        answer=answers.Acknowledged,
        shape=lambda _: m.StatusNotificationResponse(),
    ),
    "StopTransaction": Inbound(
        request=m.StopTransactionRequest,
        translate=_stop,
        answer=answers.StopAnswer,
        shape=_stop_response,
        unreadable="transaction.stop",
    ),
}

OUTBOUND: dict[str, Outbound] = {
    "ChangeAvailability": Outbound(m.ChangeAvailabilityRequest, m.ChangeAvailabilityResponse),
    "ChangeConfiguration": Outbound(m.ChangeConfigurationRequest, m.ChangeConfigurationResponse),
    "ClearCache": Outbound(m.ClearCacheRequest, m.ClearCacheResponse),
    "DataTransfer": Outbound(m.DataTransferRequest, m.DataTransferResponse),
    "GetConfiguration": Outbound(m.GetConfigurationRequest, m.GetConfigurationResponse),
    "RemoteStartTransaction": Outbound(m.RemoteStartTransactionRequest, m.RemoteStartTransactionResponse),
    "RemoteStopTransaction": Outbound(m.RemoteStopTransactionRequest, m.RemoteStopTransactionResponse),
    "Reset": Outbound(m.ResetRequest, m.ResetResponse),
    "UnlockConnector": Outbound(m.UnlockConnectorRequest, m.UnlockConnectorResponse),
}
