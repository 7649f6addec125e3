"""What variables say of limits and measurement, however stations write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.control import RateUnit, SmartCharging
from csms.ocpp.v201.capabilities import EVSES_MAX, VARIABLES, evse_variables, smart_charging

AMPERE, WATT = RateUnit.AMPERE, RateUnit.WATT
NOTHING = SmartCharging(
    supported=None,
    units=(),
    stack_level_max=None,
    periods_max=None,
    evses=None,
    rotation={},
    measurands=(),
    sample_interval_s=None,
)


def test_a_station_that_says_everything_is_understood():
    assert smart_charging(
        {
            "SmartChargingCtrlr.Available": "true",
            "SmartChargingCtrlr.Enabled": "true",
            "SmartChargingCtrlr.RateUnit": "A,W",
            "SmartChargingCtrlr.ProfileStackLevel": "9",
            "SmartChargingCtrlr.PeriodsPerSchedule": "24",
            "SampledDataCtrlr.TxUpdatedMeasurands": "Current.Import,Power.Active.Import",
            "SampledDataCtrlr.TxUpdatedInterval": "60",
            "EVSE(1).SupplyPhases": "3",
            "EVSE(1).PhaseRotation": "STR",
            "EVSE(2).SupplyPhases": "1",
            "EVSE(2).PhaseRotation": "Sxx",
        }
    ) == SmartCharging(
        supported=True,
        units=(AMPERE, WATT),
        stack_level_max=9,
        periods_max=24,
        evses=2,
        rotation={1: "STR", 2: "S"},
        measurands=("Current.Import", "Power.Active.Import"),
        sample_interval_s=60,
    )


def test_a_station_that_says_nothing_leaves_everything_open():
    assert smart_charging({}) == NOTHING
    assert smart_charging(dict.fromkeys(VARIABLES, "")) == NOTHING


@pytest.mark.parametrize(
    ("available", "enabled", "supported"),
    [
        ("true", "true", True),
        ("true", "", True),
        ("", "TRUE", True),
        ("true", "false", False),
        ("False", "", False),
        ("yes", "", None),
        ("", "", None),
    ],
)
def test_smart_charging_is_there_where_it_is_enabled(available, enabled, supported):
    said = smart_charging({"SmartChargingCtrlr.Available": available, "smartchargingctrlr.enabled": enabled})
    assert said.supported is supported


@pytest.mark.parametrize(
    ("text", "rotation"),
    [
        ("RST", {1: "RST"}),
        (" rts ", {1: "RTS"}),
        ("Rxx", {1: "R"}),
        ("xTx", {1: "T"}),
        ("RRT", {}),
        ("RSTR", {}),
        ("Unknown", {}),
        ("xxx", {}),
        ("", {}),
    ],
)
def test_the_rotation_of_an_evse_is_read_as_far_as_it_is_said(text, rotation):
    assert smart_charging({"EVSE(1).SupplyPhases": "3", "EVSE(1).PhaseRotation": text}).rotation == rotation


@pytest.mark.parametrize("count", [1, 2, EVSES_MAX - 1])
def test_evses_are_counted_to_the_first_that_is_not_there(count):
    values = {evse_variables(evse)[0]: "" for evse in range(1, count + 1)}
    values["EVSE(40).SupplyPhases"] = "3"
    assert smart_charging(values).evses == count


def test_nobody_knows_how_many_evses_there_are_where_the_counting_was_given_up():
    values = {evse_variables(evse)[0]: "3" for evse in range(1, EVSES_MAX + 1)}
    assert smart_charging(values).evses is None


@given(
    st.dictionaries(st.sampled_from((*VARIABLES, *evse_variables(1))), st.text() | st.text("RSTx0123456789"))
)
def test_no_text_breaks_the_reading(values):
    said = smart_charging(values)
    assert all(number is None or number >= 0 for number in (said.stack_level_max, said.sample_interval_s))
