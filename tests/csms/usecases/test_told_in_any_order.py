"""However a station's events of a transaction come, the same transaction is stored, over the real store."""

from __future__ import annotations

from itertools import permutations
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from csms.domain.answers import TransactionEventAnswer
from csms.domain.events import TransactionEventReported, TransactionStage
from csms.domain.metering import Sample, SignedValue
from tests.csms.usecases.events_told import ended, register, started, updated
from tests.csms.usecases.stored_world import Shelf, StoredWorld
from tests.csms.usecases.world import HOUR, NOON, SECOND

OF_ARRIVAL = {"id", "number", "received_at_us", "end_received_at_us", "told", "token_id", "stop_token_id"}
"""What the order of arrival may decide: our own ids, and when something came."""
UNTIL_KNOWN = {"evse", "connector", "digest", "transaction_id"}
"""Readings stay at EVSE 0 that came before their EVSE was known."""


def told(shelf: Shelf, events: list[TransactionEventReported], crashes: frozenset[int]) -> StoredWorld:
    """Tell a world of the events a minute apart; before those of `crashes` its memory is lost."""
    world = StoredWorld(shelf)
    for uid in ("TAG", "OTHER"):
        world.add_token(uid, group="fleet")
    world.now_us = NOON + 30 * HOUR
    for position, event in enumerate(events):
        if position in crashes:
            world.crash()
        assert isinstance(world.send(event), TransactionEventAnswer)
        world.now_us += 60 * SECOND
    return world


def stored(world: StoredWorld) -> dict[str, Any]:
    """Return what must not depend on the order."""
    uids = {row["id"]: row["uid"] for row in world.table("tokens")}
    (row,) = world.table("transactions")
    assert {sample["transaction_id"] for sample in world.table("samples")} <= {row["id"]}
    assert {event["transaction_id"] for event in world.table("transaction_events")} == {row["id"]}
    return {
        "transaction": {name: value for name, value in row.items() if name not in OF_ARRIVAL},
        "token": uids.get(row["token_id"]),
        "stop_token": uids.get(row["stop_token_id"]),
        "events": _all(world.table("transaction_events"), OF_ARRIVAL | UNTIL_KNOWN),
        "samples": _all(world.table("samples"), OF_ARRIVAL | UNTIL_KNOWN),
        "signed": _all(world.table("signed_values"), OF_ARRIVAL | UNTIL_KNOWN),
    }


def _all(rows: list[dict[str, Any]], but: set[str]) -> list[list[str]]:
    said = [[repr(value) for name, value in row.items() if name not in but] for row in rows]
    return sorted({tuple(row): row for row in said}.values())


# --- a plain session

SESSION = [
    started(0, charging_state="EVConnected", trigger="CablePluggedIn"),
    updated(1, trigger="Authorized", uid="TAG", remote_start_id=7, reservation_id=3),
    updated(2, evse=1, connector=1, charging_state="Charging", phases_used=3, samples=(register(2, 1000.0),)),
    updated(3, samples=(register(3, 2000.0),), charging_state="SuspendedEV"),
    ended(4, uid="OTHER", stop_reason="Local", samples=(register(4, 3000.0, "Transaction.End"),)),
]


def test_a_plain_session_is_stored_whole_in_each_of_its_orders(shelf: Shelf):
    first = stored(told(shelf, SESSION, frozenset()))
    transaction = first["transaction"]

    assert {name: transaction[name] for name in ("evse", "connector", "orphan", "charging_state")} == {
        "evse": 1,
        "connector": 1,
        "orphan": 0,
        "charging_state": "SuspendedEV",
    }
    assert (transaction["meter_start_wh"], transaction["meter_stop_wh"]) == (1000.0, 3000.0)
    assert (transaction["phases_used"], transaction["remote_start_id"]) == (3, 7)
    assert (transaction["reservation_id"], transaction["stop_reason"]) == (3, "Local")
    assert (transaction["closed_by"], transaction["token_verdict"]) == ("station", "Accepted")
    assert (first["token"], first["stop_token"]) == ("TAG", "OTHER")
    assert (len(first["events"]), len(first["samples"])) == (5, 3)
    for order in permutations(SESSION):
        assert stored(told(shelf, list(order), frozenset({2}))) == first


# --- anything

TIMES = st.integers(0, 20 * 3600).map(lambda seconds: NOON + seconds * SECOND)


@st.composite
def any_sample(draw: st.DrawFn) -> Sample:
    at_us = draw(TIMES)
    return Sample(
        at_us=at_us,
        device_at_us=at_us,
        received_at_us=NOON,
        context=draw(st.sampled_from(["Sample.Periodic", "Transaction.Begin", "Transaction.End"])),
        energy_wh=draw(st.none() | st.integers(0, 100).map(lambda kwh: kwh * 1000.0)),
        power_w=draw(st.none() | st.just(11_000.0)),
    )


@st.composite
def any_event(draw: st.DrawFn, seq_no: int) -> TransactionEventReported:
    at_us = draw(TIMES)
    return TransactionEventReported(
        stage=draw(st.sampled_from(TransactionStage)),
        ocpp_id="tx-a",
        seq_no=seq_no,
        trigger=draw(st.sampled_from(["Authorized", "StopAuthorized", "MeterValuePeriodic"])),
        device_at=f"at {seq_no}",
        device_at_us=at_us,
        offline=draw(st.booleans()),
        evse=draw(st.sampled_from([None, None, -1, 0, 1, 2])),
        connector=draw(st.sampled_from([None, 0, 1, 2])),
        uid=draw(st.sampled_from([None, None, "TAG", "OTHER", "NOBODY", ""])),
        token_type=draw(st.sampled_from(["ISO14443", "ISO14443", "NoAuthorization", ""])),
        charging_state=draw(st.sampled_from([None, "Charging", "SuspendedEV", "Idle"])),
        stop_reason=draw(st.sampled_from([None, "Local", "PowerLoss"])),
        remote_start_id=draw(st.none() | st.integers(0, 3)),
        reservation_id=draw(st.none() | st.integers(0, 3)),
        phases_used=draw(st.none() | st.integers(0, 3)),
        samples=tuple(draw(st.lists(any_sample(), max_size=3))),
        signed=tuple(
            SignedValue(at_us=at_us, context="c", measurand="m", encoding="e", data=b"s", device_at_us=at_us)
            for _ in range(draw(st.integers(0, 1)))
        ),
    )


@st.composite
def any_transaction(draw: st.DrawFn) -> list[TransactionEventReported]:
    """Draw events of one transaction with numbers that may have gaps, in the order of their numbers."""
    numbers = draw(st.lists(st.integers(0, 12), min_size=1, max_size=7, unique=True).map(sorted))
    return [draw(any_event(number)) for number in numbers]


@given(data=st.data())
def test_any_order_with_any_of_them_twice_and_any_crash_ends_in_the_same_transaction(
    shelf: Shelf, data: st.DataObject
):
    events = data.draw(any_transaction(), label="events")
    again = data.draw(st.lists(st.sampled_from(events), max_size=4), label="again")
    order = data.draw(st.permutations([*events, *again]), label="order")
    crashes = data.draw(st.frozensets(st.integers(1, len(order))), label="crashes")

    in_order = stored(told(shelf, events, frozenset()))
    out_of_order = stored(told(shelf, order, crashes))

    assert out_of_order == in_order


@given(data=st.data())
def test_an_event_sent_again_is_answered_equally_and_nothing_is_written(shelf: Shelf, data: st.DataObject):
    events = data.draw(any_transaction(), label="events")
    world = StoredWorld(shelf)
    world.add_token("TAG", max_concurrent=1)
    answers = [world.send(event) for event in events]
    before = {name: world.table(name) for name in ("transactions", "transaction_events", "samples", "events")}
    if data.draw(st.booleans(), label="crash"):
        world.crash()

    again = [world.send(event) for event in events]

    tokens_of_start = {world.table("transactions")[0]["token_id"]}
    assert {name: world.table(name) for name in before} == before
    for event, one, other in zip(events, answers, again, strict=True):
        if event.uid is None or f"token-{event.uid}" in tokens_of_start:
            assert one == other


@given(data=st.data())
def test_what_memory_holds_is_what_the_store_gives_back(shelf: Shelf, data: st.DataObject):
    order = data.draw(any_transaction().flatmap(st.permutations), label="order")
    world = told(shelf, order, frozenset())

    (live,) = world.state().transactions.values()
    (loaded,) = world.stored_state("CP-1").transactions.values()

    readings = {"last_energy_wh": None, "last_energy_at_us": None}
    assert structs.replace(live, **readings) == structs.replace(loaded, **readings)
