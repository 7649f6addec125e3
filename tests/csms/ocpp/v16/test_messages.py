from __future__ import annotations

import json
from decimal import Decimal
from random import Random

import msgspec
import pytest
from jsonschema.validators import validator_for
from msgspec import UNSET

from csms.ocpp.schemas import actions, folder, load, request_schema, response_schema
from csms.ocpp.v16 import messages as m
from tests.csms.ocpp import payloads
from tests.csms.ocpp.payloads import decodes

CLASSES = {action: m.REQUESTS[action] for action in m.REQUESTS} | {
    f"{action}Response": m.RESPONSES[action] for action in m.RESPONSES
}
"""By schema file."""


def test_every_schema_has_its_class():
    assert list(m.REQUESTS) == list(m.RESPONSES) == actions("v16")
    assert set(CLASSES) == {file.stem for file in folder("v16").glob("*.json")}


@pytest.mark.parametrize("file", sorted(CLASSES))
def test_strict_decoding_judges_as_jsonschema_does(file, scaled):
    schema, validator, random = (
        load(folder("v16") / f"{file}.json"),
        payloads.validator("v16", file),
        Random(file),
    )
    for _ in range(scaled(25, 800)):
        for make in (payloads.valid, payloads.mutated):
            text = json.dumps(make(schema, random))
            assert decodes(CLASSES[file], text) == payloads.allows_to_decode(validator, text), text


DIFFERENCES = [
    # file, payload, what jsonschema says, what strict decoding says
    # Draft-06 calls 1.0 an integer, draft-04 does not; here an integer is written as one (repair makes it one).
    ("LogStatusNotification", '{"status": "Idle", "requestId": 1.0}', True, False),
    ("ClearChargingProfile", '{"id": 1.0}', False, False),
    # Python's json takes NaN for JSON; it is none.
    ("GetCompositeScheduleResponse", '{"status": "Accepted", "scheduleStart": NaN}', False, False),
    # What no double holds is no number to us, and neither is an integer of more than 4,300 digits.
    (
        "SetChargingProfile",
        """{"connectorId": 1, "csChargingProfiles": {"chargingProfileId": 1, "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile", "chargingProfileKind": "Absolute", "chargingSchedule":
        {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 1e400}]}}}""",
        True,
        False,
    ),
    # A name that stands twice: Python's json takes the last value, strict decoding looks at both.
    ("ClearChargingProfile", '{"id": "x", "id": 1}', True, False),
    # Half a surrogate pair is no character.
    ("Authorize", '{"idTag": "\\ud800"}', True, False),
]


@pytest.mark.parametrize(("file", "text", "jsonschema_says", "we_say"), DIFFERENCES)
def test_what_differs_from_jsonschema_differs_on_purpose(file, text, jsonschema_says, we_say):
    schema = json.loads((folder("v16") / f"{file}.json").read_text("utf-8-sig"))
    without_multiples = json.loads(json.dumps(schema).replace("multipleOf", "description"))
    draft = validator_for(schema)
    assert draft(without_multiples).is_valid(json.loads(text)) == jsonschema_says
    assert decodes(CLASSES[file], text) == we_say


def test_lengths_count_code_points():
    assert decodes(m.AuthorizeRequest, json.dumps({"idTag": "😀" * 20}))
    assert not decodes(m.AuthorizeRequest, json.dumps({"idTag": "😀" * 21}))


def test_integers_may_be_big_and_are_never_true():
    assert decodes(m.CancelReservationRequest, json.dumps({"reservationId": 2**80}))
    assert not decodes(m.CancelReservationRequest, '{"reservationId": true}')
    assert not decodes(m.CancelReservationRequest, '{"reservationId": 1.0}')


def test_absent_members_are_not_sent_and_members_stand_in_the_order_of_the_schema():
    info = m.IdTagInfo(status="Accepted", expiryDate="2024-05-01T12:00:00.000Z")
    assert info.parentIdTag is UNSET
    assert msgspec.json.encode(m.StartTransactionResponse(transactionId=1, idTagInfo=info)) == (
        b'{"idTagInfo":{"expiryDate":"2024-05-01T12:00:00.000Z","status":"Accepted"},"transactionId":1}'
    )


@pytest.mark.parametrize("action", sorted(m.REQUESTS))
def test_members_stand_in_the_order_of_the_schema(action):
    assert m.REQUESTS[action].__struct_fields__ == tuple(request_schema("v16", action).properties)
    assert m.RESPONSES[action].__struct_fields__ == tuple(response_schema("v16", action).properties)


def test_where_limits_have_steps_they_are_tenths():
    def steps(schema):
        inner = [*schema.properties.values(), *([schema.items] if schema.items else [])]
        found = {schema.multiple_of} if schema.multiple_of is not None else set()
        return found.union(*map(steps, inner))

    having = {action for action in actions("v16") if steps(request_schema("v16", action))}
    assert having == {"RemoteStartTransaction", "SetChargingProfile"}
    assert steps(request_schema("v16", "SetChargingProfile")) == {Decimal("0.1")}
