"""Values of the REST contract: moments, amperes per phase, and numbers that are finite."""

from __future__ import annotations

import datetime as dt
import math
from typing import Annotated, Literal, cast

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainValidator,
    Tag,
    WithJsonSchema,
)

from csms.domain.times import format_utc

PHASES = ("L1", "L2", "L3")
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MOMENT_SCHEMA = {"type": "string", "format": "date-time", "examples": ["2027-01-04T07:00:00Z"]}


class Given(BaseModel):
    """What callers send: unknown members are refused, and nothing is taken for something else."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


class Shown(BaseModel):
    """What callers get, read from the attributes of what it shows."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


def _moment_us(value: object) -> int:
    at = _moment(value) if isinstance(value, str) else None
    if at is None:
        raise ValueError("must be a moment with its zone, as 2027-01-04T07:00:00Z")
    return (at - _EPOCH) // dt.timedelta(microseconds=1)


def _moment(text: str) -> dt.datetime | None:
    """Return the moment in UTC; None where it has no zone, or a year that UTC can't be written in."""
    try:
        at = dt.datetime.fromisoformat(text)
        return None if at.tzinfo is None else at.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        return None


GivenMoment = Annotated[int, PlainValidator(_moment_us), WithJsonSchema(_MOMENT_SCHEMA)]
"""ISO 8601 with a zone; UTC microseconds inside."""


def _as_text(value: object) -> object:
    return format_utc(value) if isinstance(value, int) else value


Moment = Annotated[str, BeforeValidator(_as_text), WithJsonSchema(_MOMENT_SCHEMA)]
"""UTC microseconds inside; ISO 8601 outside."""


class Amperes(Shown):
    """Amperes on each of the site's phases."""

    L1: float
    L2: float
    L3: float


class PhaseLimits(Shown):
    """Amperes on each of the site's phases; null: no limit there."""

    L1: float | None
    L2: float | None
    L3: float | None


class PhaseReadings(Shown):
    """What was read on each of the charger's phases; null: it did not say."""

    L1: float | None
    L2: float | None
    L3: float | None


def _by_phase(value: object) -> object:
    if isinstance(value, tuple):
        return dict(zip(PHASES, cast("tuple[object, ...]", value), strict=True))
    return value


ShownAmperes = Annotated[Amperes, BeforeValidator(_by_phase)]
ShownLimits = Annotated[PhaseLimits, BeforeValidator(_by_phase)]
ShownReadings = Annotated[PhaseReadings, BeforeValidator(_by_phase)]


def _names(value: object) -> object:
    if isinstance(value, tuple):
        used = cast("tuple[object, ...]", value)
        return [name for name, is_used in zip(PHASES, used, strict=True) if is_used]
    return value


PhaseNames = Annotated[list[Literal["L1", "L2", "L3"]], BeforeValidator(_names)]
"""A flag for each phase inside; the names of those that are used outside."""


def _or_none(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value


Finite = Annotated[float | None, BeforeValidator(_or_none)]
"""Null where there is no bound, or nobody knows one."""

PHASE_MAX_A = 100_000.0
POWER_MAX_W = 3e8

LimitA = Annotated[float, Field(ge=0, le=PHASE_MAX_A)]
LimitW = Annotated[float, Field(ge=0, le=POWER_MAX_W)]
MeasuredA = Annotated[float, Field(ge=-PHASE_MAX_A, le=PHASE_MAX_A)]
MeasuredW = Annotated[float, Field(ge=-POWER_MAX_W, le=POWER_MAX_W)]


class GivenLimits(Given):
    """A limit for each phase; one that is left out or null is not limited."""

    L1: LimitA | None = None
    L2: LimitA | None = None
    L3: LimitA | None = None


class GivenAmperes(Given):
    """A current on each phase; all three are said, 0 where there is none."""

    L1: MeasuredA
    L2: MeasuredA
    L3: MeasuredA


def _shape(value: object) -> str:
    return "<phases>" if isinstance(value, dict | BaseModel) else "<number>"


_Number = Tag("<number>")
_Phases = Tag("<phases>")

LimitsOrOne = Annotated[Annotated[LimitA, _Number] | Annotated[GivenLimits, _Phases], Discriminator(_shape)]
"""A limit for all phases, or one for each."""
AmperesOrOne = Annotated[
    Annotated[MeasuredA, _Number] | Annotated[GivenAmperes, _Phases], Discriminator(_shape)
]
"""A current on all phases, or one on each."""
