"""Functional block F, Remote Control; only a central system speaks first in it."""

from __future__ import annotations

from typing import Any

from csms.ocpp.tables import Inbound, Outbound
from csms.ocpp.v201 import messages as m

INBOUND: dict[str, Inbound[Any, Any]] = {}

OUTBOUND: dict[str, Outbound] = {
    "RequestStartTransaction": Outbound(m.RequestStartTransactionRequest, m.RequestStartTransactionResponse),
    "RequestStopTransaction": Outbound(m.RequestStopTransactionRequest, m.RequestStopTransactionResponse),
    "TriggerMessage": Outbound(m.TriggerMessageRequest, m.TriggerMessageResponse),
    "UnlockConnector": Outbound(m.UnlockConnectorRequest, m.UnlockConnectorResponse),
}
