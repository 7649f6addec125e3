"""Allocations worth knowing by name: each file in `cases/` is one, with the reason why it comes out as it does."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from balancer.allocation import Reason, allocate
from balancer.site import Evse, EvseKey, Node, Site
from balancer.snapshot import Session, Snapshot, Turn
from balancer.strategies import STRATEGIES
from balancer.units import PHASES, Amperes, PhaseUse

CASES = sorted((Path(__file__).parent / "cases").glob("*.toml"))
CASES_MIN = 30
NOW_S = 10_000.0
"""All times in the files are on this clock unless they say `now_s`."""

_TOP = {"why", "strategy", "now_s", "circuits", "chargers", "cars", "grants"}
_CIRCUIT = {"parent", "rating_a", "max_power_w", "free_a", "free_w"}
_CHARGER = {"node", "on", "supply", "min_a", "max_a", "step_a", "priority", "weight", "exclusive_group"}
_CAR = {
    "phases",
    "demand_a",
    "max_a",
    "min_a",
    "started_s",
    "charging_since_s",
    "waiting_since_s",
    "paused",
    "queued_since_s",
}


def read(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text("utf-8"))


def known(data: Mapping[str, Any], names: set[str]) -> Mapping[str, Any]:
    """Give `data` back, or fail: a misspelt word in a case would be a case about something else."""
    assert data.keys() <= names, f"unknown: {sorted(data.keys() - names)}"
    return data


def amperes(value: float | list[float]) -> Amperes:
    """One number is for all phases."""
    if isinstance(value, list):
        first, second, third = (float(one) for one in value)
        return (first, second, third)
    return (float(value), float(value), float(value))


def phases(names: str) -> tuple[int, ...]:
    """`"L2 L3"`, in the charger's order."""
    return tuple(PHASES.index(name) for name in names.split())


def evse(name: str, data: Mapping[str, Any]) -> Evse:
    known(data, _CHARGER)
    supply = data.get("supply", "AC")
    return Evse(
        key=EvseKey(name, 1),
        node=data.get("node", "main"),
        supply=supply,
        rotation=phases(data.get("on", "L1 L2 L3")),
        min_a=float(data.get("min_a", 6.0 if supply == "AC" else 0.0)),
        max_a=float(data.get("max_a", 32.0)),
        step_a=float(data.get("step_a", 0.1)),
        priority=data.get("priority", 0),
        weight=float(data.get("weight", 1.0)),
        exclusive_group=data.get("exclusive_group"),
        max_power_w=50_000.0 if supply == "DC" else None,
        efficiency=0.95 if supply == "DC" else None,
    )


def session(at: Evse, data: Mapping[str, Any]) -> Session:
    known(data, _CAR)
    used = phases(data["phases"]) if "phases" in data else at.rotation
    in_use: PhaseUse = (0 in used, 1 in used, 2 in used)
    return Session(
        evse=at.key,
        transaction=at.key.station,
        started_s=float(data.get("started_s", 0.0)),
        phases=in_use,
        demand_a=float(data.get("demand_a", math.inf)),
        min_a=float(data.get("min_a", at.min_a)),
        max_a=float(data.get("max_a", at.max_a)),
        step_a=at.step_a,
        priority=at.priority,
        weight=at.weight,
        turn=Turn(
            charging_since_s=data.get("charging_since_s"),
            waiting_since_s=data.get("waiting_since_s"),
            paused=data.get("paused", False),
            queued_since_s=data.get("queued_since_s", data.get("waiting_since_s")),
        ),
    )


def snapshot(case: Mapping[str, Any]) -> Snapshot:
    known(case, _TOP)
    circuits = {name: known(data, _CIRCUIT) for name, data in case["circuits"].items()}
    evses = {name: evse(name, data) for name, data in case["chargers"].items()}
    site = Site(
        id="case",
        name="case",
        timezone="UTC",
        nominal_voltage_v=230.0,
        mode="enforce",
        strategy=case.get("strategy", "fair"),
        nodes=tuple(
            Node(
                id=name,
                parent=data.get("parent"),
                rating_a=amperes(data["rating_a"]),
                max_power_w=data.get("max_power_w"),
            )
            for name, data in circuits.items()
        ),
        meters=(),
        evses=tuple(evses.values()),
    )
    return Snapshot(
        site=site,
        now_s=float(case.get("now_s", NOW_S)),
        sessions=tuple(session(evses[name], data) for name, data in case["cars"].items()),
        free_a={name: amperes(data["free_a"]) for name, data in circuits.items() if "free_a" in data},
        free_w={name: float(data["free_w"]) for name, data in circuits.items() if "free_w" in data},
    )


def told(reason: Reason) -> str:
    """A reason as the files write it: `node main L1`, `waiting main L2 until 10900`."""
    words = [reason.kind.value]
    if reason.node is not None:
        words.append(reason.node)
    if reason.phase is not None:
        words.append(PHASES[reason.phase])
    if reason.until_s is not None:
        words.append(f"until {reason.until_s:g}")
    return " ".join(words)


@pytest.mark.parametrize("path", CASES, ids=[path.stem for path in CASES])
def test_case(path: Path):
    case = read(path)
    moment = snapshot(case)
    found = allocate(moment, moment.site.strategy).grants
    assert {key.station: [grant.limit_a, told(grant.reason)] for key, grant in found.items()} == case[
        "grants"
    ]


@pytest.mark.parametrize("path", CASES, ids=[path.stem for path in CASES])
def test_case_says_why(path: Path):
    why = read(path).get("why", "")
    assert len(why.split()) > 5 and why.endswith("."), "each case needs a sentence `why`"  # noqa: PT018


def test_there_are_cases_for_every_strategy():
    assert len(CASES) >= CASES_MIN
    assert {read(path).get("strategy", "fair") for path in CASES} == set(STRATEGIES)
