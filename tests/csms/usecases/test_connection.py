"""What is kept of a connection's beginning and end."""

from __future__ import annotations

from csms.domain.records import EventRecorded, StationConnected, StationDisconnected
from csms.domain.station import MessageLogPolicy, Registration, StationIdentity
from csms.usecases import connection
from tests.csms.usecases.world import NOON

STATION = StationIdentity(
    id="CP-1",
    site_id="depot",
    managed=True,
    registration=Registration.ACCEPTED,
    message_log=MessageLogPolicy.ALL,
    key_hmac=None,
    previous_key_hmac=None,
)


def test_a_connection_that_opens_is_recorded_with_version_and_profile() -> None:
    records = connection.opened(STATION, ocpp_version="1.6", security_profile=1, at_us=NOON)
    assert records == (
        StationConnected("1.6", 1, NOON, "CP-1"),
        EventRecorded(
            "station.connected",
            "CP-1",
            "depot",
            NOON,
            b'{"id":"CP-1","connected":true,"connected_at":"2026-05-28T20:26:40.000Z",'
            b'"ocpp_version":"1.6","security_profile":1}',
        ),
    )


def test_a_connection_that_ends_is_recorded_with_its_reason() -> None:
    records = connection.closed(STATION, reason="no life", at_us=NOON)
    assert records == (
        StationDisconnected(NOON, "CP-1"),
        EventRecorded(
            "station.disconnected",
            "CP-1",
            "depot",
            NOON,
            b'{"id":"CP-1","connected":false,"disconnected_at":"2026-05-28T20:26:40.000Z","reason":"no life"}',
        ),
    )
