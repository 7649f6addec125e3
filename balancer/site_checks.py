"""Whether a site can be: everything that is wrong with it, each with its place and a remedy."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import get_args
from zoneinfo import ZoneInfo

from balancer.units import PHASES, Amperes
from balancer.wiring import Evse, EvseKey, Measures, Meter, Mode, Node, Problem, StrategyName, Supply, Wiring

NODE_MAX_A = 10_000.0
"""Above the largest transformers' low-voltage side; a rating above is a slip of the unit. More hangs on several roots."""
EVSE_MAX_A = 10_000.0
"""Above what any charger is built for."""
NODE_MAX_W = 3_000 * NODE_MAX_A
EVSE_MAX_W = 3_000 * EVSE_MAX_A
VOLTAGE_RANGE_V = (50.0, 1_000.0)
WEIGHT_RANGE = (0.01, 100.0)
"""Shares of a ten-thousandth are no shares, and sums over them would lose their digits."""
STEP_MIN_A = 1e-9
DEPTH_MAX = 100
"""Nodes from a root down: ten times the deepest site there is, and what a site costs grows with it."""
_RING_SHOWN_MAX = 20

_ID = re.compile(r"[A-Za-z0-9*_=:+|@.-]{1,48}")


def problems_of(site: Wiring) -> Iterator[Problem]:
    """Yield all that is wrong with such a site; nothing for a good one."""
    yield from _bad_id("id", site.id)
    yield from _bad_timezone(site.timezone)
    yield from _outside("nominal_voltage_v", site.nominal_voltage_v, *VOLTAGE_RANGE_V)
    yield from _bad_choice("mode", site.mode, get_args(Mode))
    yield from _bad_choice("strategy", site.strategy, get_args(StrategyName))
    yield from _forest_problems(site.nodes, {meter.id for meter in site.meters})
    yield from _repeated("meters", "id", [meter.id for meter in site.meters])
    for index, meter in enumerate(site.meters):
        yield from _meter_problems(f"meters[{index}]", meter)
    nodes = {node.id: node for node in site.nodes}
    taken: dict[EvseKey, int] = {}
    for index, evse in enumerate(site.evses):
        path = f"evses[{index}]"
        first = taken.setdefault(evse.key, index)
        if first != index:
            yield Problem(path, f"is the same EVSE of the same station as evses[{first}]")
        yield from _evse_problems(path, evse)
        yield from _place_problems(path, evse, nodes)


def _forest_problems(nodes: Sequence[Node], meters: set[str]) -> Iterator[Problem]:
    if not nodes:
        yield Problem("nodes", "a site has at least one node")
    yield from _repeated("nodes", "id", [node.id for node in nodes])
    known = {node.id for node in nodes}
    for index, node in enumerate(nodes):
        yield from _node_problems(f"nodes[{index}]", node, known, meters)
    yield from _bad_ways_up(nodes)
    yield from _shared_meters(nodes)


def _node_problems(path: str, node: Node, nodes: set[str], meters: set[str]) -> Iterator[Problem]:
    yield from _bad_id(f"{path}.id", node.id)
    if node.parent is not None and node.parent not in nodes:
        yield Problem(f"{path}.parent", f"there is no node {node.parent!r}")
    yield from _bad_amperes(f"{path}.rating_a", node.rating_a)
    if not any(ampere > 0 for ampere in node.rating_a):
        yield Problem(f"{path}.rating_a", "is 0 on every phase; leave the node out if it carries nothing")
    if node.max_power_w is not None:
        yield from _not_positive(f"{path}.max_power_w", node.max_power_w, NODE_MAX_W)
    if node.meter is not None and node.meter not in meters:
        yield Problem(f"{path}.meter", f"there is no meter {node.meter!r}")


def _bad_ways_up(nodes: Sequence[Node]) -> Iterator[Problem]:
    parents = {node.id: node.parent for node in nodes}
    depths: dict[str, int] = {}
    for index, node in enumerate(nodes):
        way: dict[str, None] = {}
        above: str | None = node.id
        while above is not None and above not in way and above not in depths:
            way[above] = None
            above = parents.get(above)
        least = 0 if above is None else depths.get(above, 0)
        depths |= {node_id: least + below for below, node_id in enumerate(reversed(way), 1)}
        if above in way:
            # Told where it was entered: at the first of its nodes, or at the first that hangs on it.
            ring = list(way)[list(way).index(above) :]
            shown = [*ring, ring[0]] if len(ring) <= _RING_SHOWN_MAX else [*ring[:_RING_SHOWN_MAX], "…"]
            yield Problem(f"nodes[{index}].parent", f"feeds itself: {' → '.join(shown)}")
        elif depths[node.id] == DEPTH_MAX + 1:
            yield Problem(f"nodes[{index}].parent", f"hangs below more than {DEPTH_MAX - 1} others")


def _shared_meters(nodes: Sequence[Node]) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for index, node in enumerate(nodes):
        if node.meter is not None and first.setdefault(node.meter, index) != index:
            yield Problem(
                f"nodes[{index}].meter", f"a meter measures at one node; nodes[{first[node.meter]}] has it"
            )


def _meter_problems(path: str, meter: Meter) -> Iterator[Problem]:
    yield from _bad_id(f"{path}.id", meter.id)
    yield from _bad_choice(f"{path}.measures", meter.measures, get_args(Measures))
    yield from _not_positive(f"{path}.max_age_s", meter.max_age_s, 86_400.0)
    yield from _bad_amperes(f"{path}.fallback_a", meter.fallback_a)


def _evse_problems(path: str, evse: Evse) -> Iterator[Problem]:
    yield from _bad_id(f"{path}.station", evse.key.station)
    if evse.key.evse < 1:
        yield Problem(f"{path}.evse", "EVSEs are numbered from 1")
    yield from _bad_choice(f"{path}.supply", evse.supply, get_args(Supply))
    if not evse.rotation or len(set(evse.rotation)) < len(evse.rotation) or set(evse.rotation) - {0, 1, 2}:
        yield Problem(f"{path}.rotation", "names one to three different phases of L1, L2, L3")
    yield from _outside(f"{path}.min_a", evse.min_a, 0.0, EVSE_MAX_A)
    yield from _not_positive(f"{path}.max_a", evse.max_a, EVSE_MAX_A)
    if evse.min_a > evse.max_a:
        yield Problem(f"{path}.min_a", f"is above max_a ({evse.max_a:g})")
    if not (math.isfinite(evse.step_a) and STEP_MIN_A <= evse.step_a <= EVSE_MAX_A):
        yield Problem(f"{path}.step_a", "must be above 0")
    yield from _outside(f"{path}.failsafe_a", evse.failsafe_a, 0.0, EVSE_MAX_A)
    if evse.failsafe_a > evse.max_a:
        yield Problem(f"{path}.failsafe_a", f"is above max_a ({evse.max_a:g})")
    yield from _outside(f"{path}.weight", evse.weight, *WEIGHT_RANGE)
    yield from _dc_problems(path, evse)


def _dc_problems(path: str, evse: Evse) -> Iterator[Problem]:
    if evse.supply != "DC":
        for name, value in (("max_power_w", evse.max_power_w), ("efficiency", evse.efficiency)):
            if value is not None:
                yield Problem(f"{path}.{name}", "is for DC; an AC EVSE is limited by max_a")
        return
    if len(evse.rotation) != len(PHASES):
        yield Problem(f"{path}.rotation", "a DC EVSE draws on three phases")
    if evse.min_a > 0:
        yield Problem(f"{path}.min_a", "is 0 for DC: there is no least current")
    if evse.max_power_w is None:
        yield Problem(f"{path}.max_power_w", "a DC EVSE needs it: its limits are in watts")
    else:
        yield from _not_positive(f"{path}.max_power_w", evse.max_power_w, EVSE_MAX_W)
    if evse.efficiency is not None and not 0.5 <= evse.efficiency <= 1.0:  # noqa: PLR2004
        yield Problem(f"{path}.efficiency", "is output over input power, 0.5 to 1")


def _place_problems(path: str, evse: Evse, nodes: dict[str, Node]) -> Iterator[Problem]:
    node = nodes.get(evse.node)
    if node is None:
        yield Problem(f"{path}.node", f"there is no node {evse.node!r}")
        return
    dead = [
        PHASES[phase] for phase in sorted({0, 1, 2}.intersection(evse.rotation)) if node.rating_a[phase] == 0
    ]
    if dead:
        yield Problem(f"{path}.rotation", f"node {node.id!r} has nothing on {', '.join(dead)}")


def _bad_id(path: str, text: str) -> Iterator[Problem]:
    if not _ID.fullmatch(text) or text in {".", ".."}:
        yield Problem(path, "takes 1 to 48 of A-Z a-z 0-9 * _ = : + | @ . - and is neither '.' nor '..'")


def _bad_timezone(name: str) -> Iterator[Problem]:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown; not a name at all; a folder of names ("Europe")
        yield Problem("timezone", f"there is no time zone {name!r}; try one like 'Europe/Berlin' or 'UTC'")


def _bad_choice(path: str, word: str, choices: tuple[str, ...]) -> Iterator[Problem]:
    if word not in choices:
        yield Problem(path, f"is one of {', '.join(choices)}")


def _repeated(path: str, member: str, ids: Iterable[str]) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for index, text in enumerate(ids):
        if first.setdefault(text, index) != index:
            yield Problem(f"{path}[{index}].{member}", f"{text!r} is taken by {path}[{first[text]}]")


def _bad_amperes(path: str, amperes: Amperes) -> Iterator[Problem]:
    for name, ampere in zip(PHASES, amperes, strict=True):
        yield from _outside(f"{path}.{name}", ampere, 0.0, NODE_MAX_A)


def _outside(path: str, number: float, least: float, most: float) -> Iterator[Problem]:
    if not least <= number <= most:  # NaN too
        yield Problem(path, f"must be from {least:g} to {most:g}")


def _not_positive(path: str, number: float, most: float) -> Iterator[Problem]:
    if not 0 < number <= most:  # NaN too
        yield Problem(path, f"must be above 0 and at most {most:g}")
