"""The decision log: what a controller was made of and told, and what it ordered, so that both can be run again.

A line is compressed MessagePack. Kind "start": a controller was made (everything before it is over). Kind
"steps": its steps in their order, each `[now_s, observations, orders]`, and each of these `[name, *fields]`.
Kind "memory": what it knew after them, once a day: where a log's beginning was deleted, it runs from there.
"""

from __future__ import annotations

import dataclasses
import math
import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast, get_args

import msgspec
from msgspec import Struct

from balancer.memory import Memory
from balancer.observations import Observation, SiteChanged
from balancer.orders import ExposureRow, Order
from balancer.settings import Settings
from balancer.site import Site
from csms.domain.errors import StorageError
from csms.domain.records import DecisionLogged
from csms.usecases.balancing import memories

FORMAT = 1
START, STEPS, MEMORY = "start", "steps", "memory"
STEPS_IN_A_LINE = 32
"""What steps have in common is stored once in a line, so many are worth waiting for …"""
WAITS_S = 15.0
"""… for so long (site time); orders that raise a limit wait for nothing."""

MEMORY_EVERY_S = 86_400.0
"""Site time; no longer than the shortest time for which lines are kept."""

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


class Kept(Struct, frozen=True):
    """What a controller knew."""

    memory: dict[str, Any]
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
    _check_format(start.format)
    rows = tuple(msgspec.convert(row, ExposureRow) for row in start.restored)
    return Site.parse(start.site), msgspec.convert(start.settings, Settings), rows, start.now_s


def read_memory(data: bytes) -> Memory:
    """Return what a controller knew; raises `StorageError` for what another release wrote."""
    kept = msgspec.msgpack.decode(zlib.decompress(data), type=Kept)
    _check_format(kept.format)
    return memories.from_plain(kept.memory)


def _check_format(number: int) -> None:
    if number != FORMAT:
        raise StorageError(f"decisions in format {number} can't be read by this release")


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
        self._readable_from_s = -math.inf
        """When the newest line was written from which the log runs."""

    def start(
        self, site: Site, settings: Settings, restored: Iterable[ExposureRow], now_s: float
    ) -> DecisionLogged:
        """Return the line of a controller's beginning."""
        self._readable_from_s = now_s
        start = Start(
            now_s=now_s,
            site=site.to_json(),
            settings=msgspec.to_builtins(settings),
            restored=[msgspec.to_builtins(row) for row in restored],
        )
        return self._line(now_s, START, start)

    def step(self, now_s: float, observed: Sequence[Observation], ordered: Sequence[Order]) -> None:
        """Note a step."""
        self._steps.append(
            LoggedStep(now_s, tuple(map(to_plain, observed)), tuple(to_plain(order) for order in ordered))
        )

    def lines(self, now_s: float, memory: Callable[[], Memory], *, now: bool) -> tuple[DecisionLogged, ...]:
        """Return the lines that are due (`now`: whatever there is); `memory` is the controller's, after the last step."""
        if not self._steps:
            return ()
        remembers = now_s - self._readable_from_s >= MEMORY_EVERY_S
        many = len(self._steps) >= STEPS_IN_A_LINE or now_s - self._steps[0].now_s >= WAITS_S
        if not (now or remembers or many):
            return ()
        steps, self._steps = self._steps, []
        line = self._line(now_s, STEPS, steps)
        if not remembers:
            return (line,)
        self._readable_from_s = now_s
        return line, self._line(now_s, MEMORY, Kept(memories.to_plain(memory())))

    def _line(self, now_s: float, kind: str, value: object) -> DecisionLogged:
        return DecisionLogged(self._site_id, int(now_s * 1e6), kind, packed(value))
