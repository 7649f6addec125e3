"""Sites on a real store and the real clock, with loops that do what a test says and stations that answer so."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

from csms.clock import SystemClock
from csms.domain.commands import CommandResult, Priority, RawCommand
from csms.domain.control import (
    EffectStage,
    OrderOutcome,
    OrderVerdict,
    ProfilesTouched,
    ReadConfiguration,
    StationOrder,
)
from csms.domain.errors import StorageError
from csms.domain.records import ConnectorStatusRecorded, ExposureSaved, Record, StationConnected
from csms.domain.site import SiteFacts, StoredSite
from csms.sites import Sites, SitesOptions
from csms.sites.pace import PaceLimits
from csms.storage import SqliteStorage
from csms.usecases.balancing.news import SiteNews
from csms.usecases.balancing.steps import LoopOptions, Outgoing, Step
from csms.usecases.balancing.view import SiteState
from tests.csms.storage.engines import SqliteEngine

DEADLINE_S = 20.0
ACCEPTED = OrderOutcome(verdict=OrderVerdict.ACCEPTED)
QUICK = PaceLimits(restart_min_s=0.001, restart_max_s=0.002)


def site(site_id: str = "depot", *stations: str, **changes: Any) -> dict[str, Any]:
    """Return a site's configuration."""
    return {
        "id": site_id,
        "nodes": [{"id": "main", "rating_a": 63, "meter": "grid"}],
        "meters": [{"id": "grid", "measures": "node_total", "fallback_a": 10}],
        "evses": [{"station": station, "node": "main"} for station in stations or ("CP-1",)],
        **changes,
    }


def outgoing(number: int, *, raises: bool, station: str = "CP-1") -> Outgoing:
    """Return an order; one that raises a current waits for its records."""
    return Outgoing(
        id=number,
        station_id=station,
        order=ReadConfiguration((str(number),)),
        priority=Priority.LIMIT if raises else Priority.STOP,
        timeout_s=10.0,
        after_records=raises,
    )


def exposure(station: str = "CP-1", worst_a: float = 16.0) -> ExposureSaved:
    """Return a record that any step may have."""
    return ExposureSaved(station, 1, "depot", None, worst_a, None, 0.0, None, 1)


def connected(station: str = "CP-1", at_us: int = 1) -> StationConnected:
    return StationConnected("1.6", 1, at_us, station)


def status(station: str = "CP-1", name: str = "Preparing") -> ConnectorStatusRecorded:
    return ConnectorStatusRecorded(station, None, 1, 1, name, None, None, None, 1, None, 1)


def touched(station: str = "CP-1", command_id: str = "cmd-1") -> ProfilesTouched:
    """Return the news that somebody's call changes a station's profiles."""
    return ProfilesTouched(station, 1, command_id, EffectStage.LEAVING, ())


class Loop:
    """Stands for `SiteLoop`: keeps what it is told and decides what the world says."""

    def __init__(self, world: World, stored: StoredSite, facts: SiteFacts, online: frozenset[str]) -> None:
        self.world = world
        self.stored = stored
        self.facts = facts
        self.online = online
        self.told: list[SiteNews] = []
        self.outcomes: dict[int, OrderVerdict] = {}
        self.heard: list[object] = []
        """News and the ids of orders that ended, in their order."""
        self.steps = 0

    def take(self, news: Sequence[SiteNews], now_us: int) -> None:
        self.told += news
        self.heard += news

    def ended(self, outgoing_id: int, outcome: OrderOutcome, now_us: int) -> None:
        assert outgoing_id not in self.outcomes, "an order ends once"
        self.outcomes[outgoing_id] = outcome.verdict
        self.heard.append(outgoing_id)

    def step(self, now_us: int) -> Step:
        self.steps += 1
        try:
            return self.world.decide(self)
        finally:
            self.world.stepped()

    def view(self) -> SiteState:
        return SiteState(
            id=self.stored.id,
            revision=self.stored.revision,
            at_us=self.steps,
            mode="observe",
            strategy="fair",
            nodes=(),
            evses=(),
            stations=(),
            alarms=(),
        )

    def nothing(
        self,
        *,
        send: Sequence[Outgoing] = (),
        withdraw: Sequence[int] = (),
        records: Sequence[Record] = (),
        wake_at_us: int | None = None,
    ) -> Step:
        """Return a step that does no more than is said."""
        return Step(
            outgoing=tuple(send),
            withdrawn=tuple(withdraw),
            records=tuple(records),
            wake_at_us=wake_at_us,
            alarms=(),
            view=self.view,
        )


class Link:
    """A gateway whose stations answer as `answer` says."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.connected: set[str] = set()
        self.sent: list[int] = []
        """The numbers of the orders, as they were handed over."""
        self.withdrawn: list[int] = []
        self.placed: list[tuple[str, str | None]] = []
        self._numbers: dict[str, int] = {}
        self.open: dict[int, asyncio.Future[OrderOutcome]] = {}
        """Orders without an answer yet, by number."""
        self.failure: Exception | None = None
        self.answers_at_once = True

    async def order(
        self,
        station_id: str,
        order: StationOrder,
        *,
        id: str,  # noqa: A002 - as the port has it
        priority: Priority,
        timeout_s: float = 10.0,
        expires_s: float = 60.0,
    ) -> OrderOutcome:
        assert isinstance(order, ReadConfiguration)
        number = int(order.keys[0])
        self.sent.append(number)
        self._numbers[id] = number
        self._world.stepped()
        if self.failure is not None:
            raise self.failure
        if self.answers_at_once:
            return ACCEPTED
        self.open[number] = asyncio.get_running_loop().create_future()
        return await self.open[number]

    def withdraw(self, station_id: str, command_id: str) -> bool:
        number = self._numbers[command_id]
        self.withdrawn.append(number)
        waiting = self.open.pop(number, None)
        if waiting is not None:
            waiting.set_result(OrderOutcome(verdict=OrderVerdict.NOT_SENT))
        return waiting is not None

    async def call(self, station_id: str, command: RawCommand) -> CommandResult:
        raise AssertionError("sites order, they never call")

    def online(self) -> frozenset[str]:
        return frozenset(self.connected)

    def place(self, station_id: str, site_id: str | None) -> None:
        self.placed.append((station_id, site_id))

    def manage(self, station_id: str, *, managed: bool) -> None: ...

    def gate(self, station_id: str, *, gated: bool) -> None: ...


class Breakable:
    """The real store behind switches that refuse commits, or hold back that they are over."""

    def __init__(self, storage: SqliteStorage) -> None:
        self._storage = storage
        self.refuses: Exception | None = None
        self.unreadable: Exception | None = None
        self.holds: list[Callable[[], None]] | None = None
        self.committed = 0
        """How many steps' records were made durable and told so."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    async def site_facts(self, site_id: str, evses: Sequence[tuple[str, int]]) -> SiteFacts:
        if self.unreadable is not None:
            raise self.unreadable
        return await self._storage.site_facts(site_id, evses)

    def submit(self, records: Sequence[Record], done: Callable[[Exception | None], None]) -> None:
        if self.refuses is not None:
            asyncio.get_running_loop().call_soon(done, self.refuses)
        elif self.holds is None:

            def ended(error: Exception | None) -> None:
                done(error)
                self.committed += any(isinstance(record, ExposureSaved) for record in records)

            self._storage.submit(records, ended)
        else:
            holds = self.holds
            self._storage.submit(records, lambda error: holds.append(lambda: done(error)))


class World:
    """Sites, their link, their store, and every loop that was made."""

    def __init__(self, storage: SqliteStorage, clock: SystemClock, pace: PaceLimits) -> None:
        self.storage = Breakable(storage)
        self.clock = clock
        self.link = Link(self)
        self.loops: list[Loop] = []
        self.decide: Callable[[Loop], Step] = Loop.nothing
        self._changed = asyncio.Event()
        numbers = itertools.count(1)
        self.sites = Sites(
            storage=self.storage,  # type: ignore[arg-type]
            clock=clock,
            new_id=lambda: f"id-{next(numbers)}",
            options=SitesOptions(pace=pace),
            make_loop=self._make,
        )

    def _make(
        self,
        stored: StoredSite,
        facts: SiteFacts,
        options: LoopOptions,
        *,
        now_us: int,
        online: frozenset[str],
    ) -> Loop:
        self.loops.append(Loop(self, stored, facts, online))
        return self.loops[-1]

    def stepped(self) -> None:
        self._changed.set()

    async def until(self, true: Callable[[], object]) -> None:
        """Wait until `true()`, looked at whenever a loop stepped or an order went out."""
        async with asyncio.timeout(DEADLINE_S):
            while not true():
                self._changed.clear()
                with contextlib.suppress(TimeoutError):
                    # What happens after a step, such as a commit, makes no sign of its own.
                    async with asyncio.timeout(0.01):
                        await self._changed.wait()

    async def began(self, config: dict[str, Any] | None = None) -> Loop:
        """Add a site and return its loop after the first step."""
        count = len(self.loops)
        await self.sites.put_site(config or site(), create=True)
        await self.until(lambda: len(self.loops) > count and self.loops[-1].steps)
        return self.loops[-1]

    async def settled(self, loop: Loop) -> None:
        """Wait until what has happened so far has led to a step."""
        steps = loop.steps
        self.sites.tasks()[loop.stored.id].tell([touched(command_id="a step, please")])
        await self.until(lambda: loop.steps > steps)


@contextlib.asynccontextmanager
async def opened(folder: Path, *, pace: PaceLimits = QUICK, speed: float = 1.0) -> AsyncIterator[World]:
    """Open the world on a store in `folder`."""
    engine = SqliteEngine(folder)
    clock = SystemClock(speed=speed)
    engine.clock = clock  # type: ignore[assignment]
    storage = await engine.open()
    world = World(storage, clock, pace)
    await world.sites.start(world.link)
    try:
        yield world
    finally:
        await world.sites.stop()
        await storage.close()


BROKEN = StorageError("the disk is full")
