"""Scenario files: what a run consists of, in TOML; `simulators/scenarios/` has some to begin with.

Moments and durations are in seconds of site time, moments counted from the scenario's beginning (with traces:
from the trace's first midnight). Ranges are `[least, most]`; what is drawn from them depends on the seed only.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct, field

FOLDER = Path(__file__).with_name("scenarios")

Range = tuple[float, float]
Three = tuple[float, float, float]
Share = Annotated[float, Meta(ge=0, le=1)]
Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]
Count = Annotated[int, Meta(ge=1)]


class ScenarioError(Exception):
    """A scenario can't be played; the message says why and where."""


class _Table(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A table of the file."""


class Stations(_Table, frozen=True, kw_only=True):
    """`[[stations]]`: some of a kind."""

    id: str = "SIM-{n:04}"
    """`{n}` is the station's number in the whole fleet, from 1."""
    count: Count = 1
    version: Literal["1.6", "2.0.1", "mixed"] = "1.6"
    """`mixed`: in turn."""
    connectors: Count = 1
    phases: Annotated[int, Meta(ge=1, le=3)] = 3
    rotation: str = "turning"
    """`RST`, `STR`, …: the site's phases on the charger's; `turning`: RST, STR, TRS in turn."""
    max_a: Positive = 32.0
    min_a: NotNegative = 6.0
    step_a: Positive = 0.1
    reaction_s: NotNegative = 1.0
    node: str | None = None
    key: str | None = None
    faults: str | None = None
    """The name of a table below `[faults]`."""
    smart_charging: bool = True
    units: list[Literal["A", "W"]] = field(default_factory=lambda: ["A", "W"])
    max_periods: Count = 24
    max_stack_level: Annotated[int, Meta(ge=0)] = 10
    refuses_zero: bool = False
    keeps_profiles: bool = True
    after_power_loss: Literal["end", "resume", "lose"] = "end"
    boots_again: bool = False
    boot_s: NotNegative = 20.0
    vendor: str = "Simulated"
    model: str = "Witness"


class Cars(_Table, frozen=True, kw_only=True):
    """`[[cars]]`: a kind of car."""

    share: Positive = 1.0
    """Of all cars, beside the other kinds' shares."""
    phases: Annotated[int, Meta(ge=1, le=3)] = 3
    max_a: Positive = 16.0
    min_a: NotNegative = 6.0
    pack_kwh: Positive = 60.0
    reaction_s: NotNegative = 2.0
    ramp_a_per_s: Positive = 8.0
    sleeps_after_s: Positive | None = None
    wakes_at_offer: Count | None = 2
    changes_phases_after_s: Positive | None = None
    """Goes over to one phase then."""


class Arrivals(_Table, frozen=True, kw_only=True):
    """`[arrivals]`: cars that come to each EVSE one after the other."""

    sessions: Count = 1
    """At each EVSE."""
    first_s: Range = (0.0, 600.0)
    stay_s: Range = (1800.0, 7200.0)
    between_s: Range = (300.0, 1800.0)
    energy_kwh: Range = (4.0, 20.0)
    soc: Range = (0.1, 0.6)
    token: str = "SIM-{n}"  # noqa: S105 - what stands on a card
    """`{n}` is the session's number, from 1."""
    stops_first: Share = 0.3
    """How many hold the card to the reader again before they leave."""


class Outages(_Table, frozen=True, kw_only=True):
    """A time without connection, or without power."""

    from_s: NotNegative
    until_s: Positive
    kind: Literal["link", "power"] = "link"


class Reboots(_Table, frozen=True, kw_only=True):
    """A boot that nobody asked for."""

    at_s: NotNegative
    keeps_profiles: bool = True
    keeps_sessions: bool = True


class Disobediences(_Table, frozen=True, kw_only=True):
    """A time in which an EVSE offers a current whatever it was told."""

    from_s: NotNegative
    until_s: Positive
    offered_a: NotNegative
    evse: Count = 1


class FaultTable(_Table, frozen=True, kw_only=True):
    """`[faults.NAME]`: what goes wrong; `simulators.faults.Faults` explains the fields."""

    chaos: NotNegative = 0.0
    """Above 0 all else is drawn by chance, in this intensity."""
    drop: Share = 0.0
    duplicate: Share = 0.0
    delay: Share = 0.0
    delay_s: NotNegative = 5.0
    garbage: Share = 0.0
    unanswered: Share = 0.0
    never_answers: list[str] = field(default_factory=list[str])
    slow: Share = 0.0
    slow_s: NotNegative = 20.0
    ignores_profiles: Share = 0.0
    rejects_profiles: Share = 0.0
    clock_offset_s: float = 0.0
    forgets_at_s: list[float] = field(default_factory=list[float])
    outages: list[Outages] = field(default_factory=list[Outages])
    reboots: list[Reboots] = field(default_factory=list[Reboots])
    disobeys: list[Disobediences] = field(default_factory=list[Disobediences])


class Nodes(_Table, frozen=True, kw_only=True):
    """`[[nodes]]`: a circuit, by which the run is judged."""

    id: str
    parent: str | None = None
    limit_a: Three
    base_a: Three | None = None
    """Others' load on it."""


class Meter(_Table, frozen=True, kw_only=True):
    """`[meter]`: the site's meter, whose readings are pushed."""

    every_s: Positive = 5.0
    node: str | None = None
    """The circuit that it measures; by default the first without a parent."""
    measures: Literal["node_total", "other_loads"] = "node_total"


class Traces(_Table, frozen=True, kw_only=True):
    """`[traces]`: files of a folder that is named when the scenario is played; they replace stations and arrivals."""

    site: str
    sessions: str
    base_load: str | None = None
    version: Literal["1.6", "2.0.1", "mixed"] = "1.6"
    faults: str | None = None
    token: str = "SIM-{n}"  # noqa: S105 - what stands on a card


class Scenario(_Table, frozen=True, kw_only=True):
    """A whole file."""

    title: str
    seed: int = 1
    speed: Positive = 1.0
    """How many seconds pass at the site in one of the machine's."""
    starts_s: NotNegative = 0.0
    lasts_s: Positive = 3600.0
    boot_spread_s: NotNegative = 30.0
    """Stations switch themselves on within so long."""
    voltage_v: Positive = 230.0
    stations: list[Stations] = field(default_factory=list[Stations])
    cars: list[Cars] = field(default_factory=lambda: [Cars()])
    arrivals: Arrivals | None = None
    nodes: list[Nodes] = field(default_factory=list[Nodes])
    meter: Meter | None = None
    traces: Traces | None = None
    faults: dict[str, FaultTable] = field(default_factory=dict[str, FaultTable])


def names() -> list[str]:
    """Return the names of the scenarios that come with the package."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load(name: str) -> Scenario:
    """Read a scenario: a file, or by name one that comes with the package. Raises `ScenarioError`."""
    path = Path(name) if "/" in name or name.endswith(".toml") else FOLDER / f"{name}.toml"
    try:
        return parse(path.read_text("utf-8"))
    except FileNotFoundError as error:
        known = ", ".join(names())
        raise ScenarioError(f"{name}: there is no such file; scenarios at hand: {known}") from error
    except OSError as error:
        raise ScenarioError(f"{name}: {error.strerror}") from error
    except ScenarioError as error:
        raise ScenarioError(f"{path}: {error}") from error


def parse(text: str) -> Scenario:
    """Read a scenario's text. Raises `ScenarioError`."""
    try:
        return convert(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(str(error)) from error


def convert(members: Mapping[str, object]) -> Scenario:
    """Take a scenario's data, as the file would have them. Raises `ScenarioError`."""
    try:
        scenario = msgspec.convert(members, Scenario)
    except msgspec.ValidationError as error:
        raise ScenarioError(str(error)) from error
    _check(scenario)
    return scenario


def data(scenario: Scenario) -> dict[str, Any]:
    """Return a scenario's data, every default spelt out."""
    return msgspec.to_builtins(scenario)


def changed(scenario: Scenario, **changes: object) -> Scenario:
    """Return a scenario with other values where they are not None. Raises `ScenarioError`."""
    given = {name: value for name, value in changes.items() if value is not None}
    return convert(data(scenario) | given)


def _check(scenario: Scenario) -> None:
    if not scenario.stations and scenario.traces is None:
        raise ScenarioError("there are no [[stations]] and no [traces]")
    if scenario.stations and scenario.traces is not None:
        raise ScenarioError("[traces] bring their own stations: give one of them")
    if not scenario.cars:
        raise ScenarioError("there are no [[cars]]")
    used = {one.faults for one in scenario.stations} | {scenario.traces.faults if scenario.traces else None}
    if unknown := sorted(name for name in used if name is not None and name not in scenario.faults):
        raise ScenarioError(f"there is no [faults.{unknown[0]}]")
    nodes = {node.id for node in scenario.nodes}
    places = {one.node for one in scenario.stations} | {node.parent for node in scenario.nodes}
    if unknown := sorted(place for place in places if place is not None and place not in nodes):
        raise ScenarioError(f"there is no [[nodes]] with the id {unknown[0]}")
