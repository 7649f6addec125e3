"""How long the allocation takes: CPU time on sites of 54, 1,000 and 10,000 EVSEs, with the aims beside it.

`make bench-balancer` prints the table and writes docs/benchmarks/balancer.md.
"""

from __future__ import annotations

import argparse
import dataclasses
import gc
import math
import os
import platform
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np

from balancer.allocation import Allocation, allocate
from balancer.site import Evse, EvseKey, Node, Site
from balancer.snapshot import Session, Snapshot, Turn
from balancer.strategies import STRATEGIES

SEED = 20_191_027
EVSES_PER_PANEL = 18
PANELS_PER_FEEDER = 10
FEEDERS_PER_TRANSFORMER = 5
OCCUPIED = 0.85
AIMS_MS = {54: 1.0, 1_000: 4.0, 10_000: 50.0}
"""What the 99th percentile is to stay under, by the number of EVSEs."""
ROUNDS = {54: 2_000, 1_000: 400, 10_000: 100}
ROTATIONS = [(0, 1, 2), (1, 2, 0), (2, 0, 1)]
MIX = [(0.35, 1, 32.0), (0.10, 2, 16.0), (0.45, 3, 16.0), (0.10, 3, 32.0)]
"""Share of the cars, phases they draw on, most they take (A): the European mix."""
PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks" / "balancer.md"


class Load(NamedTuple):
    """A kind of moment: how much of what the cars could take the panels, feeders and transformers carry."""

    name: str
    panel: float
    feeder: float
    transformer: float
    meaning: str


LOADS = [
    Load("scarce", 0.75, 0.65, 0.55, "everybody charges, circuits bind on each level"),
    Load("short", 0.40, 0.20, 0.14, "not even the minima fit: some wait their turn"),
]


class Result(NamedTuple):
    """What one row of the table says; CPU time in milliseconds."""

    evses: int
    sessions: int
    load: str
    strategy: str
    p50_ms: float
    p99_ms: float
    charging: float

    @property
    def holds(self) -> bool:
        """Whether it is under the aim."""
        return self.p99_ms <= AIMS_MS[self.evses]


def circuits(evses: int, load: Load) -> tuple[Node, ...]:
    """Return transformers, feeders and panels for `evses`, rated for a share of what would be drawn at most."""
    mean_a = sum(share * phases / 3 * most for share, phases, most in MIX) * OCCUPIED
    panels = math.ceil(evses / EVSES_PER_PANEL)
    feeders = math.ceil(panels / PANELS_PER_FEEDER)

    def node(name: str, parent: str | None, below: float, share: float) -> Node:
        rating_a = round(below * mean_a * share, 1)
        return Node(id=name, parent=parent, rating_a=(rating_a, rating_a, rating_a))

    feeder_evses = min(evses, EVSES_PER_PANEL * PANELS_PER_FEEDER)
    transformer_evses = min(evses, feeder_evses * FEEDERS_PER_TRANSFORMER)
    return (
        *(
            node(f"transformer-{number}", None, transformer_evses, load.transformer)
            for number in range(math.ceil(feeders / FEEDERS_PER_TRANSFORMER))
        ),
        *(
            node(
                f"feeder-{number}",
                f"transformer-{number // FEEDERS_PER_TRANSFORMER}",
                feeder_evses,
                load.feeder,
            )
            for number in range(feeders)
        ),
        *(
            node(f"panel-{number}", f"feeder-{number // PANELS_PER_FEEDER}", EVSES_PER_PANEL, load.panel)
            for number in range(panels)
        ),
    )


def site_of(evses: int, load: Load) -> Site:
    """Return a site of `evses` chargers with the phases rotated from one to the next."""
    return Site(
        id=f"bench-{evses}",
        name="Benchmark",
        timezone="UTC",
        nominal_voltage_v=230.0,
        mode="enforce",
        strategy="fair",
        nodes=circuits(evses, load),
        meters=(),
        evses=tuple(
            Evse(
                key=EvseKey(f"CP-{number}", 1),
                node=f"panel-{number // EVSES_PER_PANEL}",
                rotation=ROTATIONS[number % 3],
                priority=number % 10 // 8,
            )
            for number in range(evses)
        ),
    )


def session_at(evse: Evse, now_s: float, chance: Random) -> Session:
    """Return a car at `evse`: of the mix, some with a demand of their own, some waiting."""
    _, count, most_a = chance.choices(MIX, weights=[share for share, _, _ in MIX])[0]
    used = evse.rotation[:count]
    waits = chance.random() < 0.4  # noqa: PLR2004
    since_s = now_s - chance.uniform(0.0, 2_000.0)
    return Session(
        evse=evse.key,
        transaction=f"{evse.key.station}-1",
        started_s=now_s - chance.uniform(0.0, 20_000.0),
        phases=(0 in used, 1 in used, 2 in used),  # noqa: PLR2004
        demand_a=round(chance.uniform(7.0, most_a), 1) if chance.random() < 0.3 else math.inf,  # noqa: PLR2004
        max_a=most_a,
        priority=evse.priority,
        turn=Turn(waiting_since_s=since_s) if waits else Turn(charging_since_s=since_s),
    )


def moments(site: Site, chance: Random) -> Iterator[Snapshot]:
    """Yield moments of `site`: in each a tenth of its cars are other ones, and the loads of others have moved."""
    now_s = 1_000_000.0
    places = chance.sample(site.evses, round(len(site.evses) * OCCUPIED))
    cars = {evse.key: session_at(evse, now_s, chance) for evse in places}
    while True:
        for evse in chance.sample(places, max(1, len(places) // 10)):
            cars[evse.key] = session_at(evse, now_s, chance)
        free_a = {node.id: node.rating_a for node in site.nodes}
        for node in site.nodes:
            if node.parent is None:
                first, second, third = node.rating_a
                free_a[node.id] = (
                    first * chance.uniform(0.9, 1.0),
                    second * chance.uniform(0.9, 1.0),
                    third * chance.uniform(0.9, 1.0),
                )
        yield Snapshot(site=site, now_s=now_s, sessions=tuple(cars.values()), free_a=free_a, free_w={})


def share_charging(allocation: Allocation) -> float:
    """Return the share of the cars that are given anything."""
    return sum(grant.limit_a > 0.0 for grant in allocation.grants.values()) / len(allocation.grants)


def measure(evses: int, load: Load, strategy: str, rounds: int) -> Result:
    """Time `rounds` allocations, each of another moment, after some to warm up; the collector is off meanwhile."""
    site = dataclasses.replace(site_of(evses, load), strategy=strategy)
    source = moments(site, Random(SEED))
    for _ in range(max(3, rounds // 20)):
        allocate(next(source), strategy)
    times_ms: list[float] = []
    charging: list[float] = []
    sessions = 0
    for _ in range(rounds):
        moment = next(source)
        sessions = len(moment.sessions)
        gc.collect(0)
        gc.disable()
        start_s = time.process_time()
        allocation = allocate(moment, strategy)
        times_ms.append((time.process_time() - start_s) * 1_000.0)
        gc.enable()
        charging.append(share_charging(allocation))
    p99_ms = float(np.percentile(times_ms, 99))
    return Result(
        evses, sessions, load.name, strategy, statistics.median(times_ms), p99_ms, statistics.mean(charging)
    )


def table(results: list[Result]) -> str:
    """Return the results as a Markdown table."""
    lines = [
        "| EVSEs | sessions | load | strategy | p50 ms | p99 ms | aim p99 ms | holds | charging |",
        "|---:|---:|---|---|---:|---:|---:|---|---:|",
    ]
    lines += [
        f"| {one.evses:,} | {one.sessions:,} | {one.load} | {one.strategy} | {one.p50_ms:.2f} | {one.p99_ms:.2f} "
        f"| {AIMS_MS[one.evses]:g} | {'yes' if one.holds else 'no'} | {one.charging:.0%} |"
        for one in results
    ]
    return "\n".join(lines)


def processor() -> str:
    """Return what the processor calls itself."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def page(results: list[Result]) -> str:
    """Return the page for docs/benchmarks."""
    loads = "\n".join(f"- `{load.name}`: {load.meaning}." for load in LOADS)
    return f"""# How long an allocation takes

Made by `make bench-balancer`; don't edit. CPU time of `balancer.allocation.allocate` (`time.process_time`), one call
after another in one process, each on another moment of the same site. A call reads the snapshot and returns all
grants with their reasons. Other work on the machine raises the numbers: caches and cores are shared.

The site: {EVSES_PER_PANEL} EVSEs a panel, {PANELS_PER_FEEDER} panels a feeder, {FEEDERS_PER_TRANSFORMER} feeders a \
transformer, {OCCUPIED:.0%} occupied; one-, two- and three-phase cars
mixed, phases rotated. {ROUNDS[54]:,}, {ROUNDS[1_000]:,} and {ROUNDS[10_000]:,} calls a row, by size. "Charging" is the \
share of cars that are given current.

{loads}

{table(results)}

- Processor: {processor()}, {os.cpu_count()} cores
- {platform.system()} {platform.release()}, Python {platform.python_version()}, numpy {np.__version__}
- Seed {SEED}
"""


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and write the page unless told otherwise."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.balancer", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="a twentieth of the calls, and no page is written"
    )
    quick = parser.parse_args(arguments).quick
    results: list[Result] = []
    for evses, rounds in ROUNDS.items():
        for load in LOADS:
            for strategy in STRATEGIES:
                result = measure(evses, load, strategy, rounds // 20 if quick else rounds)
                results.append(result)
                print(
                    f"{evses:>6} EVSEs, {load.name:<6} {strategy:<11} "
                    f"p50 {result.p50_ms:8.2f} ms   p99 {result.p99_ms:8.2f} ms   aim {AIMS_MS[evses]:g} ms",
                    flush=True,
                )
    if not quick:
        PAGE.parent.mkdir(parents=True, exist_ok=True)
        PAGE.write_text(page(results), encoding="utf-8")
        print(f"\nWritten: {PAGE.relative_to(PAGE.parents[2])}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
