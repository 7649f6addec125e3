"""Random payloads for any schema: valid ones, and ones with a few things wrong."""

from __future__ import annotations

import copy
import decimal
import json
from decimal import Decimal
from random import Random
from typing import Any

import msgspec
from jsonschema import ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import validator_for
from msgspec import Struct

from csms.ocpp.schemas import Schema, folder

CHARACTERS = "aZ09 .,;:-_/\\\"'<>&%äß€漢😀\u0000\u001f\u007f"

ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2**31, 2**63, -(2**70), 1.0, 1.5, -0.0, 21.4, 6.25, 1e300),
    *("", "x", " ", "1", "1.0", "true", "Accepted", "NaN", "x" * 30, "😀" * 20, "x" * 10_001),
    *([], {}, [None], [{}], [[]], {"x": 1}, {"value": 1}, ["x"]),
)


def validator(version: str, file: str) -> Validator:
    """Return jsonschema's verdict on a packaged schema, under the draft that it names.

    Numbers are decimals, so that `multipleOf: 0.1` means what it says.
    """
    text = (folder(version) / f"{file}.json").read_text("utf-8-sig")
    schema = json.loads(text, parse_float=Decimal)
    return validator_for(schema)(schema)


def errors(judge: Validator, payload: str) -> list[ValidationError]:
    """Return what jsonschema has against a payload."""
    with decimal.localcontext() as context:
        context.prec = 700  # enough digits to divide any double by 0.1
        return list(judge.iter_errors(json.loads(payload, parse_float=Decimal)))


def allows(judge: Validator, payload: str) -> bool:
    """Tell whether jsonschema has nothing against a payload."""
    return not errors(judge, payload)


def decodes(struct: type[Struct], text: str) -> bool:
    """Tell whether strict decoding takes a payload."""
    try:
        msgspec.json.decode(text, type=struct)
    except ValueError:
        return False
    return True


def allows_to_decode(judge: Validator, text: str) -> bool:
    """Tell whether jsonschema has nothing against a payload that strict decoding should mind."""
    # multipleOf is no matter of the classes; csms.ocpp.schemas checks it on all that is sent.
    return all(error.validator == "multipleOf" for error in errors(judge, text))


def odd(random: Random) -> Any:
    """Return a value that fits few schemas."""
    return copy.deepcopy(random.choice(ODD_VALUES))


def valid(schema: Schema, random: Random) -> Any:
    """Return a random value that the schema allows."""
    if schema.enum is not None:
        return random.choice(schema.enum)
    make = _MAKERS.get(schema.type or "")
    return odd(random) if make is None else make(schema, random)


def _object(schema: Schema, random: Random) -> dict[str, Any]:
    return {
        name: valid(member, random)
        for name, member in schema.properties.items()
        if name in schema.required or random.random() < 0.5
    }


def _array(schema: Schema, random: Random) -> list[Any]:
    assert schema.items is not None
    least = schema.min_items or 0
    most = min(schema.max_items or least + 3, least + 3)
    return [valid(schema.items, random) for _ in range(random.randint(least, most))]


def _integer(schema: Schema, random: Random) -> float:
    return _within(schema, random.choice((0, 1, -1, random.randint(-(2**31), 2**31), 2**62)))


def _number(schema: Schema, random: Random) -> float:
    return _within(schema, random.choice((0, 16, 16.0, 0.1, -32.5, random.randint(-400, 400) / 10)))


def _boolean(_schema: Schema, random: Random) -> bool:
    return random.random() < 0.5


def _text(schema: Schema, random: Random) -> str:
    if schema.format == "date-time":
        return random.choice(("2024-05-01T12:00:00Z", "2024-05-01T12:00:00.123+02:00"))
    most = 12 if schema.max_length is None else schema.max_length
    length = random.choice((0, 1, min(most, 12), most))
    return "".join(random.choice(CHARACTERS) for _ in range(length))


def _within(schema: Schema, value: float) -> float:
    if schema.minimum is not None:
        value = max(value, float(schema.minimum) if isinstance(value, float) else int(schema.minimum))
    if schema.maximum is not None:
        value = min(value, float(schema.maximum) if isinstance(value, float) else int(schema.maximum))
    return value


_MAKERS = {
    "object": _object,
    "array": _array,
    "string": _text,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
}


def mutated(schema: Schema, random: Random) -> Any:
    """Return a valid value with one to three changes, most of which the schema forbids."""
    value = valid(schema, random)
    for _ in range(random.randint(1, 3)):
        places = list(_places(value))
        if not places:
            value = {random.choice(("x", "", "timestamp")): odd(random)}
            continue
        _mutate(*random.choice(places), random)
    return value


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Return each container with each of its keys."""
    found: list[tuple[Any, Any]] = []
    pending = [value]
    while pending:
        current = pending.pop()
        keys = list(current) if isinstance(current, dict) else range(len(current))
        for key in keys:
            found.append((current, key))
            if isinstance(current[key], dict | list):
                pending.append(current[key])
    return found


def _mutate(container: Any, key: Any, random: Random) -> None:
    change = random.choice(("replace", "replace", "remove", "add", "stretch", "recase"))
    old = container[key]
    if change == "remove":
        del container[key]
    elif change == "add" and isinstance(container, dict):
        container[random.choice(("x", "", "value", f"{key} "))] = odd(random)
    elif change == "stretch" and isinstance(old, str):
        container[key] = old + "x" * random.choice((1, 2, 30, 600))
    elif change == "recase" and isinstance(old, str):
        container[key] = random.choice((old.upper(), old.lower(), f" {old} ", ""))
    elif change == "stretch" and isinstance(old, list):
        container[key] = old * 2 if random.random() < 0.5 else []
    else:
        container[key] = odd(random)
