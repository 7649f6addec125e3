"""Functional block E, Transactions: each part of a transaction is one event, whose id the station gives."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, UnsetType

from csms.domain.answers import TransactionEventAnswer
from csms.domain.events import TransactionEventReported, TransactionStage
from csms.ocpp import times
from csms.ocpp.rpc.errors import ErrorKind
from csms.ocpp.schemas import Fault
from csms.ocpp.tables import Inbound, Outbound, Reading, Untranslatable
from csms.ocpp.v201 import messages as m
from csms.ocpp.v201 import meter_values
from csms.ocpp.v201.authorization import id_token_info
from csms.ocpp.values import LARGEST_PLACE, given_id

LARGEST_SEQUENCE_NUMBER = 2**63 - 1
"""What the store holds; some stations count in milliseconds since 1970."""
MOST_PHASES = 3


def _event(request: m.TransactionEventRequest, reading: Reading) -> TransactionEventReported:
    about = request.transactionInfo
    if not about.transactionId:
        raise Untranslatable(Fault(ErrorKind.PROPERTY, "transactionInfo.transactionId", "is empty"))
    if not 0 <= request.seqNo <= LARGEST_SEQUENCE_NUMBER:
        raise Untranslatable(Fault(ErrorKind.PROPERTY, "seqNo", "is no number of an event"))
    evse, connector = _place(request.evse)
    token = request.idToken
    samples, signed = meter_values.read(() if request.meterValue is UNSET else request.meterValue, reading)
    return TransactionEventReported(
        stage=TransactionStage(request.eventType),
        ocpp_id=about.transactionId,
        seq_no=request.seqNo,
        trigger=request.triggerReason,
        device_at=times.as_said(request.timestamp),
        device_at_us=times.parse(request.timestamp),
        offline=request.offline is True,
        evse=evse,
        connector=connector,
        uid=None if token is UNSET else token.idToken,
        token_type="" if token is UNSET else token.type,
        charging_state=None if about.chargingState is UNSET else about.chargingState,
        stop_reason=None if about.stoppedReason is UNSET else about.stoppedReason,
        remote_start_id=given_id(about.remoteStartId),
        reservation_id=given_id(request.reservationId),
        phases_used=_phases(request.numberOfPhasesUsed),
        samples=samples,
        signed=signed,
    )


def _place(evse: m.EVSE | UnsetType) -> tuple[int | None, int | None]:
    """Return EVSE and connector; a number that none can have is not said, for the event must be kept."""
    if evse is UNSET or not 0 < evse.id <= LARGEST_PLACE:
        return None, None
    connector = evse.connectorId
    return evse.id, None if connector is UNSET or not 0 < connector <= LARGEST_PLACE else connector


def _phases(value: int | UnsetType) -> int | None:
    return None if value is UNSET or not 1 <= value <= MOST_PHASES else value


def _response(answer: TransactionEventAnswer) -> m.TransactionEventResponse:
    judgement = answer.judgement
    return m.TransactionEventResponse(idTokenInfo=UNSET if judgement is None else id_token_info(judgement))


INBOUND: dict[str, Inbound[Any, Any]] = {
    "TransactionEvent": Inbound(
        request=m.TransactionEventRequest,
        translate=_event,
        answer=TransactionEventAnswer,
        shape=_response,
        unreadable="transaction.event",
    ),
}

OUTBOUND: dict[str, Outbound] = {
    "GetTransactionStatus": Outbound(m.GetTransactionStatusRequest, m.GetTransactionStatusResponse),
}
