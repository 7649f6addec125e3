"""The meter values of OCPP 1.6: texts with labels beside them; what is signed takes a value's place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import UNSET

from csms.domain.metering import Sample, SignedValue
from csms.domain.times import trusted_at
from csms.ocpp import times
from csms.ocpp.metering import (
    BEYOND_ALL_METERS,
    DEFAULT_CONTEXT,
    DEFAULT_MEASURAND,
    Moment,
    Plan,
    Word,
    plan_for,
    samples_of,
)
from csms.ocpp.tables import Reading
from csms.ocpp.v16.messages import MeterValue, SampledValue, TransactionData, TransactionDataSampledValue

LONGEST_NUMBER: Final = 40
"""Characters; what is longer and no number can only be a signed block without its label."""

_Kind = tuple[Word, Word, Word, Word]
_Sampled = SampledValue | TransactionDataSampledValue

_PLANS: tuple[dict[_Kind, Plan], dict[_Kind, Plan]] = ({}, {})
"""For connectors and for the station as a whole; filled as values come, bounded by the enumerations."""


def read(
    values: Sequence[MeterValue | TransactionData], reading: Reading, *, at_station: bool = False
) -> tuple[tuple[Sample, ...], tuple[SignedValue, ...]]:
    """Return the samples and the signed values of meter values; `at_station`: they are of connector 0."""
    samples: list[Sample] = []
    signed: list[SignedValue] = []
    plans = _PLANS[at_station]
    for value in values:
        device_at_us = times.parse(value.timestamp)
        at = trusted_at(device_at_us, reading.received_at_us)
        moments: dict[str, Moment] = {}
        for sampled in value.sampledValue:
            context = DEFAULT_CONTEXT if sampled.context is UNSET else sampled.context
            moment = moments.get(context)
            if moment is None:
                moment = moments[context] = Moment(reading.dropped)
            number = None if sampled.format == "SignedData" else _number(sampled.value)
            if number is not None:
                kind = (sampled.measurand, sampled.phase, sampled.location, sampled.unit)
                plan = plans.get(kind)
                if plan is None:
                    plan = plans[kind] = plan_for(*kind, at_station=at_station)
                moment.take(plan, number)
            elif _is_signed(sampled):
                signed.append(_signed(sampled, at[0], context))
            else:
                moment.dropped = True
        samples += samples_of(moments, at, device_at_us, reading.received_at_us, repaired=reading.repaired)
    return tuple(samples), tuple(signed)


def _number(text: str) -> float | None:
    """Return a decimal number that a meter may show, None for all else."""
    try:
        number = float(text)
    except ValueError:
        return None
    # NaN lies between no two numbers; and only Python reads 1_000 as a number.
    return number if -BEYOND_ALL_METERS < number < BEYOND_ALL_METERS and "_" not in text else None


def _is_signed(sampled: _Sampled) -> bool:
    if sampled.format == "SignedData":
        return bool(sampled.value)
    return len(sampled.value) > LONGEST_NUMBER


def _signed(sampled: _Sampled, at_us: int, context: str) -> SignedValue:
    return SignedValue(
        at_us=at_us,
        context=context,
        measurand=DEFAULT_MEASURAND if sampled.measurand is UNSET else sampled.measurand,
        encoding="Raw" if sampled.format is UNSET else sampled.format,
        data=sampled.value.encode(),
    )
