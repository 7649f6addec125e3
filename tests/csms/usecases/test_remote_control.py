"""What is decided about operators' commands before they leave."""

from __future__ import annotations

import pytest
from msgspec import structs

from csms.domain import remote_control as rc
from csms.domain.commands import Priority
from csms.domain.errors import Invalid
from csms.domain.station import ConnectorState, Registration, StationState
from csms.domain.token import Verdict
from csms.usecases import remote_control
from csms.usecases.remote_control import Place, doubts, place_of

STATE = StationState(
    id="CP-1",
    site_id=None,
    managed=False,
    registration=Registration.ACCEPTED,
    connectors={(0, 0): ConnectorState("Available", None, 1), (1, 2): ConnectorState("Available", None, 1)},
)


@pytest.mark.parametrize(
    ("command", "place"),
    [
        (rc.RemoteStart(uid="x", evse=0), Place(0)),
        (rc.RemoteStart(uid="x"), None),
        (rc.Reset(kind=rc.ResetKind.SOFT, evse=1), Place(1)),
        (rc.Reset(kind=rc.ResetKind.SOFT), None),
        (rc.Unlock(evse=1, connector=2), Place(1, 2)),
        (rc.TriggerMessage(message="x", evse=1, connector=2), Place(1, 2)),
        (rc.TriggerMessage(message="x", evse=1), Place(1)),
        (rc.TriggerMessage(message="x"), None),
        (rc.ChangeAvailability(operative=True, evse=3), Place(3)),
        (rc.ChangeAvailability(operative=True, evse=0), None),
        (rc.SetChargingProfile(evse=0, profile={}), None),
        (rc.GetCompositeSchedule(evse=1, duration_s=1), Place(1)),
        (rc.ClearChargingProfile(), None),
        (rc.ClearCache(), None),
        (rc.RawCall(action="Reset", payload=b"{}"), None),
    ],
)
def test_commands_name_places(command: rc.StationCommand, place: Place | None):
    assert place_of(command) == place


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (rc.Unlock(evse=1, connector=2), []),
        (rc.TriggerMessage(message="x", evse=1), []),
        (rc.Unlock(evse=1, connector=1), ["the station has not said that it has connector 1 of EVSE 1"]),
        (rc.SetChargingProfile(evse=9, profile={}), ["the station has not said that it has EVSE 9"]),
    ],
)
def test_a_place_that_was_never_reported_is_doubted(command: rc.StationCommand, said: list[str]):
    assert list(doubts(command, state=STATE)) == said


@pytest.mark.parametrize("verdict", Verdict)
def test_a_token_that_may_not_charge_is_doubted(verdict: Verdict):
    said = list(doubts(rc.RemoteStart(uid="x"), verdict=verdict))
    assert said == ([] if verdict is Verdict.ACCEPTED else [f"the token would be told {verdict.value} here"])


def test_a_remote_start_has_a_number_of_its_command():
    start = rc.RemoteStart(uid="x")
    one, again, other = (remote_control.numbered(start, name) for name in ("a", "a", "b"))
    assert one == again != other
    assert isinstance(one, rc.RemoteStart)
    assert 0 <= one.remote_start_id < 2**31
    assert structs.replace(one, remote_start_id=0) == start
    assert remote_control.numbered(rc.ClearCache(), "a") == rc.ClearCache()


def test_what_the_station_does_not_have_can_not_be_stopped():
    with pytest.raises(Invalid) as refused:
        remote_control.stopping(rc.RemoteStop(transaction_id="x"), None)
    assert [problem.path for problem in refused.value.problems] == ["transaction_id"]


def test_ending_a_transaction_goes_first():
    assert remote_control.priority_of(rc.RemoteStop(transaction_id="x")) is Priority.STOP
    assert remote_control.priority_of(rc.ClearCache()) is Priority.OPERATOR
