"""What is known of the habits of 1.6 stations, as rows of `csms.ocpp.repair.Repairs`."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, get_args

from csms.ocpp.meter_labels import SCALED_UNITS, UNIT_SYNONYMS, Labels, listed
from csms.ocpp.repair import Notes, Repairs
from csms.ocpp.schemas import Json
from csms.ocpp.v16.messages import Measurand, Phase, SampledValueUnit, TransactionDataSampledValueUnit

NOT_SAID: Final = -(2**63)
"""Stands in for an id or a register that a StopTransaction should have and lacks; no station counts down to it."""

LARGEST_EXPONENT = 30

METER_VALUES = ("MeterValues.meterValue[]", "StopTransaction.transactionData[]")

UNITLESS = {"Frequency", "Power.Factor", "RPM", "SoC"}
"""Measurands with one unit only: whatever else is written there, the number says the same.

Hertz is in the schema of MeterValues and not of StopTransaction; the standard's text has no unit for a
frequency (errata 3.86).
"""

_SPELLED = Labels(get_args(Measurand), get_args(Phase))
_LABELS = ("context", "format", "measurand", "phase", "location", "unit")


def mend_meter_values(payload: dict[str, Json], notes: Notes) -> None:
    """Bring the meter values of a MeterValues request into the shape and the words of 1.6."""
    if "meterValue" not in payload and "values" in payload:
        payload["meterValue"] = payload.pop("values")
        notes.add("values", "read as meterValue, as in OCPP 1.5")
    _mend(payload, "meterValue", get_args(SampledValueUnit), notes)


def mend_transaction_data(payload: dict[str, Json], notes: Notes) -> None:
    """Bring the meter values of a StopTransaction request into the shape and the words of 1.6."""
    _mend(payload, "transactionData", get_args(TransactionDataSampledValueUnit), notes)


def _mend(payload: dict[str, Json], member: str, units: tuple[str, ...], notes: Notes) -> None:
    values = _unwrapped(listed(payload, member), member, notes)
    if not values:
        return
    payload[member] = values
    for index, value in enumerate(values):
        if not isinstance(value, dict):
            continue
        path = f"{member}[{index}]"
        _mend_shape(value, path, notes)
        for place, sampled in enumerate(listed(value, "sampledValue")):
            if isinstance(sampled, dict):
                where = f"{path}.sampledValue[{place}]"
                _SPELLED.mend(sampled, where, notes)
                _mend_unit(sampled, where, units, notes)


def _unwrapped(values: list[Json], member: str, notes: Notes) -> list[Json]:
    """Undo OCPP 1.5's transactionData, a list of lists of meter values."""
    mended: list[Json] = []
    for value in values:
        inner = value.get("values") if isinstance(value, dict) and "timestamp" not in value else None
        if isinstance(inner, list):
            notes.add(member, "nested meter values read as in OCPP 1.5")
            mended.extend(inner)
        else:
            mended.append(value)
    return mended


def _mend_shape(value: dict[str, Json], path: str, notes: Notes) -> None:
    """Make what OCPP 1.5 calls `values`, or a lone `value`, the `sampledValue` of 1.6."""
    if "sampledValue" in value:
        return
    old = "values" if "values" in value else "value"
    if old not in value:
        return
    notes.add(f"{path}.{old}", "read as sampledValue, as in OCPP 1.5")
    inner = value.pop(old)
    if not isinstance(inner, dict | list):
        inner = {"value": inner, **{name: value.pop(name) for name in _LABELS if name in value}}
    value["sampledValue"] = inner


def _mend_unit(sampled: dict[str, Json], path: str, units: tuple[str, ...], notes: Notes) -> None:
    unit = sampled.get("unit")
    if not isinstance(unit, str) or unit in units:
        return
    unit = unit.strip()
    scaled = _scaled(sampled.get("value"), *SCALED_UNITS[unit]) if unit in SCALED_UNITS else None
    known = UNIT_SYNONYMS.get(unit.casefold())
    if scaled is not None:
        sampled["value"], sampled["unit"] = scaled
        notes.add(f"{path}.unit", f"{unit} converted to {sampled['unit']}")
    elif known in units:
        sampled["unit"] = known
        notes.add(f"{path}.unit", f"read as {known}")
    elif isinstance(measurand := sampled.get("measurand"), str) and measurand in UNITLESS:
        del sampled["unit"]
        notes.add(f"{path}.unit", "left out, the measurand says it")


def _scaled(value: Json, unit: str, factor: Decimal) -> tuple[str, str] | None:
    """Return the number of a smaller or larger unit in `unit`, and `unit`."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        scaled = Decimal(str(value).strip()) * factor
    except ArithmeticError:
        return None
    # Written out, an absurd exponent would fill the memory.
    sane = scaled.is_finite() and abs(scaled.adjusted()) < LARGEST_EXPONENT
    return (f"{scaled:f}", unit) if sane else None


def _in_both(*members: str) -> list[str]:
    return [f"{values}.{member}" for values in METER_VALUES for member in members]


REPAIRS = Repairs(
    first={"MeterValues": mend_meter_values, "StopTransaction": mend_transaction_data},
    missing={
        "BootNotification.chargePointVendor": "",
        "BootNotification.chargePointModel": "",
        "StatusNotification.errorCode": "NoError",
        # Without a time of its own a message has the time of its receipt; without a register an end is
        # still an end, and the last reading tells what the register was.
        "StartTransaction.idTag": "",
        "StartTransaction.timestamp": "",
        "StopTransaction.timestamp": "",
        "StopTransaction.meterStop": NOT_SAID,
        "StopTransaction.transactionId": NOT_SAID,
        "SecurityEventNotification.timestamp": "",
        # Its transaction's id may still tell whose it is.
        "MeterValues.connectorId": 0,
        **dict.fromkeys(_in_both("timestamp"), ""),
    },
    unknown={
        "StatusNotification.errorCode": "OtherError",
        "StopTransaction.reason": "Other",
        **dict.fromkeys(_in_both("sampledValue[].context"), "Sample.Periodic"),
        **dict.fromkeys(_in_both("sampledValue[].format"), "Raw"),
        **dict.fromkeys(_in_both("sampledValue[].location"), "Outlet"),
    },
    defining=frozenset(_in_both("sampledValue[].measurand", "sampledValue[].phase", "sampledValue[].unit")),
    rounded=frozenset({"StartTransaction.meterStart", "StopTransaction.meterStop"}),
    whole=frozenset({"SignCertificate.csr"}),
    verbatim=frozenset({"DataTransfer.data"}),
)
