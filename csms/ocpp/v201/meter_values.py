"""Functional block J, Meter Values: numbers with a unit and a power of ten; what is signed stands beside them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from csms.domain.answers import Acknowledged
from csms.domain.events import SamplesReported
from csms.domain.metering import Sample, SignedValue
from csms.domain.times import trusted_at
from csms.ocpp import times
from csms.ocpp.meter_labels import SCALED_UNITS, UNIT_SYNONYMS
from csms.ocpp.metering import (
    BEYOND_ALL_METERS,
    DEFAULT_CONTEXT,
    DEFAULT_MEASURAND,
    UNITS,
    Moment,
    Plan,
    Word,
    plan_for,
    samples_of,
)
from csms.ocpp.tables import Inbound, Outbound, Reading
from csms.ocpp.v201 import messages as m
from csms.ocpp.v201.places import number

NO_NUMBER: Final = 1e300
"""Stands in for a value that can't be read, so that what is signed beside it is kept."""

LARGEST_MULTIPLIER: Final = 30

SIGNED_ENCODING: Final = "SignedMeterValue"
"""How signed values are kept: as the JSON object of that name, with the public key and methods that it needs."""

_UNITS = {unit.casefold(): unit for unit in UNITS} | UNIT_SYNONYMS
"""In lower case: the standard's list is not part of the schema, and stations write `KWH`."""

_Kind = tuple[Word, Word, Word, Word]

_PLANS: tuple[dict[_Kind, Plan], dict[_Kind, Plan]] = ({}, {})
"""For EVSEs and for the station as a whole; bounded by the enumerations and the units that are known."""


def read(
    values: Sequence[m.MeterValue], reading: Reading, *, at_station: bool = False
) -> tuple[tuple[Sample, ...], tuple[SignedValue, ...]]:
    """Return the samples and the signed values of meter values; `at_station`: they are of EVSE 0."""
    samples: list[Sample] = []
    signed: list[SignedValue] = []
    for value in values:
        device_at_us = times.parse(value.timestamp)
        at = trusted_at(device_at_us, reading.received_at_us)
        moments: dict[str, Moment] = {}
        for sampled in value.sampledValue:
            context = DEFAULT_CONTEXT if sampled.context is UNSET else sampled.context
            moment = moments.get(context)
            if moment is None:
                moment = moments[context] = Moment(reading.dropped)
            _take(moment, sampled, at_station=at_station)
            if sampled.signedMeterValue is not UNSET:
                signed.append(_signed(sampled, sampled.signedMeterValue, at[0], device_at_us))
        samples += samples_of(moments, at, device_at_us, reading.received_at_us, repaired=reading.repaired)
    return tuple(samples), tuple(signed)


def _labelled(unit: m.UnitOfMeasure | UnsetType) -> tuple[Word, Decimal | None]:
    """Return the standard's name of a unit and what a number in it is to be multiplied with (None: nothing).

    Raises `ArithmeticError` for a power of ten that no meter needs.
    """
    if unit is UNSET:
        return UNSET, None
    name, factor = unit.unit, None
    if unit.multiplier is not UNSET and unit.multiplier:
        if abs(unit.multiplier) > LARGEST_MULTIPLIER:
            raise ArithmeticError
        factor = Decimal(1).scaleb(unit.multiplier)
    if name is UNSET or name in UNITS:
        return name, factor
    name = name.strip()
    if name in SCALED_UNITS:
        name, scale = SCALED_UNITS[name]
        return name, scale if factor is None else scale * factor
    return _UNITS.get(name.casefold(), name) or UNSET, factor


def _take(moment: Moment, sampled: m.SampledValue, *, at_station: bool) -> None:
    """Put a number where it belongs; one that no meter can show is dropped."""
    measured = sampled.value
    try:
        unit, factor = _labelled(sampled.unitOfMeasure)
    except ArithmeticError:
        moment.dropped = True
        return
    if factor is not None:
        # As it is written in decimals, without the noise of binary fractions.
        measured = float(Decimal(repr(measured)) * factor)
    if -BEYOND_ALL_METERS < measured < BEYOND_ALL_METERS:
        kind = (sampled.measurand, sampled.phase, sampled.location, unit)
        moment.take(_plan(kind, at_station=at_station), measured)
    else:
        moment.dropped = True


def _plan(kind: _Kind, *, at_station: bool) -> Plan:
    plan = _PLANS[at_station].get(kind)
    if plan is None:
        plan = plan_for(*kind, at_station=at_station)
        # A unit of the station's own is not kept: there may be any number of them.
        if kind[-1] is UNSET or kind[-1] in UNITS:
            _PLANS[at_station][kind] = plan
    return plan


def _signed(
    sampled: m.SampledValue, signed: m.SignedMeterValue, at_us: int, device_at_us: int | None
) -> SignedValue:
    return SignedValue(
        at_us=at_us,
        context=DEFAULT_CONTEXT if sampled.context is UNSET else sampled.context,
        measurand=DEFAULT_MEASURAND if sampled.measurand is UNSET else sampled.measurand,
        encoding=SIGNED_ENCODING,
        data=msgspec.json.encode(signed),
        device_at_us=device_at_us,
    )


def _meter_values(request: m.MeterValuesRequest, reading: Reading) -> SamplesReported:
    evse = number(request.evseId, "evseId")
    samples, signed = read(request.meterValue, reading, at_station=evse == 0)
    # Which connector and which transaction it was, this message can't say.
    return SamplesReported(evse=evse, connector=0, ocpp_id=None, samples=samples, signed=signed)


INBOUND: dict[str, Inbound[Any, Any]] = {
    "MeterValues": Inbound(
        request=m.MeterValuesRequest,
        translate=_meter_values,
        answer=Acknowledged,
        shape=lambda _: m.MeterValuesResponse(),
        unreadable="samples",
    ),
}

OUTBOUND: dict[str, Outbound] = {}
