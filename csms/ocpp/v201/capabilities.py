"""What the variables of an OCPP 2.0.1 station say of limits and measurement (part 2, appendix), read leniently."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from csms.domain.control import SmartCharging
from csms.ocpp.setting_texts import listed, number, rate_units
from csms.ocpp.v201.variables import folded

ITEMS_PER_READ = "DeviceDataCtrlr.ItemsPerMessage[GetVariables]"

_AVAILABLE = "SmartChargingCtrlr.Available"
_ENABLED = "SmartChargingCtrlr.Enabled"
_UNITS = "SmartChargingCtrlr.RateUnit"
_STACK_LEVEL = "SmartChargingCtrlr.ProfileStackLevel"
_PERIODS = "SmartChargingCtrlr.PeriodsPerSchedule"
MEASURANDS = "SampledDataCtrlr.TxUpdatedMeasurands"
SAMPLE_INTERVAL = "SampledDataCtrlr.TxUpdatedInterval"

VARIABLES = (
    ITEMS_PER_READ,
    _AVAILABLE,
    _ENABLED,
    _UNITS,
    _STACK_LEVEL,
    _PERIODS,
    MEASURANDS,
    SAMPLE_INTERVAL,
)
"""What is read of each station; how many EVSEs it has is found by asking for them (`evse_variables`)."""

EVSES_MAX = 32
"""A station that has more, or that says yes to everything, is not asked on."""

_ROTATION = re.compile(r"[RST]{1,3}")


def evse_variables(evse: int) -> tuple[str, str]:
    """Return the variable that each EVSE has, and that which says how its phases are wired."""
    return f"EVSE({evse}).SupplyPhases", f"EVSE({evse}).PhaseRotation"


def smart_charging(values: Mapping[str, str]) -> SmartCharging:
    """Return what the values say; what can't be read says nothing."""
    by_key = {folded(key): value.strip() for key, value in values.items()}

    def said(key: str) -> str:
        return by_key.get(folded(key), "")

    rotation: dict[int, str] = {}
    evses = 0
    for evse in _evses(by_key):
        evses = evse
        # A letter x is a phase that is not there.
        letters = said(evse_variables(evse)[1]).upper().replace("X", "")
        if _ROTATION.fullmatch(letters) and len(set(letters)) == len(letters):
            rotation[evse] = letters
    return SmartCharging(
        supported=_supported(said(_AVAILABLE), said(_ENABLED)),
        units=rate_units(listed(said(_UNITS))),
        stack_level_max=number(said(_STACK_LEVEL), 0),
        periods_max=number(said(_PERIODS), 1),
        evses=evses if 0 < evses < EVSES_MAX else None,
        rotation=rotation,
        measurands=listed(said(MEASURANDS)),
        sample_interval_s=number(said(SAMPLE_INTERVAL), 0),
    )


def _evses(by_key: Mapping[str, str]) -> Iterator[int]:
    """Yield the EVSEs that there are, from 1 to the first that is not."""
    for evse in range(1, EVSES_MAX + 1):
        if folded(evse_variables(evse)[0]) not in by_key:
            return
        yield evse


def _supported(available: str, enabled: str) -> bool | None:
    """K05.FR.04: `Enabled` tells whether smart charging can be used."""
    said = {available.casefold(), enabled.casefold()}
    if "false" in said:
        return False
    return True if "true" in said else None
