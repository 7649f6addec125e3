"""Sites as people read them on a terminal: a list, a drawing of one, and what its check found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec
from msgspec import Struct
from rich.tree import Tree

from csms.cli.console import moment, plain, say, table, tree
from csms.domain.errors import FieldProblem
from csms.domain.records import CapSaved
from csms.domain.site import KnownStation, StoredSite
from csms.domain.site_check import Finding, NodeCheck, SiteCheck
from csms.logs import printable

_PHASES = 3
_SHOWN_MAX = 20
"""So many notes are printed; of the rest only the number."""


class _Node(Struct):
    id: str
    parent: str | None
    rating_a: dict[str, float]
    max_power_w: float | None
    meter: str | None


class _Meter(Struct):
    id: str
    measures: str
    max_age_s: float
    fallback_a: dict[str, float]


class _Evse(Struct):
    station: str
    evse: int
    node: str
    supply: str
    rotation: list[str]
    min_a: float
    max_a: float
    failsafe_a: float
    priority: int
    max_power_w: float | None


class _Site(Struct):
    id: str
    name: str
    timezone: str
    mode: str
    strategy: str
    nodes: list[_Node]
    meters: list[_Meter]
    evses: list[_Evse]


_decode = msgspec.json.Decoder(_Site).decode


class Drawn(NamedTuple):
    """What a drawing of a site shows."""

    site: StoredSite
    caps: Sequence[CapSaved]
    stations: Sequence[KnownStation]


def mode_of(config: bytes) -> str:
    """Return the mode of a site's configuration."""
    return _decode(config).mode


def overview(sites: Sequence[StoredSite]) -> None:
    """List sites."""
    if not sites:
        say("No sites yet. Add one: csms site add FILE")
        return
    rows: list[tuple[str, ...]] = []
    for stored in sites:
        site = _decode(stored.config)
        counts = (str(len(site.nodes)), str(len(site.evses)), str(stored.revision))
        rows.append((site.id, site.name, site.mode, site.strategy, *counts))
    table(("id", "name", "mode", "strategy", "nodes", "EVSEs", "revision"), rows)


def drawing(drawn: Drawn, *, now_us: int) -> None:
    """Draw a site's circuits with all that hangs on them."""
    site = _decode(drawn.site.config)
    words = f"{site.mode}, {site.strategy}, {site.timezone}, revision {drawn.site.revision}"
    root = Tree(plain(f"{site.name} ({site.id}): {words}"))
    _hang(root, site.nodes, _lines(site, drawn, now_us))
    tree(root)


def findings(check: SiteCheck) -> None:
    """Print what the check of a site found."""
    if check.nodes:
        say("The worst case while nobody steers, in amperes:")
        table(
            ("node", "phase", "rating", "others", "failsafes", "left"),
            (row for node in check.nodes for row in _worst_rows(node)),
        )
        say("")
    if check.evses:
        keeping = sum(evse.may_keep for evse in check.evses)
        say(f"A failsafe of 6 A or more fits for {keeping} of {len(check.evses)} EVSEs; proposed is:")
        table(
            ("station", "EVSE", "node", "now", "proposed"),
            (
                (evse.station, str(evse.evse), evse.node, f"{evse.failsafe_a:g}", f"{evse.proposed_a:g}")
                for evse in check.evses
            ),
        )
        say("")
    notes("Note", check.warnings)
    notes("Broken", check.problems)
    if check.ok:
        say(f"Site {check.site_id} keeps every rule.")
    else:
        say(f"Site {check.site_id} breaks a rule.")


def notes(word: str, found: Sequence[Finding | FieldProblem]) -> None:
    """Print what was found, each with its place."""
    for one in found[:_SHOWN_MAX]:
        say(f"{word}: {printable(one.path)}: {printable(one.message)}")
    if len(found) > _SHOWN_MAX:
        say(f"{word}: … and {len(found) - _SHOWN_MAX} more like these")


def _lines(site: _Site, drawn: Drawn, now_us: int) -> dict[str, list[str]]:
    """Return what stands on each node: its meter, the caps in force, its EVSEs."""
    lines: dict[str, list[str]] = {node.id: [] for node in site.nodes}
    meters = {meter.id: meter for meter in site.meters}
    for node in site.nodes:
        if node.meter is not None:
            lines[node.id].append(_meter_line(meters[node.meter]))
    for cap in drawn.caps:
        if cap.node in lines and (cap.until_us is None or cap.until_us > now_us):
            lines[cap.node].append(_cap_line(cap))
    stations = {station.id: station for station in drawn.stations if station.registered}
    for evse in site.evses:
        lines[evse.node].append(_evse_line(evse, stations.get(evse.station)))
    return lines


def _hang(root: Tree, nodes: Iterable[_Node], lines: Mapping[str, Sequence[str]]) -> None:
    """Hang the nodes below each other, in whichever order they stand, and their lines on them."""
    below: dict[str | None, list[_Node]] = {}
    for node in nodes:
        below.setdefault(node.parent, []).append(node)
    waiting: list[tuple[Tree, str | None]] = [(root, None)]
    while waiting:
        above, parent = waiting.pop()
        for node in below.get(parent, ()):
            branch = above.add(plain(_node_line(node)))
            for line in lines[node.id]:
                branch.add(plain(line))
            waiting.append((branch, node.id))


def _node_line(node: _Node) -> str:
    power = "" if node.max_power_w is None else f", {_watts(node.max_power_w)}"
    return f"{node.id}: {_amperes(node.rating_a)}{power}"


def _meter_line(meter: _Meter) -> str:
    what = "all that flows here" if meter.measures == "node_total" else "others alone"
    return f"meter {meter.id}: {what}; silent for {meter.max_age_s:g} s, others count as {_amperes(meter.fallback_a)}"


def _cap_line(cap: CapSaved) -> str:
    by_phase = zip(("L1", "L2", "L3"), (cap.limit_l1_a, cap.limit_l2_a, cap.limit_l3_a), strict=True)
    limits = {phase: limit for phase, limit in by_phase if limit is not None}
    words = [_amperes(limits)] if limits else []
    if cap.limit_w is not None:
        words.append(_watts(cap.limit_w))
    until = "" if cap.until_us is None else f", until {moment(cap.until_us)}"
    return f"cap by {cap.source}: {', '.join(words)}{until}{f' ({cap.reason})' if cap.reason else ''}"


def _evse_line(evse: _Evse, station: KnownStation | None) -> str:
    most = _watts(evse.max_power_w) if evse.max_power_w is not None else f"{evse.min_a:g} to {evse.max_a:g} A"
    words = [f"{evse.supply} on {' '.join(evse.rotation)}", most, f"failsafe {evse.failsafe_a:g} A"]
    if evse.priority:
        words.append(f"priority {evse.priority}")
    if station is None:
        words.append("not registered")
    elif not station.managed:
        words.append("unmanaged")
    return f"{evse.station} EVSE {evse.evse}: {', '.join(words)}"


def _amperes(by_phase: Mapping[str, float]) -> str:
    values = set(by_phase.values())
    if len(by_phase) == _PHASES and len(values) == 1:
        return f"{_PHASES} x {values.pop():g} A"
    return ", ".join(f"{phase} {ampere:g} A" for phase, ampere in by_phase.items())


def _watts(power_w: float) -> str:
    return f"{power_w / 1000:g} kW"


def _worst_rows(node: NodeCheck) -> Iterator[tuple[str, ...]]:
    for phase, rating_a in node.rating_a.items():
        columns = (rating_a, node.base_a[phase], node.failsafe_a[phase], node.left_a[phase])
        yield (node.id, phase, *(f"{ampere:g}" for ampere in columns))
    if node.max_power_w is not None and node.left_w is not None:
        yield (node.id, "power", _watts(node.max_power_w), "", "", _watts(node.left_w))
