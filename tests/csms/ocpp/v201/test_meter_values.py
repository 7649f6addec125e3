from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.metering import Quality, Sample, SignedValue
from csms.ocpp.tables import Reading
from csms.ocpp.v201 import messages as m
from csms.ocpp.v201 import meter_values

AT = "2024-05-01T12:00:00Z"
AT_US = 1_714_564_800_000_000
NOW_US = AT_US + 5_000_000

Sampled = dict[str, Any]

ENERGY = "Energy.Active.Import.Register"
POWER = "Power.Active.Import"


def sampled(
    value: float, measurand: str | None = None, unit: str | None = None, ten: int | None = None, **labels: Any
) -> Sampled:
    measure = {} if unit is None else {"unit": unit}
    measure |= {} if ten is None else {"multiplier": ten}
    return {
        "value": value,
        **({"measurand": measurand} if measurand else {}),
        **({"unitOfMeasure": measure} if measure else {}),
        **labels,
    }


def meter_value(*values: Sampled, timestamp: str = AT) -> m.MeterValue:
    return msgspec.convert({"timestamp": timestamp, "sampledValue": list(values)}, m.MeterValue)


def read(
    *values: Sampled, timestamp: str = AT, at_station: bool = False, **circumstances: Any
) -> tuple[tuple[Sample, ...], tuple[SignedValue, ...]]:
    reading = Reading(NOW_US, **circumstances)
    return meter_values.read([meter_value(*values, timestamp=timestamp)], reading, at_station=at_station)


def columns(sample: Sample) -> dict[str, float]:
    about = {"at_us", "device_at_us", "received_at_us", "context", "extra", "quality"}
    return {
        name: value
        for name, value in msgspec.structs.asdict(sample).items()
        if name not in about and value is not None
    }


CURRENTS = [sampled(10 + n, "Current.Import", "A", phase=f"L{n}") for n in (1, 2, 3)]

CASES: dict[str, tuple[list[Sampled], dict[str, float], dict[str, float]]] = {
    # what it shows: values, columns, extra
    "a bare value is the import register in Wh": ([sampled(1234)], {"energy_wh": 1234.0}, {}),
    "a unit with a prefix is scaled": ([sampled(1.5, ENERGY, "kWh")], {"energy_wh": 1500.0}, {}),
    "a power of ten is applied to the unit": (
        [sampled(1.5, ENERGY, "Wh", 3), sampled(7400, POWER, "kW", -3)],
        {"energy_wh": 1500.0, "power_w": 7400.0},
        {},
    ),
    "a power of ten may stand alone": (
        [sampled(74, POWER, ten=2), sampled(2301, "Voltage", ten=-1, phase="L1")],
        {"power_w": 7400.0, "voltage_l1_v": 230.1},
        {},
    ),
    "a power of ten adds no noise of binary fractions": (
        [sampled(230150, "Voltage", "V", -3, phase="L1"), sampled(16.1, ENERGY, "kWh", 0)],
        {"voltage_l1_v": 230.15, "energy_wh": 16100.0},
        {},
    ),
    "without a unit the measurand's own is meant": (
        [sampled(7400, POWER), sampled(16, "Current.Import", phase="L1"), sampled(50, "Frequency")],
        {"power_w": 7400.0, "current_l1_a": 16.0, "frequency_hz": 50.0},
        {},
    ),
    "Wh is the default of the schema, and some stations write it everywhere": (
        [sampled(16, "Current.Import", "Wh", phase="L2"), sampled(55, "SoC", "Wh")],
        {"current_l2_a": 16.0, "soc_ratio": 0.55},
        {},
    ),
    "units in another case or under another name": (
        [
            sampled(1.5, ENERGY, "KWH"),
            sampled(7.4, POWER, " kw "),
            sampled(16, "Current.Import", "Amps", phase="L1"),
            sampled(55, "SoC", "%"),
            sampled(50, "Frequency", "hz"),
        ],
        {
            "energy_wh": 1500.0,
            "power_w": 7400.0,
            "current_l1_a": 16.0,
            "soc_ratio": 0.55,
            "frequency_hz": 50.0,
        },
        {},
    ),
    "prefixes that the list lacks": (
        [
            sampled(0.0074, POWER, "MW"),
            sampled(16000, "Current.Import", "mA", phase="L1"),
            sampled(0.4, "Voltage", "kV", 0, phase="L1"),
            sampled(15, ENERGY, "MWh", -4),
        ],
        {"power_w": 7400.0, "current_l1_a": 16.0, "voltage_l1_v": 400.0, "energy_wh": 1500.0},
        {},
    ),
    "a unit of another quantity, or of the station's own, is kept apart under its name": (
        [sampled(7.4, POWER, "kVA"), sampled(9, "Voltage", "Bananas", 1, phase="L1")],
        {},
        {"Power.Active.Import_va": 7400.0, "Voltage.L1_Bananas": 90.0},
    ),
    "an empty unit is none": ([sampled(5, POWER, "  ")], {"power_w": 5.0}, {}),
    "currents by phase": (
        CURRENTS,
        {"current_l1_a": 11.0, "current_l2_a": 12.0, "current_l3_a": 13.0},
        {},
    ),
    "power of the phases only is summed, and kept": (
        [sampled(n, POWER, "kW", phase=f"L{n}") for n in (1, 2, 3)],
        {"power_w": 6000.0},
        {f"{POWER}.L{n}_w": 1000.0 * n for n in (1, 2, 3)},
    ),
    "a register of one phase is the register": (
        [sampled(100, ENERGY, phase="L1-N")],
        {"energy_wh": 100.0},
        {f"{ENERGY}.L1_wh": 100.0},
    ),
    "voltages between phases stand in for those of the phases": (
        [sampled(400, "Voltage", "V", phase=between) for between in ("L1-L2", "L2-L3", "L3-L1")],
        {"voltage_l1_v": 230.94, "voltage_l2_v": 230.94, "voltage_l3_v": 230.94},
        {"Voltage.L1-L2_v": 400.0, "Voltage.L2-L3_v": 400.0, "Voltage.L3-L1_v": 400.0},
    ),
    "a state of charge is the car's": (
        [sampled(55, "SoC", "Percent", location="EV")],
        {"soc_ratio": 0.55},
        {},
    ),
    "what was measured elsewhere is kept apart": (
        [sampled(1, ENERGY, location="Inlet"), sampled(2, ENERGY, location="Outlet")],
        {"energy_wh": 2.0},
        {f"{ENERGY}.Inlet_wh": 1.0},
    ),
    "what 2.0.1 has and 1.6 has not": (
        [
            sampled(1, "Energy.Active.Net", "kWh"),
            sampled(2, "Energy.Reactive.Net"),
            sampled(3, "Energy.Apparent.Import", "kVAh"),
            sampled(4, "Energy.Apparent.Export"),
            sampled(5, "Energy.Apparent.Net"),
        ],
        {},
        {
            "Energy.Active.Net_wh": 1000.0,
            "Energy.Reactive.Net_varh": 2.0,
            "Energy.Apparent.Import_vah": 3000.0,
            "Energy.Apparent.Export_vah": 4.0,
            "Energy.Apparent.Net_vah": 5.0,
        },
    ),
    "negative power is kept as it is": ([sampled(-3000, POWER)], {"power_w": -3000.0}, {}),
}


@pytest.mark.parametrize(("values", "expected", "extra"), CASES.values(), ids=CASES)
def test_values_find_their_columns(values, expected, extra):
    (sample,), signed = read(*values)
    assert columns(sample) == expected
    assert json.loads(sample.extra) == extra
    assert sample.quality == 0
    assert signed == ()


def test_every_measurand_has_its_unit():
    for measurand in m.MeasurandEnum.__args__:
        (sample,), _ = read(sampled(1, measurand))
        assert sample.quality == 0


def test_at_evse_0_the_inlet_is_where_the_main_meter_sits():
    (sample,), _ = read(sampled(1, ENERGY, location="Inlet"), *CURRENTS, at_station=True)
    assert columns(sample) == {
        "energy_wh": 1.0,
        "current_l1_a": 11.0,
        "current_l2_a": 12.0,
        "current_l3_a": 13.0,
    }
    (sample,), _ = read(sampled(1, ENERGY, location="Inlet"))
    assert columns(sample) == {}


def test_contexts_of_one_moment_are_samples_of_their_own():
    samples, _ = read(
        sampled(0, context="Transaction.Begin"), sampled(500), sampled(9, POWER, context="Trigger")
    )
    assert [(s.context, s.energy_wh, s.power_w) for s in samples] == [
        ("Transaction.Begin", 0.0, None),
        ("Sample.Periodic", 500.0, None),
        ("Trigger", None, 9.0),
    ]


def test_several_meter_values_are_as_many_samples_in_their_order():
    values = [meter_value(sampled(n), timestamp=f"2024-05-01T11:00:0{n}Z") for n in range(3)]
    samples, _ = meter_values.read(values, Reading(NOW_US))
    assert [s.energy_wh for s in samples] == [0.0, 1.0, 2.0]
    assert [s.at_us for s in samples] == sorted({s.at_us for s in samples})


@pytest.mark.parametrize(("timestamp", "device_at_us"), [("", None), ("1970-01-01T00:00:00Z", 0)])
def test_a_clock_that_can_not_be_right_leaves_the_time_of_receipt(timestamp, device_at_us):
    (sample,), _ = read(sampled(1), timestamp=timestamp)
    assert (sample.at_us, sample.device_at_us) == (NOW_US, device_at_us)
    assert sample.quality == Quality.RECEIVE_TIME


@pytest.mark.parametrize(
    "value",
    [
        sampled(meter_values.NO_NUMBER, POWER),
        sampled(-1e15, POWER),
        sampled(1, POWER, "W", 31),
        sampled(1, POWER, "W", -(2**70)),
        sampled(1, POWER, ten=20),
        sampled(101, "SoC"),
    ],
)
def test_a_number_that_no_meter_shows_is_dropped_and_told(value):
    (sample,), signed = read(value, sampled(1))
    assert columns(sample) == {"energy_wh": 1.0}
    assert sample.quality == Quality.DROPPED_VALUES
    assert signed == ()


def test_a_moment_of_which_nothing_is_left_is_no_sample():
    assert read(sampled(1e300)) == ((), ())


def test_a_repaired_message_marks_its_samples():
    (sample,), _ = read(sampled(100, ENERGY, phase="L1"), repaired=True, dropped=True)
    assert sample.quality == Quality.REPAIRED | Quality.DROPPED_VALUES
    assert sample.energy_wh is None


SIGNED = {
    "signedMeterData": "T0NNRg==",
    "signingMethod": "ECDSA",
    "encodingMethod": "OCMF",
    "publicKey": "a2V5",
}


def test_what_is_signed_is_kept_with_all_that_it_takes_to_check_it_beside_its_number():
    samples, signed = read(
        sampled(5, context="Transaction.End", signedMeterValue=SIGNED),
        sampled(1e300, "Voltage", phase="L1", signedMeterValue=SIGNED),
    )
    assert [columns(sample) for sample in samples] == [{"energy_wh": 5.0}]
    assert [(value.context, value.measurand, value.encoding) for value in signed] == [
        ("Transaction.End", ENERGY, "SignedMeterValue"),
        ("Sample.Periodic", "Voltage", "SignedMeterValue"),
    ]
    assert all(json.loads(value.data) == SIGNED for value in signed)
    assert all((value.at_us, value.device_at_us) == (AT_US, AT_US) for value in signed)


def test_units_that_stations_invent_do_not_fill_the_memory():
    known = sum(map(len, meter_values._PLANS))
    for number in range(50):
        read(sampled(1, POWER, f"unit {number}"))
    assert sum(map(len, meter_values._PLANS)) == known


def _labels(choices: Any) -> st.SearchStrategy[str | None]:
    return st.none() | st.sampled_from(choices)


LABELLED = st.fixed_dictionaries(
    {
        "value": st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**70), 2**70),
        "measurand": _labels(m.MeasurandEnum.__args__),
        "phase": _labels(m.PhaseEnum.__args__),
        "location": _labels(m.LocationEnum.__args__),
        "context": _labels(m.ReadingContextEnum.__args__),
        "unitOfMeasure": st.none()
        | st.fixed_dictionaries(
            {},
            optional={
                "unit": st.sampled_from(["Wh", "kW", "mA", "%", "", "K", "µ"]) | st.text(max_size=20),
                "multiplier": st.integers(-40, 40) | st.integers(),
            },
        ),
    }
).map(lambda labels: {name: value for name, value in labels.items() if value is not None})


@given(st.lists(LABELLED, min_size=1, max_size=12), st.booleans())
def test_whatever_the_schema_allows_is_read_and_no_number_is_beyond_a_meter(values, at_station):
    samples, signed = read(*values, at_station=at_station)
    assert len({sample.context for sample in samples}) == len(samples)
    for sample in samples:
        numbers = [*columns(sample).values(), *json.loads(sample.extra).values()]
        assert all(abs(number) <= 1e18 for number in numbers)
    assert signed == ()
