"""The decision log: what a controller was made of and told, and what it ordered, so that both can be run again.

A line is compressed MessagePack. Kind "start": a controller was made (everything before it is over). Kind
"steps": its steps in their order, each `[now_s, observations, orders]`, and each of these `[name, *fields]`.
"""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Iterable, Sequence
from typing import Any, cast, get_args

import msgspec
from msgspec import Struct

from balancer.observations import Observation, SiteChanged
from balancer.orders import ExposureRow, Order
from balancer.settings import Settings
from balancer.site import Site
from csms.domain.errors import StorageError
from csms.domain.records import DecisionLogged

FORMAT = 1
START, STEPS = "start", "steps"
STEPS_IN_A_LINE = 32
"""What steps have in common is stored once in a line, so many are worth waiting for …"""
WAITS_S = 15.0
"""… for so long (site time); orders that raise a limit wait for nothing."""

_TYPES: dict[str, type[Any]] = {
    kind.__name__: kind for kind in (*get_args(Observation), *get_args(Order)) if kind is not SiteChanged
}
_SITE_CHANGED = SiteChanged.__name__


class Start(Struct, frozen=True, kw_only=True):
    """What a controller was made of."""

    now_s: float
    site: dict[str, Any]
    settings: dict[str, Any]
    restored: list[Any]
    format: int = FORMAT


class LoggedStep(Struct, frozen=True, array_like=True):
    """One step as it is logged."""

    now_s: float
    observations: tuple[Any, ...]
    orders: tuple[Any, ...]


def packed(value: object) -> bytes:
    """Return a line's data."""
    return zlib.compress(msgspec.msgpack.encode(value), 6)


def read_start(data: bytes) -> tuple[Site, Settings, tuple[ExposureRow, ...], float]:
    """Return what a controller was made of; raises `StorageError` for what another release wrote."""
    start = msgspec.msgpack.decode(zlib.decompress(data), type=Start)
    if start.format != FORMAT:
        raise StorageError(f"decisions in format {start.format} can't be read by this release")
    rows = tuple(msgspec.convert(row, ExposureRow) for row in start.restored)
    return Site.parse(start.site), msgspec.convert(start.settings, Settings), rows, start.now_s


def read_steps(data: bytes) -> list[LoggedStep]:
    """Return the steps of a line."""
    return msgspec.msgpack.decode(zlib.decompress(data), type=list[LoggedStep])


def to_plain(told: Observation | Order) -> list[Any]:
    """Return an observation or an order as plain values, its type's name first."""
    if isinstance(told, SiteChanged):
        return [_SITE_CHANGED, told.site.to_json(), told.at_s]
    values = [getattr(told, field.name) for field in dataclasses.fields(told)]
    return [type(told).__name__, *(msgspec.to_builtins(value) for value in values)]


def from_plain(plain: Sequence[Any]) -> Observation | Order:
    """Return what `to_plain` was given."""
    name, *values = plain
    if name == _SITE_CHANGED:
        return SiteChanged(Site.parse(values[0]), values[1])
    kind = _TYPES[name]
    names = [field.name for field in dataclasses.fields(kind)]
    return cast(
        "Observation | Order", msgspec.convert(dict(zip(names, values, strict=False)), kind, strict=False)
    )


class DecisionLog:
    """One controller's log; the host submits what it returns with the records of the same step."""

    def __init__(self, site_id: str) -> None:
        """Have nothing to write."""
        self._site_id = site_id
        self._steps: list[LoggedStep] = []

    def start(
        self, site: Site, settings: Settings, restored: Iterable[ExposureRow], now_s: float
    ) -> DecisionLogged:
        """Return the line of a controller's beginning."""
        start = Start(
            now_s=now_s,
            site=site.to_json(),
            settings=msgspec.to_builtins(settings),
            restored=[msgspec.to_builtins(row) for row in restored],
        )
        return DecisionLogged(self._site_id, int(now_s * 1e6), START, packed(start))

    def step(self, now_s: float, observed: Sequence[Observation], ordered: Sequence[Order]) -> None:
        """Note a step."""
        self._steps.append(
            LoggedStep(now_s, tuple(map(to_plain, observed)), tuple(to_plain(order) for order in ordered))
        )

    def line(self, now_s: float, *, now: bool) -> DecisionLogged | None:
        """Return the line that is due (`now`: whatever there is), if any."""
        if not self._steps:
            return None
        due = now or len(self._steps) >= STEPS_IN_A_LINE or now_s - self._steps[0].now_s >= WAITS_S
        if not due:
            return None
        steps, self._steps = self._steps, []
        return DecisionLogged(self._site_id, int(now_s * 1e6), STEPS, packed(steps))
