"""Functional block O, Display Messages."""

from __future__ import annotations

from typing import Any

from csms.ocpp.tables import Inbound, Outbound, notice
from csms.ocpp.v201 import messages as m

INBOUND: dict[str, Inbound[Any, Any]] = {
    "NotifyDisplayMessages": notice(
        "display-messages.report", m.NotifyDisplayMessagesRequest, m.NotifyDisplayMessagesResponse()
    ),
}

OUTBOUND: dict[str, Outbound] = {
    "ClearDisplayMessage": Outbound(m.ClearDisplayMessageRequest, m.ClearDisplayMessageResponse),
    "GetDisplayMessages": Outbound(m.GetDisplayMessagesRequest, m.GetDisplayMessagesResponse),
    "SetDisplayMessage": Outbound(m.SetDisplayMessageRequest, m.SetDisplayMessageResponse),
}
