"""The store as the rest of the program sees it, whatever engine is behind it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar

import structlog
from msgspec import Struct
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from csms.domain.commands import StoredCommand
from csms.domain.errors import Invalid, NotFound, RecordRefused, StorageError
from csms.domain.records import AnswerKept, CapSaved
from csms.domain.site import KnownStation, LoggedDecision, SiteFacts, StoredSite
from csms.domain.station import MessageLogPolicy, StationIdentity, StationState
from csms.domain.token import Token
from csms.ports import (
    Clock,
    Found,
    OpenTransactionsOfToken,
    StoreLookup,
    TokenByHmac,
    TransactionByEnd,
    TransactionById,
    TransactionByOcppId,
    TransactionByStart,
)
from csms.storage import ocpp_ids, queries, registering, request_queries, secrets, site_queries
from csms.storage.messages import SqliteMessageLog
from csms.storage.ocpp_ids import OcppIds
from csms.storage.own_records import CommandsAbandoned, StationManaged, StoredRecord
from csms.storage.queries import Rows
from csms.storage.registering import NewToken
from csms.storage.tables import StationRow, TokenRow
from csms.storage.token_index import TokenIndex
from csms.storage.writer import Done, Writer

_log = structlog.get_logger(__name__)


_T = TypeVar("_T")


class Reads(Protocol):
    """What runs the functions of `csms.storage.queries` on an engine, off the event loop."""

    async def run(self, read: Callable[[Rows], _T]) -> _T:
        """Return what `read` makes of the rows it asks for, all of one moment; raises `StorageError`."""
        ...

    async def close(self) -> None:
        """Let go of the database."""
        ...


class NewStation(Struct, frozen=True):
    """A station that was just registered, with its key, which nobody can be shown again."""

    id: str
    key: str | None


class Parts(Struct, frozen=True, kw_only=True):
    """What an engine's module puts together."""

    writer: Writer
    reads: Reads
    engine: AsyncEngine
    """For lists and for whatever else no station waits for."""
    tokens: TokenIndex
    message_log: SqliteMessageLog


class Store:
    """Implements `csms.ports.Storage` and `csms.ports.SiteStore`, and what commands and the API need besides."""

    def __init__(self, parts: Parts, *, clock: Clock, secret: bytes) -> None:
        self.message_log = parts.message_log
        self.tokens: Mapping[bytes, Token] = parts.tokens
        """The index of all tokens by HMAC, as of the last `refresh_tokens` and of what this process wrote."""
        self._writer = parts.writer
        self._engine = parts.engine
        self._index = parts.tokens
        self._clock = clock
        self._secret = secret
        self._reads = parts.reads
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
        run = self._reads.run
        match lookup:
            case TransactionByStart(key):
                return await run(lambda rows: queries.transaction_by_start(rows, station_id, key))
            case TransactionByOcppId(ocpp_id):
                return await run(lambda rows: queries.transaction_by_ocpp_id(rows, station_id, ocpp_id))
            case TransactionById(transaction_id):
                return await run(lambda rows: queries.transaction_by_id(rows, station_id, transaction_id))
            case TransactionByEnd():
                return await run(lambda rows: queries.transaction_by_end(rows, station_id, lookup))
            case OpenTransactionsOfToken(hmac):
                return await run(lambda rows: queries.open_transactions_of(rows, hmac))
            case TokenByHmac(hmac):
                await self.refresh_tokens()
                return self._index.get(hmac)

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

    # --- what operators do

    async def add_station(
        self,
        station_id: str,
        *,
        site_id: str | None = None,
        key: str | None = None,
        keyless: bool = False,
        managed: bool = True,
        message_log: MessageLogPolicy = MessageLogPolicy.ALL,
    ) -> NewStation:
        """Register a station and return it with its key: the one given, or a random one unless `keyless`.

        Raises `Invalid` where the id is taken (without regard to case), another site's configuration names it, or
        something breaks a rule.
        """
        named_by = await self._reads.run(lambda rows: site_queries.placed_in(rows, station_id))
        if site_id is not None and named_by not in {None, site_id}:
            raise Invalid(f"the configuration of the site {named_by} names {station_id}; leave out the site")
        if key is None and not keyless:
            key = secrets.new_station_key()
        record = registering.station_added(
            self._secret,
            station_id,
            site_id=site_id,
            key=key,
            managed=managed,
            message_log=message_log,
            at_us=self._clock.now_us(),
        )
        try:
            await self.write(record)
        except RecordRefused as error:
            raise Invalid(
                f"there is a station {station_id} already (case does not tell ids apart)"
            ) from error
        return NewStation(station_id, key)

    async def manage_station(self, station_id: str, *, managed: bool) -> StationIdentity:
        """Decide whether a station may be sent what nobody asked for, and return it. Raises `NotFound`."""
        station = await self.find_station(station_id)
        if station is None:
            raise NotFound(f"there is no station {station_id}")
        await self.write(StationManaged(int(managed), station.id))
        return station

    async def add_token(self, token: NewToken) -> TokenRow:
        """Register a token and return it; one that was only seen becomes it.

        Raises `Invalid` where it is registered already or something breaks a rule.
        """
        record = registering.token_added(
            self._secret, token, token_id=uuid.uuid4().hex, at_us=self._clock.now_us()
        )
        try:
            await self.write(record)
        except RecordRefused as error:
            raise Invalid(f"the token {token.uid} of type {token.type} is registered already") from error
        async with self._session() as session:
            row = (await session.exec(select(TokenRow).where(TokenRow.hmac == record.hmac))).first()
        if row is None:
            raise StorageError("the token was removed by somebody else in the same moment")
        return row

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
