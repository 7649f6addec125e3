"""The JSON schemas that the `ocpp` package ships, typed, and what exactly is wrong with a value by them."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeGuard

import msgspec
from msgspec import Struct, field

from csms.ocpp.rpc.errors import ErrorKind
from csms.ocpp.times import is_date_time

Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None
"""A decoded JSON value."""


class Schema(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """One node of a schema, with every keyword that OCPP's schemas use; a new one fails to load."""

    type: str | None = None
    """None: any value will do."""
    properties: dict[str, Schema] = field(default_factory=dict[str, "Schema"])
    required: tuple[str, ...] = ()
    additional_properties: bool = True
    items: Schema | None = None
    min_items: int | None = None
    max_items: int | None = None
    enum: tuple[str, ...] | None = None
    max_length: int | None = None
    """In code points."""
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    multiple_of: Decimal | None = None
    format: str | None = None
    ref: str | None = field(default=None, name="$ref")
    definitions: dict[str, Schema] = field(default_factory=dict[str, "Schema"])
    java_type: str | None = None
    """What the standard calls the class; also under 1.6 only where a definition says so."""

    # Without effect on any value.
    title: str | None = None
    description: str | None = None
    comment: str | None = None
    default: Any = None
    additional_items: bool = True
    """Where `items` is one schema this keyword says nothing (draft-06 §6.10)."""
    dialect: str | None = field(default=None, name="$schema")
    identity: str | None = field(default=None, name="$id")


class Fault(Struct, frozen=True):
    """The first thing that is wrong with a value."""

    kind: ErrorKind
    path: str
    """`meterValue[0].timestamp`; empty for the value itself. Made of the schema's names only."""
    problem: str

    def __str__(self) -> str:
        """Say it in one sentence of at most 255 characters, without a word of the value."""
        return f"{self.path or 'payload'}: {self.problem}"[:255]


def folder(version: str) -> Path:
    """Return where the schemas of a version package (`v16`, `v201`, `v21`) lie."""
    # Found without importing: the package itself would pull in its charge point and jsonschema.
    spec = importlib.util.find_spec("ocpp")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("the package `ocpp` is not installed")
    return Path(spec.submodule_search_locations[0]) / version / "schemas"


@functools.cache
def request_schema(version: str, action: str) -> Schema:
    """Return the schema of an action's request, its references resolved."""
    # 1.6 calls the files `Reset.json`, 2.x `ResetRequest.json`; 2.1 has one that is only sent, without a suffix.
    suffixed = folder(version) / f"{action}Request.json"
    return load(suffixed if suffixed.exists() else folder(version) / f"{action}.json")


@functools.cache
def response_schema(version: str, action: str) -> Schema:
    """Return the schema of an action's response, its references resolved."""
    return load(folder(version) / f"{action}Response.json")


def actions(version: str) -> list[str]:
    """Return the names of all actions of a version package, in order."""
    stems = (file.stem for file in folder(version).glob("*.json"))
    return sorted({stem.removesuffix("Request") for stem in stems if not stem.endswith("Response")})


def load(file: Path) -> Schema:
    """Read one schema file and resolve its references."""
    schema = msgspec.json.decode(file.read_bytes().removeprefix(b"\xef\xbb\xbf"), type=Schema)
    return _resolved(schema, schema.definitions)


def _resolved(schema: Schema, definitions: Mapping[str, Schema]) -> Schema:
    if schema.ref is not None:
        name = schema.ref.removeprefix("#/definitions/")
        return msgspec.structs.replace(_resolved(definitions[name], definitions), ref=name)
    return msgspec.structs.replace(
        schema,
        properties={name: _resolved(member, definitions) for name, member in schema.properties.items()},
        items=None if schema.items is None else _resolved(schema.items, definitions),
        definitions={},
    )


def find_fault(schema: Schema, value: Json, *, date_times: bool = False, path: str = "") -> Fault | None:
    """Return the first fault of `value` in the order of the schema, None where there is none.

    `date_times` also asks that members with that format hold one; JSON Schema leaves it open, and
    stations are judged more kindly than we are.
    """
    kind = schema.type
    fault: Fault | None = None
    if kind == "object" and isinstance(value, dict):
        fault = _object_fault(schema, value, path, date_times=date_times)
    elif kind == "array" and isinstance(value, list):
        fault = _array_fault(schema, value, path, date_times=date_times)
    elif kind == "string" and isinstance(value, str):
        fault = _string_fault(schema, value, path, date_times=date_times)
    elif kind in {"integer", "number"} and is_number(value, whole=kind == "integer"):
        fault = _number_fault(schema, value, path)
    elif kind is not None and not (kind == "boolean" and isinstance(value, bool)):
        fault = Fault(ErrorKind.TYPE, path, f"must be {_ARTICLES[kind]}")
    return fault


def is_number(value: Json, *, whole: bool) -> TypeGuard[int | float]:
    """Tell whether a JSON value is a number (`whole`: written as an integer); true and false are none."""
    return isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)


def _object_fault(schema: Schema, value: dict[str, Json], path: str, *, date_times: bool) -> Fault | None:
    prefix = f"{path}." if path else ""
    for name in schema.required:
        if name not in value:
            return Fault(ErrorKind.OCCURRENCE, prefix + name, "is missing")
    for name, member in schema.properties.items():
        if name in value:
            fault = find_fault(member, value[name], date_times=date_times, path=prefix + name)
            if fault is not None:
                return fault
    if not schema.additional_properties and not value.keys() <= schema.properties.keys():
        return Fault(ErrorKind.FORMAT, path, "has a member that the standard does not know")
    return None


def _array_fault(schema: Schema, value: list[Json], path: str, *, date_times: bool) -> Fault | None:
    if schema.min_items is not None and len(value) < schema.min_items:
        return Fault(ErrorKind.OCCURRENCE, path, f"must have at least {schema.min_items} elements")
    if schema.max_items is not None and len(value) > schema.max_items:
        return Fault(ErrorKind.OCCURRENCE, path, f"must have at most {schema.max_items} elements")
    if schema.items is None:
        return None
    faults = (
        find_fault(schema.items, element, date_times=date_times, path=f"{path}[{index}]")
        for index, element in enumerate(value)
    )
    return next(filter(None, faults), None)


def _string_fault(schema: Schema, value: str, path: str, *, date_times: bool) -> Fault | None:
    if schema.enum is not None and value not in schema.enum:
        return Fault(ErrorKind.PROPERTY, path, "is not one of the allowed values")
    if schema.max_length is not None and len(value) > schema.max_length:
        return Fault(ErrorKind.PROPERTY, path, f"is longer than {schema.max_length} characters")
    if date_times and schema.format == "date-time" and not is_date_time(value):
        return Fault(ErrorKind.PROPERTY, path, "must be a date and time with offset, as in RFC 3339")
    return None


def _number_fault(schema: Schema, value: float, path: str) -> Fault | None:
    if schema.minimum is not None and value < schema.minimum:
        return Fault(ErrorKind.PROPERTY, path, f"must be at least {schema.minimum}")
    if schema.maximum is not None and value > schema.maximum:
        return Fault(ErrorKind.PROPERTY, path, f"must be at most {schema.maximum}")
    if schema.multiple_of is not None and not is_multiple(value, schema.multiple_of):
        return Fault(ErrorKind.PROPERTY, path, f"must be a multiple of {schema.multiple_of}")
    return None


def is_multiple(value: float, step: Decimal) -> bool:
    """Tell whether `value` is a multiple of `step` (a power of ten) as it is written in decimals.

    21.4 is a multiple of 0.1 although no binary fraction is; NaN and infinity are multiples of nothing.
    """
    written = Decimal(repr(value))
    if not written.is_finite():
        return False
    # The exponent of a value without trailing zeros is the place of its last digit.
    last_place = written.normalize().as_tuple().exponent
    step_place = step.normalize().as_tuple().exponent
    return isinstance(last_place, int) and isinstance(step_place, int) and last_place >= step_place


_ARTICLES = {
    "object": "an object",
    "array": "an array",
    "string": "a string",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
}
