"""Functional block N, Diagnostics: logs, monitors of the device model, and what they tell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

import msgspec
from msgspec import UNSET

from csms.domain.answers import Acknowledged
from csms.domain.events import DeviceEventsReported, StatusReported
from csms.ocpp import times
from csms.ocpp.tables import Inbound, Outbound, Reading, notice
from csms.ocpp.v201 import messages as m
from csms.ocpp.v201.places import place


def _events(request: m.NotifyEventRequest, _reading: Reading) -> DeviceEventsReported:
    return DeviceEventsReported(
        data=msgspec.json.encode(request).decode(), statuses=tuple(_statuses(request.eventData))
    )


def _statuses(told: tuple[m.EventData, ...]) -> Iterator[StatusReported]:
    """Yield the statuses of connectors and of the station: G01 lets them come as events of the device model."""
    for index, event in enumerate(told):
        if event.variable.name.casefold() != "availabilitystate" or event.actualValue not in get_args(
            m.ConnectorStatusEnum
        ):
            continue
        component = event.component.name.casefold()
        evse, connector = place(event.component.evse, f"eventData[{index}].component.evse")
        at_connector = component == "connector" and connector is not None
        if not at_connector and (component, evse) != ("chargingstation", None):
            continue
        yield StatusReported(
            evse=evse or 0,
            connector=connector or 0,
            status=event.actualValue,
            error=None,
            info=None if event.techInfo is UNSET else event.techInfo,
            vendor_error=None if event.techCode is UNSET else event.techCode,
            device_at_us=times.parse(event.timestamp),
        )


INBOUND: dict[str, Inbound[Any, Any]] = {
    "LogStatusNotification": notice(
        "log.status", m.LogStatusNotificationRequest, m.LogStatusNotificationResponse()
    ),
    "NotifyCustomerInformation": notice(
        "customer-information.report",
        m.NotifyCustomerInformationRequest,
        m.NotifyCustomerInformationResponse(),
    ),
    "NotifyEvent": Inbound(
        request=m.NotifyEventRequest,
        translate=_events,
        answer=Acknowledged,
        shape=lambda _: m.NotifyEventResponse(),
    ),
    "NotifyMonitoringReport": notice(
        "monitoring.report", m.NotifyMonitoringReportRequest, m.NotifyMonitoringReportResponse()
    ),
}

OUTBOUND: dict[str, Outbound] = {
    "ClearVariableMonitoring": Outbound(m.ClearVariableMonitoringRequest, m.ClearVariableMonitoringResponse),
    "CustomerInformation": Outbound(m.CustomerInformationRequest, m.CustomerInformationResponse),
    "GetLog": Outbound(m.GetLogRequest, m.GetLogResponse),
    "GetMonitoringReport": Outbound(m.GetMonitoringReportRequest, m.GetMonitoringReportResponse),
    "SetMonitoringBase": Outbound(m.SetMonitoringBaseRequest, m.SetMonitoringBaseResponse),
    "SetMonitoringLevel": Outbound(m.SetMonitoringLevelRequest, m.SetMonitoringLevelResponse),
    "SetVariableMonitoring": Outbound(m.SetVariableMonitoringRequest, m.SetVariableMonitoringResponse),
}
