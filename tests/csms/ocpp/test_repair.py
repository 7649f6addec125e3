from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.ocpp.repair import MOST_LEFT_OUT, MOST_NOTES, Notes, Repaired, Repairs
from csms.ocpp.repair import repair as repair_any
from csms.ocpp.schemas import Schema, find_fault


def _object(*required: str, **properties: Schema) -> Schema:
    return Schema(type="object", properties=properties, required=required, additional_properties=False)


VALUE = _object(
    "number",
    number=Schema(type="string"),
    unit=Schema(type="string", enum=("Wh", "kWh", "A")),
    place=Schema(type="string", enum=("Inlet", "Outlet")),
)
SCHEMA = _object(
    "count",
    "values",
    count=Schema(type="integer"),
    register=Schema(type="integer"),
    limit=Schema(type="number"),
    name=Schema(type="string", max_length=5),
    note=Schema(type="string"),
    data=Schema(type="string"),
    secret=Schema(type="string", max_length=5),
    state=Schema(type="string", enum=("Available", "SuspendedEV")),
    cause=Schema(type="string", enum=("Local", "Other")),
    open=Schema(type="boolean"),
    anything=Schema(),
    values=Schema(type="array", min_items=1, items=VALUE),
    loose=Schema(type="array"),
)


def repair(schema: Schema, action: str, value: Any, repairs: Repairs) -> Repaired:
    return repair_any(schema, action, value, repairs)


def _mark(payload, notes: Notes) -> None:
    if payload.pop("mark", None):
        notes.add("mark", "seen")


REPAIRS = Repairs(
    first={"Test": _mark},
    missing={"Test.register": 0},
    unknown={"Test.cause": "Other", "Test.values[].place": "Outlet"},
    defining=frozenset({"Test.values[].unit"}),
    rounded=frozenset({"Test.register"}),
    whole=frozenset({"Test.secret"}),
    verbatim=frozenset({"Test.data"}),
)

GOOD: dict[str, Any] = {"count": 1, "values": [{"number": "1"}]}

CASES = [
    # what is sent beside or instead of GOOD, what comes of it, the note
    ({"name": "too long"}, {"name": "too l"}, "name: cut to 5 characters"),
    ({"name": "   a   "}, {"name": "a"}, "name: cut to 5 characters"),
    ({"count": 1.0}, {"count": 1}, "count: read as an integer"),
    ({"count": 1e3}, {"count": 1000}, "count: read as an integer"),
    ({"register": 1.6}, {"register": 2}, "register: rounded to an integer"),
    ({"count": "7"}, {"count": 7}, "count: string read as a number"),
    ({"limit": " 7.5 "}, {"limit": 7.5}, "limit: string read as a number"),
    ({"note": 7}, {"note": "7"}, "note: number read as a string"),
    ({"note": 230.1}, {"note": "230.1"}, "note: number read as a string"),
    ({"note": True}, {"note": "true"}, "note: true or false read as a string"),
    ({"note": False}, {"note": "false"}, "note: true or false read as a string"),
    ({"data": {"a": [1, 2]}}, {"data": '{"a":[1,2]}'}, "data: JSON read as a string"),
    ({"open": "False"}, {"open": False}, "open: string read as true or false"),
    ({"note": None}, {}, "note: empty, left out"),
    ({"note": {"a": 1}}, {}, "note: unusable, left out"),
    ({"limit": "much"}, {}, "limit: unusable, left out"),
    ({"limit": True}, {}, "limit: unusable, left out"),
    ({"open": 1}, {}, "open: unusable, left out"),
    ({"secret": "cut it would be another"}, {}, "secret: unusable, left out"),
    ({"open": True, "vendor": 1}, {"open": True}, "payload: 1 unknown member left out"),
    ({"loose": 1}, {}, "loose: unusable, left out"),
    ({"state": "suspended_ev"}, {"state": "SuspendedEV"}, "state: read as SuspendedEV"),
    ({"state": " Available "}, {"state": "Available"}, "state: read as Available"),
    ({"state": "Occupied"}, {}, "state: unusable, left out"),
    ({"state": " "}, {}, "state: empty, left out"),
    ({"cause": "Meteorite"}, {"cause": "Other"}, "cause: unknown value, Other stands in"),
    ({"vendor": 1}, {}, "payload: 1 unknown member left out"),
    ({"vendor": 1, "more": 2}, {}, "payload: 2 unknown members left out"),
    ({"mark": True}, {}, "mark: seen"),
    ({"values": {"number": "1"}}, {}, "values: an object read as a list of one"),
    ({"values": [{"number": "1"}, None]}, {}, "values[1]: unusable, left out"),
    ({"values": [{"number": "1"}, {"number": "2", "unit": "furlong"}]}, {}, "values[1]: unusable, left out"),
    (
        {"values": [{"number": "1", "unit": "KWH"}]},
        {"values": [{"number": "1", "unit": "kWh"}]},
        "values[0].unit: read as kWh",
    ),
    ({"values": [{"number": "1", "unit": ""}]}, {}, "values[0].unit: empty, left out"),
    (
        {"values": [{"number": "1", "place": "Roof"}]},
        {"values": [{"number": "1", "place": "Outlet"}]},
        "values[0].place: unknown value, Outlet stands in",
    ),
]


@pytest.mark.parametrize(("sent", "read", "note"), CASES)
def test_a_deviation_is_mended_and_noted(sent, read, note):
    repaired = repair(SCHEMA, "Test", GOOD | sent, REPAIRS)
    assert repaired.value == GOOD | read
    assert note in repaired.deviations
    assert find_fault(SCHEMA, repaired.value) is None


def test_what_fits_is_left_alone_beside_what_does_not():
    payload = GOOD | {"note": " kept as it is ", "anything": [None, {"a": None}], "loose": [1, None]}
    repaired = repair(SCHEMA, "Test", payload | {"vendor": 1}, REPAIRS)
    assert repaired.value == payload


def test_a_required_member_that_is_missing_or_broken_gets_its_default():
    schema = _object("register", register=Schema(type="integer"))
    payload: Any
    for payload in ({}, {"register": None}, {"register": "x"}, {"register": []}):
        repaired = repair(schema, "Test", dict(payload), REPAIRS)
        assert repaired.value == {"register": 0}
        assert repaired.deviations == (
            "register: missing, a default stands in"
            if payload.get("register") is None
            else "register: unusable, a default stands in",
        )


UNMENDABLE = [
    ({"values": GOOD["values"]}, "count: is missing"),
    (GOOD | {"count": None}, "count: is missing"),
    (GOOD | {"count": 1.5}, "count: must be an integer"),
    (GOOD | {"count": "x"}, "count: must be an integer"),
    (GOOD | {"count": True}, "count: must be an integer"),
    (GOOD | {"values": []}, "values: must have at least 1 elements"),
    (GOOD | {"values": [{"unit": "Wh"}]}, "values: must have at least 1 elements"),
    (GOOD | {"values": "x"}, "values: must be an array"),
    ("x", "payload: must be an object"),
    (None, "payload: must be an object"),
    ([], "payload: must be an object"),
]


@pytest.mark.parametrize(("sent", "fault"), UNMENDABLE)
def test_what_cannot_be_mended_keeps_a_fault_that_can_be_named(sent, fault):
    repaired = repair(SCHEMA, "Test", sent, REPAIRS)
    assert str(find_fault(SCHEMA, repaired.value)) == fault


def test_what_is_left_out_of_a_list_is_told():
    assert repair(SCHEMA, "Test", GOOD | {"values": [{"number": "1"}, 1]}, REPAIRS).dropped
    assert not repair(SCHEMA, "Test", GOOD | {"vendor": 1}, REPAIRS).dropped


def test_an_open_object_keeps_what_it_is_not_known_for():
    schema = Schema(type="object", properties={"a": Schema(type="string")})
    assert repair(schema, "Test", {"a": 1, "vendor": {"b": None}}, REPAIRS).value == {
        "a": "1",
        "vendor": {"b": None},
    }


def test_notes_are_bounded():
    many = GOOD | {"values": [{"number": "1", "unit": "wh"}] * 1000}
    deviations = repair(SCHEMA, "Test", many, REPAIRS).deviations
    assert len(deviations) == MOST_NOTES + 1
    assert deviations[-1] == f"and {1000 - MOST_NOTES} more"


def test_a_list_of_rubbish_is_given_up():
    sent = GOOD | {"values": [{"number": "1"}, *[{}] * (MOST_LEFT_OUT + 1), {"number": "2"}]}
    assert (
        str(find_fault(SCHEMA, repair(SCHEMA, "Test", sent, REPAIRS).value)) == "values[1].number: is missing"
    )
    sent = GOOD | {"values": [{"number": "1"}, *[{}] * MOST_LEFT_OUT, {"number": "2"}]}
    assert repair(SCHEMA, "Test", sent, REPAIRS).value == GOOD | {
        "values": [{"number": "1"}, {"number": "2"}]
    }


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from([*SCHEMA.properties, *VALUE.properties, "vendor"]), inner, max_size=5
        )
    ),
    max_leaves=20,
)


@given(JSON)
def test_nothing_makes_repair_fail_and_notes_quote_nothing(value):
    repaired = repair(SCHEMA, "Test", json.loads(json.dumps(value)), REPAIRS)
    assert all(len(note) < 120 for note in repaired.deviations)
    # What has been mended once needs no more mending.
    again = repair(SCHEMA, "Test", json.loads(json.dumps(repaired.value)), REPAIRS)
    if find_fault(SCHEMA, repaired.value) is None:
        assert (again.value, again.deviations) == (repaired.value, ())
