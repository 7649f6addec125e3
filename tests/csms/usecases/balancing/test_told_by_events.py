"""Cars of stations that tell of their transactions by events (OCPP 2.x): the EVSE may come late, the state with it."""

from __future__ import annotations

from typing import Any

from csms.domain.site import OpenTransaction
from csms.domain.told_records import (
    TransactionUpdated,
)
from csms.usecases.balancing.decisions import STEPS, read_steps
from tests.csms.usecases.balancing.scripted import World, closed, opened, sample


def settled() -> World:
    world = World()
    world.run(5)
    return world


def updated(world: World, transaction: str, *, evse: int = 1, **said: Any) -> TransactionUpdated:
    fields: dict[str, Any] = {
        "connector": evse,
        "token_hmac": None,
        "token_verdict": None,
        "started_at_us": world.now_us,
        "device_started_at": "",
        "meter_start_wh": None,
        "reservation_id": None,
        "orphan": 0,
        "charging_state": None,
        "phases_used": None,
        "remote_start_id": None,
        "told": "{}",
        "id": transaction,
        "station_id": "CP-1",
        "ocpp_id": "17",
        "active": 1,
    }
    return TransactionUpdated(evse=evse, **(fields | said))


def wants(world: World) -> list[bool | None]:
    return [
        observed[-1]
        for entry in (one for one in world.decisions if one.kind == STEPS)
        for step in read_steps(entry.data)
        for observed in step.observations
        if observed[0] == "Measured"
    ]


def test_a_car_whose_evse_is_learned_later_gets_its_limit_then():
    world = settled()
    world.tell(opened("CP-1", "t1", world.now_us, evse=0), updated(world, "t1", evse=0))
    world.run(2)
    assert world.evse("CP-1").transaction_id is None

    world.stations["CP-1"].cars[1] = ("t1", 32.0)
    world.tell(updated(world, "t1"))
    world.run(2)

    assert world.evse("CP-1").transaction_id == "t1"
    assert world.running_a("CP-1") == 32.0


def test_a_car_whose_started_has_not_come_counts_all_the_same():
    world = settled()
    world.tell(opened("CP-1", "t1", world.now_us, orphan=1), updated(world, "t1", orphan=1))
    world.run(2)

    assert world.evse("CP-1").transaction_id == "t1"


def test_what_becomes_known_of_a_car_that_left_brings_it_not_back():
    world = settled()
    world.tell(opened("CP-1", "t1", world.now_us), updated(world, "t1"))
    world.run(2)
    world.tell(updated(world, "t1", active=0), closed("t1", world.now_us))
    world.run(2)
    world.tell(updated(world, "t1", active=0), updated(world, "t2", active=0))
    world.tell(updated(world, "t1"))
    world.run(2)

    assert world.evse("CP-1").transaction_id is None
    assert world.loop._seen._charging_states == {}


def test_an_update_and_the_end_in_one_unit_leave_nobody_there():
    world = settled()
    world.tell(opened("CP-1", "t1", world.now_us, orphan=1), updated(world, "t1"), closed("t1", world.now_us))
    world.run(2)

    assert world.evse("CP-1").transaction_id is None


def test_a_car_stays_on_the_evse_that_was_told_first():
    world = settled()
    world.tell(opened("CP-1", "t1", world.now_us), updated(world, "t1"))
    world.run(2)
    world.tell(updated(world, "t1", evse=2))
    world.run(2)

    assert world.evse("CP-1").transaction_id == "t1"


def test_a_car_that_pauses_by_itself_is_heard_by_its_charging_state_too():
    world = settled()
    world.plug_in("CP-1", "t1")
    world.tell(updated(world, "t1", charging_state="SuspendedEV"), sample("CP-1", "t1", world.now_us, 0.0))
    world.run(15)
    world.tell(updated(world, "t1", charging_state="Charging"), sample("CP-1", "t1", world.now_us, 0.0))
    world.run(15)

    assert wants(world)[0] is False
    assert wants(world)[-1] is None


def test_a_charging_state_that_was_stored_is_known_after_a_restart():
    world = settled()
    world.transactions = {
        "t1": OpenTransaction(
            id="t1",
            ocpp_id="17",
            station_id="CP-1",
            evse=1,
            started_at_us=world.now_us,
            charging_state="SuspendedEV",
        ),
        "gone": OpenTransaction(
            id="gone", ocpp_id="18", station_id="CP-9", evse=1, started_at_us=world.now_us
        ),
    }
    world.start()
    world.run(1)

    assert world.loop._seen._charging_states == {"t1": "SuspendedEV"}
