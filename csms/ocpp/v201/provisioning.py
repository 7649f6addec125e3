"""Functional block B, Provisioning: boots, and what a station's device model says and is told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import UNSET

from csms.domain import answers, events
from csms.domain.times import format_utc
from csms.ocpp import times
from csms.ocpp.rpc.errors import ErrorKind
from csms.ocpp.schemas import Fault
from csms.ocpp.tables import Inbound, Outbound, Reading, Untranslatable
from csms.ocpp.v201 import messages as m
from csms.ocpp.v201.places import place
from csms.ocpp.values import LARGEST_INTEGER, said


def _boot(request: m.BootNotificationRequest, _reading: Reading) -> events.Booted:
    station = request.chargingStation
    modem = station.modem
    details = {
        "reason": request.reason,
        "iccid": None if modem is UNSET else said(modem.iccid),
        "imsi": None if modem is UNSET else said(modem.imsi),
    }
    return events.Booted(
        vendor=station.vendorName,
        model=station.model,
        serial=said(station.serialNumber),
        firmware=said(station.firmwareVersion),
        details=msgspec.json.encode({key: value for key, value in details.items() if value}).decode(),
    )


def _report(request: m.NotifyReportRequest, _reading: Reading) -> events.DeviceModelReported:
    data = () if request.reportData is UNSET else request.reportData
    return events.DeviceModelReported(
        request_id=_counted(request.requestId, "requestId"),
        seq_no=_counted(request.seqNo, "seqNo"),
        more_follows=request.tbc is True,
        device_at_us=times.parse(request.generatedAt),
        variables=tuple(
            variable
            for index, reported in enumerate(data)
            for variable in _variables(reported, f"reportData[{index}].component.evse")
        ),
    )


def _counted(number: int, path: str) -> int:
    if abs(number) > LARGEST_INTEGER:
        raise Untranslatable(Fault(ErrorKind.PROPERTY, path, "is beyond all numbers that a station may use"))
    return number


def _variables(reported: m.ReportData, path: str) -> Iterator[events.ReportedVariable]:
    """Yield each attribute of a variable."""
    component, variable = reported.component, reported.variable
    evse, connector = place(component.evse, path)
    said_of_it = reported.variableCharacteristics
    characteristics = "{}" if said_of_it is UNSET else msgspec.json.encode(said_of_it).decode()
    for attribute in reported.variableAttribute:
        yield events.ReportedVariable(
            component=component.name,
            component_instance=said(component.instance),
            evse=evse,
            connector=connector,
            variable=variable.name,
            variable_instance=said(variable.instance),
            # 2.0.1 part 2 §2.51: Actual where nothing is said.
            attribute="Actual" if attribute.type is UNSET else attribute.type,
            value=None if attribute.value is UNSET else attribute.value,
            mutability=None if attribute.mutability is UNSET else attribute.mutability,
            characteristics=characteristics,
        )


def _boot_response(answer: answers.BootAnswer) -> m.BootNotificationResponse:
    return m.BootNotificationResponse(
        currentTime=format_utc(answer.now_us),
        interval=answer.interval_s,
        status=answer.registration.value,
    )


INBOUND: dict[str, Inbound[Any, Any]] = {
    "BootNotification": Inbound(
        request=m.BootNotificationRequest,
        translate=_boot,
        answer=answers.BootAnswer,
        shape=_boot_response,
    ),
    "NotifyReport": Inbound(
        request=m.NotifyReportRequest,
        translate=_report,
        answer=answers.Acknowledged,
        shape=lambda _: m.NotifyReportResponse(),
    ),
}

OUTBOUND: dict[str, Outbound] = {
    "GetBaseReport": Outbound(m.GetBaseReportRequest, m.GetBaseReportResponse),
    "GetReport": Outbound(m.GetReportRequest, m.GetReportResponse),
    "GetVariables": Outbound(m.GetVariablesRequest, m.GetVariablesResponse),
    "Reset": Outbound(m.ResetRequest, m.ResetResponse),
    "SetNetworkProfile": Outbound(m.SetNetworkProfileRequest, m.SetNetworkProfileResponse),
    "SetVariables": Outbound(m.SetVariablesRequest, m.SetVariablesResponse),
}
