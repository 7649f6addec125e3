"""What configuration keys say of limits and measurement, however stations write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.control import RateUnit, SmartCharging
from csms.ocpp.v16.capabilities import smart_charging

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


def _said(**values: str) -> SmartCharging:
    return smart_charging(values)


def test_a_station_that_says_everything_is_understood():
    assert _said(
        SupportedFeatureProfiles="Core,FirmwareManagement,SmartCharging,RemoteTrigger",
        ChargingScheduleAllowedChargingRateUnit="Current,Power",
        ChargeProfileMaxStackLevel="9",
        ChargingScheduleMaxPeriods="24",
        MaxChargingProfilesInstalled="10",
        NumberOfConnectors="3",
        ConnectorPhaseRotation="0.RST,1.RST,2.STR,3.TRS",
        MeterValuesSampledData="Current.Import,Power.Active.Import,Energy.Active.Import.Register",
        MeterValueSampleInterval="60",
        SomethingElse="x",
    ) == SmartCharging(
        supported=True,
        units=(AMPERE, WATT),
        stack_level_max=9,
        periods_max=24,
        evses=3,
        rotation={1: "RST", 2: "STR", 3: "TRS"},
        measurands=("Current.Import", "Power.Active.Import", "Energy.Active.Import.Register"),
        sample_interval_s=60,
    )


def test_a_station_that_says_nothing_leaves_everything_open():
    assert _said() == NOTHING


@given(st.dictionaries(st.sampled_from((
    "SupportedFeatureProfiles", "ChargingScheduleAllowedChargingRateUnit", "ChargeProfileMaxStackLevel",
    "ChargingScheduleMaxPeriods", "NumberOfConnectors", "ConnectorPhaseRotation", "MeterValuesSampledData",
    "MeterValueSampleInterval",
)), st.text() | st.text("0123456789.,;RSTrst -:'")))  # fmt: skip
def test_no_text_breaks_the_reading(values):
    said = smart_charging(values)
    assert all(number is None or number >= 0 for number in (said.stack_level_max, said.sample_interval_s))
    assert all(evse > 0 for evse in said.rotation)


@pytest.mark.parametrize(
    "key", ["METERVALUESAMPLEINTERVAL", "metervaluesampleinterval", " MeterValueSampleInterval "]
)
def test_27_keys_count_without_regard_to_case(key):
    assert smart_charging({key: "30"}).sample_interval_s == 30


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("A", (AMPERE,)),
        ("W", (WATT,)),
        ("Amps", (AMPERE,)),
        ("Current", (AMPERE,)),
        ("current", (AMPERE,)),
        ("Power", (WATT,)),
        ("Watts", (WATT,)),
        ("Power;Current", (WATT, AMPERE)),
        (" A , W ", (AMPERE, WATT)),
        ("A,Current,W", (AMPERE, WATT)),
        ("'A','W'", (AMPERE, WATT)),
        ('["Current","Power"]', (AMPERE, WATT)),
        ("", ()),
        ("none", ()),
        ("A/W", ()),
    ],
)
def test_28_units_are_understood_however_they_are_called_and_parted(text, units):
    assert _said(ChargingScheduleAllowedChargingRateUnit=text).units == units


@pytest.mark.parametrize(
    ("profiles", "keys", "supported"),
    [
        ("Core,SmartCharging", {}, True),
        ("Core, Smart Charging ", {}, True),
        ("core;smartcharging", {}, True),
        ("Core,SmartChargingProfile", {}, True),
        ("Core", {}, False),
        # Some can do it and leave it out of the list.
        ("Core", {"ChargeProfileMaxStackLevel": "5"}, None),
        ("Core", {"chargingScheduleAllowedChargingRateUnit": "A"}, None),
        ("Core", {"ChargeProfileMaxStackLevel": ""}, False),
        ("", {}, None),
        ("", {"ChargeProfileMaxStackLevel": "5"}, None),
    ],
)
def test_30_a_station_is_only_believed_to_lack_smart_charging_if_nothing_speaks_for_it(
    profiles, keys, supported
):
    assert _said(SupportedFeatureProfiles=profiles, **keys).supported is supported


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("5", 5),
        (" 5 ", 5),
        ("5.0", 5),
        ("0", 0),
        ("'5'", 5),
        ("999", 999),
        ("", None),
        ("five", None),
        ("-1", None),
        ("1.5", None),
        ("1e3", None),
        ("5 s", None),
        ("9" * 30, None),
        ("٣", None),
    ],
)
def test_58_numbers_are_taken_where_they_are_plain(text, number):
    assert _said(ChargeProfileMaxStackLevel=text).stack_level_max == number


def test_no_station_has_no_connector_or_no_period():
    said = _said(NumberOfConnectors="0", ChargingScheduleMaxPeriods="0", MeterValueSampleInterval="0")
    assert (said.evses, said.periods_max, said.sample_interval_s) == (None, None, 0)


@pytest.mark.parametrize(
    ("text", "rotation"),
    [
        ("0.RST, 1.RST, 2.RTS", {1: "RST", 2: "RTS"}),
        ("1.rst;2.srt", {1: "RST", 2: "SRT"}),
        ("1:RST 2=TSR", {1: "RST", 2: "TSR"}),
        ("'1.STR'", {1: "STR"}),
        ("12.TRS", {12: "TRS"}),
        ("1.Unknown,2.RST", {2: "RST"}),
        ("1.NotApplicable", {}),
        ("1.RRT,2.RSTX", {}),
        ("NotApplicable", {}),
        ("", {}),
        ("RST", {}),
    ],
)
def test_the_rotation_of_each_connector_is_read_as_far_as_it_is_said(text, rotation):
    assert _said(ConnectorPhaseRotation=text).rotation == rotation


def test_a_rotation_without_a_number_is_the_only_connectors():
    assert _said(ConnectorPhaseRotation="STR", NumberOfConnectors="1").rotation == {1: "STR"}
    assert _said(ConnectorPhaseRotation="STR", NumberOfConnectors="2").rotation == {}


@pytest.mark.parametrize(
    "text",
    [
        "Current.Import,Voltage",
        "Current.Import, Voltage,",
        "'Current.Import','Voltage'",
        "Current.Import;Voltage",
    ],
)
def test_17_measurands_are_listed_without_quotes_and_blanks(text):
    assert _said(MeterValuesSampledData=text).measurands == ("Current.Import", "Voltage")
