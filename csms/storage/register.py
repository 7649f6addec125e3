"""What operators do to stations and tokens, by whichever way they come: commands or REST."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from csms.domain.errors import Conflict, Invalid, NotFound, Outdated, RecordRefused
from csms.domain.records import Record
from csms.domain.register import (
    TOKEN_TYPES,
    NewStation,
    NewToken,
    StationChange,
    StationEntry,
    TokenEntry,
)
from csms.domain.station import MessageLogPolicy
from csms.domain.token import TokenStatus
from csms.ports import Clock
from csms.storage import queries, register_queries, registering, secrets, site_queries
from csms.storage.own_records import StationRemoved, TokenRemoved
from csms.storage.queries import Reads

Write = Callable[..., Coroutine[Any, Any, None]]
"""Makes records durable as one unit (`Store.write`)."""


class Register:
    """Implements `csms.ports.Register`."""

    def __init__(self, *, reads: Reads, write: Write, clock: Clock, secret: bytes) -> None:
        self._reads = reads
        self._write = write
        self._clock = clock
        self._secret = secret

    # --- stations

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
        """See `csms.ports.Register.add_station`."""
        named_by = await self._reads.run(lambda rows: site_queries.placed_in(rows, station_id))
        if site_id is not None and named_by not in {None, site_id}:
            raise Conflict(f"the configuration of the site {named_by} names {station_id}; leave out the site")
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
            await self._write(record)
        except RecordRefused as error:
            raise Conflict(
                f"there is a station {station_id} already (case does not tell ids apart)"
            ) from error
        return NewStation(station_id, key)

    async def change_station(
        self, station_id: str, change: StationChange, *, expected_revision: int | None = None
    ) -> NewStation:
        """See `csms.ports.Register.change_station`."""
        now_us = self._clock.now_us()
        entry, station = await self._reads.run(
            lambda rows: (
                register_queries.station(rows, station_id, now_us=now_us),
                queries.identity(rows, station_id),
            )
        )
        if entry is None or station is None:
            raise NotFound(f"there is no station {station_id}")
        _expect(f"the station {station.id}", entry.revision, expected_revision)
        if sum((change.key is not None, change.new_key, change.keyless)) > 1:
            raise Invalid("key, new_key and keyless exclude each other; give one of them")
        made = secrets.new_station_key() if change.new_key else None
        record = registering.station_changed(
            self._secret, station, change, key=change.key if made is None else made
        )
        try:
            await self._write(record)
        except RecordRefused as error:
            raise _overtaken(f"the station {station.id}") from error
        return NewStation(station.id, made)

    async def remove_station(self, station_id: str, *, also: Sequence[Record] = ()) -> None:
        """See `csms.ports.Register.remove_station`."""
        try:
            await self._write(*also, StationRemoved(station_id))
        except RecordRefused as error:
            raise _overtaken(f"the station {station_id}") from error

    async def station_entry(self, station_id: str) -> StationEntry | None:
        """See `csms.ports.Register.station_entry`."""
        now_us = self._clock.now_us()
        return await self._reads.run(lambda rows: register_queries.station(rows, station_id, now_us=now_us))

    async def station_entries(self, *, after: str, limit: int) -> list[StationEntry]:
        """See `csms.ports.Register.station_entries`."""
        now_us = self._clock.now_us()
        return await self._reads.run(
            lambda rows: register_queries.stations(rows, after=after, limit=limit, now_us=now_us)
        )

    # --- tokens

    async def add_token(self, token: NewToken) -> TokenEntry:
        """See `csms.ports.Register.add_token`."""
        record = registering.token_added(
            self._secret, token, token_id=uuid.uuid4().hex, at_us=self._clock.now_us()
        )
        try:
            await self._write(record)
        except RecordRefused as error:
            raise Conflict(f"the token {token.uid} of type {token.type} is registered already") from error
        added = await self._reads.run(lambda rows: register_queries.tokens_by_hmac(rows, [record.hmac]))
        if not added:
            raise Conflict("the token was removed by somebody else in the same moment")
        return added[0]

    async def change_token(
        self, token_id: str, token: NewToken, *, expected_revision: int | None = None
    ) -> TokenEntry:
        """See `csms.ports.Register.change_token`."""
        present = await self._registered(token_id, expected_revision)
        try:
            await self._write(registering.token_changed(present, token))
        except RecordRefused as error:
            raise _overtaken("the token") from error
        return await self._registered(token_id, None)

    async def remove_token(self, token_id: str, *, expected_revision: int | None = None) -> None:
        """See `csms.ports.Register.remove_token`."""
        present = await self._registered(token_id, expected_revision)
        try:
            await self._write(TokenRemoved(present.id, present.revision))
        except RecordRefused as error:
            raise _overtaken("the token") from error

    async def token_entry(self, token_id: str) -> TokenEntry | None:
        """See `csms.ports.Register.token_entry`."""
        return await self._reads.run(lambda rows: register_queries.token(rows, token_id))

    async def token_entries(self, *, after: tuple[int, str], limit: int, seen: bool) -> list[TokenEntry]:
        """See `csms.ports.Register.token_entries`."""
        return await self._reads.run(
            lambda rows: register_queries.tokens(rows, after=after, limit=limit, seen=seen)
        )

    async def tokens_with_uid(self, uid: str) -> list[TokenEntry]:
        """See `csms.ports.Register.tokens_with_uid`."""
        hmacs = [secrets.token_hmac(self._secret, uid, kind) for kind in sorted(TOKEN_TYPES)]
        return await self._reads.run(lambda rows: register_queries.tokens_by_hmac(rows, hmacs))

    async def _registered(self, token_id: str, expected_revision: int | None) -> TokenEntry:
        present = await self.token_entry(token_id)
        if present is None or present.status == TokenStatus.SEEN.value:
            raise NotFound(f"there is no token {token_id}")
        _expect("the token", present.revision, expected_revision)
        return present


def _expect(what: str, revision: int, expected: int | None) -> None:
    if expected not in {None, revision}:
        raise Outdated(f"{what} was changed since: its revision is {revision}")


def _overtaken(what: str) -> Outdated:
    return Outdated(f"{what} was changed by somebody else in the same moment; look again")
