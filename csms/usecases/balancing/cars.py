"""Which transaction runs on which EVSE of a site, as far as records tell."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from msgspec import Struct

from balancer.site import EvseKey
from csms.domain.records import (
    TransactionOpened,
)
from csms.domain.site import OpenTransaction
from csms.domain.told_records import (
    TransactionUpdated,
)

ENDED_KEPT = 256
"""How many ended ones are remembered: what was read from the store a moment ago may not know their end yet."""


class Car(Struct, frozen=True):
    """A running transaction."""

    id: str
    ocpp_id: str
    started_at_us: int


class Cars:
    """The newest running transaction of each EVSE; older ones there are over, whatever the store says."""

    def __init__(self) -> None:
        """Know of none."""
        self._by_evse: dict[EvseKey, Car] = {}
        self._place: dict[str, EvseKey] = {}
        self._over: deque[str] = deque(maxlen=ENDED_KEPT)

    def find(self, key: EvseKey) -> Car | None:
        """Return what runs on an EVSE."""
        return self._by_evse.get(key)

    def place(self, transaction_id: str) -> EvseKey | None:
        """Return where a transaction runs; None for one that doesn't."""
        return self._place.get(transaction_id)

    def everywhere(self) -> Iterator[tuple[EvseKey, Car]]:
        """Yield what runs, in the order in which it was told."""
        yield from self._by_evse.items()

    def began(self, key: EvseKey, car: Car) -> bool:
        """Take in a start; tell False for one that is known, or over, or older than what runs there (a replayed queue)."""
        if car.id in self._over:
            return False
        there = self._by_evse.get(key)
        if there is not None and (there.id == car.id or there.started_at_us > car.started_at_us):
            return False
        if there is not None:
            del self._place[there.id]
        self._by_evse.pop(key, None)
        self._by_evse[key] = car
        self._place[car.id] = key
        return True

    def ended(self, transaction_id: str) -> EvseKey | None:
        """Take in an end; return where it was, None for one that didn't run."""
        self._over.append(transaction_id)
        key = self._place.pop(transaction_id, None)
        if key is not None:
            del self._by_evse[key]
        return key


def car_of(told: TransactionOpened | TransactionUpdated | OpenTransaction) -> tuple[EvseKey, Car]:
    """Return where a transaction began, and it."""
    return EvseKey(told.station_id, told.evse), Car(told.id, told.ocpp_id, told.started_at_us)
