from __future__ import annotations

import json
from typing import Any

import pytest

from csms.domain.events import DeviceEventsReported, StatusReported
from csms.ocpp.dialect import Decoded
from csms.ocpp.rpc.errors import ErrorKind, Refusal
from csms.ocpp.v201 import DIALECT

AT = "2024-05-01T12:00:00Z"
AT_US = 1_714_564_800_000_000


def told(
    component: str, evse: dict[str, int] | None, value: str, variable: str = "AvailabilityState", **more: Any
) -> dict[str, Any]:
    return {
        "eventId": 1,
        "timestamp": AT,
        "trigger": "Delta",
        "actualValue": value,
        "eventNotificationType": "HardWiredNotification",
        "component": {"name": component} | ({} if evse is None else {"evse": evse}),
        "variable": {"name": variable},
    } | more


def decode(*events: dict[str, Any]) -> Decoded | Refusal:
    payload = {"generatedAt": AT, "seqNo": 0, "eventData": list(events)}
    return DIALECT.decode("NotifyEvent", json.dumps(payload).encode(), AT_US)


def statuses(*events: dict[str, Any]) -> tuple[StatusReported, ...]:
    decoded = decode(*events)
    assert isinstance(decoded, Decoded)
    assert isinstance(decoded.event, DeviceEventsReported)
    assert json.loads(decoded.event.data)["eventData"] == list(events)
    return decoded.event.statuses


def test_g01_a_connectors_status_may_come_as_an_event_of_the_device_model():
    assert statuses(
        told("Connector", {"id": 1, "connectorId": 2}, "Occupied"),
        told("ChargingStation", None, "Available"),
        told("connector", {"id": 2, "connectorId": 1}, "Faulted", techCode="E7", techInfo="wet"),
    ) == (
        StatusReported(evse=1, connector=2, status="Occupied", error=None, device_at_us=AT_US),
        StatusReported(evse=0, connector=0, status="Available", error=None, device_at_us=AT_US),
        StatusReported(
            evse=2,
            connector=1,
            status="Faulted",
            error=None,
            info="wet",
            vendor_error="E7",
            device_at_us=AT_US,
        ),
    )


@pytest.mark.parametrize(
    "event",
    [
        told("Connector", {"id": 1, "connectorId": 1}, "11000", "Power"),
        told("Connector", {"id": 1, "connectorId": 1}, "Charging"),
        told("Connector", {"id": 1}, "Available"),
        told("Connector", {"id": 1, "connectorId": 0}, "Available"),
        told("Connector", {"id": 0, "connectorId": 1}, "Available"),
        told("Connector", None, "Available"),
        told("EVSE", {"id": 1}, "Available"),
        told("ChargingStation", {"id": 1}, "Available"),
    ],
)
def test_all_else_is_kept_and_makes_no_connector(event):
    assert statuses(event) == ()


def test_a_place_that_there_can_not_be_is_refused():
    refusal = decode(told("Connector", {"id": -1, "connectorId": 1}, "Available"))
    assert refusal == Refusal(
        ErrorKind.PROPERTY, "eventData[0].component.evse.id: is no number of an EVSE or connector"
    )
