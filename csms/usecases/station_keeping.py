"""Stations as operators see, register, change and remove them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from csms.domain.errors import Conflict, NotFound
from csms.domain.history import LoggedMessage
from csms.domain.records import Record, TransactionClosed
from csms.domain.register import EvseLimit, NewStation, StationChange, StationEntry
from csms.domain.station import MessageLogPolicy, StationState
from csms.domain.transaction import ClosedBy, Transaction
from csms.ports import Balancing, Clock, Connections, MessageHistory, Register, Storage
from csms.usecases import event_log, sessions


class StationShown(Struct, frozen=True, kw_only=True):
    """A station with what is known of it now."""

    entry: StationEntry
    connected: bool
    limits: Mapping[tuple[str, int], EvseLimit]
    """Of its EVSEs, by (id in lower case, EVSE), and of others."""


class StationKeeping:
    """What operators ask of stations; commands and REST change them by the same `Register`."""

    def __init__(
        self,
        *,
        register: Register,
        storage: Storage,
        connections: Connections,
        balancing: Balancing,
        messages: MessageHistory,
        clock: Clock,
    ) -> None:
        """Keep the stations of `register`; `connections` has those that are connected."""
        self._register = register
        self._storage = storage
        self._connections = connections
        self._balancing = balancing
        self._messages = messages
        self._clock = clock

    async def stations(self, *, after: str, limit: int) -> list[StationShown]:
        """Return the first stations after the id `after`, by their ids in lower case."""
        return self._shown(await self._register.station_entries(after=after, limit=limit))

    async def station(self, station_id: str) -> StationShown:
        """Return a station by its id in any case. Raises `NotFound`."""
        return self._shown([await self._entry(station_id)])[0]

    async def messages(self, station_id: str, *, before: int | None, limit: int) -> list[LoggedMessage]:
        """Return a station's newest raw messages before the one numbered `before`. Raises `NotFound`."""
        entry = await self._entry(station_id)
        return await self._messages.read(entry.id, before=before, limit=limit)

    async def add(
        self,
        station_id: str,
        *,
        site_id: str | None,
        key: str | None,
        keyless: bool,
        managed: bool,
        message_log: MessageLogPolicy,
    ) -> NewStation:
        """Register a station (`csms.ports.Register.add_station`); its site hears of it at once."""
        added = await self._register.add_station(
            station_id, site_id=site_id, key=key, keyless=keyless, managed=managed, message_log=message_log
        )
        await self._balancing.look_at_stations()
        return added

    async def change(
        self, station_id: str, change: StationChange, *, expected_revision: int | None
    ) -> NewStation:
        """Change a station (`csms.ports.Register.change_station`); that counts at once where it is connected."""
        changed = await self._register.change_station(station_id, change, expected_revision=expected_revision)
        identity = await self._storage.find_station(changed.id)
        if identity is not None:
            self._connections.revise(identity)
        await self._balancing.look_at_stations()
        return changed

    async def remove(self, station_id: str) -> None:
        """Remove a station and end its connection; what it charged stays.

        Raises `NotFound`, and `Conflict` while a site's configuration names it or somebody charges there. Of a
        station that is not connected nobody knows: what it left open ends with its last reading.
        """
        entry = await self._entry(station_id)
        if entry.named_by is not None:
            raise Conflict(
                f"the site {entry.named_by} names {entry.id} in its configuration; take it out there first"
            )
        state = await self._storage.load_state(entry.id)
        still_open = [transaction for transaction in state.transactions.values() if transaction.active]
        if still_open and self._is_connected(entry):
            raise Conflict(
                f"somebody charges at {entry.id} (transaction {still_open[0].id}); stop that first"
            )
        now_us = self._clock.now_us()
        ends = [record for transaction in still_open for record in _end(state, transaction, now_us)]
        await self._register.remove_station(entry.id, also=ends)
        self._connections.dismiss(entry.id, "the station was removed")
        await self._balancing.look_at_stations()

    async def _entry(self, station_id: str) -> StationEntry:
        entry = await self._register.station_entry(station_id)
        if entry is None:
            raise NotFound(f"there is no station {station_id}")
        return entry

    def _is_connected(self, entry: StationEntry) -> bool:
        return entry.id in self._connections.online()

    def _shown(self, entries: Sequence[StationEntry]) -> list[StationShown]:
        online = self._connections.online()
        limits = self._balancing.limits([entry.id for entry in entries])
        return [StationShown(entry=entry, connected=entry.id in online, limits=limits) for entry in entries]


def _end(state: StationState, transaction: Transaction, now_us: int) -> tuple[Record, Record]:
    end_us, stop_wh = transaction.give_up()
    closing = TransactionClosed(
        ended_at_us=end_us,
        device_ended_at=None,
        end_received_at_us=now_us,
        meter_stop_wh=stop_wh,
        stop_reason=None,
        stop_token_hmac=None,
        closed_by=ClosedBy.STATION_REMOVED.value,
        id=transaction.id,
    )
    told = sessions.describe_end(state, transaction, closing)
    return closing, event_log.line("transaction.ended", state, now_us, told)
