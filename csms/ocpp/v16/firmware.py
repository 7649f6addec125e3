"""The Firmware Management profile of OCPP 1.6; its signed successor is in `security`."""

from __future__ import annotations

from typing import Any

from csms.ocpp.tables import Inbound, Outbound, notice
from csms.ocpp.v16 import messages as m

INBOUND: dict[str, Inbound[Any, Any]] = {
    "DiagnosticsStatusNotification": notice(
        "diagnostics.status",
        m.DiagnosticsStatusNotificationRequest,
        m.DiagnosticsStatusNotificationResponse(),
    ),
    "FirmwareStatusNotification": notice(
        "firmware.status", m.FirmwareStatusNotificationRequest, m.FirmwareStatusNotificationResponse()
    ),
}

OUTBOUND: dict[str, Outbound] = {
    "GetDiagnostics": Outbound(m.GetDiagnosticsRequest, m.GetDiagnosticsResponse),
    "UpdateFirmware": Outbound(m.UpdateFirmwareRequest, m.UpdateFirmwareResponse),
}
