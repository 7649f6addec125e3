"""A server with several sites, each with its own chargers and its own story, played at once on one fast clock."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import subprocess
import sys
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from balancer.orders import InstallFailsafe, SetLimit
from csms.domain.site import LoggedDecision
from csms.usecases.balancing.decisions import STEPS, from_plain, read_steps
from csms.usecases.balancing.replay import replay
from simulators.site import TOLERANCE_A
from simulators.site_clock import SiteClock
from tests.end_to_end.server import START_DEADLINE_S, Server, ServerFailed, environment
from tests.end_to_end.sites.places import OPERATORS_ID, Place, Plan
from tests.end_to_end.sites.rest import Rest
from tests.end_to_end.sites.witness import Breach
from tests.end_to_end.store import query

HERE = Path(__file__).parent
CALL = 2
GATE_S = 2.0
"""How long somebody waits at a gate, in machine seconds: less than the chargers, whose time-outs go with the clock."""

Story = Callable[[Place], Awaitable[None]]


@dataclass
class Played:
    """How a site's story went."""

    place: Place
    error: Exception | None
    until_s: float
    server: Server

    def problems(self) -> list[str]:
        """Return what went wrong in the story, and each ampere too many (where the server was to see to it)."""
        found = [] if self.error is None else ["".join(traceback.format_exception(self.error))]
        if self.place.plan.mode == "enforce":
            found += [
                self._describe(breach) for breach in self.place.witness.breaches(self.begins_s, self.until_s)
            ]
        return found

    def log_problems(self, *, whole: bool = True) -> list[str]:
        """Run the site's decisions again from its log, and return where the orders are others than logged or heard.

        Where the log is not `whole` (the server was killed) its last lines are missing.
        """
        found = [str(difference) for difference in replay(self._log())]
        if whole:
            found += [
                f"{station} heard of {limit_a} A, which nobody logged"
                for station, limit_a in self._unlogged()
            ]
        return found

    @property
    def begins_s(self) -> float:
        """When the place was opened."""
        return self.place.begins_s

    def _describe(self, breach: Breach) -> str:
        moved = breach._replace(from_s=breach.from_s - self.begins_s, until_s=breach.until_s - self.begins_s)
        return f"{self.place.id}: {moved}"

    def _unlogged(self) -> set[tuple[str, float]]:
        orders = [
            from_plain(order)
            for line in self._log()
            if line.kind == STEPS
            for step in read_steps(line.data)
            for order in step.orders
        ]
        ordered = {
            (one.evse.station, math.floor(one.limit_a * 10 + TOLERANCE_A) / 10)
            for one in orders
            if isinstance(one, SetLimit | InstallFailsafe)
        }
        return set(self._heard()) - ordered

    def _log(self) -> list[LoggedDecision]:
        rows = query(
            self.server,
            "SELECT number, at_us, kind, data FROM decisions WHERE site_id = ? ORDER BY number",
            self.place.id,
        )
        assert rows, f"{self.place.id}: nothing was logged"
        return [LoggedDecision(**row) for row in rows]

    def _heard(self) -> Iterator[tuple[str, float]]:
        for station in self.place.stations:
            for _, text, _ in station.journal.received:
                call = json.loads(text)
                if call[0] == CALL and call[2] == "SetChargingProfile":
                    profile_id, limit_a = _id_and_limit_a(call[3])
                    if profile_id != OPERATORS_ID:
                        yield station.id, limit_a


class World:
    """A server, the site's clock, and the places."""

    def __init__(
        self, folder: Path, *, speed: float, plans: Sequence[Plan], by_command: bool = False
    ) -> None:
        """Start a server whose time goes `speed` times as fast, and let it know all chargers.

        `by_command`: sites are added by `csms site add` and not over REST.
        """
        self.plans = plans
        self.by_command = by_command
        self.clock = SiteClock(speed)
        self.server = Server(
            folder,
            token_policy="accept-all",
            station_policy="known",
            demo=True,
            site_clock_speed=speed,
            # Whenever the server is killed and started again, it is where the chargers' time is by then.
            site_clock_start=datetime.fromtimestamp(self.clock.now_s(), UTC).isoformat(),
            site_clock_anchor=datetime.now(UTC).isoformat(),
            start_gate_timeout_s=GATE_S,
        )
        self.places: dict[str, Place] = {}

    def start(self) -> None:
        """Start the server for the first time."""
        self._register([station for plan in self.plans for station in plan.station_ids()])
        self.server.start()

    def play(
        self, stories: Mapping[str, Story], director: Callable[[World], Awaitable[None]] | None = None
    ) -> dict[str, Played]:
        """Play each place's story to its end, all at once, and return how they went; `director` acts on all."""
        return asyncio.run(self._play(stories, director))

    async def _play(
        self, stories: Mapping[str, Story], director: Callable[[World], Awaitable[None]] | None
    ) -> dict[str, Played]:
        async with self._living():
            tasks = {
                name: asyncio.create_task(_told(story(self.places[name]))) for name, story in stories.items()
            }
            directed = None if director is None else await _told(director(self))
            errors = {name: await task for name, task in tasks.items()}
        return {
            name: Played(self.places[name], errors[name] or directed, self.places[name].now_s(), self.server)
            for name in stories
        }

    @contextlib.asynccontextmanager
    async def _living(self) -> AsyncIterator[None]:
        """Build all places and let them live."""
        async with Rest(self.server.http_port) as rest:
            for plan in self.plans:
                self.places[plan.id] = Place(plan, self.clock, self.server.url, rest)
            for place in self.places.values():
                await self._add(place, rest)
            async with asyncio.TaskGroup() as group:
                lives = [group.create_task(place.fleet.live()) for place in self.places.values()]
                pushes = [place.push for place in self.places.values() if place.push is not None]
                lives += [group.create_task(push.live()) for push in pushes]
                try:
                    yield
                finally:
                    for life in lives:
                        life.cancel()
            for place in self.places.values():
                place.close()

    async def _add(self, place: Place, rest: Rest) -> None:
        if not self.by_command:
            await rest.add_site(place.data())
            return
        file = self.server.folder / f"{place.id}.json"
        file.write_text(json.dumps(place.data()), encoding="utf-8")
        await asyncio.to_thread(self.server.command, "site", "add", str(file))

    async def restart(self, *, down_s: float = 0.0, gently: bool = False) -> None:
        """End the server, by a kill or `gently` by a signal, and start it again so many site seconds later."""
        await asyncio.to_thread(self.server.stop if gently else self.server.kill)
        await self.clock.sleep_until(self.clock.now_s() + down_s)
        await asyncio.to_thread(self.server.start)

    def _register(self, station_ids: list[str]) -> None:
        config = self.server.write_config()
        done = subprocess.run(
            [sys.executable, str(HERE / "register.py"), str(config), *station_ids],
            cwd=self.server.folder,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=START_DEADLINE_S,
            check=False,
        )
        if done.returncode != 0:
            raise ServerFailed(f"stations can't be registered\n{done.stdout}{done.stderr}")


def _id_and_limit_a(request: dict[str, Any]) -> tuple[int, float]:
    """Return which profile a SetChargingProfile of either version sets, and what it says first."""
    if "csChargingProfiles" in request:  # 1.6
        profile = request["csChargingProfiles"]
        number, schedule = profile["chargingProfileId"], profile["chargingSchedule"]
    else:
        profile = request["chargingProfile"]
        number, (schedule,) = profile["id"], profile["chargingSchedule"]
    return number, schedule["chargingSchedulePeriod"][0]["limit"]


async def _told(story: Awaitable[None]) -> Exception | None:
    try:
        await story
    except Exception as error:  # noqa: BLE001 - the others' stories go on; this one's test raises it
        return error
    return None
