"""How stations of any version misspell what a meter value is labelled with, and what they mean."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from csms.ocpp.repair import Notes, squashed
from csms.ocpp.schemas import Json

UNIT_SYNONYMS: dict[str, str] = {
    "amp": "A",
    "ampere": "A",
    "amperes": "A",
    "amps": "A",
    "volt": "V",
    "volts": "V",
    "watt": "W",
    "watts": "W",
    "hz": "Hertz",
    "%": "Percent",
    "°c": "Celsius",
    "c": "Celsius",
    "°f": "Fahrenheit",
    "f": "Fahrenheit",
    "kelvin": "K",
}
"""In lower case; Amp and Volt are what OCPP 1.5 says."""

SCALED_UNITS: dict[str, tuple[str, Decimal]] = {
    "mA": ("A", Decimal("0.001")),
    "mV": ("V", Decimal("0.001")),
    "kV": ("V", Decimal(1000)),
    "mW": ("W", Decimal("0.001")),
    "MW": ("W", Decimal(1_000_000)),
    "mWh": ("Wh", Decimal("0.001")),
    "MWh": ("Wh", Decimal(1_000_000)),
}
"""Units that no standard has, in their exact case, since m and M are a thousand million apart."""

MEASURAND_SYNONYMS: dict[str, str] = {
    "energyactiveimport": "Energy.Active.Import.Register",
    "energyactiveexport": "Energy.Active.Export.Register",
    "stateofcharge": "SoC",
}
"""Squashed."""

PHASE_SYNONYMS: dict[str, str] = {
    "1": "L1",
    "2": "L2",
    "3": "L3",
    "neutral": "N",
    "l2l1": "L1-L2",
    "l3l2": "L2-L3",
    "l1l3": "L3-L1",
}
"""Squashed."""

NO_PHASE = {"", "all", "l1l2l3", "none", "total"}
"""Squashed: what stations write for a value of all phases, where the standard says nothing at all."""


class Labels:
    """The measurands and phases of one version, and what stations call them."""

    def __init__(self, measurands: Iterable[str], phases: Iterable[str]) -> None:
        """Know the words of one version."""
        self._proper = frozenset(measurands), frozenset(phases)
        self._measurands = {squashed(name): name for name in self._proper[0]} | MEASURAND_SYNONYMS
        self._phases = {squashed(name): name for name in self._proper[1]} | PHASE_SYNONYMS

    def mend(self, sampled: dict[str, Json], path: str, notes: Notes) -> None:
        """Put the standard's words for a sampled value's measurand and phase."""
        self._mend_measurand(sampled, path, notes)
        self._mend_phase(sampled, path, notes)

    def _mend_measurand(self, sampled: dict[str, Json], path: str, notes: Notes) -> None:
        """Take a phase out of a measurand such as `Voltage.L1`, and know some by other names."""
        measurand = sampled.get("measurand")
        if not isinstance(measurand, str) or measurand in self._proper[0]:
            return
        known = self._measurands.get(squashed(measurand))
        if known is None:
            head, _, tail = measurand.rpartition(".")
            known, phase = self._measurands.get(squashed(head)), self._phases.get(squashed(tail))
            if known is None or phase is None:
                return
            if sampled.get("phase") is None:
                sampled["phase"] = phase
        sampled["measurand"] = known
        notes.add(f"{path}.measurand", f"read as {known}")

    def _mend_phase(self, sampled: dict[str, Json], path: str, notes: Notes) -> None:
        phase = sampled.get("phase")
        if not isinstance(phase, str) or phase in self._proper[1]:
            return
        short = squashed(phase)
        if short in NO_PHASE:
            del sampled["phase"]
            notes.add(f"{path}.phase", "read as no phase")
        elif short in self._phases:
            sampled["phase"] = self._phases[short]
            notes.add(f"{path}.phase", f"read as {self._phases[short]}")


def listed(holder: dict[str, Json], member: str) -> list[Json]:
    """Return a member as the list it should be; a lone object is a list of one."""
    value = holder.get(member)
    if isinstance(value, list):
        return value
    return [value] if isinstance(value, dict) else []
