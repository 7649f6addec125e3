"""Whom news concern: sorts them by the station they are about."""

from __future__ import annotations

from collections.abc import Sequence

from csms.domain.records import (
    CommandRecorded,
    EventRecorded,
    RawKept,
    SignedValueRecorded,
    StationSeen,
    TokenSeen,
    TransactionClosed,
)
from csms.domain.told_records import (
    DeviceModelBounded,
    DeviceVariableReported,
    TransactionEventRecorded,
)
from csms.ports import News

_OF_NO_CONCERN = (
    CommandRecorded,
    DeviceModelBounded,
    DeviceVariableReported,
    EventRecorded,
    RawKept,
    SignedValueRecorded,
    StationSeen,
    TokenSeen,
    TransactionEventRecorded,
)
"""Of these nothing follows for a limit."""


def by_station(news: Sequence[News]) -> dict[str | None, list[News]]:
    """Return what concerns the balancing, by station (ids in lower case) and otherwise in its order.

    A transaction's end names no station: it is of the one that all else is about, or (None) of any.
    """
    stations = {station for one in news if (station := _station_of(one)) is not None}
    only = stations.pop() if len(stations) == 1 else None
    found: dict[str | None, list[News]] = {}
    for one in news:
        if isinstance(one, _OF_NO_CONCERN):
            continue
        station = _station_of(one)
        if station is not None:
            found.setdefault(station, []).append(one)
        elif isinstance(one, TransactionClosed):
            found.setdefault(only, []).append(one)
    return found


def _station_of(one: News) -> str | None:
    station_id: str | None = getattr(one, "station_id", None)
    return None if station_id is None else station_id.lower()
