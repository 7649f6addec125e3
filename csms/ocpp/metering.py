"""Meter values into samples in SI units: one wide sample a moment and context; every OCPP version reads so.

Each combination of measurand, phase, location and unit has a plan: the column its number goes to, or else
its key in `extra`. Which it is, by quantity:

- Energy.Active.Import.Register and Power.Active.Import: the value without phase; where there is none, the
  sum of the phases (which stand in `extra` besides).
- Current.Import and Voltage: by phase (`L1` and `L1-N` are the same). A value without phase goes to `extra`,
  for nobody can tell whether it is one phase, their sum or a direct current; only where everything else in
  the moment that names a phase names the same one, it is that phase's too. Voltages between phases stand in
  `extra`, and over √3 for the phases where no phase has a voltage of its own.
- SoC, Frequency, Temperature: the first one, wherever it was measured.
- All else, and all that was not measured at the outlet: `extra`, under `Measurand[.Phase][.Location]_unit`,
  as in `Current.Import.N_a`, `Voltage.L1-L2_v`, `Energy.Active.Import.Register.Inlet_wh`. For the station as
  a whole (connector 0, EVSE 0) the inlet counts as the outlet does elsewhere (OCPP 1.6 §3.16.3, 2.0.1 part 2
  §3.47).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import UNSET, Struct, UnsetType, field

from csms.domain.metering import Quality, Sample

DEFAULT_CONTEXT: Final = "Sample.Periodic"
DEFAULT_MEASURAND: Final = "Energy.Active.Import.Register"
# OCPP 1.6 §7.43; 2.0.1 part 2 §2.41.

BEYOND_ALL_METERS = 1e15

UNITS: dict[str, tuple[str, float, float]] = {
    "Wh": ("wh", 1.0, 0.0),
    "kWh": ("wh", 1000.0, 0.0),
    "varh": ("varh", 1.0, 0.0),
    "kvarh": ("varh", 1000.0, 0.0),
    "W": ("w", 1.0, 0.0),
    "kW": ("w", 1000.0, 0.0),
    "VA": ("va", 1.0, 0.0),
    "kVA": ("va", 1000.0, 0.0),
    "VAh": ("vah", 1.0, 0.0),
    "kVAh": ("vah", 1000.0, 0.0),
    "var": ("var", 1.0, 0.0),
    "kvar": ("var", 1000.0, 0.0),
    "A": ("a", 1.0, 0.0),
    "V": ("v", 1.0, 0.0),
    "K": ("c", 1.0, -273.15),
    "Celcius": ("c", 1.0, 0.0),
    "Celsius": ("c", 1.0, 0.0),
    "Fahrenheit": ("c", 5 / 9, -160 / 9),
    "Percent": ("percent", 1.0, 0.0),
    "Hertz": ("hz", 1.0, 0.0),
    "Hz": ("hz", 1.0, 0.0),
    "RPM": ("rpm", 1.0, 0.0),
}
"""Unit on the wire of any version → SI unit, factor, and what is added after."""

BASE_UNITS: dict[str, str] = {
    "Energy.Active.Export.Register": "wh",
    "Energy.Active.Import.Register": "wh",
    "Energy.Reactive.Export.Register": "varh",
    "Energy.Reactive.Import.Register": "varh",
    "Energy.Active.Export.Interval": "wh",
    "Energy.Active.Import.Interval": "wh",
    "Energy.Reactive.Export.Interval": "varh",
    "Energy.Reactive.Import.Interval": "varh",
    "Energy.Active.Net": "wh",
    "Energy.Reactive.Net": "varh",
    "Energy.Apparent.Export": "vah",
    "Energy.Apparent.Import": "vah",
    "Energy.Apparent.Net": "vah",
    "Power.Active.Export": "w",
    "Power.Active.Import": "w",
    "Power.Offered": "w",
    "Power.Reactive.Export": "var",
    "Power.Reactive.Import": "var",
    "Power.Factor": "ratio",
    "Current.Import": "a",
    "Current.Export": "a",
    "Current.Offered": "a",
    "Voltage": "v",
    "Frequency": "hz",
    "Temperature": "c",
    "SoC": "percent",
    "RPM": "rpm",
}
"""Measurand of any version → the unit that is meant where none is given."""

WHOLE_COLUMNS: dict[str, str] = {
    "Energy.Active.Import.Register": "energy_wh",
    "Power.Active.Import": "power_w",
}
"""Measurands of which a column holds the whole."""

PHASE_COLUMNS: dict[tuple[str, str], str] = {
    ("Current.Import", "L1"): "current_l1_a",
    ("Current.Import", "L2"): "current_l2_a",
    ("Current.Import", "L3"): "current_l3_a",
    ("Voltage", "L1"): "voltage_l1_v",
    ("Voltage", "L2"): "voltage_l2_v",
    ("Voltage", "L3"): "voltage_l3_v",
}
"""Measurands of which each phase has a column."""

ANYWHERE_COLUMNS: dict[str, str] = {
    "SoC": "soc_ratio",
    "Frequency": "frequency_hz",
    "Temperature": "temperature_c",
}
"""Measurands that are the same wherever they are measured; for a temperature any is better than none."""

PHASES = ("L1", "L2", "L3")

LINE_TO_LINE: dict[str, str] = {"L1-L2": "L1", "L2-L3": "L2", "L3-L1": "L3"}
"""Between which phases a voltage was measured → the phase it stands for in a balanced supply."""

Word = str | UnsetType
"""A label that may be absent."""


class Plan(Struct, frozen=True, gc=False):
    """What to do with numbers of one measurand, phase, location and unit."""

    column: str | None
    """Of `Sample`; None: `extra` only."""
    part: tuple[str, str] | None
    """Measurand and phase (or "") of what may fill a column if nothing better comes."""
    key: str
    """In `extra`."""
    factor: float
    offset: float


class Moment(Struct):
    """What was read of one moment and context so far."""

    dropped: bool
    columns: dict[str, float] = field(default_factory=dict[str, float])
    extra: dict[str, float] = field(default_factory=dict[str, float])
    parts: dict[tuple[str, str], float] = field(default_factory=dict[tuple[str, str], float])

    def take(self, plan: Plan, number: float) -> None:
        """Put a number where it belongs; a second one for the same column goes to `extra`."""
        if plan.factor != 1.0 or plan.offset:
            # The decimals of the wire, without the noise of binary fractions.
            number = round(number * plan.factor + plan.offset, 6)
        column = plan.column
        if column is None or column in self.columns:
            self.extra[plan.key] = number
            if plan.part is not None:
                self.parts[plan.part] = number
        elif column == "soc_ratio" and not 0.0 <= number <= 1.0:
            self.dropped = True
        else:
            self.columns[column] = number


def plan_for(measurand: Word, phase: Word, location: Word, unit: Word, *, at_station: bool = False) -> Plan:
    """Return the plan for numbers that are labelled so; a unit that nobody knows keeps its name in `extra`."""
    quantity = DEFAULT_MEASURAND if measurand is UNSET else measurand
    line = "" if phase is UNSET else phase.removesuffix("-N")
    outlets = {UNSET, "Outlet", "Inlet"} if at_station else {UNSET, "Outlet"}
    place = "" if location in outlets else str(location)
    base = BASE_UNITS[quantity]
    # "Wh" is what the standard gives a value without unit (§7.45), and some stations write it everywhere.
    if unit is UNSET or unit == "Wh":
        si_unit, factor, offset = base, 1.0, 0.0
    else:
        si_unit, factor, offset = UNITS.get(unit, (unit, 1.0, 0.0))
    column = part = None
    if si_unit == base:
        column = ANYWHERE_COLUMNS.get(quantity)
        if column is None and not place:
            column = PHASE_COLUMNS.get((quantity, line)) if line else WHOLE_COLUMNS.get(quantity)
            part = (quantity, line) if column is None else None
    if column == "soc_ratio":
        factor /= 100
    key = ".".join(filter(None, (quantity, line, place))) + f"_{si_unit}"
    return Plan(column, part, key, factor, offset)


def samples_of(
    moments: Mapping[str, Moment],
    at: tuple[int, bool],
    device_at_us: int | None,
    received_at_us: int,
    *,
    repaired: bool,
) -> list[Sample]:
    """Return the samples of one timestamp, given what was read of each context; `at` as `trusted_at` says."""
    at_us, trusted = at
    quality = (0 if trusted else _RECEIVE_TIME) | (_REPAIRED if repaired else 0)
    times = (at_us, device_at_us, received_at_us)
    return [
        _sample(moment, context, times, quality)
        for context, moment in moments.items()
        if moment.columns or moment.extra
    ]


# An IntFlag's own arithmetic costs more than all the rest of a sample.
_RECEIVE_TIME: Final = Quality.RECEIVE_TIME.value
_REPAIRED: Final = Quality.REPAIRED.value
_DROPPED_VALUES: Final = Quality.DROPPED_VALUES.value


def _sample(moment: Moment, context: str, at: tuple[int, int | None, int], quality: int) -> Sample:
    if moment.parts:
        _sum_phases(moment)
        _assign_only_phase(moment)
        _split_line_voltages(moment)
    at_us, device_at_us, received_at_us = at
    return Sample(
        at_us=at_us,
        device_at_us=device_at_us,
        received_at_us=received_at_us,
        context=context,
        extra=msgspec.json.encode(moment.extra).decode() if moment.extra else "{}",
        quality=quality | _DROPPED_VALUES if moment.dropped else quality,
        **moment.columns,
    )


def _sum_phases(moment: Moment) -> None:
    """Take the sum of the phases for a whole that was not given."""
    # Without the phase that could not be read a register would jump back.
    if moment.dropped:
        return
    for measurand, column in WHOLE_COLUMNS.items():
        phases = [moment.parts[measurand, line] for line in PHASES if (measurand, line) in moment.parts]
        if phases and column not in moment.columns:
            moment.columns[column] = math.fsum(phases)


def _split_line_voltages(moment: Moment) -> None:
    """Take the voltages of a balanced supply where only those between phases were given."""
    if any(PHASE_COLUMNS["Voltage", line] in moment.columns for line in PHASES):
        return
    for between, line in LINE_TO_LINE.items():
        if ("Voltage", between) in moment.parts:
            volts = moment.parts["Voltage", between] / math.sqrt(3)
            moment.columns[PHASE_COLUMNS["Voltage", line]] = round(volts, 3)


def _assign_only_phase(moment: Moment) -> None:
    """Give current and voltage without phase to the only phase that the moment knows of."""
    lines = {line for _, line in moment.parts if line}
    lines.update(line for (_, line), column in PHASE_COLUMNS.items() if column in moment.columns)
    if len(lines) != 1 or not lines <= set(PHASES):
        return
    (line,) = lines
    for measurand in ("Current.Import", "Voltage"):
        if (measurand, "") in moment.parts:
            moment.columns.setdefault(PHASE_COLUMNS[measurand, line], moment.parts[measurand, ""])
