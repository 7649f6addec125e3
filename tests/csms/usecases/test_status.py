"""Statuses of connectors."""

from __future__ import annotations

import pytest

from csms.domain.answers import Acknowledged
from csms.domain.events import DeviceEventsReported, StatusReported
from csms.domain.station import KEPT_CONNECTORS, ConnectorState
from tests.csms.usecases.world import NOON, SECOND, World


def _status(
    status: str, at_us: int | None = None, *, evse: int = 1, error: str | None = None
) -> StatusReported:
    return StatusReported(
        evse=evse,
        connector=min(evse, 1),
        status=status,
        error=error,
        info="hot",
        vendor_error="E7",
        device_at_us=at_us,
    )


def test_a_status_becomes_the_connectors_newest_and_an_event(world: World) -> None:
    assert world.send(_status("Charging", NOON - SECOND, error="HighTemperature")) == Acknowledged()
    assert world.state().connectors == {(1, 1): ConnectorState("Charging", "HighTemperature", NOON - SECOND)}
    row = world.tables.statuses["CP-1", 1, 1]
    assert (row.status, row.error, row.info, row.vendor_error) == ("Charging", "HighTemperature", "hot", "E7")
    assert (row.at_us, row.device_at_us, row.received_at_us) == (NOON - SECOND, NOON - SECOND, NOON)
    assert world.events("connector.status") == [
        {
            "station_id": "CP-1",
            "evse": 1,
            "connector": 1,
            "status": "Charging",
            "error": "HighTemperature",
            "info": "hot",
            "vendor_error": "E7",
            "status_at": "2026-05-28T20:26:39.000Z",
        }
    ]


def test_a_clock_outside_the_trusted_window_gets_the_time_of_receipt(world: World) -> None:
    world.send(_status("Available", 0))
    row = world.tables.statuses["CP-1", 1, 1]
    assert (row.at_us, row.device_at_us) == (NOON, 0)


def test_an_older_status_does_not_overwrite_a_newer_one_but_is_logged_as_stale(world: World) -> None:
    world.send(_status("Charging", NOON - SECOND))
    assert world.send(_status("Available", NOON - 2 * SECOND)) == Acknowledged()
    assert world.tables.statuses["CP-1", 1, 1].status == "Charging"
    assert world.state().connectors[1, 1].status == "Charging"
    assert [event.get("stale") for event in world.events("connector.status")] == [None, True]


def test_an_older_status_is_logged_even_if_it_says_the_same(world: World) -> None:
    world.send(_status("Charging", NOON - SECOND))
    world.send(_status("Charging", NOON - 2 * SECOND))
    assert world.tables.statuses["CP-1", 1, 1].at_us == NOON - SECOND
    assert [event.get("stale") for event in world.events("connector.status")] == [None, True]


def test_an_identical_repetition_is_no_event_but_moves_the_time(world: World) -> None:
    world.send(_status("Charging", NOON - 9 * SECOND))
    world.send(_status("Charging", NOON - SECOND))
    assert world.tables.statuses["CP-1", 1, 1].at_us == NOON - SECOND
    assert len(world.events("connector.status")) == 1


def test_another_error_with_the_same_status_is_an_event(world: World) -> None:
    world.send(_status("Faulted", error="HighTemperature"))
    world.send(_status("Faulted", error="GroundFailure"))
    assert len(world.events("connector.status")) == 2


def test_of_two_statuses_of_the_same_moment_the_later_received_counts(world: World) -> None:
    world.send(_status("Preparing", NOON - SECOND))
    world.send(_status("Charging", NOON - SECOND))
    assert world.tables.statuses["CP-1", 1, 1].status == "Charging"


def test_a_stations_own_status_stands_beside_those_of_its_connectors(world: World) -> None:
    world.send(_status("Available", evse=0))
    world.send(_status("Charging", evse=1))
    assert {place: state.status for place, state in world.state().connectors.items()} == {
        (0, 0): "Available",
        (1, 1): "Charging",
    }


def test_what_was_newest_is_still_known_after_a_crash(world: World) -> None:
    world.send(_status("Charging", NOON - SECOND))
    world.crash()
    world.send(_status("Available", NOON - 2 * SECOND))
    assert world.tables.statuses["CP-1", 1, 1].status == "Charging"


def test_statuses_among_events_of_the_device_model_count_like_others_and_the_events_are_logged(
    world: World,
) -> None:
    statuses = (_status("Occupied", NOON - SECOND), _status("Available", NOON - SECOND, evse=2))
    event = DeviceEventsReported(data='{"seqNo":0}', statuses=statuses)
    assert world.send(event) == Acknowledged()
    assert {place: known.status for place, known in world.state().connectors.items()} == {
        (1, 1): "Occupied",
        (2, 1): "Available",
    }
    assert world.tables.statuses["CP-1", 2, 1].status == "Available"
    assert [told["status"] for told in world.events("connector.status")] == ["Occupied", "Available"]
    assert world.events("station.notice") == [
        {"station_id": "CP-1", "kind": "device.events", "data": {"seqNo": 0}}
    ]


@pytest.mark.parametrize("word", ["Available", "Occupied", "Reserved", "Unavailable", "Faulted"])
def test_the_words_of_later_versions_are_kept_as_they_are_with_their_connector(
    world: World, word: str
) -> None:
    reported = StatusReported(evse=2, connector=3, status=word, error=None, device_at_us=NOON)
    assert world.send(reported) == Acknowledged()
    assert world.state().connectors == {(2, 3): ConnectorState(word, None, NOON)}
    assert world.events("connector.status")[0]["status"] == word


def test_of_more_connectors_than_a_station_can_have_statuses_are_only_logged(world: World) -> None:
    for evse in range(1, KEPT_CONNECTORS + 3):
        assert world.send(_status("Available", evse=evse)) == Acknowledged()
    world.send(_status("Faulted", evse=1))

    assert len(world.state().connectors) == len(world.tables.statuses) == KEPT_CONNECTORS
    assert world.tables.statuses["CP-1", 1, 1].status == "Faulted"
    logged = world.events("connector.status")
    assert [one["evse"] for one in logged if one.get("kept") is False] == [
        KEPT_CONNECTORS + 1,
        KEPT_CONNECTORS + 2,
    ]
