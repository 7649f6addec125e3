"""Functional block L, Firmware Management."""

from __future__ import annotations

from typing import Any

from csms.ocpp.tables import Inbound, Outbound, notice
from csms.ocpp.v201 import messages as m

INBOUND: dict[str, Inbound[Any, Any]] = {
    "FirmwareStatusNotification": notice(
        "firmware.status", m.FirmwareStatusNotificationRequest, m.FirmwareStatusNotificationResponse()
    ),
    "PublishFirmwareStatusNotification": notice(
        "firmware.publication",
        m.PublishFirmwareStatusNotificationRequest,
        m.PublishFirmwareStatusNotificationResponse(),
    ),
}

OUTBOUND: dict[str, Outbound] = {
    "PublishFirmware": Outbound(m.PublishFirmwareRequest, m.PublishFirmwareResponse),
    "UnpublishFirmware": Outbound(m.UnpublishFirmwareRequest, m.UnpublishFirmwareResponse),
    "UpdateFirmware": Outbound(m.UpdateFirmwareRequest, m.UpdateFirmwareResponse),
}
