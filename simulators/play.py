"""Plays a stage to its end: the fleet, the site's meter, and somebody who is told how it goes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field

from simulators.draws import Amperes
from simulators.fleet import Fleet, Progress
from simulators.scenario import Meter, ScenarioError
from simulators.site import SimulatedSite
from simulators.site_meter import SitePush, Take
from simulators.staging import Stage

_LOOK_S = 0.2
"""How often it is looked whether all is over, in this machine's seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When a run ends, besides its scenario's time; in this machine's seconds."""

    drain_s: float = 20.0
    """How long it is waited for what is still to be acknowledged."""
    until_settled: bool = True
    """It ends as soon as all cars have come and gone, and all is acknowledged."""


@dataclass(slots=True)
class Ending:
    """What somebody can set to end a run."""

    enough: asyncio.Event = field(default_factory=asyncio.Event)
    """No more is played; what is still to be acknowledged is waited for …"""
    at_once: bool = False
    """… or not."""

    def end(self, *, at_once: bool = False) -> None:
        """End it."""
        self.at_once = self.at_once or at_once
        self.enough.set()


async def play(
    fleet: Fleet,
    stage: Stage,
    *,
    push: SitePush | None = None,
    limits: Limits | None = None,
    ending: Ending | None = None,
    tell: Callable[[Fleet], None] = lambda _fleet: None,
) -> Progress:
    """Play until the stage's end, until all is settled, or until an ending; return how things stood then.

    `tell` is called again and again. What goes wrong inside a station is raised.
    """
    chosen = limits or Limits()
    asked = ending or Ending()
    lives: list[asyncio.Task[object]] = [asyncio.create_task(fleet.live())]
    if push is not None:
        lives.append(asyncio.create_task(push.live()))
    watch = asyncio.create_task(_watch(fleet, stage, chosen, asked, tell))
    try:
        done, _ = await asyncio.wait({watch, *lives}, return_when=asyncio.FIRST_COMPLETED)
        for task in done - {watch}:
            task.result()  # none ends by itself
        watch.result()
        return fleet.progress()
    finally:
        for task in (watch, *lives):
            task.cancel()
        await asyncio.gather(watch, *lives, return_exceptions=True)


def meter_of(
    meter: Meter,
    stage: Stage,
    fleet: Fleet,
    site: SimulatedSite,
    take: Take,
    on_failure: Callable[[str], None],
) -> SitePush:
    """Return the pusher of a site's meter. Raises `ScenarioError` where there is no circuit to measure."""
    roots = [node.id for node in stage.nodes if node.parent is None]
    node = meter.node or (roots[0] if roots else None)
    if node is None or all(one.id != node for one in stage.nodes):
        raise ScenarioError(f"[meter] measures {node}: there is no such circuit")
    chosen = node

    def read(at_s: float) -> Amperes:
        for station in fleet.stations:
            station.catch_up()
        return site.current_a(chosen, at_s, chargers=meter.measures == "node_total")

    return SitePush(fleet.clock, read, take, every_s=meter.every_s, on_failure=on_failure)


async def _watch(
    fleet: Fleet, stage: Stage, limits: Limits, ending: Ending, tell: Callable[[Fleet], None]
) -> None:
    anybody = any(station.visits.planned for station in fleet.stations)
    while fleet.clock.now_s() < stage.ends_s and not ending.enough.is_set():
        if limits.until_settled and anybody and fleet.settled:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_S):
                await ending.enough.wait()
        tell(fleet)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(limits.drain_s):
            while not fleet.acknowledged and not ending.at_once:
                await asyncio.sleep(_LOOK_S)
                tell(fleet)
