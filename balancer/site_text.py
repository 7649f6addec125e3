"""A site as JSON or TOML (the REST contract's "Site"): reading it with all problems at once, and writing it."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar, cast, get_args

from balancer.units import NO_AMPERES, PHASES, Amperes, dc_input_current_a
from balancer.wiring import (
    Evse,
    EvseKey,
    Measures,
    Meter,
    Mode,
    Node,
    Problem,
    StrategyName,
    Supply,
    Wiring,
)

Record = Mapping[str, object]
Value = TypeVar("Value")

_SITE = {"id", "name", "timezone", "nominal_voltage_v", "mode", "strategy", "nodes", "meters", "evses"}
_NODE = {"id", "parent", "rating_a", "max_power_w", "meter"}
_METER = {"id", "measures", "max_age_s", "fallback_a"}
_EVSE = {
    *("station", "evse", "node", "supply", "phases", "rotation", "min_a", "max_a", "step_a", "failsafe_a"),
    *("priority", "weight", "exclusive_group", "max_power_w", "efficiency"),
}
_LETTERS = {"R": 0, "S": 1, "T": 2}
"""OCPP 1.6 §9.1.7 ConnectorPhaseRotation: R, S, T are L1, L2, L3."""
PROBLEMS_MAX = 1000
"""What has more of them is not read on: nobody wants to be told, and whoever reads it has other work."""
_AC_MIN_A = 6.0  # IEC 61851-1 Annex A: no duty cycle says less
_AC_MAX_A = 32.0


class _Reader:
    """Takes members out of one record, and notes what is wrong with them; a stand-in keeps reading on."""

    def __init__(self, record: object, path: str, known: set[str], problems: list[Problem]) -> None:
        self._path = path
        self._problems = problems
        if isinstance(record, Mapping):
            self._record = cast("Record", record)
        else:
            self._record: Record = {}
            self._problems = []  # its members need no report of their own
            problems.append(Problem(path or "site", "must be an object"))
        for name in self._record:
            if name not in known and len(problems) < PROBLEMS_MAX:
                close = difflib.get_close_matches(str(name), known, 1)
                hint = f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(sorted(known))}"
                self.wrong(str(name), f"is unknown{hint}")

    def path(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name

    def wrong(self, name: str, message: str) -> None:
        self._problems.append(Problem(self.path(name), message))

    def has(self, name: str) -> bool:
        return self._record.get(name) is not None

    def _read(
        self,
        name: str,
        default: Value | None,
        stand_in: Value,
        read: Callable[[object], Value | None],
        what: str,
    ) -> Value:
        """Read a member; without a `default` it is required."""
        value = self._record.get(name)
        if value is None:
            if default is None:
                self.wrong(name, f"is missing; it is {what}")
            return stand_in if default is None else default
        found = read(value)
        if found is None:
            self.wrong(name, f"must be {what}")
            return stand_in
        return found

    def text(self, name: str, default: str | None = None) -> str:
        # "?" is no id, so nothing can refer to it by chance.
        return self._read(name, default, "?", _text, "a text")

    def text_or_none(self, name: str) -> str | None:
        return self.text(name) if self.has(name) else None

    def number(self, name: str, default: float | None = None) -> float:
        return self._read(name, default, 1.0 if default is None else default, _number, "a number")

    def number_or_none(self, name: str) -> float | None:
        return self.number(name) if self.has(name) else None

    def integer(self, name: str, default: int | None = None) -> int:
        return self._read(name, default, 1 if default is None else default, _integer, "a whole number")

    def choice(self, name: str, choices: Sequence[str], default: str | None = None) -> str:
        return self._read(
            name,
            default,
            choices[0],
            lambda value: value if isinstance(value, str) and value in choices else None,
            f"one of {', '.join(choices)}",
        )

    def amperes(self, name: str) -> Amperes:
        value = self._record.get(name)
        number = _number(value)
        if number is not None:
            return (number, number, number)
        if not isinstance(value, Mapping):
            self.wrong(name, 'must be a number, or one for each phase like {"L1": 63, "L2": 63, "L3": 63}')
            return NO_AMPERES
        reader = _Reader(cast("Record", value), self.path(name), set(PHASES), self._problems)
        return (reader.number("L1", 0.0), reader.number("L2", 0.0), reader.number("L3", 0.0))

    def records(self, name: str, known: set[str]) -> Iterator[_Reader]:
        value = self._record.get(name, ())
        if isinstance(value, str) or not isinstance(value, Sequence):
            self.wrong(name, "must be a list")
            return
        for index, record in enumerate(cast("Sequence[object]", value)):
            if len(self._problems) >= PROBLEMS_MAX:
                return
            yield _Reader(record, f"{self.path(name)}[{index}]", known, self._problems)

    def rotation(self, name: str) -> tuple[int, ...] | None:
        """Read ["L1", "L2", "L3"] or "RST"; None if it is not there or not readable."""
        value = self._record.get(name)
        if value is None:
            return None
        if not isinstance(value, Sequence):
            self.wrong(name, _ROTATION_HINT)
            return None
        words = cast("Sequence[object]", value)
        table = _LETTERS if isinstance(value, str) else {phase: index for index, phase in enumerate(PHASES)}
        phases = tuple(table.get(str(word), -1) for word in words)
        if not phases or -1 in phases or len(set(phases)) < len(phases):
            self.wrong(name, _ROTATION_HINT)
            return None
        return phases


_ROTATION_HINT = 'must be the site phases on the charger\'s L1, L2, L3, each once: ["L1", "L2", "L3"], or "RST" for the same'


def read_site(data: object) -> tuple[Wiring, list[Problem]]:
    """Return the site that `data` describes and what could not be read of it (stand-ins take its place)."""
    problems: list[Problem] = []
    site = _Reader(data, "", _SITE, problems)
    voltage_v = site.number("nominal_voltage_v", 230.0)
    site_id = site.text("id")
    wiring = Wiring(
        id=site_id,
        name=site.text("name", site_id),
        timezone=site.text("timezone", "UTC"),
        nominal_voltage_v=voltage_v,
        mode=cast("Mode", site.choice("mode", get_args(Mode), "observe")),
        strategy=cast("StrategyName", site.choice("strategy", get_args(StrategyName), "fair")),
        nodes=tuple(_node(node) for node in site.records("nodes", _NODE)),
        meters=tuple(_meter(meter) for meter in site.records("meters", _METER)),
        evses=tuple(_evse(evse, voltage_v) for evse in site.records("evses", _EVSE)),
    )
    return wiring, problems


def _node(node: _Reader) -> Node:
    return Node(
        id=node.text("id"),
        parent=node.text_or_none("parent"),
        rating_a=node.amperes("rating_a"),
        max_power_w=node.number_or_none("max_power_w"),
        meter=node.text_or_none("meter"),
    )


def _meter(meter: _Reader) -> Meter:
    return Meter(
        id=meter.text("id"),
        measures=cast("Measures", meter.choice("measures", get_args(Measures))),
        max_age_s=meter.number("max_age_s", 10.0),
        fallback_a=meter.amperes("fallback_a"),
    )


def _evse(evse: _Reader, voltage_v: float) -> Evse:
    supply = cast("Supply", evse.choice("supply", get_args(Supply), "AC"))
    direct = supply == "DC"
    max_power_w = evse.number_or_none("max_power_w")
    efficiency = evse.number_or_none("efficiency")
    max_a = evse.number("max_a", math.inf if direct else _AC_MAX_A)
    if direct and max_power_w is not None and voltage_v > 0 and (efficiency is None or efficiency > 0):
        max_a = min(max_a, dc_input_current_a(max_power_w, voltage_v, efficiency))
    return Evse(
        key=EvseKey(evse.text("station"), evse.integer("evse", 1)),
        node=evse.text("node"),
        supply=supply,
        rotation=_rotation(evse),
        min_a=evse.number("min_a", 0.0 if direct else _AC_MIN_A),
        max_a=max_a,
        step_a=evse.number("step_a", 0.1),
        failsafe_a=evse.number("failsafe_a", 0.0),
        priority=evse.integer("priority", 0),
        weight=evse.number("weight", 1.0),
        exclusive_group=evse.text_or_none("exclusive_group"),
        max_power_w=max_power_w,
        efficiency=efficiency,
    )


def _rotation(evse: _Reader) -> tuple[int, ...]:
    rotation = evse.rotation("rotation")
    phases = evse.integer("phases", 3 if rotation is None else len(rotation))
    if phases not in {1, 2, 3}:
        evse.wrong("phases", "must be 1, 2 or 3")
        return (0, 1, 2)
    if rotation is None:
        if phases < len(PHASES) and not evse.has("rotation"):
            evse.wrong("rotation", f"is missing; an EVSE on {phases} phase(s) names them, like ['L2']")
        return (0, 1, 2)
    if len(rotation) != phases:
        evse.wrong("rotation", f"names {len(rotation)} phase(s), and 'phases' says {phases}")
    return rotation


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: object) -> float | None:
    # In JSON and TOML a truth value is no number; in Python it is.
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def write_site(site: Wiring) -> dict[str, object]:
    """Return what `read_site` reads, every member said."""
    return {
        "id": site.id,
        "name": site.name,
        "timezone": site.timezone,
        "nominal_voltage_v": site.nominal_voltage_v,
        "mode": site.mode,
        "strategy": site.strategy,
        "nodes": [
            {
                "id": node.id,
                "parent": node.parent,
                "rating_a": _by_phase(node.rating_a),
                "max_power_w": node.max_power_w,
                "meter": node.meter,
            }
            for node in site.nodes
        ],
        "meters": [
            {
                "id": meter.id,
                "measures": meter.measures,
                "max_age_s": meter.max_age_s,
                "fallback_a": _by_phase(meter.fallback_a),
            }
            for meter in site.meters
        ],
        "evses": [_evse_record(evse) for evse in site.evses],
    }


def _evse_record(evse: Evse) -> dict[str, object]:
    return {
        "station": evse.key.station,
        "evse": evse.key.evse,
        "node": evse.node,
        "supply": evse.supply,
        "phases": len(evse.rotation),
        "rotation": [PHASES[phase] for phase in evse.rotation],
        "min_a": evse.min_a,
        "max_a": evse.max_a,
        "step_a": evse.step_a,
        "failsafe_a": evse.failsafe_a,
        "priority": evse.priority,
        "weight": evse.weight,
        "exclusive_group": evse.exclusive_group,
        "max_power_w": evse.max_power_w,
        "efficiency": evse.efficiency,
    }


def _by_phase(amperes: Amperes) -> dict[str, float]:
    return dict(zip(PHASES, amperes, strict=True))
