"""Names of variables as one text, and back."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.ocpp.v201.variables import VariableName, folded, format_name, on_the_wire, parse


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (
            "SampledDataCtrlr.TxUpdatedInterval",
            VariableName(component="SampledDataCtrlr", variable="TxUpdatedInterval"),
        ),
        (
            "DeviceDataCtrlr.ItemsPerMessage[GetVariables]",
            VariableName(
                component="DeviceDataCtrlr", variable="ItemsPerMessage", variable_instance="GetVariables"
            ),
        ),
        (
            "DistributionPanel[2].Fuse",
            VariableName(component="DistributionPanel", component_instance="2", variable="Fuse"),
        ),
        ("EVSE(1).PhaseRotation", VariableName(component="EVSE", evse=1, variable="PhaseRotation")),
        (
            "Connector(1,2).ConnectorType",
            VariableName(component="Connector", evse=1, connector=2, variable="ConnectorType"),
        ),
        (
            "A[b](3,4).C[d]",
            VariableName(
                component="A",
                component_instance="b",
                evse=3,
                connector=4,
                variable="C",
                variable_instance="d",
            ),
        ),
        ("com%2EAcme.50%25 %5Bnew%5D", VariableName(component="com.Acme", variable="50% [new]")),
    ],
)
def test_a_name_is_read_and_written(text: str, name: VariableName) -> None:
    assert parse(text) == name
    assert format_name(name) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "MeterValueSampleInterval",
        ".",
        "A.",
        ".B",
        "A.B.C",
        "A[].B",
        "A[b.C",
        "A.B]",
        "EVSE().B",
        "EVSE(-1).B",
        "EVSE(x).B",
        "EVSE(1,).B",
        "EVSE(1)(2).B",
        "EVSE(1).B(2)",
        "EVSE(9999999999).B",
        "A%FF.B",
    ],
)
def test_what_is_no_name_is_none(text: str) -> None:
    assert parse(text) is None


WORDS = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from(".[]()%,a"), min_size=1, max_size=50
)
NUMBERS = st.integers(0, 999_999_999)
NAMES = st.builds(
    VariableName,
    component=WORDS,
    component_instance=st.none() | WORDS,
    evse=NUMBERS,
    connector=st.none() | NUMBERS,
    variable=WORDS,
    variable_instance=st.none() | WORDS,
)


@given(NAMES)
def test_every_name_comes_back(name: VariableName) -> None:
    text = format_name(name)
    assert parse(text) == name


def test_names_are_the_same_in_any_case() -> None:
    assert folded("evse(1).phaserotation") == folded("EVSE(1).PhaseRotation")


def test_on_the_wire_only_what_is_said_is_there() -> None:
    name = parse("Connector(1,2).Available")
    assert name is not None
    assert [msgspec.to_builtins(part) for part in on_the_wire(name)] == [
        {"evse": {"id": 1, "connectorId": 2}, "name": "Connector"},
        {"name": "Available"},
    ]
