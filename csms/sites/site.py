"""One site at work: a task that hosts its loop, ends with it when it fails, and begins anew from the store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence

import structlog

from csms.domain.control import ProfilesTouched
from csms.domain.errors import Busy, HeadroomError, RecordRefused, StorageError
from csms.domain.records import StationConnected
from csms.domain.site import SiteFacts, StoredSite
from csms.sites.life import Life, OrderEnded, Parts
from csms.sites.pace import Pace, PaceLimits
from csms.usecases.balancing.configuration import Site
from csms.usecases.balancing.news import MeterReading, SiteNews, SiteRevised
from csms.usecases.balancing.view import SiteState

_log = structlog.get_logger(__name__)

SOUND_AFTER_S = 60.0
"""A loop that ran for so long (machine time) has got over what made earlier ones fail."""
DURABLE_WITHIN_S = 5.0
"""How long (machine time) somebody's call may wait for its profile to be kept."""
TOLD_AGAIN_MAX = 5
"""How many lives in a row may fail before what all of them were told again is dropped as the likely cause."""


class SiteTask:
    """Supervises a site's loop; what is told while there is none waits for the next one."""

    def __init__(self, stored: StoredSite, site: Site | None, parts: Parts, limits: PaceLimits) -> None:
        """Host the balancing of `stored`, which reads as `site` (None: it can't be read), from `start` on."""
        self.stored = stored
        self.site = site
        """The newest configuration that could be read …"""
        self._sound = stored
        """… as it is stored."""
        self.failures = 0
        """How often a loop of this site has failed."""
        self.steps = 0
        self.trouble: str | None = "the balancing has not begun yet"
        """Why nothing is decided now; None: all is well."""
        self.held: frozenset[str] = frozenset()
        """Stations that left the site, whose profiles must stay for now."""
        self._parts = parts
        self._limits = limits
        self._view: Callable[[], SiteState] | None = None
        self._living = False
        """Whether there is a loop, or one is being made, that takes what is told."""
        self._managed: dict[str, bool] | None = None
        """The registered stations of the site as the loop knows them, by id in lower case; None: it knows none."""
        self._inbox: list[SiteNews | OrderEnded] = []
        self._woken = asyncio.Event()
        self._failure: Exception | None = None
        self._failed_in_a_row = 0
        self._touched: list[ProfilesTouched] = []
        """What happened to profiles, until what follows from it is durable."""
        self._waiting: dict[int, asyncio.Future[None]] = {}
        """Who waits for that, by the news' identity."""
        self._readings: dict[str, MeterReading] = {}
        self._outdated = False
        self._revising: asyncio.Task[None] | None = None
        self._task: asyncio.Task[None] | None = None

    # --- what the hub does

    @property
    def names(self) -> Iterator[str]:
        """Yield its stations' ids in lower case, some more than once."""
        return (evse.key.station.lower() for evse in (() if self.site is None else self.site.evses))

    def start(self) -> None:
        """Begin, unless there is no configuration that can be read: then a revision begins it."""
        if self.site is None:
            self.trouble = "its configuration can't be read"
        elif self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._supervise())

    async def stop(self) -> None:
        """End; orders that have left go on without anybody who listens."""
        tasks = [task for task in (self._task, self._revising) if task is not None]
        self._task = self._revising = None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def tell(self, news: Sequence[SiteNews]) -> None:
        """Take news for the next step."""
        for one in news:
            if isinstance(one, ProfilesTouched):
                self._touched.append(one)
            elif isinstance(one, MeterReading):
                self._readings[one.meter] = one
            elif isinstance(one, StationConnected) and one.station_id.lower() not in (self._managed or ()):
                self._outdated = True
        if self._living:
            self._inbox += news
            self._woken.set()

    async def prepare(self, touched: ProfilesTouched) -> None:
        """Tell `touched` and wait until what follows from it is durable. Raises `Busy`."""
        durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[id(touched)] = durable
        self.tell([touched])
        try:
            async with asyncio.timeout(DURABLE_WITHIN_S):
                await durable
        except TimeoutError:
            raise Busy(
                f"the balancing of the site {self.stored.id} can't take note of the profile now; try again"
            ) from None
        finally:
            del self._waiting[id(touched)]

    def revise(self, stored: StoredSite, site: Site | None) -> None:
        """Take over a new configuration; one that can't be read (None) changes nothing."""
        self.stored = stored
        if site is not None:
            self.site, self._sound = site, stored
            self._outdated = True
            self.attend()
            self.start()

    def compare(self, managed: dict[str, bool]) -> None:
        """Look whether the registered stations of the site are still those that the loop knows."""
        if self._managed is not None and managed != self._managed:
            self._outdated = True

    def attend(self) -> None:
        """Go on with what waits for the store: to be called now and then."""
        if self._outdated and self._living and self._revising is None:
            self._revising = asyncio.get_running_loop().create_task(self._revise())

    def state(self) -> SiteState | None:
        """Return the site as of its newest step; None before the first."""
        return None if self._view is None else self._view()

    # --- lives

    async def _supervise(self) -> None:
        while True:
            began_s = self._parts.clock.machine_s()
            try:
                await self._live()
            except Exception as error:  # noqa: BLE001 - one site's fault must not stop the others, nor itself for good
                lasted_s = self._parts.clock.machine_s() - began_s
                self._failed_in_a_row = 1 if lasted_s >= SOUND_AFTER_S else self._failed_in_a_row + 1
                await self._recover(error)

    async def _recover(self, error: Exception) -> None:
        self.failures += 1
        self.trouble = f"the balancing failed and begins anew: {error}"
        rest_s = self._limits.rest_s(self._failed_in_a_row)
        ours = not isinstance(error, StorageError) or isinstance(error, RecordRefused)
        # What the store says of itself needs no traceback.
        trace = None if isinstance(error, HeadroomError) else error
        _log.error("site.failed", site=self.stored.id, problem=str(error), again_in_s=rest_s, exc_info=trace)
        if ours and self._failed_in_a_row > TOLD_AGAIN_MAX and (self._touched or self._readings):
            _log.error("site.forgets", site=self.stored.id, profiles_touched=len(self._touched))
            self._touched.clear()
            self._readings.clear()
        await asyncio.sleep(rest_s)

    async def _live(self) -> None:
        life = await self._begin()
        pace = Pace(self._parts.clock, self._limits)
        try:
            while self._failure is None:
                self._woken.clear()
                happened, self._inbox = self._inbox, []
                pace.begins()
                step = life.step(happened)
                pace.ended()
                self._view = step.view
                self.held = step.held
                self.steps += 1
                self.trouble = None
                await pace.wait(self._woken, step.wake_at_us)
            raise self._failure
        finally:
            self._living = False
            life.end()

    async def _begin(self) -> Life:
        """Make a loop of what is stored; what is told from now on may be missing there, so the loop takes it too."""
        self._failure = None
        self._outdated = False
        self._inbox = [*self._touched, *self._readings.values(), *self._parts.starts.waiting(self.names)]
        self._living = True
        try:
            stored, facts = await self._read()
            loop = self._parts.make_loop(
                stored,
                facts,
                self._parts.options,
                now_us=self._parts.clock.now_us(),
                online=self._parts.link.online(),
            )
        except BaseException:
            self._living = False
            raise
        return Life(
            loop,
            self._parts,
            site_id=stored.id,
            tell=self._order_ended,
            proven=self._forget,
            failed=self._fail,
        )

    async def _revise(self) -> None:
        try:
            while self._outdated:
                self._outdated = False
                stored, facts = await self._read()
                # A newer one came meanwhile: it comes next, or a new life began with it.
                if stored is self._sound:
                    online = self._parts.link.online()
                    self.tell([SiteRevised(stored=stored, facts=facts, online=online)])
                    # Who waits at a station that was another site's is not known here yet.
                    self.tell(self._parts.starts.waiting(self.names))
        except HeadroomError as error:
            self._outdated = True
            _log.error("site.not-revised", site=self.stored.id, problem=str(error))
        finally:
            self._revising = None

    async def _read(self) -> tuple[StoredSite, SiteFacts]:
        """Return the newest configuration that can be read, and what is stored of it."""
        site, stored = self.site, self._sound
        assert site is not None  # noqa: S101 - without one nothing began
        facts = await self._parts.storage.site_facts(stored.id, [evse.key for evse in site.evses])
        self._managed = {station.id.lower(): station.managed for station in facts.stations}
        return stored, facts

    # --- what lives tell

    def _order_ended(self, ended: OrderEnded) -> None:
        self._inbox.append(ended)
        self._woken.set()

    def _forget(self, touched: Sequence[ProfilesTouched]) -> None:
        done = {id(one) for one in touched}
        self._touched = [one for one in self._touched if id(one) not in done]
        for number in done & self._waiting.keys():
            if not self._waiting[number].done():
                self._waiting[number].set_result(None)

    def _fail(self, error: Exception) -> None:
        self._failure = error
        self._woken.set()
