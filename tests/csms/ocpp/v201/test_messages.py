from __future__ import annotations

import json
from random import Random

import msgspec
import pytest

from csms.ocpp.schemas import actions, folder, load, request_schema, response_schema
from csms.ocpp.v201 import messages as m
from tests.csms.ocpp import payloads

CLASSES = {f"{action}Request": m.REQUESTS[action] for action in m.REQUESTS} | {
    f"{action}Response": m.RESPONSES[action] for action in m.RESPONSES
}
"""By schema file."""


def test_every_schema_has_its_class():
    assert list(m.REQUESTS) == list(m.RESPONSES) == actions("v201")


@pytest.mark.parametrize("action", sorted(m.REQUESTS))
def test_members_stand_in_the_order_of_the_schema(action):
    assert m.REQUESTS[action].__struct_fields__ == tuple(request_schema("v201", action).properties)
    assert m.RESPONSES[action].__struct_fields__ == tuple(response_schema("v201", action).properties)


def test_classes_are_called_as_the_standard_calls_them():
    held = {
        (m.TransactionEventRequest, "transactionInfo"): m.Transaction,
        (m.TransactionEventRequest, "evse"): m.EVSE,
        (m.AuthorizeRequest, "idToken"): m.IdToken,
        (m.SampledValue, "unitOfMeasure"): m.UnitOfMeasure,
    }
    for (owner, member), expected in held.items():
        field = next(field for field in msgspec.structs.fields(owner) if field.name == member)
        assert expected in {field.type, *getattr(field.type, "__args__", ())}


def test_a_vendors_members_stand_in_custom_data_only():
    text = b'{"customData":{"vendorId":"V","x":[1]}}'
    assert msgspec.json.decode(text, type=m.HeartbeatRequest).customData == m.CustomData(vendorId="V")
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"x":1}', type=m.HeartbeatRequest)


@pytest.mark.parametrize("file", sorted(CLASSES))
def test_strict_decoding_judges_as_jsonschema_does(file, scaled):
    schema, validator = load(folder("v201") / f"{file}.json"), payloads.validator("v201", file)
    random = Random(file)
    for _ in range(scaled(15, 500)):
        for make in (payloads.valid, payloads.mutated):
            text = json.dumps(make(schema, random))
            assert payloads.decodes(CLASSES[file], text) == payloads.allows_to_decode(validator, text), text
