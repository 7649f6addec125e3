"""A world around `Sites` that does as its test says: a clock that stands, a link, loops, and a store that can fail."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from types import TracebackType
from typing import Any, Self

from csms.domain.commands import Priority
from csms.domain.control import (
    EffectStage,
    OrderOutcome,
    OrderVerdict,
    ProfilesTouched,
    StationOrder,
    WriteConfiguration,
)
from csms.domain.records import CapSaved, EventRecorded, Record
from csms.domain.site import KnownStation, SiteFacts, SiteStation, SiteVersion, StoredSite
from csms.sites import NewReading, Sites, SitesOptions
from csms.sites.life import SitesStorage
from csms.sites.pace import PaceLimits
from csms.usecases.balancing.loop import LoopOptions, Outgoing, Step
from csms.usecases.balancing.news import MeterReading, SiteNews
from csms.usecases.balancing.view import SiteState
from tests.csms.storage.engines import NOW_US

DEADLINE_S = 60.0
AT_ONCE = PaceLimits(gather_s=0.0, spacing_s=0.0, look_s=DEADLINE_S, restart_min_s=0.0, restart_max_s=0.0)
ACCEPTED = OrderOutcome(verdict=OrderVerdict.ACCEPTED)
NO_FACTS = SiteFacts(caps=(), exposures=(), foreign=(), stations=(), transactions=(), connectors=())
EVENT = EventRecorded("site.step", None, "depot", NOW_US, b"{}")


def config(site_id: str = "depot", *stations: str, **more: object) -> dict[str, Any]:
    """Return a metered site that only observes, of one breaker."""
    return {
        "id": site_id,
        "mode": "observe",
        "nodes": [{"id": "main", "rating_a": 63, "meter": "grid"}],
        "meters": [{"id": "grid", "measures": "other_loads", "fallback_a": 10}],
        "evses": [{"station": name, "node": "main"} for name in stations or ("CP-1",)],
    } | more


def stored(site_id: str = "depot", *stations: str, revision: int = 1) -> StoredSite:
    written = json.dumps(config(site_id, *stations)).encode()
    return StoredSite(id=site_id, revision=revision, made_us=NOW_US, config=written)


def touched(name: str = "CP-1", command_id: str = "cmd-1") -> ProfilesTouched:
    return ProfilesTouched(name, NOW_US, command_id, EffectStage.LEAVING, ())


def reading(power_w: float) -> NewReading:
    return NewReading(power_w=power_w)


def outgoing(number: int, *, after_records: bool, station: str = "CP-1") -> Outgoing:
    return Outgoing(
        id=number,
        station_id=station,
        order=WriteConfiguration(f"Key{number}", "1"),
        priority=Priority.LIMIT if after_records else Priority.STOP,
        timeout_s=DEADLINE_S,
        after_records=after_records,
    )


def decided(*orders: Outgoing, **more: Any) -> Step:
    """Return a step; with orders that wait for records, it has some."""
    said: dict[str, Any] = {
        "outgoing": orders,
        "withdrawn": (),
        "records": (EVENT,) if any(one.after_records for one in orders) else (),
        "wake_at_us": None,
        "alarms": (),
    } | more
    return Step(view=lambda: STATE, **said)


STATE = SiteState(
    id="depot",
    revision=1,
    at_us=NOW_US,
    mode="observe",
    strategy="fair",
    nodes=(),
    evses=(),
    stations=(),
    alarms=(),
)
Plan = Step | Exception | Callable[[], Step]


class Happenings:
    """Lets tests wait for what fakes saw, instead of for time."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def note(self) -> None:
        self._event.set()

    async def until(self, seen: Callable[[], object]) -> None:
        while not seen():
            self._event.clear()
            await asyncio.wait_for(self._event.wait(), DEADLINE_S)


class StandingClock:
    """Stands still until it is told; machine time too."""

    def __init__(self) -> None:
        self.us = NOW_US
        self.s = 1_000.0

    def now_us(self) -> int:
        return self.us

    def machine_s(self) -> float:
        return self.s

    def seconds_until(self, at_us: int) -> float:
        return (at_us - self.us) / 1e6


@dataclass
class Sent:
    station_id: str
    order: StationOrder
    id: str
    answer: asyncio.Future[OrderOutcome]


class ScriptedLink:
    """Keeps what it is asked to send; answers come from the test."""

    def __init__(self, happenings: Happenings) -> None:
        self._happenings = happenings
        self.connected: set[str] = set()
        self.sent: list[Sent] = []
        self.withdrawn: list[str] = []
        self.may_withdraw = True
        """Whether what is asked back still waits in its queue."""
        self.refuses: Exception | None = None
        self.places: list[tuple[str, str | None]] = []
        self.gates: list[tuple[str, bool]] = []
        self.managed: dict[str, bool] = {}

    async def order(
        self,
        station_id: str,
        order: StationOrder,
        *,
        id: str,  # noqa: A002 - as in the port
        priority: Priority,
        timeout_s: float = 10.0,
        expires_s: float = 60.0,
    ) -> OrderOutcome:
        if self.refuses is not None:
            raise self.refuses
        sent = Sent(station_id, order, id, asyncio.get_running_loop().create_future())
        self.sent.append(sent)
        self._happenings.note()
        return await sent.answer

    def withdraw(self, station_id: str, command_id: str) -> bool:
        self.withdrawn.append(command_id)
        self._happenings.note()
        if self.may_withdraw:
            for sent in self.sent:
                if sent.id == command_id and not sent.answer.done():
                    sent.answer.set_result(OrderOutcome(verdict=OrderVerdict.NOT_SENT))
        return self.may_withdraw

    def online(self) -> frozenset[str]:
        return frozenset(self.connected)

    def place(self, station_id: str, site_id: str | None) -> None:
        self.places.append((station_id, site_id))

    def manage(self, station_id: str, *, managed: bool) -> None:
        self.managed[station_id] = managed

    def gate(self, station_id: str, *, gated: bool) -> None:
        self.gates.append((station_id, gated))

    @property
    def keys(self) -> list[str]:
        """What was sent, in order."""
        return [one.order.key for one in self.sent if isinstance(one.order, WriteConfiguration)]


@dataclass
class ScriptedLoop:
    """Decides what is planned for its site, else nothing; keeps what it was told."""

    stored: StoredSite
    facts: SiteFacts
    online: frozenset[str]
    plan: deque[Plan]
    happenings: Happenings
    told: list[SiteNews] = field(default_factory=list)
    ends: list[tuple[int, OrderVerdict]] = field(default_factory=list)
    order: list[object] = field(default_factory=list)
    """News and ends as they came."""
    steps: int = 0

    def take(self, news: Sequence[SiteNews], now_us: int) -> None:
        self.told += news
        self.order += news

    def ended(self, outgoing_id: int, outcome: OrderOutcome, now_us: int) -> None:
        self.ends.append((outgoing_id, outcome.verdict))
        self.order.append(outgoing_id)

    def step(self, now_us: int) -> Step:
        self.steps += 1
        self.happenings.note()
        planned = self.plan.popleft() if self.plan else decided()
        if isinstance(planned, Exception):
            raise planned
        return planned if isinstance(planned, Step) else planned()

    @property
    def watts(self) -> list[float | None]:
        """The readings that it was told."""
        return [one.power_w for one in self.told if isinstance(one, MeterReading)]


class Loops:
    """Makes the loops, and remembers them by site."""

    def __init__(self, happenings: Happenings) -> None:
        self._happenings = happenings
        self._plans: dict[str, deque[Plan]] = {}
        self._lives: dict[str, list[ScriptedLoop]] = {}
        self.faults: deque[Exception] = deque()
        """Why the next ones can't be made."""

    def __call__(
        self,
        stored: StoredSite,
        facts: SiteFacts,
        options: LoopOptions,
        *,
        now_us: int,
        online: frozenset[str],
    ) -> ScriptedLoop:
        if self.faults:
            raise self.faults.popleft()
        loop = ScriptedLoop(stored, facts, online, self._plan(stored.id), self._happenings)
        self.of(stored.id).append(loop)
        self._happenings.note()
        return loop

    def plan(self, *steps: Plan, site: str = "depot") -> None:
        """Let the next steps of a site be these, whichever of its loops makes them."""
        self._plan(site).extend(steps)

    def of(self, site: str = "depot") -> list[ScriptedLoop]:
        return self._lives.setdefault(site, [])

    def _plan(self, site: str) -> deque[Plan]:
        return self._plans.setdefault(site, deque())


class ScriptedStorage:
    """Holds sites; commits at once, or when its test says so."""

    def __init__(self, *sites: StoredSite) -> None:
        self.stored = list(sites)
        self.holding = False
        self.units: deque[tuple[tuple[Record, ...], Callable[[Exception | None], None]]] = deque()
        """What waits for `commit`."""
        self.errors: deque[Exception] = deque()
        """Of the next readings of facts."""
        self.reads = 0
        self._happenings = Happenings()
        self.open = asyncio.Event()
        """Facts are read while it is set."""
        self.open.set()

    def submit(self, records: Sequence[Record], done: Callable[[Exception | None], None]) -> None:
        self.units.append((tuple(records), done))
        if not self.holding:
            asyncio.get_running_loop().call_soon(self.commit)

    def commit(self, error: Exception | None = None) -> None:
        """End the oldest unit."""
        if self.units:
            self.units.popleft()[1](error)

    async def until_reads(self, number: int) -> None:
        """Wait until facts were asked for so often."""
        await self._happenings.until(lambda: self.reads >= number)

    async def sites(self) -> list[StoredSite]:
        return list(self.stored)

    async def site_versions(self) -> dict[str, SiteVersion]:
        return {one.id: one.version for one in self.stored}

    async def caps(self) -> list[CapSaved]:
        return []

    async def unplaced_stations(self) -> list[SiteStation]:
        return []

    async def known_stations(self) -> list[KnownStation]:
        return []

    async def site_facts(self, site_id: str, evses: Sequence[tuple[str, int]]) -> SiteFacts:
        self.reads += 1
        self._happenings.note()
        await self.open.wait()
        if self.errors:
            raise self.errors.popleft()
        return NO_FACTS


class World:
    """`Sites` on fakes, or on a real store; ends them with its block."""

    def __init__(self, storage: object, limits: PaceLimits = AT_ONCE) -> None:
        self.happenings = Happenings()
        self.clock = StandingClock()
        self.link = ScriptedLink(self.happenings)
        self.loops = Loops(self.happenings)
        ids = count(1)
        self.sites = Sites(
            storage=as_storage(storage),
            clock=self.clock,
            new_id=lambda: f"id-{next(ids)}",
            options=SitesOptions(pace=limits),
            make_loop=self.loops,
        )

    async def __aenter__(self) -> Self:
        await self.sites.start(self.link)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.sites.stop()

    async def until(self, seen: Callable[[], object]) -> None:
        await self.happenings.until(seen)

    async def life(self, number: int = 1, site: str = "depot") -> ScriptedLoop:
        """Wait until a site's loop of that number has made a step."""
        lives = self.loops.of(site)
        await self.until(lambda: len(lives) >= number and lives[number - 1].steps)
        return lives[number - 1]

    async def stepped(self, power_w: float, site: str = "depot") -> ScriptedLoop:
        """Let a reading go through a site's newest loop: what came before it has been decided on."""
        self.sites.add_reading(site, "grid", reading(power_w))
        lives = self.loops.of(site)
        await self.until(lambda: lives and power_w in lives[-1].watts)
        return lives[-1]


def as_storage(storage: Any) -> SitesStorage:
    """Take a fake that has what sites need of a store, and no more."""
    return storage


def play(story: Callable[[], Awaitable[None]]) -> None:
    """Run a story to its end."""

    async def told() -> None:
        await asyncio.wait_for(story(), 2 * DEADLINE_S)

    asyncio.run(told())
