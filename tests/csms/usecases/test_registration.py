"""Boots and heartbeats."""

from __future__ import annotations

import pytest

from csms.domain.answers import BootAnswer, HeartbeatAnswer
from csms.domain.events import Booted, HeartbeatReceived
from csms.domain.records import StationBooted
from csms.domain.station import Registration
from csms.ports import Policy
from tests.csms.usecases.world import NOON, World


@pytest.mark.parametrize("registration", list(Registration))
def test_a_boot_is_recorded_and_answered_with_the_operators_decision(
    world: World, registration: Registration
) -> None:
    world.registration = registration
    world.policy = Policy(heartbeat_interval_s=77)
    event = Booted(vendor="Acme", model="One", serial="S", firmware="1.2", details='{"iccid":"8"}')
    assert world.send(event) == BootAnswer(registration, NOON, 77)
    assert world.state().boot_answer is registration
    assert world.tables.of_type(StationBooted) == [
        StationBooted("Acme", "One", "S", "1.2", '{"iccid":"8"}', registration.value, NOON, "CP-1")
    ]
    (event_data,) = world.events("station.booted")
    assert event_data == {
        "id": "CP-1",
        "vendor": "Acme",
        "model": "One",
        "serial": "S",
        "firmware": "1.2",
        "boot_status": registration.value,
        "booted_at": "2026-05-28T20:26:40.000Z",
    }


def test_a_heartbeat_tells_the_time_and_leaves_no_trace(world: World) -> None:
    assert world.send(HeartbeatReceived()) == HeartbeatAnswer(NOON)
    assert world.tables.log == []
