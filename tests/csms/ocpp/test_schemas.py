from __future__ import annotations

import json
from decimal import Decimal
from random import Random

import pytest

from csms.ocpp.rpc.errors import ErrorKind
from csms.ocpp.schemas import (
    Fault,
    Schema,
    actions,
    find_fault,
    folder,
    is_multiple,
    load,
    request_schema,
    response_schema,
)
from tests.csms.ocpp import payloads


@pytest.mark.parametrize("version", ["v16", "v201", "v21"])
def test_every_packaged_schema_judges_as_jsonschema_does(version, scaled):
    disagreements: list[tuple[str, str]] = []
    for file in folder(version).glob("*.json"):
        schema, validator, random = load(file), payloads.validator(version, file.stem), Random(file.stem)
        for _ in range(scaled(8, 300)):
            for make in (payloads.valid, payloads.mutated):
                text = json.dumps(make(schema, random))
                ours = find_fault(schema, json.loads(text))
                if (ours is None) != payloads.allows(validator, text):
                    disagreements.append((file.stem, text))
    assert disagreements == []


def test_requests_and_responses_are_found_under_the_file_names_of_each_version():
    assert "connectorId" in request_schema("v16", "MeterValues").properties
    assert "evseId" in request_schema("v201", "MeterValues").properties
    assert "currentTime" in response_schema("v21", "Heartbeat").properties
    assert request_schema("v21", "NotifyPeriodicEventStream").properties


def test_all_actions_of_a_version_are_known():
    assert len(actions("v16")) == 39
    assert len(actions("v201")) == 64
    assert "NotifyPeriodicEventStream" in actions("v21")


FAULTS = [
    (
        "StatusNotification",
        {"errorCode": "NoError", "status": "Available"},
        ErrorKind.OCCURRENCE,
        "connectorId: is missing",
    ),
    (
        "StatusNotification",
        {"connectorId": "1", "errorCode": "NoError", "status": "Available"},
        ErrorKind.TYPE,
        "connectorId: must be an integer",
    ),
    (
        "StatusNotification",
        {"connectorId": True, "errorCode": "NoError", "status": "Available"},
        ErrorKind.TYPE,
        "connectorId: must be an integer",
    ),
    (
        "StatusNotification",
        {"connectorId": 1, "errorCode": "NoError", "status": "Occupied"},
        ErrorKind.PROPERTY,
        "status: is not one of the allowed values",
    ),
    ("Authorize", {"idTag": "x" * 21}, ErrorKind.PROPERTY, "idTag: is longer than 20 characters"),
    (
        "Authorize",
        {"idTag": "x", "secret": 1},
        ErrorKind.FORMAT,
        "payload: has a member that the standard does not know",
    ),
    ("Authorize", ["x"], ErrorKind.TYPE, "payload: must be an object"),
    (
        "MeterValues",
        {"connectorId": 1, "meterValue": []},
        ErrorKind.OCCURRENCE,
        "meterValue: must have at least 1 elements",
    ),
    (
        "MeterValues",
        {"connectorId": 1, "meterValue": [{"timestamp": "", "sampledValue": [{"value": "1"}, {"value": 1}]}]},
        ErrorKind.TYPE,
        "meterValue[0].sampledValue[1].value: must be a string",
    ),
    (
        "GetCompositeSchedule",
        {"connectorId": 1, "duration": None},
        ErrorKind.TYPE,
        "duration: must be an integer",
    ),
]


@pytest.mark.parametrize(("action", "payload", "kind", "text"), FAULTS)
def test_a_fault_has_its_kind_and_path(action, payload, kind, text):
    fault = find_fault(request_schema("v16", action), payload)
    assert fault is not None
    assert (fault.kind, str(fault)) == (kind, text)


def test_too_many_elements_and_numbers_out_of_range_are_faults_too():
    schema = Schema(
        type="array", max_items=1, items=Schema(type="number", minimum=Decimal(0), maximum=Decimal(1))
    )
    assert find_fault(schema, [0, 0]) == Fault(ErrorKind.OCCURRENCE, "", "must have at most 1 elements")
    assert find_fault(schema, [-1]) == Fault(ErrorKind.PROPERTY, "[0]", "must be at least 0")
    assert find_fault(schema, [1.5]) == Fault(ErrorKind.PROPERTY, "[0]", "must be at most 1")
    assert find_fault(schema, [1]) is None
    assert find_fault(Schema(type="array"), [{}]) is None
    assert find_fault(Schema(type="boolean"), 1) == Fault(ErrorKind.TYPE, "", "must be true or false")
    assert find_fault(Schema(), [None]) is None


def test_dates_are_checked_only_where_asked():
    schema = Schema(type="string", format="date-time")
    assert find_fault(schema, "soon") is None
    fault = find_fault(schema, "soon", date_times=True, path="validTo")
    assert str(fault) == "validTo: must be a date and time with offset, as in RFC 3339"


def test_a_description_has_at_most_255_characters():
    assert len(str(Fault(ErrorKind.TYPE, "x" * 300, "must be an object"))) == 255


@pytest.mark.parametrize("value", [21.4, 16, 16.0, 0, 0.0, -0.1, 0.1, 32.0, 1e300, 10**40, 8.1])
def test_decimals_with_one_place_are_multiples_of_a_tenth(value):
    assert is_multiple(value, Decimal("0.1"))


@pytest.mark.parametrize("value", [6.25, 0.30000000000000004, 1e-7, float("nan"), float("inf"), -0.05])
def test_other_numbers_are_not(value):
    assert not is_multiple(value, Decimal("0.1"))


def test_every_limit_with_one_decimal_is_a_multiple_of_a_tenth():
    assert all(
        is_multiple(json.loads(f"{tenths // 10}.{tenths % 10}"), Decimal("0.1")) for tenths in range(401)
    )


def test_a_keyword_that_nobody_here_knows_is_refused(tmp_path):
    file = tmp_path / "New.json"
    file.write_text('{"type": "object", "patternProperties": {}}')
    with pytest.raises(ValueError, match="patternProperties"):
        load(file)
