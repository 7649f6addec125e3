"""Lines of the log that everybody who watches follows; data in the names of the REST contract."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from csms.domain.records import EventRecorded
from csms.domain.station import StationIdentity, StationState


def line(
    kind: str, station: StationState | StationIdentity, at_us: int, data: Mapping[str, object]
) -> EventRecorded:
    """Return the event `kind` of `station`, logged at `at_us` (time of receipt, UTC microseconds)."""
    return EventRecorded(
        kind=kind,
        station_id=station.id,
        site_id=station.site_id,
        at_us=at_us,
        data=msgspec.json.encode(data),
    )
