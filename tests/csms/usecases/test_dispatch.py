"""Every event has its use case; a station that is not accepted is refused what may be refused."""

from __future__ import annotations

from typing import get_args

import pytest

from csms.domain.answers import AuthorizationAnswer, BootAnswer, Forbidden, HeartbeatAnswer
from csms.domain.events import (
    AuthorizationRequested,
    Booted,
    CertificateRequested,
    DeviceEventsReported,
    DeviceModelReported,
    ExternalLimitReported,
    HeartbeatReceived,
    NoticeReceived,
    SamplesReported,
    StationEvent,
    StatusReported,
    UnreadableReceived,
    VendorDataReceived,
)
from csms.domain.station import Registration
from csms.usecases import dispatch
from tests.csms.usecases.events_told import started
from tests.csms.usecases.world import World, sample, start, stop

BOOT = Booted(vendor="Acme", model="One")
REFUSED: list[StationEvent] = [
    HeartbeatReceived(),
    StatusReported(evse=1, connector=1, status="Available", error=None),
    AuthorizationRequested(uid="TAG", token_type="ISO14443"),
    VendorDataReceived(vendor_id="x", message_id=None, data=None),
    NoticeReceived(kind="firmware.status", data="{}"),
    DeviceEventsReported(data="{}"),
    ExternalLimitReported(evse=0, source="EMS", limit_a=16.0),
    CertificateRequested(csr="csr"),
]
KEPT: list[StationEvent] = [
    start(),
    stop("1"),
    started(evse=1),
    DeviceModelReported(request_id=1, seq_no=0, more_follows=False, device_at_us=None, variables=()),
    SamplesReported(evse=1, connector=1, ocpp_id=None, samples=(sample(),)),
    UnreadableReceived(kind="samples", action="MeterValues", payload=b"[", problem="no JSON"),
]


def test_every_event_of_a_station_has_one_use_case() -> None:
    assert set(dispatch.USE_CASES) == set(get_args(StationEvent))


@pytest.mark.parametrize("event", REFUSED + KEPT, ids=lambda event: type(event).__name__)
def test_before_the_first_boot_of_a_connection_everything_is_let_through(
    world: World, event: StationEvent
) -> None:
    world.registration = Registration.REJECTED
    assert not isinstance(world.send(event), Forbidden)


@pytest.mark.parametrize("registration", [Registration.PENDING, Registration.REJECTED])
@pytest.mark.parametrize("event", REFUSED, ids=lambda event: type(event).__name__)
def test_a_station_that_was_told_it_is_not_accepted_is_refused(
    world: World, event: StationEvent, registration: Registration
) -> None:
    world.registration = registration
    world.send(BOOT)
    kept = len(world.tables.log)
    assert isinstance(world.send(event), Forbidden)
    assert len(world.tables.log) == kept


@pytest.mark.parametrize("registration", [Registration.PENDING, Registration.REJECTED])
@pytest.mark.parametrize("event", KEPT, ids=lambda event: type(event).__name__)
def test_what_a_station_charged_is_kept_although_it_is_not_accepted(
    world: World, event: StationEvent, registration: Registration
) -> None:
    world.registration = registration
    world.send(BOOT)
    kept = len(world.tables.log)
    assert not isinstance(world.send(event), Forbidden)
    assert len(world.tables.log) > kept


def test_a_station_may_boot_again_and_is_served_once_it_is_accepted(world: World) -> None:
    world.registration = Registration.PENDING
    world.send(BOOT)
    world.state().registration = Registration.ACCEPTED
    assert isinstance(world.send(HeartbeatReceived()), Forbidden)
    answer = world.send(BOOT)
    assert isinstance(answer, BootAnswer)
    assert answer.registration is Registration.ACCEPTED
    assert isinstance(world.send(HeartbeatReceived()), HeartbeatAnswer)


def test_a_new_connection_starts_with_a_clean_sheet(world: World) -> None:
    world.registration = Registration.PENDING
    world.send(BOOT)
    world.crash()
    answer = world.send(AuthorizationRequested(uid="TAG", token_type="ISO14443"))
    assert isinstance(answer, AuthorizationAnswer)
