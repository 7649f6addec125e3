"""The store as the rest of the program sees it, whatever engine is behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager

import structlog
from msgspec import Struct
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from csms.domain.commands import StoredCommand
from csms.domain.errors import StorageError
from csms.domain.events import ReportedVariable
from csms.domain.logged import LoggedEvent, MeterStart
from csms.domain.records import AnswerKept, CapSaved
from csms.domain.site import KnownStation, LoggedDecision, SiteFacts, SiteStation, StoredSite
from csms.domain.station import StationIdentity, StationState
from csms.domain.token import Token
from csms.ports import Clock, Found, StoreLookup, TokenByHmac
from csms.storage import event_queries, ocpp_ids, queries, request_queries, site_queries
from csms.storage.history import History
from csms.storage.messages import SqliteMessageLog
from csms.storage.ocpp_ids import OcppIds
from csms.storage.own_records import CommandsAbandoned, StoredRecord
from csms.storage.queries import Reads
from csms.storage.register import Register
from csms.storage.tables import StationRow, TokenRow
from csms.storage.token_index import TokenIndex
from csms.storage.writer import Done, Writer

_log = structlog.get_logger(__name__)


class Parts(Struct, frozen=True, kw_only=True):
    """What an engine's module puts together."""

    writer: Writer
    reads: Reads
    engine: AsyncEngine
    """For lists and for whatever else no station waits for."""
    tokens: TokenIndex
    message_log: SqliteMessageLog


class Store(Register):
    """Implements `csms.ports.Storage`, `SiteStore`, `EventLog` and `Register`."""

    def __init__(self, parts: Parts, *, clock: Clock, secret: bytes) -> None:
        super().__init__(reads=parts.reads, write=self.write, clock=clock, secret=secret)
        self.message_log = parts.message_log
        self.history = History(reads=parts.reads, write=self.write)
        self.tokens: Mapping[bytes, Token] = parts.tokens
        """The index of all tokens by HMAC, as of the last `refresh_tokens` and of what this process wrote."""
        self._writer = parts.writer
        self._engine = parts.engine
        self._index = parts.tokens
        self._ids = OcppIds(self.write, self._first_free_id, clock.now_us)
        self._refilling: asyncio.Task[None] | None = None

    async def prepare(self, *, serving: bool) -> None:
        """Load the tokens and, to serve stations, reserve the first ids and end what an earlier process left open."""
        await self.refresh_tokens()
        if serving:
            await self._ids.refill()
            await self.write(CommandsAbandoned(self._clock.now_us()))

    # --- csms.ports.Storage

    def submit(self, records: Sequence[StoredRecord], done: Done) -> None:
        """See `csms.ports.Storage.submit`; on the event loop only.

        `done` gets a `RecordRefused` where this unit broke a rule, another `StorageError` where nothing works.
        """
        self._writer.submit(records, done)

    def congested(self) -> bool:
        """See `csms.ports.Storage.congested`."""
        return self._writer.congested()

    def when_relieved(self, callback: Callable[[], None]) -> None:
        """See `csms.ports.Storage.when_relieved`."""
        self._writer.when_relieved(callback)

    async def settled(self) -> None:
        """See `csms.ports.Storage.settled`."""
        await self._writer.settled()

    async def write(self, *records: StoredRecord) -> None:
        """Submit `records` as one unit and wait until it is durable; raises what `submit` tells."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def done(error: Exception | None) -> None:
            if future.cancelled():
                return
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)

        self.submit(records, done)
        await future

    async def find_station(self, station_id: str) -> StationIdentity | None:
        """See `csms.ports.Storage.find_station`."""
        return await self._reads.run(lambda rows: queries.identity(rows, station_id))

    async def load_state(self, station_id: str) -> StationState:
        """See `csms.ports.Storage.load_state`; raises `NotFound` for an unknown station."""
        await self.settled()
        return await self._reads.run(lambda rows: queries.state(rows, station_id))

    async def look_up(self, station_id: str, lookup: StoreLookup) -> Found:
        """See `csms.ports.Storage.look_up`."""
        await self.settled()
        if isinstance(lookup, TokenByHmac):
            await self.refresh_tokens()
            return self._index.get(lookup.hmac)
        return await self._reads.run(lambda rows: queries.look_up(rows, station_id, lookup))

    async def device_model(self, station_id: str) -> list[ReportedVariable]:
        """Return what a station has reported of its device model after everything submitted before is settled."""
        await self.settled()
        return await self._reads.run(lambda rows: queries.device_model(rows, station_id))

    # --- csms.ports.SiteStore

    async def sites(self) -> list[StoredSite]:
        """See `csms.ports.SiteStore.sites`."""
        return await self._reads.run(site_queries.sites)

    async def find_site(self, site_id: str) -> StoredSite | None:
        """See `csms.ports.SiteStore.find_site`."""
        return await self._reads.run(lambda rows: site_queries.site(rows, site_id))

    async def site_versions(self) -> dict[str, tuple[int, int]]:
        """See `csms.ports.SiteStore.site_versions`."""
        return await self._reads.run(site_queries.site_versions)

    async def known_stations(self) -> list[KnownStation]:
        """See `csms.ports.SiteStore.known_stations`."""
        return await self._reads.run(site_queries.known_stations)

    async def unplaced_stations(self) -> list[SiteStation]:
        """See `csms.ports.SiteStore.unplaced_stations`."""
        await self.settled()
        return await self._reads.run(site_queries.unplaced_stations)

    async def caps(self) -> list[CapSaved]:
        """See `csms.ports.SiteStore.caps`."""
        return await self._reads.run(site_queries.caps)

    async def site_facts(self, site_id: str, evses: Sequence[tuple[str, int]]) -> SiteFacts:
        """See `csms.ports.SiteStore.site_facts`."""
        await self.settled()
        return await self._reads.run(lambda rows: site_queries.site_facts(rows, site_id, evses))

    async def decisions(self, site_id: str, *, after: int = 0, limit: int = 1000) -> list[LoggedDecision]:
        """See `csms.ports.SiteStore.decisions`."""
        return await self._reads.run(lambda rows: site_queries.decisions(rows, site_id, after, limit))

    # --- csms.ports.EventLog

    def on_commit(self, listener: Callable[[], None]) -> None:
        """See `csms.ports.EventLog.on_commit`."""
        self._writer.on_commit(listener)

    async def newest_event(self) -> int:
        """See `csms.ports.EventLog.newest_event`."""
        return await self._reads.run(event_queries.newest)

    async def events_after(self, number: int) -> list[LoggedEvent]:
        """See `csms.ports.EventLog.events_after`."""
        return await self._reads.run(lambda rows: event_queries.lines_after(rows, number))

    async def meter_starts(self, transaction_ids: Collection[str]) -> dict[str, MeterStart]:
        """See `csms.ports.EventLog.meter_starts`."""
        return await self._reads.run(lambda rows: event_queries.meter_starts(rows, transaction_ids))

    # --- what HTTP reads back

    async def find_command(self, command_id: str) -> StoredCommand | None:
        """Return a command as it is after everything submitted before is settled."""
        await self.settled()
        return await self._reads.run(lambda rows: request_queries.command(rows, command_id))

    async def commands_of(
        self, station_id: str, *, before: tuple[int, str] | None, limit: int
    ) -> list[StoredCommand]:
        """Return a station's commands, the newest first, from before the one that came into being then."""
        await self.settled()
        return await self._reads.run(
            lambda rows: request_queries.commands_of(rows, station_id, before, limit)
        )

    async def find_answer(self, key: str) -> AnswerKept | None:
        """Return what is kept of the request with an `Idempotency-Key`."""
        await self.settled()
        return await self._reads.run(lambda rows: request_queries.answer(rows, key))

    async def ended_sessions(self) -> dict[str, int]:
        """Return the logins that were ended, each with the moment from which it would be over by itself."""
        return await self._reads.run(request_queries.ended_sessions)

    # --- tokens and ids

    async def refresh_tokens(self) -> None:
        """Take over what other processes, such as the command line, did to tokens."""
        seen = self._index.seen
        self._index.apply(await self._reads.run(lambda rows: queries.token_changes(rows, seen)))

    def next_ocpp_id(self) -> int:
        """Return a fresh transaction id for OCPP 1.6: above 0, below 2³¹, never given out before.

        Raises `StorageError` where none can be had.
        """
        try:
            return self._ids.next()
        finally:
            if self._ids.needs_refill() and self._refilling is None:
                self._refilling = asyncio.get_running_loop().create_task(self._refill_ids())

    # --- what commands list

    async def list_stations(self) -> list[StationRow]:
        """Return all stations by their ids."""
        async with self._session() as session:
            return list((await session.exec(select(StationRow).order_by(col(StationRow.id)))).all())

    async def list_tokens(self) -> list[TokenRow]:
        """Return all tokens, the oldest first, those that were only seen included."""
        async with self._session() as session:
            return list((await session.exec(select(TokenRow).order_by(col(TokenRow.created_at_us)))).all())

    # --- lifetime

    def healthy(self) -> str | None:
        """Return why nothing can be stored now, or None."""
        return self._writer.healthy()

    async def close(self) -> None:
        """Make everything submitted durable, write what waits for the message log, and let go of the files."""
        if self._refilling is not None:
            await self._refilling
        await self._writer.close()
        await asyncio.to_thread(self.message_log.close)
        await self._reads.close()
        await self._engine.dispose()

    @asynccontextmanager
    async def _session(self) -> AsyncGenerator[AsyncSession]:
        try:
            async with AsyncSession(self._engine) as session:
                yield session
        except SQLAlchemyError as error:
            raise StorageError(f"the store can't be read: {error}") from error

    async def _first_free_id(self) -> int:
        return await self._reads.run(lambda rows: queries.first_free_id(rows, ocpp_ids.NAME))

    async def _refill_ids(self) -> None:
        try:
            await self._ids.refill()
        except StorageError as error:
            _log.error("store.no-ids", problem=str(error))
        finally:
            self._refilling = None
