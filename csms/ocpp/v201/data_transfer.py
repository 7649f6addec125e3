"""Functional block P, Data Transfer: what vendors say among themselves."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from csms.domain.answers import VendorDataAnswer
from csms.domain.events import VendorDataReceived
from csms.ocpp.tables import Inbound, Outbound, Reading
from csms.ocpp.v201 import messages as m


def _vendor_data(request: m.DataTransferRequest, _reading: Reading) -> VendorDataReceived:
    return VendorDataReceived(
        vendor_id=request.vendorId,
        message_id=None if request.messageId is UNSET else request.messageId,
        data=_text(request.data),
    )


def _text(data: Raw | UnsetType) -> str | None:
    """Return a string as it is and all other JSON as it was written; null is nothing."""
    if data is UNSET:
        return None
    text = bytes(data).decode().strip()
    if text.startswith('"'):
        return msgspec.json.decode(text, type=str)
    return None if text == "null" else text


def _response(_answer: VendorDataAnswer) -> m.DataTransferResponse:
    # P02.FR.06: where no vendor is known, this status and no data.
    return m.DataTransferResponse(status="UnknownVendorId")


INBOUND: dict[str, Inbound[Any, Any]] = {
    "DataTransfer": Inbound(
        request=m.DataTransferRequest,
        translate=_vendor_data,
        answer=VendorDataAnswer,
        shape=_response,
    ),
}

OUTBOUND: dict[str, Outbound] = {
    "DataTransfer": Outbound(m.DataTransferRequest, m.DataTransferResponse),
}
