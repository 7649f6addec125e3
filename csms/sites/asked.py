"""What callers hand to `Sites` and get from it; times in UTC microseconds, currents per site phase (L1, L2, L3)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from msgspec import Struct

from csms.domain.errors import FieldProblem, Invalid, NotFound
from csms.domain.records import CapSaved
from csms.domain.site import SiteVersion
from csms.domain.times import EARLIEST_PLAUSIBLE_US
from csms.usecases.balancing.configuration import Site
from csms.usecases.balancing.news import MeterReading

_REASON_MAX = 500
_ABSURD_FACTOR = 10
"""A meter that says more than this many times its circuit's rating is wrong."""
_ABSURD_A = 100_000.0
_AHEAD_US = 30_000_000
"""Clocks differ; a reading from further in the future is an error."""
_PHASES = ("L1", "L2", "L3")


class SiteDocument(Struct, frozen=True, kw_only=True):
    """A site as the REST contract shows it."""

    id: str
    version: SiteVersion
    """The ETag."""
    config: dict[str, Any]


class NewCap(Struct, frozen=True, kw_only=True):
    """A limit that somebody puts on a node; at least one of its limits is said."""

    limit_a: tuple[float | None, float | None, float | None] = (None, None, None)
    """None: this phase is not limited. A single number for all phases is written thrice."""
    limit_w: float | None = None
    until_us: int | None = None
    """None: until it is removed."""
    reason: str | None = None


class NewReading(Struct, frozen=True, kw_only=True):
    """What a site meter read; exactly one of current and power."""

    at_us: int | None = None
    """None: now."""
    current_a: tuple[float, float, float] | None = None
    power_w: float | None = None
    """Over all phases."""


def cap_record(site: Site, node: str, source: str, cap: NewCap, now_us: int) -> CapSaved:
    """Return what is kept of a cap; one above the rating has no effect. Raises `NotFound` and `Invalid`."""
    if all(node != known.id for known in site.nodes):
        raise NotFound(f"the site {site.id} has no node {node}")
    refuse(_cap_problems(cap, now_us))
    l1_a, l2_a, l3_a = cap.limit_a
    return CapSaved(
        site_id=site.id,
        node=node,
        source=source,
        limit_l1_a=l1_a,
        limit_l2_a=l2_a,
        limit_l3_a=l3_a,
        limit_w=cap.limit_w,
        until_us=cap.until_us,
        reason=cap.reason,
        at_us=now_us,
    )


def meter_reading(site: Site, meter: str, reading: NewReading, now_us: int) -> MeterReading:
    """Return a reading for the site's loop. Raises `NotFound` and `Invalid`."""
    if all(meter != known.id for known in site.meters):
        raise NotFound(f"the site {site.id} has no meter {meter}")
    refuse(_reading_problems(site, meter, reading, now_us))
    return MeterReading(
        meter=meter,
        at_us=now_us if reading.at_us is None else reading.at_us,
        current_a=reading.current_a,
        power_w=reading.power_w,
    )


def invalid(problems: Sequence[FieldProblem]) -> Invalid:
    """Return the error that tells `problems`."""
    return Invalid("; ".join(f"{path}: {message}" for path, message in problems), problems)


def refuse(found: Iterable[FieldProblem]) -> None:
    """Raise `Invalid` where anything was found."""
    problems = tuple(found)
    if problems:
        raise invalid(problems)


def _cap_problems(cap: NewCap, now_us: int) -> Iterator[FieldProblem]:
    limits = {f"limit_a.{phase}": limit for phase, limit in zip(_PHASES, cap.limit_a, strict=True)}
    limits["limit_w"] = cap.limit_w
    if all(limit is None for limit in limits.values()):
        yield FieldProblem("limit_a", "is missing; give limit_a, limit_w or both")
    for path, limit in limits.items():
        if limit is not None and not (math.isfinite(limit) and limit >= 0):
            yield FieldProblem(path, "must be a number from 0")
    if cap.until_us is not None and cap.until_us <= now_us:
        yield FieldProblem("until", "has passed; leave it out for a limit that stays until it is removed")
    if cap.reason is not None and len(cap.reason) > _REASON_MAX:
        yield FieldProblem("reason", f"must have at most {_REASON_MAX} characters")


def _reading_problems(site: Site, meter: str, reading: NewReading, now_us: int) -> Iterator[FieldProblem]:
    if (reading.current_a is None) == (reading.power_w is None):
        yield FieldProblem("current_a", "or power_w must be given, and not both")
    most_a = _most_a(site, meter)
    currents = reading.current_a or ()
    for phase, current_a in zip(_PHASES, currents, strict=False):
        if not (math.isfinite(current_a) and abs(current_a) <= most_a):
            yield FieldProblem(
                f"current_a.{phase}", f"must be a number, at most {most_a:g} (ten times the rating)"
            )
    most_w = most_a * len(_PHASES) * site.nominal_voltage_v
    if reading.power_w is not None and not (
        math.isfinite(reading.power_w) and abs(reading.power_w) <= most_w
    ):
        yield FieldProblem("power_w", f"must be a number, at most {most_w:g} (ten times the rating)")
    if reading.at_us is not None and not EARLIEST_PLAUSIBLE_US <= reading.at_us <= now_us + _AHEAD_US:
        yield FieldProblem("at", "must be neither in the future nor before 2020; leave it out for now")


def _most_a(site: Site, meter: str) -> float:
    ratings = [max(node.rating_a) for node in site.nodes if node.meter == meter]
    return _ABSURD_FACTOR * max(ratings) if ratings else _ABSURD_A
