"""Functional block G, Availability: which connectors can be used, and that the station is alive."""

from __future__ import annotations

from typing import Any

import msgspec

from csms.domain.answers import Acknowledged, HeartbeatAnswer
from csms.domain.events import HeartbeatReceived, NoticeReceived, StatusReported
from csms.domain.times import format_utc
from csms.ocpp import times
from csms.ocpp.tables import Inbound, Outbound, Reading
from csms.ocpp.v201 import messages as m
from csms.ocpp.v201.places import number


def _heartbeat(_request: m.HeartbeatRequest, _reading: Reading) -> HeartbeatReceived:
    return HeartbeatReceived()


def _heartbeat_response(answer: HeartbeatAnswer) -> m.HeartbeatResponse:
    return m.HeartbeatResponse(currentTime=format_utc(answer.now_us))


def _status(request: m.StatusNotificationRequest, _reading: Reading) -> StatusReported | NoticeReceived:
    evse = number(request.evseId, "evseId")
    connector = number(request.connectorId, "connectorId")
    if (evse == 0) != (connector == 0):
        # No connector has such a number (2.0.1 part 1 §7.1); taken for one, it would never be heard of again.
        return NoticeReceived(kind="status.of-no-connector", data=msgspec.json.encode(request).decode())
    return StatusReported(
        evse=evse,
        connector=connector,
        status=request.connectorStatus,
        error=None,
        device_at_us=times.parse(request.timestamp),
    )


INBOUND: dict[str, Inbound[Any, Any]] = {
    "Heartbeat": Inbound(
        request=m.HeartbeatRequest,
        translate=_heartbeat,
        answer=HeartbeatAnswer,
        shape=_heartbeat_response,
    ),
    "StatusNotification": Inbound(
        request=m.StatusNotificationRequest,
        translate=_status,
        answer=Acknowledged,
        shape=lambda _: m.StatusNotificationResponse(),
    ),
}

OUTBOUND: dict[str, Outbound] = {
    "ChangeAvailability": Outbound(m.ChangeAvailabilityRequest, m.ChangeAvailabilityResponse),
}
