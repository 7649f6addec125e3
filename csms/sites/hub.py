"""All sites of this process: a task each, the news they get, and what people ask of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence

import structlog
from msgspec import Struct, field

from csms.domain.control import ProfilesTouched
from csms.domain.errors import Busy, Conflict, Invalid, NotFound, Outdated, RecordRefused
from csms.domain.records import CapRemoved, CapSaved, Record, TransactionClosed
from csms.domain.register import EvseLimit
from csms.domain.site import KnownStation, SiteVersion, StoredSite
from csms.domain.site_check import SiteCheck
from csms.ports import Clock, News, StationLink
from csms.sites.asked import NewCap, NewReading, SiteDocument, cap_record, invalid, meter_reading, refuse
from csms.sites.documents import document_of, expect, refuse_taken, refuse_unsafe
from csms.sites.life import MakeLoop, Parts, SitesStorage
from csms.sites.pace import PaceLimits
from csms.sites.releasing import Releases
from csms.sites.routes import by_station
from csms.sites.site import SiteTask
from csms.sites.starts import StartQueue
from csms.usecases import site_keeping
from csms.usecases.balancing import configuration, site_files
from csms.usecases.balancing.loop import SiteLoop
from csms.usecases.balancing.news import CapChanged
from csms.usecases.balancing.steps import LoopOptions
from csms.usecases.balancing.view import SiteState

_log = structlog.get_logger(__name__)

LOOK_AT_STATIONS_EVERY = 5
"""At every so many refreshes it is looked whether stations were registered or (un)managed by another process."""

CapKey = tuple[str, str, str]


class SitesOptions(Struct, frozen=True, kw_only=True):
    """How sites are balanced, and how often."""

    loop: LoopOptions = field(default_factory=LoopOptions)
    pace: PaceLimits = field(default_factory=PaceLimits)


class Sites:
    """Implements `csms.ports.Feed` and `csms.ports.Balancing`, and what HTTP asks of sites."""

    def __init__(
        self,
        *,
        storage: SitesStorage,
        clock: Clock,
        new_id: Callable[[], str],
        options: SitesOptions,
        make_loop: MakeLoop = SiteLoop,
    ) -> None:
        """Know no site before `start`."""
        self._make_loop = make_loop
        self._storage = storage
        self._clock = clock
        self._new_id = new_id
        self._options = options
        self._parts: Parts | None = None
        self._tasks: dict[str, SiteTask] = {}
        self._of_station: dict[str, SiteTask] = {}
        """By station id in lower case."""
        self._versions: dict[str, SiteVersion] | None = None
        """Of the sites at work as they were read; None: they were changed here since."""
        self._caps: dict[CapKey, CapSaved] = {}
        self._refreshes = 0
        self._changing = asyncio.Lock()
        """Sites and caps change one after another, and are not compared with the store in between."""
        self._sending: set[asyncio.Task[None]] = set()
        self._starts = StartQueue()
        self._releases = Releases(storage, clock, new_id)

    # --- lifetime

    async def start(self, link: StationLink) -> None:
        """Begin with all sites of the store, and tell stations over `link`."""
        self._parts = Parts(
            storage=self._storage,
            link=link,
            clock=self._clock,
            options=self._options.loop,
            make_loop=self._make_loop,
            new_id=self._new_id,
            sending=self._sending,
            starts=self._starts,
        )
        await self.refresh()

    async def stop(self) -> None:
        """End all tasks; what stations were told stays, and its leases run out."""
        async with self._changing:
            tasks, self._tasks, self._of_station = self._tasks, {}, {}
            self._parts = None
            await self._releases.stop()
            await asyncio.gather(*(task.stop() for task in tasks.values()))
            sending = tuple(self._sending)
            for one in sending:
                one.cancel()
            await asyncio.gather(*sending, return_exceptions=True)

    async def refresh(self) -> None:
        """Take over what another process (the command line) changed. Raises `StorageError`."""
        async with self._changing:
            versions = await self._storage.site_versions()
            if versions != self._versions:
                await self._take_over(await self._storage.sites())
                self._versions = versions
            self._take_over_caps(await self._storage.caps())
            if self._refreshes % LOOK_AT_STATIONS_EVERY == 0:
                self._look_at(await self._storage.known_stations())
                await self._release()
            self._refreshes += 1
        for task in self._tasks.values():
            task.attend()

    # --- csms.ports.Feed

    def tell(self, news: Sequence[News]) -> None:
        """Hand news to the sites that they concern (`csms.ports.Feed`)."""
        for station, concerning in by_station(news).items():
            if station is None:
                for task in self._tasks.values():
                    task.tell(concerning)
                continue
            own = self._of_station.get(station)
            if own is not None:
                own.tell(concerning)
            ends = [one for one in concerning if isinstance(one, TransactionClosed)]
            for task in self._tasks.values() if ends else ():
                if task is not own:  # a station that left it counts there while its car stays
                    task.tell(ends)

    # --- csms.gateway.services.Services.prepare and .start_gate

    async def prepare(self, touched: ProfilesTouched) -> None:
        """Take what a call is about to do to profiles, and wait until what follows is durable; raises `Busy`.

        A station of no site needs nothing.
        """
        task = self._of_station.get(touched.station_id.lower())
        if task is not None:
            await task.prepare(touched)

    async def start_gate(self, station_id: str) -> bool:
        """Wait until a session may start at a station; at one of no site it may at once."""
        task = self._of_station.get(station_id.lower())
        return True if task is None else await self._starts.wait(station_id, task.tell)

    # --- what people ask

    def tasks(self) -> Mapping[str, SiteTask]:
        """Return the sites at work, for those who count and show."""
        return self._tasks

    async def list_sites(self) -> list[SiteDocument]:
        """Return all sites by their ids."""
        return [document_of(stored) for stored in await self._storage.sites()]

    async def get_site(self, site_id: str) -> SiteDocument:
        """Return a site. Raises `NotFound`."""
        return document_of(await self._stored(site_id))

    async def put_site(
        self, config: Mapping[str, object], *, expected: SiteVersion | None = None, create: bool = False
    ) -> SiteDocument:
        """Create the site `config["id"]` (`create`), or replace it.

        Raises `Invalid` with every problem, `Conflict` where it exists (`create`) or another site has one of its
        stations, `NotFound` where there is none to replace, and `Outdated` where it is not at the expected
        version (None: any).
        """
        read = site_files.read_site_data(config)
        if read.id is None or read.config is None:
            raise invalid(read.problems)
        async with self._changing:
            current = await self._storage.find_site(read.id)
            if create and current is not None:
                raise Conflict(f"there is a site {read.id} already")
            if current is None and create:
                twin = site_keeping.twin(read.id, await self._storage.site_versions())
                if twin is not None:
                    raise Conflict(f"there is a site {twin} already; case tells no sites apart")
            if not create:
                expect(current, read.id, expected)
            known = await self._storage.known_stations()
            refuse_taken(read.id, read.config, known)
            refuse(site_keeping.conflicts(read.id, read.config, known))
            refuse_unsafe(read.config, known)
            now_us = self._clock.now_us()
            records = site_keeping.saved(read.id, read.config, before=current, known=known, at_us=now_us)
            await self._write(*records)
            version = (
                SiteVersion(1, now_us)
                if current is None
                else current.version._replace(revision=current.revision + 1)
            )
            stored = StoredSite(
                id=read.id, revision=version.revision, made_us=version.made_us, config=read.config
            )
            self._adopt(stored)
            self._route()
        return document_of(stored)

    async def delete_site(self, site_id: str, *, expected: SiteVersion | None = None) -> None:
        """Remove a site; our profiles are taken off its chargers soon after. Raises `NotFound` and `Outdated`."""
        async with self._changing:
            current = expect(await self._storage.find_site(site_id), site_id, expected)
            await self._write(*site_keeping.removed(current, await self._storage.known_stations()))
            await self._drop(site_id)
            self._route()

    async def check_site(self, site_id: str) -> SiteCheck:
        """Return what is wrong or odd about a site. Raises `NotFound`."""
        stored = await self._stored(site_id)
        return site_files.check_site(stored.config, await self._storage.known_stations())

    def allocation(self, site_id: str) -> SiteState:
        """Return a site as of its newest step. Raises `NotFound`, and `Busy` before the first one."""
        task = self._task(site_id)
        state = task.state()
        if state is None:
            raise Busy(f"the site {site_id} has not been balanced yet: {task.trouble}")
        return state

    def limits(self, stations: Collection[str]) -> dict[tuple[str, int], EvseLimit]:
        """Return what is granted to EVSEs of stations that are told limits (`csms.ports.Balancing`)."""
        names = {station.lower() for station in stations}
        concerned = {
            task.stored.id: task for name in names if (task := self._of_station.get(name)) is not None
        }
        states = (state for task in concerned.values() if (state := task.state()) is not None)
        return {
            (evse.station.lower(), evse.evse): EvseLimit(evse.grant_a, evse.reason.text)
            for state in states
            if state.mode == "enforce"
            for evse in state.evses
            if evse.managed and evse.station.lower() in names
        }

    async def look_at_stations(self) -> None:
        """Take over at once what was done to stations (`csms.ports.Balancing`). Raises `StorageError`."""
        async with self._changing:
            self._look_at(await self._storage.known_stations())
        for task in self._tasks.values():
            task.attend()

    async def put_cap(self, site_id: str, node: str, cap: NewCap, *, source: str = "operator") -> CapSaved:
        """Let `source` limit a node, in place of its earlier limit. Raises `NotFound` and `Invalid`."""
        async with self._changing:
            site = configuration.read((await self._stored(site_id)).config)
            record = cap_record(site, node, source, cap, self._clock.now_us())
            await self._write(record)
            self._caps[site_id, node, source] = record
            self._tell_cap(record)
        return record

    async def delete_cap(self, site_id: str, node: str, *, source: str = "operator") -> None:
        """Remove a source's limit from a node. Raises `NotFound` where there is none."""
        async with self._changing:
            await self._stored(site_id)
            self._take_over_caps(await self._storage.caps())
            if (site_id, node, source) not in self._caps:
                raise NotFound(f"{source} does not limit {node} of the site {site_id}")
            record = CapRemoved(site_id, node, source)
            await self._write(record)
            del self._caps[site_id, node, source]
            self._tell_cap(record)

    def add_reading(self, site_id: str, meter: str, reading: NewReading) -> None:
        """Take what a site meter read. Raises `NotFound` and `Invalid`."""
        task = self._task(site_id)
        if task.site is None:
            raise NotFound(f"the site {site_id} has no meter {meter}")
        task.tell([meter_reading(task.site, meter, reading, self._clock.now_us())])

    # --- inside

    def _task(self, site_id: str) -> SiteTask:
        task = self._tasks.get(site_id)
        if task is None:
            raise NotFound(f"there is no site {site_id}")
        return task

    async def _stored(self, site_id: str) -> StoredSite:
        return expect(await self._storage.find_site(site_id), site_id, None)

    async def _write(self, *records: Record) -> None:
        """Wait until `records` are durable as one unit."""
        written: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        self._storage.submit(records, lambda error: None if written.done() else written.set_result(error))
        error = await written
        if isinstance(error, RecordRefused):
            raise Outdated(
                f"it was changed by somebody else in the same moment; look again ({error})"
            ) from error
        if error is not None:
            raise error

    async def _take_over(self, sites: Sequence[StoredSite]) -> None:
        found = {stored.id: stored for stored in sites}
        for site_id in self._tasks.keys() - found.keys():
            await self._drop(site_id)
        for site_id, stored in found.items():
            task = self._tasks.get(site_id)
            if task is None or task.stored != stored:
                self._adopt(stored)
        self._route()

    def _adopt(self, stored: StoredSite) -> None:
        self._versions = None
        task = self._tasks.get(stored.id)
        try:
            site = configuration.read(stored.config)
        except Invalid as error:
            # A site that works goes on as it was; another one can't begin.
            _log.error("site.unreadable", site=stored.id, revision=stored.revision, problem=str(error))
            site = None
        if task is not None:
            task.revise(stored, site)
        elif self._parts is not None:
            task = self._tasks[stored.id] = SiteTask(stored, site, self._parts, self._options.pace)
            task.start()

    async def _drop(self, site_id: str) -> None:
        self._versions = None
        task = self._tasks.pop(site_id, None)
        if task is not None:
            await task.stop()
            if self._parts is not None:
                self._starts.gate(site_id, frozenset(), self._parts.link)
        self._caps = {key: cap for key, cap in self._caps.items() if key[0] != site_id}

    async def _release(self) -> None:
        """Have our profiles taken off the stations that no site has any more."""
        if self._parts is not None:
            held = frozenset[str]().union(*(task.held for task in self._tasks.values()))
            self._releases.look(await self._storage.unplaced_stations(), held, self._parts.link)

    def _route(self) -> None:
        """Let news find the sites as they are now, and stations that are connected know where they belong."""
        before = self._of_station
        self._of_station = {name: task for task in self._tasks.values() for name in task.names}
        self._releases.leave(self._of_station)
        if self._parts is None:
            return
        for station in self._parts.link.online():
            name = station.lower()
            task = self._of_station.get(name)
            if task is not before.get(name):
                self._parts.link.place(station, None if task is None else task.stored.id)

    def _take_over_caps(self, caps: Sequence[CapSaved]) -> None:
        found: dict[CapKey, CapSaved] = {(cap.site_id, cap.node, cap.source): cap for cap in caps}
        for key in self._caps.keys() - found.keys():
            self._tell_cap(CapRemoved(*key))
        for key, cap in found.items():
            if self._caps.get(key) != cap:
                self._tell_cap(cap)
        self._caps = found

    def _tell_cap(self, record: CapSaved | CapRemoved) -> None:
        task = self._tasks.get(record.site_id)
        if task is not None:
            task.tell([CapChanged(record)])

    def _look_at(self, known: Sequence[KnownStation]) -> None:
        managed = {station.id.lower(): station.managed for station in known if station.registered}
        if self._parts is not None:
            for station in self._parts.link.online():
                if station.lower() in managed:
                    self._parts.link.manage(station, managed=managed[station.lower()])
        for task in self._tasks.values():
            task.compare({name: managed[name] for name in task.names if name in managed})
