"""A station's authenticated connection begins and ends."""

from __future__ import annotations

from csms.domain.records import Record, StationConnected, StationDisconnected
from csms.domain.station import StationIdentity
from csms.domain.times import format_utc
from csms.usecases import event_log


def opened(
    station: StationIdentity, *, ocpp_version: str, security_profile: int, at_us: int
) -> tuple[Record, ...]:
    """Return what must be kept of a connection that opened at `at_us`."""
    data = {
        "id": station.id,
        "connected": True,
        "connected_at": format_utc(at_us),
        "ocpp_version": ocpp_version,
        "security_profile": security_profile,
    }
    return (
        StationConnected(
            ocpp_version=ocpp_version,
            security_profile=security_profile,
            at_us=at_us,
            station_id=station.id,
        ),
        event_log.line("station.connected", station, at_us, data),
    )


def closed(station: StationIdentity, *, reason: str, at_us: int) -> tuple[Record, ...]:
    """Return what must be kept of a connection that ended at `at_us` with no newer one in its place."""
    data = {"id": station.id, "connected": False, "disconnected_at": format_utc(at_us), "reason": reason}
    return (
        StationDisconnected(at_us=at_us, station_id=station.id),
        event_log.line("station.disconnected", station, at_us, data),
    )
