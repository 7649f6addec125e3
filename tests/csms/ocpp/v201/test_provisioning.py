from __future__ import annotations

import json
from typing import Any

import pytest

from csms.domain.events import DeviceModelReported, ReportedVariable
from csms.ocpp.dialect import Decoded
from csms.ocpp.rpc.errors import ErrorKind, Refusal
from csms.ocpp.v201 import DIALECT

AT = "2024-05-01T12:00:00Z"
AT_US = 1_714_564_800_000_000


def decode(**members: Any) -> Decoded | Refusal:
    payload = {"requestId": 1, "seqNo": 0, "generatedAt": AT} | members
    return DIALECT.decode("NotifyReport", json.dumps(payload).encode(), AT_US)


def test_each_attribute_of_a_variable_is_one_of_the_model():
    decoded = decode(
        tbc=True,
        seqNo=4,
        reportData=[
            {
                "component": {"name": "EVSE", "instance": "a", "evse": {"id": 1, "connectorId": 2}},
                "variable": {"name": "Power", "instance": "b"},
                "variableAttribute": [
                    {"type": "Actual", "value": "11000", "mutability": "ReadOnly"},
                    {"type": "MaxSet", "value": ""},
                ],
                "variableCharacteristics": {
                    "dataType": "decimal",
                    "unit": "W",
                    "maxLimit": 22000,
                    "supportsMonitoring": False,
                },
            },
            {
                "component": {"name": "OCPPCommCtrlr", "instance": ""},
                "variable": {"name": "BasicAuthPassword"},
                "variableAttribute": [{"mutability": "WriteOnly"}],
            },
        ],
    )
    characteristics = '{"unit":"W","dataType":"decimal","maxLimit":22000.0,"supportsMonitoring":false}'
    evse = {
        "component": "EVSE",
        "component_instance": "a",
        "evse": 1,
        "connector": 2,
        "variable": "Power",
        "variable_instance": "b",
        "characteristics": characteristics,
    }
    assert decoded == Decoded(
        DeviceModelReported(
            request_id=1,
            seq_no=4,
            more_follows=True,
            device_at_us=AT_US,
            variables=(
                ReportedVariable(**evse, value="11000", mutability="ReadOnly"),
                ReportedVariable(**evse, attribute="MaxSet", value=""),
                ReportedVariable(
                    component="OCPPCommCtrlr", variable="BasicAuthPassword", mutability="WriteOnly"
                ),
            ),
        )
    )


def test_a_report_may_be_empty_and_the_last():
    assert decode(generatedAt="now") == Decoded(
        DeviceModelReported(request_id=1, seq_no=0, more_follows=False, device_at_us=None, variables=())
    )


@pytest.mark.parametrize(
    ("evse", "place"),
    [({"id": 0}, (None, None)), ({"id": 3}, (3, None)), ({"id": 3, "connectorId": 0}, (3, None))],
)
def test_evse_0_is_the_station_and_connector_0_the_evse(evse, place):
    decoded = decode(
        reportData=[
            {
                "component": {"name": "X", "evse": evse},
                "variable": {"name": "Y"},
                "variableAttribute": [{"value": "1"}],
            }
        ]
    )
    assert isinstance(decoded, Decoded)
    assert isinstance(decoded.event, DeviceModelReported)
    (variable,) = decoded.event.variables
    assert (variable.evse, variable.connector) == place


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        ({"requestId": 2**31}, "requestId: is beyond all numbers that a station may use"),
        ({"seqNo": -(2**40)}, "seqNo: is beyond all numbers that a station may use"),
        (
            {
                "reportData": [
                    {
                        "component": {"name": "X", "evse": {"id": -1}},
                        "variable": {"name": "Y"},
                        "variableAttribute": [{}],
                    }
                ]
            },
            "reportData[0].component.evse.id: is no number of an EVSE or connector",
        ),
    ],
)
def test_what_no_store_could_hold_is_refused_with_its_place(members, problem):
    assert decode(**members) == Refusal(ErrorKind.PROPERTY, problem)
