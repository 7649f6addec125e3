"""A transaction that events tell of: opened, gone on with, ended and judged; over the real store."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from csms.domain.answers import Forbidden, StationAnswer, TransactionEventAnswer
from csms.domain.events import Booted, SamplesReported
from csms.domain.metering import SignedValue
from csms.domain.station import Registration
from csms.domain.token import Judgement, Verdict
from csms.domain.told_records import (
    TransactionUpdated,
)
from csms.ports import TransactionEventKnown
from tests.csms.usecases.events_told import MINUTE, ended, register, started, updated
from tests.csms.usecases.stored_world import StoredWorld
from tests.csms.usecases.world import HOUR, NOON, sample, start, stop


@pytest.fixture
def world(stored_world: StoredWorld) -> StoredWorld:
    stored_world.now_us = NOON + HOUR
    return stored_world


def verdict(answer: StationAnswer) -> Verdict | None:
    assert isinstance(answer, TransactionEventAnswer)
    return None if answer.judgement is None else answer.judgement.verdict


def row(world: StoredWorld, ocpp_id: str = "tx-a") -> dict[str, Any]:
    (found,) = world.table("transactions", ocpp_id=ocpp_id)
    return found


# --- beginnings


def test_a_started_opens_a_transaction_at_its_evse(world: StoredWorld):
    answer = world.send(started(evse=2, connector=1, uid="TAG", samples=(register(0, 500.0),)))

    assert verdict(answer) is Verdict.ACCEPTED
    found = row(world)
    assert (found["evse"], found["connector"], found["token_id"]) == (2, 1, "token-TAG")
    assert (found["started_at_us"], found["meter_start_wh"], found["orphan"]) == (NOON, 500.0, 0)
    assert found["ended_at_us"] is None
    assert world.events("transaction.started") == [
        {
            "id": found["id"],
            "ocpp_transaction_id": "tx-a",
            "station_id": "CP-1",
            "evse": 2,
            "connector": 1,
            "started_at": "2026-05-28T20:26:40.000Z",
            "ended_at": None,
            "active": True,
            "meter_start_wh": 500.0,
            "orphan": False,
            "state": None,
        }
    ]


def test_a_message_that_names_no_token_is_answered_without_a_verdict(world: StoredWorld):
    assert world.send(started(evse=1)) == TransactionEventAnswer(None)


@pytest.mark.parametrize(("uid", "token_type"), [("", "NoAuthorization"), ("", ""), ("x", "NoAuthorization")])
def test_who_presses_a_button_is_accepted_and_no_token_is_kept(world: StoredWorld, uid: str, token_type: str):
    answer = world.send(started(evse=1, uid=uid, token_type=token_type))

    assert answer == TransactionEventAnswer(Judgement(verdict=Verdict.ACCEPTED))
    assert row(world)["token_id"] is None
    assert [token["uid"] for token in world.table("tokens")] == ["TAG"]


def test_token_and_evse_may_come_later(world: StoredWorld):
    world.send(started(trigger="CablePluggedIn"))
    world.send(updated(1, uid="TAG", trigger="Authorized"))
    world.send(updated(2, evse=1))
    world.send(updated(3, evse=1, connector=2))
    world.send(updated(4, evse=3, connector=1, uid="OTHER"))

    found = row(world)
    assert (found["evse"], found["connector"], found["token_id"]) == (1, 2, "token-TAG")
    places = [(line["evse"], line["connector"]) for line in world.events("transaction.updated")]
    assert places == [(0, 0), (1, 0), (1, 2)]


def test_a_token_nobody_registered_is_kept_as_seen(world: StoredWorld):
    assert verdict(world.send(started(evse=1, uid="NEW"))) is Verdict.INVALID

    (seen,) = world.table("tokens", uid="NEW")
    assert (seen["status"], row(world)["token_id"]) == ("Seen", seen["id"])
    assert row(world)["token_verdict"] == "Invalid"


def test_a_token_that_we_made_up_for_a_remote_start_is_good_also_when_it_comes_again(world: StoredWorld):
    remote = started(evse=1, uid="d0b7", token_type="Central", remote_start_id=12)

    assert verdict(world.send(remote)) is Verdict.ACCEPTED
    world.index = dict(world.tables.tokens)
    assert verdict(world.send(updated(1, uid="d0b7", token_type="Central"))) is Verdict.ACCEPTED
    assert row(world)["remote_start_id"] == 12


def test_an_updated_whose_started_has_not_come_opens_an_orphan_until_it_comes(world: StoredWorld):
    world.send(updated(3, evse=1, charging_state="Charging"))
    assert row(world)["orphan"] == 1
    assert world.events("transaction.started")[0]["orphan"]

    world.send(started(0, uid="TAG"))

    found = row(world)
    assert (found["orphan"], found["started_at_us"], found["evse"]) == (0, NOON, 1)
    assert world.events("transaction.updated")[-1]["orphan"] is False


def test_an_ended_whose_started_has_not_come_is_an_ended_orphan(world: StoredWorld):
    world.send(ended(5, evse=1, samples=(register(5, 9000.0, "Transaction.End"),), uid="TAG"))

    found = row(world)
    assert (found["orphan"], found["closed_by"], found["meter_stop_wh"]) == (1, "station", 9000.0)
    assert [line["orphan"] for line in world.events("transaction.ended")] == [True]
    assert not world.events("transaction.started")


def test_a_station_that_gives_an_id_of_ours_to_a_transaction_of_its_own_gets_another_transaction(
    world: StoredWorld,
):
    world.send(start(NOON, uid="TAG"))
    (ours,) = world.table("transactions")

    world.send(started(ocpp_id=ours["ocpp_id"], evse=2))
    world.send(stop(ours["ocpp_id"], NOON + MINUTE))

    first, second = world.table("transactions")
    assert (first["told"], first["closed_by"]) == (None, "station")
    assert (second["told"] is None, second["closed_by"]) == (False, None)


def test_starts_of_two_transactions_in_one_second_without_a_place_do_not_clash(world: StoredWorld):
    world.send(started(ocpp_id="one", at_us=NOON))
    world.send(started(ocpp_id="two", at_us=NOON))

    assert len(world.table("transactions")) == 2


def test_an_id_of_a_kind_that_we_would_never_give_is_the_stations_own(world: StoredWorld):
    world.send(started(ocpp_id="-1", evse=1))
    world.crash()
    world.send(ended(1, ocpp_id="-1"))

    assert row(world, "-1")["closed_by"] == "station"


# --- what it goes on with


def test_what_changes_is_told_and_what_stays_is_not(world: StoredWorld):
    world.send(started(evse=1, charging_state="EVConnected"))
    world.send(updated(1, charging_state="Charging", phases_used=1))
    world.send(updated(2, charging_state="Charging"))
    world.send(updated(3, uid="TAG"))
    world.send(updated(4, samples=(register(4, 1.0),)))

    states = [line["state"] for line in world.events("transaction.updated")]
    assert states == [
        "Charging",
        "Charging",
        "Charging",
    ]  # the state, the token, the register at the beginning
    assert (row(world)["charging_state"], row(world)["phases_used"]) == ("Charging", 1)


def test_readings_are_kept_with_the_transaction_at_its_evse(world: StoredWorld):
    value = SignedValue(at_us=NOON, context="c", measurand="m", encoding="e", data=b"signed")
    world.send(started(evse=2, connector=1))
    world.send(updated(1, samples=(register(1, 10.0), register(2, 20.0)), signed=(value,)))

    kept = [(s["evse"], s["connector"], s["energy_wh"]) for s in world.table("samples")]
    assert kept == [(2, 1, 10.0), (2, 1, 20.0)]
    assert [signed["evse"] for signed in world.table("signed_values")] == [2]
    assert {s["transaction_id"] for s in world.table("samples")} == {row(world)["id"]}


def test_a_reading_that_names_its_evse_alone_belongs_to_what_charges_there(world: StoredWorld):
    world.send(started(evse=2, connector=1))
    readings = SamplesReported(evse=2, connector=0, ocpp_id=None, samples=(sample(NOON + MINUTE, 70.0),))
    world.send(readings)
    world.send(structs.replace(readings, evse=1))

    first, second = world.table("samples")
    assert (first["transaction_id"], first["connector"]) == (row(world)["id"], 1)
    assert (second["transaction_id"], second["connector"]) == (None, 0)


def test_a_gap_in_the_numbers_is_seen_in_what_is_kept(world: StoredWorld):
    for event in (started(evse=1), updated(1), updated(4, offline=True)):
        world.send(event)

    kept = [(one["seq_no"], one["stage"], one["offline"]) for one in world.table("transaction_events")]
    assert kept == [(0, "Started", 0), (1, "Updated", 0), (4, "Updated", 1)]


def test_in_order_nothing_is_asked_of_the_store_but_once_for_the_transaction(world: StoredWorld):
    for event in (started(evse=1), updated(1), updated(2), ended(3)):
        world.send(event)

    assert len(world.lookups) == 1
    world.send(updated(2))
    assert isinstance(world.lookups[-1], TransactionEventKnown)


# --- ends


@pytest.mark.parametrize("crash", [False, True])
def test_an_end_without_a_register_takes_the_last_plausible_reading(world: StoredWorld, crash: bool):
    world.send(started(evse=1, samples=(register(0, 1000.0),)))
    world.send(updated(1, samples=(register(1, 1500.0), register(2, 2500.0))))
    world.send(updated(2, samples=(register(3, 9e12), register(4, 3.0))))
    if crash:
        world.crash()
    world.send(ended(5))

    assert row(world)["meter_stop_wh"] == 2500.0


def test_where_no_plausible_register_follows_the_first_none_is_claimed(world: StoredWorld):
    world.send(started(evse=1, samples=(register(0, 1000.0),)))
    world.send(ended(5, samples=(register(0, 1000.0, "Transaction.Begin"),)))
    world.send(started(ocpp_id="tx-b", evse=2, samples=(register(0, 1000.0),)))
    world.send(updated(1, ocpp_id="tx-b", samples=(register(1, 9e12),)))
    world.send(ended(5, ocpp_id="tx-b"))

    assert [one["meter_stop_wh"] for one in world.table("transactions")] == [None, None]
    assert {tuple(line["doubts"]) for line in world.events("transaction.ended")} == {("meter-not-said",)}


@pytest.mark.parametrize("begin", [(), (register(0, 1000.0, "Transaction.Begin"),)])
def test_readings_beside_the_events_stand_in_for_registers_that_these_leave_out(
    world: StoredWorld, begin: tuple[Any, ...]
):
    world.send(started(evse=1, samples=begin))
    world.send(SamplesReported(evse=1, connector=0, ocpp_id=None, samples=(sample(NOON + MINUTE, 1400.0),)))
    world.send(ended(5))

    assert row(world)["meter_stop_wh"] == 1400.0


def test_of_several_ends_the_last_counts_whichever_came_first(world: StoredWorld):
    world.send(started(evse=1, samples=(register(0, 50.0),)))
    world.send(ended(7, stop_reason="Local", samples=(register(7, 300.0),)))
    world.send(ended(4, stop_reason="PowerLoss", samples=(register(4, 100.0),)))

    assert (row(world)["stop_reason"], row(world)["meter_stop_wh"]) == ("Local", 300.0)
    assert len(world.events("transaction.ended")) == 1
    assert not world.events("transaction.updated")


def test_a_late_reading_of_an_ended_transaction_mends_its_end(world: StoredWorld):
    world.send(started(evse=1, samples=(register(0, 100.0),)))
    world.send(ended(9))
    world.crash()
    world.send(updated(5, samples=(register(5, 700.0),), offline=True))

    assert row(world)["meter_stop_wh"] == 700.0
    assert [line["energy_wh"] for line in world.events("transaction.updated")] == [600.0]


def test_the_next_start_at_the_evse_ends_a_forgotten_transaction_and_its_own_end_corrects_that(
    world: StoredWorld,
):
    world.send(started(evse=1, connector=1, samples=(register(0, 100.0),)))
    world.send(updated(1, samples=(register(1, 400.0),)))
    world.send(started(10, ocpp_id="tx-b", evse=1, connector=2, samples=(register(10, 500.0),)))

    first = row(world)
    assert (first["closed_by"], first["ended_at_us"]) == ("next-start", NOON + MINUTE)
    assert first["meter_stop_wh"] == 400.0
    world.send(updated(2, charging_state="Charging"))
    assert row(world)["closed_by"] == "next-start"
    assert world.events("transaction.updated")[-1]["active"] is False

    world.send(ended(3, samples=(register(3, 450.0),)))
    first = row(world)
    assert (first["closed_by"], first["meter_stop_wh"]) == ("station", 450.0)
    assert row(world, "tx-b")["ended_at_us"] is None


@pytest.mark.parametrize("next_register", [(), (register(10, 500.0),)])
def test_a_forgotten_transaction_without_readings_ends_when_the_next_one_starts(
    world: StoredWorld, next_register: tuple[Any, ...]
):
    world.send(started(evse=1))
    world.send(started(10, ocpp_id="tx-b", evse=1, samples=next_register))

    first = row(world)
    assert (first["closed_by"], first["ended_at_us"]) == ("next-start", NOON + 10 * MINUTE)
    assert first["meter_stop_wh"] == (500.0 if next_register else None)


def test_no_transaction_ends_by_an_older_one_or_one_elsewhere_or_before_it_is_known_to_have_started(
    world: StoredWorld,
):
    world.send(started(5, evse=1))
    world.send(started(0, ocpp_id="older", evse=1))
    world.send(started(6, ocpp_id="elsewhere", evse=2))
    world.send(started(7, ocpp_id="nowhere"))
    world.send(updated(8, ocpp_id="orphan", evse=1))
    assert all(one["ended_at_us"] is None for one in world.table("transactions"))

    world.send(started(7, ocpp_id="orphan"))

    ended_ones = [one["ocpp_id"] for one in world.table("transactions", closed_by="next-start")]
    assert ended_ones == ["tx-a", "older"]


def test_a_start_of_a_station_that_went_back_to_starts_and_stops_ends_what_events_told_of(world: StoredWorld):
    world.send(started(evse=1, connector=1))
    world.send(start(NOON + HOUR // 2, uid="TAG"))

    assert row(world)["closed_by"] == "next-start"


# --- what stations do wrong


def test_a_station_that_counts_wrongly_loses_nothing(world: StoredWorld):
    world.send(started(0, evse=1, at_us=NOON))
    world.send(updated(0, at_us=NOON + MINUTE, samples=(register(1, 10.0),)))
    world.send(updated(0, at_us=NOON + 2 * MINUTE, samples=(register(2, 20.0),)))
    world.send(ended(0, at_us=NOON + 3 * MINUTE, samples=(register(3, 30.0),)))

    found = row(world)
    assert (found["meter_start_wh"], found["meter_stop_wh"], found["closed_by"]) == (10.0, 30.0, "station")
    assert len(world.table("transaction_events")) == 4


def test_a_station_that_counts_anew_in_mid_transaction_is_believed_what_its_car_does_now(world: StoredWorld):
    world.send(started(0, evse=1))
    world.send(updated(57, charging_state="SuspendedEV", at_us=NOON + 5 * MINUTE))
    world.send(updated(1, charging_state="Charging", at_us=NOON + 6 * MINUTE))

    assert row(world)["charging_state"] == "Charging"
    world.send(updated(56, charging_state="EVConnected", at_us=NOON + 4 * MINUTE, offline=True))
    assert row(world)["charging_state"] == "Charging"


@pytest.mark.parametrize("crash", [False, True])
def test_an_id_that_is_given_again_after_the_end_is_another_transactions(world: StoredWorld, crash: bool):
    """Some stations count from 1 again after a restart."""
    first = (
        started(0, evse=1, samples=(register(0, 100.0),)),
        updated(1, samples=(register(1, 200.0),)),
        ended(2, samples=(register(2, 300.0),)),
    )
    second = (
        started(0, evse=2, at_us=NOON + 10 * MINUTE, samples=(register(10, 300.0),)),
        updated(1, at_us=NOON + 11 * MINUTE, samples=(register(11, 500.0),)),
    )
    for one in (*first, *second):
        world.send(one)
        if crash:
            world.crash()
    told = [(one["evse"], one["meter_start_wh"], one["meter_stop_wh"]) for one in world.table("transactions")]
    assert told == [(1, 100.0, 300.0), (2, 300.0, None)]
    assert [kept.active for kept in world.state().transactions.values()] == [True]
    assert len(world.events("transaction.started")) == 2

    for one in (*first, *second):
        world.send(one)
    assert len(world.table("transactions")) == 2
    assert [one["ended_at_us"] for one in world.table("transactions")] == [NOON + 2 * MINUTE, None]

    world.send(ended(2, at_us=NOON + 12 * MINUTE, samples=(register(12, 900.0),)))
    told = [(one["evse"], one["meter_start_wh"], one["meter_stop_wh"]) for one in world.table("transactions")]
    assert told == [(1, 100.0, 300.0), (2, 300.0, 900.0)]
    assert [len(world.table("samples", transaction_id=one["id"])) for one in world.table("transactions")] == [
        3,
        3,
    ]


def test_what_is_resumed_without_an_end_or_started_twice_by_other_numbers_stays_one(world: StoredWorld):
    world.send(started(0, evse=1))
    world.send(started(0, at_us=NOON + 5 * MINUTE))
    world.send(ended(7))
    world.send(started(9))

    assert len(world.table("transactions")) == 1


def test_an_event_without_a_trusted_clock_counts_from_its_receipt(world: StoredWorld):
    world.send(started(evse=1, at_us=None))

    assert row(world)["started_at_us"] == NOON + HOUR


def test_a_station_that_is_not_accepted_is_heard(world: StoredWorld):
    world.registration = Registration.REJECTED
    world.send(Booted(vendor="Acme", model="One"))

    assert not isinstance(world.send(started(evse=1)), Forbidden)
    assert len(world.table("transactions")) == 1


def test_what_is_lost_before_it_was_stored_is_taken_whole_when_it_comes_again(world: StoredWorld):
    world.send(started(evse=1), stored=False)
    world.crash()
    world.send(started(evse=1, uid="TAG"))

    assert row(world)["token_id"] == "token-TAG"


def test_followers_are_told_where_a_transaction_is_and_whether_it_goes_on(world: StoredWorld):
    world.send(started(evse=1))
    world.send(ended(1))

    told = [
        (one.station_id, one.ocpp_id, one.evse, one.active)
        for one in world.tables.of_type(TransactionUpdated)
    ]
    assert told == [("CP-1", "tx-a", 1, 1), ("CP-1", "tx-a", 1, 0)]
