"""Functional block H, Reservation."""

from __future__ import annotations

from typing import Any

from csms.ocpp.tables import Inbound, Outbound, notice
from csms.ocpp.v201 import messages as m

INBOUND: dict[str, Inbound[Any, Any]] = {
    "ReservationStatusUpdate": notice(
        "reservation.status", m.ReservationStatusUpdateRequest, m.ReservationStatusUpdateResponse()
    ),
}

OUTBOUND: dict[str, Outbound] = {
    "CancelReservation": Outbound(m.CancelReservationRequest, m.CancelReservationResponse),
    "ReserveNow": Outbound(m.ReserveNowRequest, m.ReserveNowResponse),
}
