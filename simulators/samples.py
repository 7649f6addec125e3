"""What a meter's reading says, measurand by measurand; each version writes it in its own way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from simulators.meter import Reading

Members = dict[str, Any]


class Sample(NamedTuple):
    """One value of a reading."""

    measurand: str
    value: float
    unit: str
    phase: str | None = None
    location: str | None = None


def samples(reading: Reading, measurands: Iterable[str]) -> Iterator[Sample]:
    """Yield what was asked for and the meter knows, in the order asked."""
    for measurand in measurands:
        if measurand in _READERS:
            yield from _READERS[measurand](reading, measurand)


def write_16(reading: Reading, measurands: Iterable[str], at: str, context: str) -> Members | None:
    """Write a 1.6 MeterValue, whose values are text; None: there is nothing to say."""
    values = [_write_16(one, context) for one in samples(reading, measurands)]
    return {"timestamp": at, "sampledValue": values} if values else None


def write_201(reading: Reading, measurands: Iterable[str], at: str, context: str) -> Members | None:
    """Write a 2.0.1 MeterValueType; None: there is nothing to say."""
    values = [_write_201(one, context) for one in samples(reading, measurands)]
    return {"timestamp": at, "sampledValue": values} if values else None


def _energy(reading: Reading, measurand: str) -> Iterator[Sample]:
    yield Sample(measurand, reading.energy_wh, "Wh")


def _power(reading: Reading, measurand: str) -> Iterator[Sample]:
    yield Sample(measurand, round(reading.power_w, 1), "W")


def _currents(reading: Reading, measurand: str) -> Iterator[Sample]:
    for phase, current_a in enumerate(reading.current_a, 1):
        yield Sample(measurand, round(current_a, 2), "A", f"L{phase}")


def _voltages(reading: Reading, measurand: str) -> Iterator[Sample]:
    for phase, voltage_v in enumerate(reading.voltage_v, 1):
        yield Sample(measurand, round(voltage_v, 1), "V", f"L{phase}-N")


def _current_offered(reading: Reading, measurand: str) -> Iterator[Sample]:
    yield Sample(measurand, round(reading.offered_a, 1), "A")


def _power_offered(reading: Reading, measurand: str) -> Iterator[Sample]:
    yield Sample(measurand, round(reading.offered_a * sum(reading.voltage_v)), "W")


def _soc(reading: Reading, measurand: str) -> Iterator[Sample]:
    if reading.soc is not None:
        yield Sample(measurand, round(100 * reading.soc, 1), "Percent", None, "EV")


_READERS: Mapping[str, Callable[[Reading, str], Iterator[Sample]]] = {
    "Current.Import": _currents,
    "Current.Offered": _current_offered,
    "Energy.Active.Import.Register": _energy,
    "Power.Active.Import": _power,
    "Power.Offered": _power_offered,
    "SoC": _soc,
    "Voltage": _voltages,
}

MEASURANDS = frozenset(_READERS)
"""What the meters of simulated stations can tell."""


def _write_16(sample: Sample, context: str) -> Members:
    members: Members = {
        "value": str(round(sample.value)) if sample.unit == "Wh" else f"{sample.value:g}",
        "context": context,
        "measurand": sample.measurand,
        "unit": sample.unit,
    }
    return members | _place(sample)


def _write_201(sample: Sample, context: str) -> Members:
    members: Members = {"value": sample.value, "context": context, "measurand": sample.measurand}
    if sample.unit != "Percent":
        members["unitOfMeasure"] = {"unit": sample.unit}
    return members | _place(sample)


def _place(sample: Sample) -> Members:
    members: Members = {}
    if sample.phase is not None:
        members["phase"] = sample.phase
    if sample.location is not None:
        members["location"] = sample.location
    return members
