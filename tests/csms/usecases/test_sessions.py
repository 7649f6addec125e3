"""What a connection remembers stays within bounds."""

from __future__ import annotations

from csms.domain.answers import StartAnswer
from csms.domain.station import KEPT_ENDED, KEPT_OPEN
from csms.domain.transaction import StartKey, Transaction
from csms.usecases import sessions
from tests.csms.usecases.world import HOUR, NOON, SECOND, World, start, stop


def _start(world: World, at_us: int, evse: int) -> str:
    answer = world.send(start(at_us, evse=evse))
    assert isinstance(answer, StartAnswer)
    return answer.ocpp_id


def test_every_open_transaction_is_remembered_and_only_the_newest_ended_ones(world: World) -> None:
    opened = [_start(world, NOON - HOUR, evse) for evse in range(2, 40)]
    ended: list[str] = []
    for n in range(KEPT_ENDED + 5):
        ended.append(_start(world, NOON - HOUR + n * SECOND, 1))
        world.send(stop(ended[-1]))
    assert set(world.state().transactions) == {*opened, *ended[-KEPT_ENDED:]}


def test_of_more_open_ones_than_any_station_has_the_oldest_stay_in_the_store_alone(world: World) -> None:
    world.send(stop(_start(world, NOON - HOUR, 1)))
    state = world.state()
    (ended,) = state.transactions
    for n in range(KEPT_OPEN + 3):
        # A start on EVSE 0 ends nothing, so a station can open as many as it likes.
        key = StartKey(0, 0, b"", f"start {n}", 0.0)
        transaction = Transaction(
            id=f"id-{n}",
            ocpp_id=f"{n + 100}",
            key=key,
            started_at_us=NOON,
            last_energy_wh=None,
            last_energy_at_us=None,
        )
        sessions.remember(state, transaction)
    assert list(state.transactions) == [ended, *(f"{n + 100}" for n in range(3, KEPT_OPEN + 3))]


def test_what_ended_long_ago_but_was_told_just_now_is_not_the_first_to_be_forgotten(world: World) -> None:
    for n in range(KEPT_ENDED):
        world.send(stop(_start(world, NOON - HOUR + n * SECOND, 1)))
    replayed = _start(world, NOON - 900 * HOUR, 1)
    world.send(stop(replayed, NOON - 899 * HOUR))
    assert replayed in world.state().transactions


def test_what_began_long_ago_but_ended_just_now_is_not_the_first_to_be_forgotten(world: World) -> None:
    long = _start(world, NOON - HOUR, 2)
    for n in range(KEPT_ENDED):
        world.send(stop(_start(world, NOON - HOUR + n * SECOND, 1)))
    world.send(stop(long))
    assert long in world.state().transactions
