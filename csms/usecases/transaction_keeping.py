"""Transactions as operators see them, and what is wished for those that run."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from csms.domain.errors import Conflict, NotFound
from csms.domain.history import SampleEntry, TransactionEntry, TransactionQuery, Wishes
from csms.domain.records import EventRecorded
from csms.domain.times import format_utc
from csms.ports import Clock, History


class TransactionKeeping:
    """What operators ask of transactions."""

    def __init__(self, *, history: History, clock: Clock) -> None:
        """Show the transactions of `history`."""
        self._history = history
        self._clock = clock

    async def transactions(
        self, asked: TransactionQuery, *, before: tuple[int, str] | None, limit: int
    ) -> list[TransactionEntry]:
        """Return the newest transactions that began before another, (its begin, its id), newest first."""
        return await self._history.transactions(asked, before=before, limit=limit)

    async def transaction(self, transaction_id: str) -> TransactionEntry:
        """Return a transaction. Raises `NotFound`."""
        entry = await self._history.transaction(transaction_id)
        if entry is None:
            raise NotFound(f"there is no transaction {transaction_id}")
        return entry

    async def samples(self, transaction_id: str, *, after: tuple[int, int], limit: int) -> list[SampleEntry]:
        """Return a transaction's first samples after another, (its time, its number). Raises `NotFound`."""
        await self.transaction(transaction_id)
        return await self._history.samples(transaction_id, after=after, limit=limit)

    async def wish(
        self,
        transaction_id: str,
        changed: Callable[[TransactionEntry], Wishes],
        *,
        expected_revision: int | None,
    ) -> TransactionEntry:
        """Keep what `changed` makes of the wishes for a transaction that runs, and return it with them.

        Raises `NotFound`, `Conflict` where it has ended, and `Outdated` where its wishes are others by now.
        """
        present = await self.transaction(transaction_id)
        if not present.active:
            raise Conflict("the transaction has ended; nothing can be wished for it any more")
        wishes = changed(present)
        revision = present.revision if expected_revision is None else expected_revision
        await self._history.save_wishes(
            present.id, wishes, revision=revision + 1, also=[_told(present, wishes, self._clock.now_us())]
        )
        return await self.transaction(transaction_id)


def _told(transaction: TransactionEntry, wishes: Wishes, at_us: int) -> EventRecorded:
    departure_at_us = wishes.departure_at_us
    data = {
        "id": transaction.id,
        "ocpp_transaction_id": transaction.ocpp_transaction_id,
        "station_id": transaction.station_id,
        "evse": transaction.evse,
        "connector": transaction.connector,
        "departure_at": None if departure_at_us is None else format_utc(departure_at_us),
        "energy_needed_wh": wishes.energy_needed_wh,
        "priority": wishes.priority,
    }
    return EventRecorded(
        kind="transaction.updated",
        station_id=transaction.station_id,
        site_id=transaction.site_id,
        at_us=at_us,
        data=msgspec.json.encode(data),
    )
