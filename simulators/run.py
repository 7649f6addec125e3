"""A run as a command starts it: whose time it goes by, where its lines go, and what ends it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
import threading
from collections.abc import AsyncIterator, Generator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import IO

from simulators import site_time
from simulators.by_hand import ByHand
from simulators.fleet import Fleet, Progress, raise_fleet
from simulators.play import Ending, Limits, meter_of, play
from simulators.report import report
from simulators.scenario import Scenario
from simulators.screen import Screen
from simulators.site import SimulatedSite
from simulators.site_clock import SiteClock
from simulators.site_meter import Sink, SitePush
from simulators.staging import Stage, stage

DONE, INCOMPLETE, INTERRUPTED = 0, 1, 130
"""Exit codes: to its end, with something not acknowledged, by a signal."""

_HOUR_S = 3600.0
_SAME_SPEED = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a person asked for."""

    scenario: Scenario
    url: str
    own_clock: bool = False
    behind_h: float = 0.0
    journal: Path | None = None
    report_to: Path | None = None
    traces: Path | None = None
    sink: Sink | None = None
    checked: bool = True
    draws: bool = False
    drain_s: float = 20.0
    """How long it is waited at the end for what is still to be acknowledged, in this machine's seconds."""
    by_hand: bool = False
    """The first station obeys the lines of stdin; the run ends with them."""
    screen: Screen = field(default_factory=Screen)

    async def run(self) -> int:
        """Run, and return the exit code."""
        ending = Ending()
        with _signals(ending):
            found = await self._clock(ending)
            if found is None:
                return INTERRUPTED
            clock, follows_time = found
            begins_s = clock.now_s()
            staged = stage(
                self.scenario,
                url=self.url,
                begins_s=begins_s,
                folder=self.traces,
                checked=self.checked,
                follows_time=follows_time,
                keep_draws=self.draws or bool(self.scenario.nodes or self.scenario.traces),
            )
            with _opened(self.journal) as lines:
                fleet, site = raise_fleet(
                    staged,
                    clock,
                    seed=self.scenario.seed,
                    boot_spread_s=self.scenario.boot_spread_s,
                    write=None if lines is None else lines.write,
                    keep=False,
                    on_trouble=self.screen.complain,
                )
                at_end = await self._play(fleet, site, staged, ending)
            self.screen.tell_end(at_end)
            if self.report_to is not None:
                told = report(fleet, site, staged, title=self.scenario.title, at_end=at_end, draws=self.draws)
                _write(self.report_to, json.dumps(told, indent=None if self.draws else 1) + "\n")
        if ending.at_once:
            return INTERRUPTED
        return INCOMPLETE if at_end.queued else DONE

    async def _clock(self, ending: Ending) -> tuple[SiteClock, bool] | None:
        """Return the site's clock, set, and whether stations go by the server's; None: the run was ended before."""
        clock = SiteClock(self.scenario.speed)
        if self.own_clock:
            clock.set(clock.now_s() - self.behind_h * _HOUR_S)
            return clock, False
        told = await self._ask_time(ending, measured=clock.speed != 1)
        if told is None:
            return None
        clock.set(told.now_s)
        follows_time = abs(told.speed - clock.speed) <= _SAME_SPEED * clock.speed
        if not follows_time:
            self.screen.say(
                f"The server's time runs {told.speed:.1f} times as fast as this machine's, the scenario's "
                f"{clock.speed:g} times: stations keep their own. --own-clock --behind-h 24 keeps it in the past."
            )
        return clock, follows_time

    async def _ask_time(self, ending: Ending, *, measured: bool) -> site_time.Told | None:
        first = stage(self.scenario, url=self.url, begins_s=0.0, folder=self.traces).casts[0].spec
        random = Random(f"{self.scenario.seed}/time")  # noqa: S311 - chance, not secrecy
        asked = asyncio.create_task(site_time.ask(first, random, self.screen.complain, measured=measured))
        ended = asyncio.create_task(ending.enough.wait())
        await asyncio.wait({asked, ended}, return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        if asked.done():
            return asked.result()
        asked.cancel()
        return None

    async def _play(self, fleet: Fleet, site: SimulatedSite, staged: Stage, ending: Ending) -> Progress:
        limits = Limits(drain_s=self.drain_s, until_settled=not self.by_hand)
        push: SitePush | None = None
        if self.scenario.meter is not None and self.sink is not None:
            push = meter_of(self.scenario.meter, staged, fleet, site, self.sink, self.screen.complain)
        if not self.by_hand:
            return await play(fleet, staged, push=push, limits=limits, ending=ending, tell=self.screen.tell)
        person = asyncio.create_task(self._obey(fleet, ending))
        try:
            return await play(fleet, staged, push=push, limits=limits, ending=ending)
        finally:
            person.cancel()
            await asyncio.gather(person, return_exceptions=True)

    async def _obey(self, fleet: Fleet, ending: Ending) -> None:
        await ByHand(fleet.stations[0], self.screen.say).obey(_typed())
        ending.end()


def _write(path: Path, text: str) -> None:
    if str(path) == "-":
        sys.stdout.write(text)
    else:
        path.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def _signals(ending: Ending) -> Generator[None]:
    """End the run at once when Ctrl-C or SIGTERM asks for it; a second time ends the process."""
    loop = asyncio.get_running_loop()
    kinds = (signal.SIGINT, signal.SIGTERM)

    def asked() -> None:
        ending.end(at_once=True)
        for kind in kinds:
            loop.remove_signal_handler(kind)

    for kind in kinds:
        loop.add_signal_handler(kind, asked)
    try:
        yield
    finally:
        for kind in kinds:
            loop.remove_signal_handler(kind)


@contextlib.contextmanager
def _opened(path: Path | None) -> Generator[IO[str] | None]:
    if path is None:
        yield None
        return
    with path.open("w", encoding="utf-8") as file:
        yield file


async def _typed() -> AsyncIterator[str]:
    """Yield the lines of stdin; a thread reads them, which the process does not wait for."""
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[str] = asyncio.Queue()

    def read() -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
            for line in iter(sys.stdin.readline, ""):
                loop.call_soon_threadsafe(lines.put_nowait, line)
            loop.call_soon_threadsafe(lines.put_nowait, "")

    threading.Thread(target=read, daemon=True).start()
    while line := await lines.get():
        yield line
