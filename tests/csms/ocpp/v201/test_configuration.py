"""Variables read in parts and written one by one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from csms.domain.commands import CommandError, CommandResult, CommandState
from csms.domain.control import (
    OrderOutcome,
    OrderVerdict,
    RateUnit,
    ReadConfiguration,
    Setting,
    WriteConfiguration,
)
from csms.domain.errors import Invalid
from csms.ocpp.v201 import DIALECT
from csms.ocpp.v201.capabilities import EVSES_MAX, ITEMS_PER_READ, VARIABLES
from csms.ocpp.v201.configuration import ITEMS_MAX, ITEMS_UNSAID
from csms.ocpp.v201.variables import VariableName, format_name
from tests.csms.ocpp import payloads

ACCEPTED, REJECTED = OrderVerdict.ACCEPTED, OrderVerdict.REJECTED
READ = ReadConfiguration()

VALUES = {
    ITEMS_PER_READ: "5",
    "SmartChargingCtrlr.Available": "true",
    "SmartChargingCtrlr.Enabled": "true",
    "SmartChargingCtrlr.RateUnit": "A",
    "SmartChargingCtrlr.ProfileStackLevel": "9",
    "SmartChargingCtrlr.PeriodsPerSchedule": "24",
    "SampledDataCtrlr.TxUpdatedMeasurands": "Current.Import",
    "SampledDataCtrlr.TxUpdatedInterval": "60",
    "EVSE(1).SupplyPhases": "3",
    "EVSE(1).PhaseRotation": "RST",
    "EVSE(2).SupplyPhases": "3",
}


def _answered(payload: Any) -> CommandResult:
    return CommandResult(CommandState.ANSWERED, response=json.dumps(payload).encode())


def _error(code: str) -> CommandResult:
    return CommandResult(CommandState.CALL_ERROR, error=CommandError(code, "", b"{}"))


def _asked(order: ReadConfiguration) -> list[dict[str, Any]]:
    action, payload = DIALECT.shape_order(order)
    assert action == "GetVariables"
    assert payloads.allows(payloads.validator("v201", "GetVariablesRequest"), payload.decode())
    return json.loads(payload)["getVariableData"]


def _name(line: dict[str, Any]) -> str:
    evse = line["component"].get("evse", {})
    return format_name(
        VariableName(
            component=line["component"]["name"],
            component_instance=line["component"].get("instance"),
            evse=evse.get("id"),
            connector=evse.get("connectorId"),
            variable=line["variable"]["name"],
            variable_instance=line["variable"].get("instance"),
        )
    )


def _line(asked: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    value = values.get(_name(asked))
    if value is None:
        return {"attributeStatus": "UnknownVariable", **asked}
    return {"attributeStatus": "Accepted", "attributeType": "Actual", "attributeValue": value, **asked}


def _read(
    order: ReadConfiguration, values: dict[str, Any] = VALUES, takes: int = 100
) -> tuple[OrderOutcome, list[list[str]]]:
    """Read to the end at a station that takes so many variables at once; return all that was asked, too."""
    parts: list[list[str]] = []
    while True:
        asked = _asked(order)
        parts.append([_name(line) for line in asked])
        assert len(parts) < 200
        result = (
            _answered({"getVariableResult": [_line(line, values) for line in asked]})
            if len(asked) <= takes
            else _error("OccurrenceConstraintViolation")
        )
        outcome = DIALECT.read_outcome(order, result)
        if outcome.complete:
            return outcome, parts
        order = ReadConfiguration(order.keys, outcome)


def test_the_station_is_asked_first_how_much_it_may_be_asked_at_once():
    outcome, parts = _read(READ)
    assert [len(part) for part in parts] == [1, 5, 5, 5]
    assert parts[0] == [ITEMS_PER_READ]
    assert parts[1] == list(VARIABLES[1:6])
    # There is no third EVSE, so nothing is asked for after the part that says so.
    assert "EVSE(3).SupplyPhases" in parts[-1]
    assert outcome.verdict is ACCEPTED
    assert outcome.values == VALUES
    said = outcome.smart_charging
    assert said is not None
    assert (said.supported, said.units, said.evses, said.rotation) == (
        True,
        (RateUnit.AMPERE,),
        2,
        {1: "RST"},
    )
    assert (said.stack_level_max, said.periods_max, said.sample_interval_s) == (9, 24, 60)


@pytest.mark.parametrize(
    ("said", "items"),
    [
        ("1", 1),
        ("3", 3),
        ("1000", ITEMS_MAX),
        ("0", ITEMS_UNSAID),
        ("many", ITEMS_UNSAID),
        (None, ITEMS_UNSAID),
    ],
)
def test_never_more_is_asked_at_once_than_is_said_or_wise(said, items):
    outcome, parts = _read(READ, {**VALUES, ITEMS_PER_READ: said})
    assert max(len(part) for part in parts) == items
    assert outcome.smart_charging is not None
    assert outcome.smart_charging.evses == 2


def test_a_station_that_takes_fewer_than_it_says_is_asked_one_by_one():
    """B06.FR.16."""
    outcome, parts = _read(READ, takes=3)
    assert [len(part) for part in parts][:4] == [1, 5, 1, 1]
    assert outcome.values == {**VALUES, ITEMS_PER_READ: "1"}


def test_what_is_refused_alone_says_nothing_and_does_not_hold_up_the_rest():
    outcome = OrderOutcome(verdict=ACCEPTED, values={ITEMS_PER_READ: "1"}, complete=False)
    order = ReadConfiguration(so_far=outcome)
    ended = DIALECT.read_outcome(order, _error("InternalError"))
    assert (ended.verdict, ended.complete) == (ACCEPTED, False)
    assert ended.values == {ITEMS_PER_READ: "1", VARIABLES[1]: ""}


def test_a_station_that_reads_nothing_is_asked_no_more():
    outcome = DIALECT.read_outcome(READ, _error("NotImplemented"))
    assert (outcome.verdict, outcome.complete) == (OrderVerdict.UNSUPPORTED, True)


def test_a_part_without_an_answer_leaves_the_read_open():
    so_far = OrderOutcome(verdict=ACCEPTED, values={ITEMS_PER_READ: "5"}, complete=False)
    for order in (READ, ReadConfiguration(so_far=so_far)):
        outcome = DIALECT.read_outcome(order, CommandResult(CommandState.TIMED_OUT))
        assert outcome.verdict is OrderVerdict.UNKNOWN


def test_a_station_that_has_every_variable_is_asked_for_a_bounded_number():
    class Everything(dict[str, str]):
        def get(self, _key: str, _default: object = None) -> str:
            return "1"

    outcome, parts = _read(READ, Everything())
    assert sum(map(len, parts)) == len(VARIABLES) + 2 * EVSES_MAX
    assert outcome.smart_charging is not None
    assert outcome.smart_charging.evses is None


def test_single_variables_are_read_by_their_names():
    keys = ("EVSE(1).SupplyPhases", "com%2Eacme.Mode", "Nothing.There")
    outcome, parts = _read(ReadConfiguration(keys), {**VALUES, "com%2Eacme.Mode": 5})
    assert parts == [[ITEMS_PER_READ], list(keys)]
    assert outcome == OrderOutcome(
        verdict=ACCEPTED,
        values={ITEMS_PER_READ: "5", "EVSE(1).SupplyPhases": "3", "com%2Eacme.Mode": "5"},
        unknown_keys=("Nothing.There",),
    )
    _, parts = _read(ReadConfiguration(keys[:1]))
    assert parts == [list(keys[:1])]


def test_settings_are_read_and_written_by_their_role():
    values = {
        ITEMS_PER_READ: "20",
        "AuthCtrlr.LocalPreAuthorize": "false",
        "AuthCtrlr.LocalAuthorizeOffline": "true",
        "AuthCtrlr.Enabled": "true",
        "TxCtrlr.EVConnectionTimeOut": "60",
    }
    outcome, _ = _read(ReadConfiguration(tuple(Setting)), values)
    assert outcome.values == {
        ITEMS_PER_READ: "20",
        "LocalPreAuthorize": "false",
        "LocalAuthorizeOffline": "true",
        # Who is authorized does not start without.
        "StartsUnauthorized": "false",
        "ConnectionTimeOut": "60",
    }
    assert set(outcome.unknown_keys) == set(Setting) - outcome.values.keys()


@pytest.mark.parametrize(("said", "value"), [("false", "true"), ("FALSE", "true"), ("perhaps", "")])
def test_a_station_that_authorizes_nobody_lets_anybody_start(said, value):
    order = ReadConfiguration((Setting.STARTS_UNAUTHORIZED,))
    outcome, _ = _read(order, {"AuthCtrlr.Enabled": said})
    assert outcome.values == {Setting.STARTS_UNAUTHORIZED: value}


@pytest.mark.parametrize(
    "line",
    [
        {"attributeStatus": "Rejected"},
        {"attributeStatus": "Perhaps"},
        {"attributeStatus": 5},
        {"attributeStatus": "Accepted"},
        {"attributeStatus": "Accepted", "attributeValue": None},
        {},
        None,
    ],
)
def test_what_is_there_and_not_told_is_read_as_nothing(line):
    """A start gate must not take it for switched off."""
    order = ReadConfiguration((Setting.AUTHORIZATION_CACHE,))
    (asked,) = _asked(order)
    lines = [] if line is None else [{**asked, **line}]
    outcome = DIALECT.read_outcome(order, _answered({"getVariableResult": [*lines, 5, {"variable": {}}]}))
    assert outcome == OrderOutcome(verdict=ACCEPTED, values={Setting.AUTHORIZATION_CACHE: ""})


def test_answers_count_in_any_order_and_case():
    order = ReadConfiguration(
        ("A.B", "C(1).D"), OrderOutcome(verdict=ACCEPTED, values={ITEMS_PER_READ: "9"}, complete=False)
    )
    lines = [
        {
            "attributeStatus": "accepted",
            "attributeValue": "2",
            "component": {"name": "c", "evse": {"id": 1}},
            "variable": {"name": "D"},
        },
        {
            "attributeStatus": "Accepted",
            "attributeValue": "1",
            "component": {"name": "A"},
            "variable": {"name": "b"},
        },
    ]
    outcome = DIALECT.read_outcome(order, _answered({"getVariableResult": lines}))
    assert outcome.values == {ITEMS_PER_READ: "9", "A.B": "1", "C(1).D": "2"}


@pytest.mark.parametrize("response", [b"", b"[]", b'{"getVariableResult":5,"setVariableResult":5}'])
def test_an_answer_that_can_not_be_read_leaves_it_open(response):
    result = CommandResult(CommandState.ANSWERED, response=response)
    assert DIALECT.read_outcome(READ, result).verdict is OrderVerdict.UNKNOWN
    write = WriteConfiguration("A.B", "1")
    assert DIALECT.read_outcome(write, result).verdict is OrderVerdict.UNKNOWN


# --- writing


@pytest.mark.parametrize(
    ("order", "component", "variable", "value"),
    [
        (
            WriteConfiguration(Setting.SAMPLE_INTERVAL, "10"),
            {"name": "SampledDataCtrlr"},
            {"name": "TxUpdatedInterval"},
            "10",
        ),
        (
            WriteConfiguration(Setting.MEASURANDS, "SoC,Voltage"),
            {"name": "SampledDataCtrlr"},
            {"name": "TxUpdatedMeasurands"},
            "SoC,Voltage",
        ),
        (
            WriteConfiguration(Setting.STARTS_UNAUTHORIZED, "false"),
            {"name": "AuthCtrlr"},
            {"name": "Enabled"},
            "true",
        ),
        (
            WriteConfiguration("Connector(1,2).Mode[x]", "1"),
            {"evse": {"id": 1, "connectorId": 2}, "name": "Connector"},
            {"name": "Mode", "instance": "x"},
            "1",
        ),
    ],
)
def test_one_variable_is_written_at_a_time(order, component, variable, value):
    action, payload = DIALECT.shape_order(order)
    data = [{"attributeValue": value, "component": component, "variable": variable}]
    assert (action, json.loads(payload)) == ("SetVariables", {"setVariableData": data})
    assert payloads.allows(payloads.validator("v201", "SetVariablesRequest"), payload.decode())


@pytest.mark.parametrize(
    ("order", "problem"),
    [
        (ReadConfiguration(("MeterValue",)), "^key: 'MeterValue' is no variable"),
        (WriteConfiguration("", "1"), "^key: '' is no variable"),
        (WriteConfiguration(f"{'x' * 51}.Y", "1"), r"component\.name: is longer than 50"),
        (WriteConfiguration("X.Y", "x" * 1001), r"attributeValue: is longer than 1000"),
    ],
)
def test_what_no_station_can_have_is_refused(order, problem):
    with pytest.raises(Invalid, match=problem):
        DIALECT.shape_order(order)


@pytest.mark.parametrize(
    ("line", "outcome"),
    [
        ({"attributeStatus": "Accepted"}, OrderOutcome(verdict=ACCEPTED, detail="Accepted")),
        (
            {"attributeStatus": "RebootRequired"},
            OrderOutcome(verdict=ACCEPTED, detail="RebootRequired", reboot_required=True),
        ),
        (
            {"attributeStatus": "Rejected", "attributeStatusInfo": {"reasonCode": "OutOfRange"}},
            OrderOutcome(verdict=REJECTED, detail="Rejected: OutOfRange"),
        ),
        (
            {"attributeStatus": "UnknownVariable"},
            OrderOutcome(verdict=OrderVerdict.UNSUPPORTED, detail="UnknownVariable"),
        ),
        (
            {"attributeStatus": "UnknownComponent"},
            OrderOutcome(verdict=OrderVerdict.UNSUPPORTED, detail="UnknownComponent"),
        ),
        ({"attributeStatus": "Perhaps"}, OrderOutcome(verdict=OrderVerdict.UNKNOWN, detail="Perhaps")),
        ({"attributeStatus": 5}, OrderOutcome(verdict=OrderVerdict.UNKNOWN)),
    ],
)
def test_the_status_of_the_variable_is_that_of_the_write(line, outcome):
    order = WriteConfiguration("A.B", "1")
    assert DIALECT.read_outcome(order, _answered({"setVariableResult": [line]})) == outcome


def test_a_write_of_which_nothing_is_said_is_left_open():
    outcome = DIALECT.read_outcome(WriteConfiguration("A.B", "1"), _answered({"setVariableResult": []}))
    assert outcome.verdict is OrderVerdict.UNKNOWN


def test_what_a_call_writes_is_told_by_role_as_far_as_it_has_one():
    data = [
        {
            "attributeValue": "1",
            "component": {"name": "authctrlr"},
            "variable": {"name": "LocalPreAuthorize"},
        },
        {
            "attributeValue": "1",
            "component": {"name": "X", "instance": "i", "evse": {"id": 1, "connectorId": 2}},
            "variable": {"name": "Y"},
        },
    ]
    payload = DIALECT.check_call("SetVariables", json.dumps({"setVariableData": data}).encode())
    assert DIALECT.written_keys("SetVariables", payload) == (Setting.LOCAL_PRE_AUTHORIZE, "X[i](1,2).Y")
