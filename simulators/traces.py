"""Recorded weeks: sessions, a building's base load and a site, read from CSV and JSON files of one folder."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulators.draws import Amperes
from simulators.meter import Series


class TraceError(Exception):
    """A file is not what it should be; the message names it and the place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedSession:
    """A visit of a car; times in seconds from local midnight of the trace's first day."""

    charger: int
    arrives_s: float
    departs_s: float
    wants_wh: float
    phases: int
    max_a: float
    min_a: float
    pack_wh: float
    soc: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedCharger:
    """A charger with the circuit that it hangs on."""

    number: int
    name: str
    node: str
    phases: int
    max_a: float
    rotation: tuple[int, ...]
    """The site's phase (0 to 2) on each of the charger's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedNode:
    """A circuit with its breaker, amperes per phase."""

    id: str
    parent: str | None
    limit_a: Amperes


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedSite:
    """Circuits and chargers."""

    voltage_v: float
    base_load_node: str
    nodes: tuple[TracedNode, ...]
    chargers: tuple[TracedCharger, ...]


def read_site(path: Path) -> TracedSite:
    """Read a site like `eu52-site.json`; its rotation n puts the charger's phase p on the site's (p + n) mod 3."""
    try:
        data: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return TracedSite(
            voltage_v=float(data["voltage"]),
            base_load_node=str(data["base_load_node"]),
            nodes=tuple(map(_node, data["nodes"])),
            chargers=tuple(map(_charger, data["chargers"])),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TraceError(f"{path}: {_why(error)}") from error


def read_sessions(path: Path) -> tuple[TracedSession, ...]:
    """Read sessions like `eu52-sessions.csv`, in order of arrival."""
    sessions = [
        TracedSession(
            charger=int(row["charger"]),
            arrives_s=row["arrival_s"],
            departs_s=row["departure_s"],
            wants_wh=1000 * row["energy_kwh"],
            phases=int(row["ev_phases"]),
            max_a=row["ev_max_a"],
            min_a=row["ev_min_a"],
            pack_wh=1000 * row["pack_kwh"],
            soc=row["soc0"],
        )
        for row in _Rows(path)
    ]
    return tuple(sorted(sessions, key=lambda session: (session.arrives_s, session.charger)))


def read_base_load(path: Path) -> Series:
    """Read a base load like `eu52-baseload.csv`: each value holds until the next."""
    times_s: list[float] = []
    currents_a: list[Amperes] = []
    for row in _Rows(path):
        times_s.append(row["t_s"])
        currents_a.append((row["L1"], row["L2"], row["L3"]))
    if not times_s or any(second <= first for first, second in itertools.pairwise(times_s)):
        raise TraceError(f"{path}: times must ascend, and there must be some")
    return Series(tuple(times_s), tuple(currents_a))


def shifted(series: Series, by_s: float) -> Series:
    """Return it so much later."""
    return Series(
        tuple(at_s + by_s for at_s in series.times_s), series.currents_a, series.stepped, series.every_s
    )


class _Rows:
    """The rows of a CSV file; whatever is wrong while they are read is told with its line."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __iter__(self) -> Iterator[_Row]:
        try:
            with self._path.open(encoding="utf-8", newline="") as file:
                rows = csv.DictReader(file)
                for row in rows:
                    yield _Row(row, f"{self._path}, line {rows.line_num}")
        except OSError as error:
            raise TraceError(f"{self._path}: {_why(error)}") from error


class _Row:
    def __init__(self, values: dict[str, str], place: str) -> None:
        self._values = values
        self._place = place

    def __getitem__(self, name: str) -> float:
        try:
            return float(self._values[name])
        except (KeyError, TypeError, ValueError) as error:
            raise TraceError(f"{self._place}: {name} must be a number ({_why(error)})") from error


def _node(data: dict[str, Any]) -> TracedNode:
    one, two, three = map(float, data["cap_a"])
    parent = data["parent"]
    return TracedNode(
        id=str(data["id"]),
        parent=None if parent in (None, -1) else str(parent),
        limit_a=(one, two, three),
    )


def _charger(data: dict[str, Any]) -> TracedCharger:
    phases, shift = int(data["phases"]), int(data["rotation"])
    return TracedCharger(
        number=int(data["id"]),
        name=str(data["name"]),
        node=str(data["node"]),
        phases=phases,
        max_a=float(data["max_a"]),
        rotation=tuple((phase + shift) % 3 for phase in range(phases)),
    )


def _why(error: Exception) -> str:
    return f"no {error}" if isinstance(error, KeyError) else str(error)
