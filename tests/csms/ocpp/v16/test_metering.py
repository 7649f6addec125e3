from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.metering import Quality, Sample, SignedValue
from csms.ocpp.tables import Reading
from csms.ocpp.v16 import messages as m
from csms.ocpp.v16 import metering

AT = "2024-05-01T12:00:00Z"
AT_US = 1_714_564_800_000_000
NOW_US = AT_US + 5_000_000

Sampled = dict[str, str]

ENERGY = "Energy.Active.Import.Register"
POWER = "Power.Active.Import"


def sampled(value: str, measurand: str | None = None, **labels: str) -> Sampled:
    return {"value": value, **({"measurand": measurand} if measurand else {}), **labels}


def meter_value(*values: Sampled, timestamp: str = AT) -> m.MeterValue:
    return msgspec.convert({"timestamp": timestamp, "sampledValue": list(values)}, m.MeterValue)


def read(
    *values: Sampled, timestamp: str = AT, **circumstances: Any
) -> tuple[tuple[Sample, ...], tuple[SignedValue, ...]]:
    at_station = circumstances.pop("at_station", False)
    reading = Reading(NOW_US, **circumstances)
    return metering.read([meter_value(*values, timestamp=timestamp)], reading, at_station=at_station)


def columns(sample: Sample) -> dict[str, float]:
    about = {"at_us", "device_at_us", "received_at_us", "context", "extra", "quality"}
    return {
        name: value
        for name, value in msgspec.structs.asdict(sample).items()
        if name not in about and value is not None
    }


CURRENTS = [sampled(str(10 + n), "Current.Import", phase=f"L{n}", unit="A") for n in (1, 2, 3)]

CASES: dict[str, tuple[list[Sampled], dict[str, float], dict[str, float]]] = {
    # what it shows: values, columns, extra
    "52: a bare value is the import register in Wh": ([sampled("1234")], {"energy_wh": 1234.0}, {}),
    "52: blanks around a number do not matter": ([sampled(" 1234 ")], {"energy_wh": 1234.0}, {}),
    "a unit with a prefix is scaled": ([sampled("1.5", ENERGY, unit="kWh")], {"energy_wh": 1500.0}, {}),
    "scaling adds no noise of binary fractions": (
        [sampled("16.1", ENERGY, unit="kWh")],
        {"energy_wh": 16100.0},
        {},
    ),
    "energy as a long decimal in kWh": (
        [sampled("1.23456789012345", ENERGY, unit="kWh")],
        {"energy_wh": 1234.56789},
        {},
    ),
    "power in kW": ([sampled("7.4", POWER, unit="kW")], {"power_w": 7400.0}, {}),
    "without a unit the measurand's own is meant": (
        [
            sampled("7400", POWER),
            sampled("16", "Current.Import", phase="L1"),
            sampled("230", "Voltage", phase="L1"),
        ],
        {"power_w": 7400.0, "current_l1_a": 16.0, "voltage_l1_v": 230.0},
        {},
    ),
    "Wh is what the standard gives a value without unit, and some stations write it everywhere": (
        [sampled("16", "Current.Import", phase="L2", unit="Wh"), sampled("55", "SoC", unit="Wh")],
        {"current_l2_a": 16.0, "soc_ratio": 0.55},
        {},
    ),
    "a unit of another quantity is kept apart under its own name": (
        [sampled("7.4", POWER, unit="kVA"), sampled("9", "Voltage", phase="L1", unit="A")],
        {},
        {"Power.Active.Import_va": 7400.0, "Voltage.L1_a": 9.0},
    ),
    "54: currents by phase": (
        CURRENTS,
        {"current_l1_a": 11.0, "current_l2_a": 12.0, "current_l3_a": 13.0},
        {},
    ),
    "54: L1-N is L1": (
        [sampled("230.1", "Voltage", phase="L1-N"), sampled("16", "Current.Import", phase="L3-N")],
        {"voltage_l1_v": 230.1, "current_l3_a": 16.0},
        {},
    ),
    "54: the neutral overwrites nothing": (
        [*CURRENTS, sampled("0.5", "Current.Import", phase="N")],
        {"current_l1_a": 11.0, "current_l2_a": 12.0, "current_l3_a": 13.0},
        {"Current.Import.N_a": 0.5},
    ),
    "54: power of the phases only is summed, and kept": (
        [sampled(str(n), POWER, phase=f"L{n}", unit="kW") for n in (1, 2, 3)],
        {"power_w": 6000.0},
        {
            "Power.Active.Import.L1_w": 1000.0,
            "Power.Active.Import.L2_w": 2000.0,
            "Power.Active.Import.L3_w": 3000.0,
        },
    ),
    "54: a total of power beside its phases is believed": (
        [sampled("1", POWER, phase="L1"), sampled("100", POWER), sampled("2", POWER, phase="L2")],
        {"power_w": 100.0},
        {"Power.Active.Import.L1_w": 1.0, "Power.Active.Import.L2_w": 2.0},
    ),
    "54: registers of three phases are summed": (
        [sampled("100", ENERGY, phase=f"L{n}") for n in (1, 2, 3)],
        {"energy_wh": 300.0},
        {f"{ENERGY}.L{n}_wh": 100.0 for n in (1, 2, 3)},
    ),
    "54: a single-phase station tags its register L1": (
        [sampled("100", ENERGY, phase="L1")],
        {"energy_wh": 100.0},
        {f"{ENERGY}.L1_wh": 100.0},
    ),
    "54: voltages between phases stand in for those of the phases": (
        [sampled("400", "Voltage", phase=between) for between in ("L1-L2", "L2-L3", "L3-L1")],
        {"voltage_l1_v": 230.94, "voltage_l2_v": 230.94, "voltage_l3_v": 230.94},
        {"Voltage.L1-L2_v": 400.0, "Voltage.L2-L3_v": 400.0, "Voltage.L3-L1_v": 400.0},
    ),
    "54: voltages between phases beside those of the phases are only kept": (
        [sampled("400", "Voltage", phase="L1-L2"), sampled("231", "Voltage", phase="L1")],
        {"voltage_l1_v": 231.0},
        {"Voltage.L1-L2_v": 400.0},
    ),
    "54: a current without phase may be anything": (
        [sampled("16", "Current.Import"), sampled("230", "Voltage")],
        {},
        {"Current.Import_a": 16.0, "Voltage_v": 230.0},
    ),
    "54: a current without phase is that of the only phase there is": (
        [sampled("16", "Current.Import"), sampled("230", "Voltage", phase="L1-N"), sampled("3680", POWER)],
        {"current_l1_a": 16.0, "voltage_l1_v": 230.0, "power_w": 3680.0},
        {"Current.Import_a": 16.0},
    ),
    "54: a voltage without phase too": (
        [sampled("230", "Voltage"), sampled("3680", POWER, phase="L2")],
        {"voltage_l2_v": 230.0, "power_w": 3680.0},
        {"Voltage_v": 230.0, "Power.Active.Import.L2_w": 3680.0},
    ),
    "54: with several phases it is nobody's": (
        [
            sampled("16", "Current.Import"),
            sampled("230", "Voltage", phase="L1"),
            sampled("230", "Voltage", phase="L2"),
        ],
        {"voltage_l1_v": 230.0, "voltage_l2_v": 230.0},
        {"Current.Import_a": 16.0},
    ),
    "54: with a voltage between phases there is more than one": (
        [sampled("16", "Current.Import"), sampled("400", "Voltage", phase="L1-L2")],
        {"voltage_l1_v": 230.94},
        {"Current.Import_a": 16.0, "Voltage.L1-L2_v": 400.0},
    ),
    "SoC is a ratio": ([sampled("55", "SoC", unit="Percent", location="EV")], {"soc_ratio": 0.55}, {}),
    "temperatures in Celsius": (
        [sampled("21.5", "Temperature", unit="Celsius", location="Body")],
        {"temperature_c": 21.5},
        {},
    ),
    "temperatures in what an old schema calls Celsius": (
        [sampled("21.5", "Temperature", unit="Celcius")],
        {"temperature_c": 21.5},
        {},
    ),
    "temperatures in Fahrenheit": (
        [sampled("70.7", "Temperature", unit="Fahrenheit")],
        {"temperature_c": 21.5},
        {},
    ),
    "temperatures in Kelvin": ([sampled("294.65", "Temperature", unit="K")], {"temperature_c": 21.5}, {}),
    "of two temperatures the first is the column's": (
        [sampled("40", "Temperature", location="Body"), sampled("35", "Temperature", location="Cable")],
        {"temperature_c": 40.0},
        {"Temperature.Cable_c": 35.0},
    ),
    "frequency": ([sampled("49.98", "Frequency", unit="Hertz")], {"frequency_hz": 49.98}, {}),
    "what was measured elsewhere is kept apart": (
        [
            sampled("1", ENERGY, location="Inlet"),
            sampled("2", ENERGY),
            sampled("3", "Current.Import", phase="L1", location="EV"),
        ],
        {"energy_wh": 2.0},
        {f"{ENERGY}.Inlet_wh": 1.0, "Current.Import.L1.EV_a": 3.0},
    ),
    "the outlet is where values are measured if nothing is said": (
        [sampled("2", ENERGY, location="Outlet")],
        {"energy_wh": 2.0},
        {},
    ),
    "what has no column is kept under its name and unit": (
        [
            sampled("1", "Current.Offered", unit="A"),
            sampled("2", "Power.Offered", unit="kW"),
            sampled("3", "Power.Factor"),
            sampled("4", "Energy.Active.Export.Register", unit="kWh"),
            sampled("5", "Energy.Reactive.Import.Interval"),
            sampled("6", "Power.Reactive.Import", phase="L1", unit="kvar"),
            sampled("7", "RPM"),
            sampled("8", "Current.Export", phase="L2"),
        ],
        {},
        {
            "Current.Offered_a": 1.0,
            "Power.Offered_w": 2000.0,
            "Power.Factor_ratio": 3.0,
            "Energy.Active.Export.Register_wh": 4000.0,
            "Energy.Reactive.Import.Interval_varh": 5.0,
            "Power.Reactive.Import.L1_var": 6000.0,
            "RPM_rpm": 7.0,
            "Current.Export.L2_a": 8.0,
        },
    ),
    "a second value for the same column is not lost": (
        [sampled("1", ENERGY), sampled("2", ENERGY)],
        {"energy_wh": 1.0},
        {f"{ENERGY}_wh": 2.0},
    ),
    "negative power is kept as it is": ([sampled("-3000", POWER)], {"power_w": -3000.0}, {}),
    "numbers in the notation of science": ([sampled("1.2e3")], {"energy_wh": 1200.0}, {}),
}


@pytest.mark.parametrize(("values", "expected", "extra"), CASES.values(), ids=CASES)
def test_values_find_their_columns(values, expected, extra):
    (sample,), signed = read(*values)
    assert columns(sample) == expected
    assert json.loads(sample.extra) == extra
    assert sample.quality == 0
    assert signed == ()


def test_a_sample_knows_its_times_and_its_context():
    (sample,), _ = read(sampled("1"))
    assert (sample.at_us, sample.device_at_us, sample.received_at_us) == (AT_US, AT_US, NOW_US)
    assert sample.context == "Sample.Periodic"
    assert sample.extra == "{}"


def test_51_at_connector_0_the_inlet_is_where_the_main_meter_sits():
    (sample,), _ = read(sampled("1", ENERGY, location="Inlet"), *CURRENTS, at_station=True)
    assert columns(sample) == {
        "energy_wh": 1.0,
        "current_l1_a": 11.0,
        "current_l2_a": 12.0,
        "current_l3_a": 13.0,
    }
    # … and what is planned for the station is not taken for its connectors.
    (sample,), _ = read(sampled("1", ENERGY, location="Inlet"))
    assert columns(sample) == {}


def test_55_contexts_of_one_moment_are_samples_of_their_own():
    samples, _ = read(
        sampled("0", context="Transaction.Begin"),
        sampled("500", context="Sample.Periodic"),
        sampled("7", POWER, context="Transaction.Begin"),
        sampled("9", POWER),
        sampled("500", context="Sample.Clock"),
    )
    assert [(s.context, s.energy_wh, s.power_w) for s in samples] == [
        ("Transaction.Begin", 0.0, 7.0),
        ("Sample.Periodic", 500.0, 9.0),
        ("Sample.Clock", 500.0, None),
    ]


def test_several_meter_values_are_as_many_samples_in_their_order():
    values = [meter_value(sampled(str(n)), timestamp=f"2024-05-01T11:00:0{n}Z") for n in range(3)]
    samples, _ = metering.read(values, Reading(NOW_US))
    assert [s.energy_wh for s in samples] == [0.0, 1.0, 2.0]
    assert [s.at_us for s in samples] == sorted({s.at_us for s in samples})


@pytest.mark.parametrize(
    ("timestamp", "device_at_us"),
    [
        ("", None),
        ("yesterday", None),
        ("1970-01-01T00:00:00Z", 0),
        ("2024-05-01T14:00:00Z", AT_US + 7_200_000_000),
    ],
)
def test_18_a_clock_that_cannot_be_right_leaves_the_time_of_receipt(timestamp, device_at_us):
    (sample,), _ = read(sampled("1"), timestamp=timestamp)
    assert (sample.at_us, sample.device_at_us) == (NOW_US, device_at_us)
    assert sample.quality == Quality.RECEIVE_TIME


@pytest.mark.parametrize(
    "text",
    ["", " ", "NaN", "nan", "inf", "-Infinity", "1e999", "-1e16", "1_000", "12 V", "1,5", "0x10", "None"],
)
def test_a_value_that_is_no_number_is_dropped_and_told(text):
    (sample,), signed = read(sampled(text, "Voltage", phase="L1"), sampled("1"))
    assert columns(sample) == {"energy_wh": 1.0}
    assert sample.quality == Quality.DROPPED_VALUES
    assert signed == ()


def test_52_a_moment_of_which_nothing_is_left_is_no_sample():
    assert read(sampled(""), sampled("NaN", POWER)) == ((), ())


@pytest.mark.parametrize("soc", ["-1", "101", "255"])
def test_a_state_of_charge_outside_of_its_range_is_dropped(soc):
    (sample,), _ = read(sampled(soc, "SoC"), sampled("1"))
    assert (sample.soc_ratio, sample.quality) == (None, Quality.DROPPED_VALUES)


def test_a_register_is_not_summed_where_a_phase_could_not_be_read():
    (sample,), _ = read(
        *(sampled(text, ENERGY, phase=f"L{n}") for n, text in enumerate(("100", "", "100"), 1))
    )
    assert sample.energy_wh is None
    assert json.loads(sample.extra) == {f"{ENERGY}.L1_wh": 100.0, f"{ENERGY}.L3_wh": 100.0}
    # … nor where the repair may have left one out.
    (sample,), _ = read(sampled("100", ENERGY, phase="L1"), repaired=True, dropped=True)
    assert sample.energy_wh is None


def test_a_repaired_message_marks_its_samples():
    (sample,), _ = read(sampled("1"), repaired=True)
    assert sample.quality == Quality.REPAIRED
    (sample,), _ = read(sampled("1"), repaired=True, dropped=True, timestamp="")
    assert sample.quality == Quality.REPAIRED | Quality.DROPPED_VALUES | Quality.RECEIVE_TIME


def test_52_signed_data_is_kept_byte_for_byte_beside_the_numbers():
    text = ' OCMF|{"FV":"1.0","µ":"Ω"}|{"SD":"3045"} '
    samples, signed = read(
        sampled(text, format="SignedData", context="Transaction.End"),
        sampled("AABB", "Voltage", format="SignedData"),
        sampled("5"),
    )
    assert [columns(sample) for sample in samples] == [{"energy_wh": 5.0}]
    assert signed == (
        SignedValue(
            at_us=AT_US,
            context="Transaction.End",
            measurand=ENERGY,
            encoding="SignedData",
            data=text.encode(),
        ),
        SignedValue(
            at_us=AT_US, context="Sample.Periodic", measurand="Voltage", encoding="SignedData", data=b"AABB"
        ),
    )


def test_signed_data_that_looks_like_a_number_is_none():
    samples, signed = read(sampled("1234", format="SignedData"))
    assert samples == ()
    assert signed[0].data == b"1234"


def test_an_empty_signed_value_is_nothing():
    samples, signed = read(sampled("", format="SignedData"), sampled("1"))
    assert signed == ()
    assert samples[0].quality == Quality.DROPPED_VALUES


def test_a_long_text_without_label_is_kept_as_signed_data():
    text = "OCMF|" + "x" * 100
    samples, signed = read(sampled(text), sampled("1", format="Raw"))
    assert columns(samples[0]) == {"energy_wh": 1.0}
    assert samples[0].quality == 0
    assert (signed[0].encoding, signed[0].data) == ("Raw", text.encode())


def test_transaction_data_is_read_like_meter_values():
    data = msgspec.convert(
        {"timestamp": AT, "sampledValue": [sampled("1.5", ENERGY, unit="kWh")]}, m.TransactionData
    )
    (sample,), _ = metering.read([data], Reading(NOW_US))
    assert columns(sample) == {"energy_wh": 1500.0}


def _labels(choices: Any) -> st.SearchStrategy[str | None]:
    return st.none() | st.sampled_from(choices)


LABELLED = st.fixed_dictionaries(
    {
        "value": st.one_of(
            st.floats().map(str),
            st.integers().map(str),
            st.text(max_size=50),
            st.sampled_from(["", "nan", "-inf"]),
        ),
        "measurand": _labels(m.Measurand.__args__),
        "phase": _labels(m.Phase.__args__),
        "location": _labels(m.Location.__args__),
        "unit": _labels(m.SampledValueUnit.__args__),
        "context": _labels(m.Context.__args__),
        "format": _labels(m.Format.__args__),
    }
).map(lambda labels: {name: text for name, text in labels.items() if text is not None})


@given(st.lists(LABELLED, min_size=1, max_size=12), st.booleans())
def test_whatever_the_schema_allows_is_read_and_no_number_is_lost(values, at_station):
    samples, signed = read(*values, at_station=at_station)
    assert len({sample.context for sample in samples}) == len(samples)
    for sample in samples:
        numbers = [*columns(sample).values(), *json.loads(sample.extra).values()]
        assert all(abs(number) <= 1e18 for number in numbers)
    assert len(signed) <= len(values)
