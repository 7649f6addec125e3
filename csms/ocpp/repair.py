"""Make a station's payload fit its schema where its meaning is plain, and note each deviation.

The walk follows the schema, so its depth is bounded by the standard and its work by the payload's size.
What it can't mend it leaves as it is: `csms.ocpp.schemas.find_fault` then names it.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping

import msgspec
from msgspec import Struct

from csms.ocpp.schemas import Json, Schema

MOST_NOTES = 20
"""A message may deviate in every value; twenty show the habit."""

MOST_LEFT_OUT = 1000
"""A list of which more can't be used is given up: a megabyte of `{},{},…` is no work of ours."""


class Notes:
    """The deviations of one message."""

    def __init__(self) -> None:
        """Start with none."""
        self._texts: list[str] = []
        self._more = 0
        self.dropped = False
        """Whether an element of a list was left out."""

    def add(self, path: str, what: str) -> None:
        """Note a deviation; `what` must not quote the payload."""
        if len(self._texts) < MOST_NOTES:
            self._texts.append(f"{path or 'payload'}: {what}")
        else:
            self._more += 1

    def texts(self) -> tuple[str, ...]:
        """Return what was noted, and how much more there was."""
        return (*self._texts, f"and {self._more} more") if self._more else tuple(self._texts)


class Repairs(Struct, frozen=True, kw_only=True):
    """What a version knows of its stations' habits; keys are `Action.member[].member`."""

    first: Mapping[str, Callable[[dict[str, Json], Notes], None]]
    """By action: what to do to the payload before all else."""
    missing: Mapping[str, Json]
    """Stands in for a required member that is missing, null or past repair."""
    unknown: Mapping[str, str]
    """Stands in for a value outside of its enumeration."""
    defining: frozenset[str]
    """Members without which their element of a list means something else: an unknown value drops it."""
    rounded: frozenset[str]
    """Integers that stations send with a fraction."""
    whole: frozenset[str]
    """Strings that would be something else if they were cut."""
    verbatim: frozenset[str]
    """Strings that stations send as objects: their JSON text is taken."""


class Repaired(Struct, frozen=True):
    """A payload after repair; it may still have faults."""

    value: Json
    deviations: tuple[str, ...]
    dropped: bool
    """Whether an element of a list was left out."""


def repair(schema: Schema, action: str, value: Json, repairs: Repairs) -> Repaired:
    """Return `value`, the decoded payload of `action`, as near to its schema as its meaning allows.

    `value` itself may be changed.
    """
    notes = Notes()
    if isinstance(value, dict) and (step := repairs.first.get(action)) is not None:
        step(value, notes)
    walk = _Walk(repairs, notes)
    mended, _fits = walk.value(schema, value, action, "")
    return Repaired(mended, notes.texts(), notes.dropped)


def squashed(text: str) -> str:
    """Return letters and digits in lower case, what remains of a name however it is written."""
    return "".join(filter(str.isalnum, text.casefold()))


@functools.lru_cache(maxsize=256)
def _by_squashed(values: tuple[str, ...]) -> dict[str, str]:
    return {squashed(value): value for value in values}


class _Walk:
    """One walk over one payload; each method returns the mended value and whether it now fits."""

    def __init__(self, repairs: Repairs, notes: Notes) -> None:
        self._repairs = repairs
        self._notes = notes
        self._left_out = 0

    def value(self, schema: Schema, value: Json, key: str, path: str) -> tuple[Json, bool]:
        """Mend any value; `key` names it in the tables, `path` in the notes."""
        mend = _MENDERS.get(schema.type or "")
        return (value, True) if mend is None else mend(self, schema, value, key, path)

    def object(self, schema: Schema, value: Json, key: str, path: str) -> tuple[Json, bool]:
        if not isinstance(value, dict):
            return value, False
        mended: dict[str, Json] = {}
        prefix = f"{path}." if path else ""
        all_fit = True
        for name, member in schema.properties.items():
            if name in value or name in schema.required:
                fits = self._member(schema, name, member, value, (f"{key}.{name}", prefix + name), mended)
                all_fit = all_fit and fits
        self._rest(schema, value, path, mended)
        return mended, all_fit

    def _member(
        self,
        owner: Schema,
        name: str,
        schema: Schema,
        source: dict[str, Json],
        names: tuple[str, str],
        mended: dict[str, Json],
    ) -> bool:
        """Put one member into `mended` and tell whether its owner can be used."""
        key, path = names
        value = source.get(name)
        present = not _is_empty(schema, value)
        if present:
            value, fits = self.value(schema, value, key, path)
            if fits:
                mended[name] = value
                return True
        if name in owner.required:
            if key in self._repairs.missing:
                mended[name] = self._repairs.missing[key]
                self._notes.add(
                    path, "unusable, a default stands in" if present else "missing, a default stands in"
                )
                return True
            if present:
                mended[name] = value
            return False
        if present and key in self._repairs.defining:
            mended[name] = value
            return False
        self._notes.add(path, "unusable, left out" if present else "empty, left out")
        return True

    def _rest(self, schema: Schema, value: dict[str, Json], path: str, mended: dict[str, Json]) -> None:
        rest = value.keys() - schema.properties.keys()
        if not rest:
            return
        if schema.additional_properties:
            mended.update((name, value[name]) for name in rest)
        else:
            self._notes.add(path, f"{len(rest)} unknown member{'s' if len(rest) > 1 else ''} left out")

    def array(self, schema: Schema, value: Json, key: str, path: str) -> tuple[Json, bool]:
        if isinstance(value, dict):
            value = [value]
            self._notes.add(path, "an object read as a list of one")
        if not isinstance(value, list):
            return value, False
        if schema.items is None:
            return value, True
        mended: list[Json] = []
        for index, element in enumerate(value):
            new, fits = self.value(schema.items, element, f"{key}[]", f"{path}[{index}]")
            if fits:
                mended.append(new)
                continue
            self._notes.add(f"{path}[{index}]", "unusable, left out")
            self._notes.dropped = True
            self._left_out += 1
            if self._left_out > MOST_LEFT_OUT:
                return value, False
        return mended, len(mended) >= (schema.min_items or 0)

    def string(self, schema: Schema, value: Json, key: str, path: str) -> tuple[Json, bool]:
        text = self._text(value, key, path)
        if text is None:
            return value, False
        if schema.enum is not None:
            return self._choice(schema.enum, text, key, path)
        if schema.max_length is None or len(text) <= schema.max_length:
            return text, True
        if key in self._repairs.whole:
            return text, False
        self._notes.add(path, f"cut to {schema.max_length} characters")
        return text.strip()[: schema.max_length], True

    def _text(self, value: Json, key: str, path: str) -> str | None:
        if isinstance(value, str):
            return value
        if isinstance(value, bool):
            self._notes.add(path, "true or false read as a string")
            return str(value).lower()
        if isinstance(value, int | float):
            self._notes.add(path, "number read as a string")
            return str(value)
        if key in self._repairs.verbatim:
            self._notes.add(path, "JSON read as a string")
            return msgspec.json.encode(value).decode()
        return None

    def _choice(self, values: tuple[str, ...], text: str, key: str, path: str) -> tuple[Json, bool]:
        if text in values:
            return text, True
        known = _by_squashed(values).get(squashed(text))
        if known is not None:
            self._notes.add(path, f"read as {known}")
            return known, True
        if key in self._repairs.unknown:
            default = self._repairs.unknown[key]
            self._notes.add(path, f"unknown value, {default} stands in")
            return default, True
        return text, False

    def integer(self, schema: Schema, value: Json, key: str, path: str) -> tuple[Json, bool]:
        number, fits = self.number(schema, value, key, path)
        if not fits or not isinstance(number, float):
            return (number, True) if fits else (value, False)
        if number.is_integer():
            self._notes.add(path, "read as an integer")
        elif key in self._repairs.rounded:
            self._notes.add(path, "rounded to an integer")
        else:
            return value, False
        return round(number), True

    def number(self, _schema: Schema, value: Json, _key: str, path: str) -> tuple[Json, bool]:
        if isinstance(value, bool):
            return value, False
        if isinstance(value, int | float):
            return value, True
        number = _number_of(value) if isinstance(value, str) else None
        if number is None:
            return value, False
        self._notes.add(path, "string read as a number")
        return number, True

    def boolean(self, _schema: Schema, value: Json, _key: str, path: str) -> tuple[Json, bool]:
        if isinstance(value, bool):
            return value, True
        truth = _TRUTHS.get(value.strip().casefold()) if isinstance(value, str) else None
        if truth is None:
            return value, False
        self._notes.add(path, "string read as true or false")
        return truth, True


def _is_empty(schema: Schema, value: Json) -> bool:
    """Tell whether a member says nothing: null, or blank where a word of a list is wanted."""
    return value is None or (schema.enum is not None and isinstance(value, str) and not value.strip())


def _number_of(text: str) -> float | None:
    """Return the number that a text writes, an int where it writes one."""
    try:
        return int(text)
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


_TRUTHS = {"true": True, "false": False}

_Mender = Callable[[_Walk, Schema, Json, str, str], tuple[Json, bool]]

_MENDERS: dict[str, _Mender] = {
    "object": _Walk.object,
    "array": _Walk.array,
    "string": _Walk.string,
    "integer": _Walk.integer,
    "number": _Walk.number,
    "boolean": _Walk.boolean,
}
