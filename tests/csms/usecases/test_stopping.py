"""Transactions end, whatever the stop says of them."""

from __future__ import annotations

from typing import Any

import pytest

from csms.domain.answers import StartAnswer, StopAnswer
from csms.domain.events import TransactionStartReported, TransactionStopReported
from csms.domain.metering import Quality, SignedValue
from csms.domain.records import (
    SampleRecorded,
    SignedValueRecorded,
    TokenSeen,
    TransactionClosed,
    TransactionOpened,
)
from csms.domain.station import KEPT_ENDED
from csms.domain.token import Judgement, TokenStatus, Verdict
from csms.ports import TransactionByOcppId
from tests.csms.usecases.world import HOUR, NOON, SECOND, World, hmac_of, sample, start, stop

SIGNED = SignedValue(
    at_us=NOON, context="Transaction.End", measurand="Energy", encoding="OCMF", data=b"OCMF|\xff"
)


def _start(world: World, event: TransactionStartReported | None = None, **rest: Any) -> str:
    answer = world.send(event or start(NOON - HOUR), **rest)
    assert isinstance(answer, StartAnswer)
    return answer.ocpp_id


def _stop(world: World, event: TransactionStopReported, **rest: Any) -> StopAnswer:
    answer = world.send(event, **rest)
    assert isinstance(answer, StopAnswer)
    return answer


def _orphans(world: World) -> list[TransactionOpened]:
    return [opened for opened in world.tables.of_type(TransactionOpened) if opened.orphan]


# --- the ordinary stop


def test_a_stop_ends_the_transaction_it_names(world: World) -> None:
    ocpp_id = _start(world)
    world.now_us += SECOND
    _stop(world, stop(ocpp_id))
    row = world.row(ocpp_id)
    assert row.closed == TransactionClosed(
        ended_at_us=NOON,
        device_ended_at="2026-05-28T20:26:40.000Z",
        end_received_at_us=NOON + SECOND,
        meter_stop_wh=2000.0,
        stop_reason="Local",
        stop_token_hmac=hmac_of("TAG"),
        closed_by="station",
        id=row.opened.id,
    )
    assert not world.state().transactions[ocpp_id].active


def test_a_stop_is_an_event_in_the_names_of_the_api(world: World) -> None:
    ocpp_id = _start(world)
    _stop(world, stop(ocpp_id))
    assert world.events("transaction.ended") == [
        {
            "id": world.row(ocpp_id).opened.id,
            "ocpp_transaction_id": ocpp_id,
            "station_id": "CP-1",
            "evse": 1,
            "connector": 1,
            "started_at": "2026-05-28T19:26:40.000Z",
            "ended_at": "2026-05-28T20:26:40.000Z",
            "active": False,
            "meter_start_wh": 1000.0,
            "meter_stop_wh": 2000.0,
            "energy_wh": 1000.0,
            "stop_reason": "Local",
            "closed_by": "station",
            "orphan": False,
            "doubts": [],
        }
    ]


def test_the_stops_own_readings_and_register_are_samples_of_the_transaction(world: World) -> None:
    ocpp_id = _start(world)
    readings = (
        sample(NOON - SECOND, 1900.0, quality=Quality.DROPPED_VALUES),
        sample(NOON, context="Transaction.End"),
    )
    _stop(world, stop(ocpp_id, samples=readings, signed=(SIGNED,)), repaired=True)
    kept = [(s.context, s.energy_wh, s.quality) for s in world.samples[1:]]
    assert kept == [
        ("Sample.Periodic", 1900.0, Quality.DROPPED_VALUES),
        ("Transaction.End", None, 0),
        ("Transaction.End", 2000.0, Quality.REPAIRED),
    ]
    assert {(s.transaction_id, s.evse, s.connector) for s in world.samples} == {
        (world.row(ocpp_id).opened.id, 1, 1)
    }


def test_a_register_at_the_end_that_the_station_sent_itself_is_not_doubled(world: World) -> None:
    ocpp_id = _start(world)
    _stop(world, stop(ocpp_id, samples=(sample(NOON, 2000.0, context="Transaction.End"),)))
    assert len(world.samples) == 2


def test_signed_values_are_kept_byte_for_byte(world: World) -> None:
    ocpp_id = _start(world)
    _stop(world, stop(ocpp_id, signed=(SIGNED,)))
    (signed,) = world.tables.of_type(SignedValueRecorded)
    assert signed == SignedValueRecorded(
        "CP-1",
        "depot",
        1,
        world.row(ocpp_id).opened.id,
        NOON,
        NOON,
        "Transaction.End",
        "Energy",
        "OCMF",
        b"OCMF|\xff",
    )


def test_impossible_values_are_kept_as_reported_and_marked(world: World) -> None:
    ocpp_id = _start(world)
    _stop(world, stop(ocpp_id, NOON - 2 * HOUR, meter_wh=0.0))
    closing = world.closing(ocpp_id)
    assert (closing.ended_at_us, closing.meter_stop_wh) == (NOON - 2 * HOUR, 0.0)
    (event,) = world.events("transaction.ended")
    assert event["doubts"] == ["ended-before-start", "meter-below-start"]
    assert event["energy_wh"] == -1000.0


def test_a_register_that_was_not_said_is_not_invented(world: World) -> None:
    ocpp_id = _start(world)
    _stop(world, stop(ocpp_id, meter_wh=None))
    closed = world.row(ocpp_id).closed
    assert closed is not None
    assert closed.meter_stop_wh is None
    assert [row.context for row in world.tables.of_type(SampleRecorded)] == ["Transaction.Begin"]
    data = world.events("transaction.ended")[0]
    assert (data["meter_stop_wh"], data["energy_wh"], data["doubts"]) == (None, None, ["meter-not-said"])


def test_a_stop_without_id_and_register_finds_its_transaction_by_token_and_time(world: World) -> None:
    ocpp_id = _start(world)
    _stop(world, stop(None, meter_wh=None))
    assert world.row(ocpp_id).closed is not None
    assert _orphans(world) == []


def test_an_orphan_without_a_register_is_kept_once(world: World) -> None:
    _stop(world, stop(None, meter_wh=None))
    _stop(world, stop(None, meter_wh=None))
    (orphan,) = _orphans(world)
    assert orphan.meter_start_wh is None


def test_a_stop_with_a_wild_clock_gets_the_time_of_receipt(world: World) -> None:
    ocpp_id = _start(world)
    _stop(world, stop(ocpp_id, 0))
    assert world.closing(ocpp_id).ended_at_us == NOON
    assert world.samples[-1].quality == Quality.RECEIVE_TIME


# --- the verdict


def test_a_stop_without_a_token_gets_no_verdict(world: World) -> None:
    ocpp_id = _start(world)
    assert _stop(world, stop(ocpp_id, uid=None)) == StopAnswer(None)
    assert world.closing(ocpp_id).stop_token_hmac is None


def test_an_empty_token_is_no_token(world: World) -> None:
    assert _stop(world, stop(_start(world), uid="")) == StopAnswer(None)


def test_a_stop_is_told_the_verdict_on_its_token(world: World) -> None:
    world.add_token("BLOCKED", TokenStatus.BLOCKED, group="fleet")
    answer = _stop(world, stop(_start(world), uid="BLOCKED"))
    assert answer == StopAnswer(Judgement(verdict=Verdict.BLOCKED, group="fleet"))


def test_a_stop_is_never_told_concurrent(world: World) -> None:
    world.add_token("CARD", max_concurrent=0)
    answer = _stop(world, stop(_start(world), uid="CARD"))
    assert answer == StopAnswer(Judgement(verdict=Verdict.ACCEPTED))


def test_an_unknown_token_that_stops_becomes_known_as_seen(world: World) -> None:
    _stop(world, stop(_start(world), uid="NOBODY"))
    assert [seen.uid for seen in world.tables.of_type(TokenSeen)] == ["NOBODY"]


# --- again


@pytest.mark.parametrize("crash", [False, True])
def test_a_resent_stop_gets_the_same_answer_and_leaves_no_second_trace(world: World, crash: bool) -> None:
    event = stop(_start(world), samples=(sample(NOON, 1900.0),))
    first = _stop(world, event)
    kept = len(world.tables.log)
    if crash:
        world.crash()
    world.now_us += HOUR
    assert _stop(world, event) == first
    assert len(world.tables.log) == kept


def test_a_resent_stop_with_a_wild_clock_is_recognised_by_its_text(world: World) -> None:
    event = stop(_start(world), NOON + HOUR)
    _stop(world, event)
    kept = len(world.tables.log)
    world.now_us += 2 * HOUR  # by now the device's time would be trusted
    _stop(world, event)
    assert len(world.tables.log) == kept


def test_a_resent_stop_whose_transaction_has_long_left_memory_is_recognised(world: World) -> None:
    event = stop(_start(world))
    _stop(world, event)
    for n in range(20):
        _stop(world, stop(_start(world, start(NOON - n * SECOND, evse=2))))
    kept = len(world.tables.log)
    _stop(world, event)
    assert world.lookups[-1] == TransactionByOcppId(event.ocpp_id or "")
    assert len(world.tables.log) == kept


@pytest.mark.parametrize("other", [{"meter_wh": 2001.0}, {"at_us": NOON - SECOND}])
def test_another_stop_of_an_ended_transaction_changes_nothing_and_is_logged(
    world: World, other: dict[str, Any]
) -> None:
    ocpp_id = _start(world)
    _stop(world, stop(ocpp_id))
    before = world.closing(ocpp_id)
    event = stop(ocpp_id, **other, samples=(sample(NOON, 1950.0),), signed=(SIGNED,))
    assert _stop(world, event) == StopAnswer(Judgement(verdict=Verdict.ACCEPTED))
    assert world.closing(ocpp_id) == before
    (conflict,) = world.events("transaction.conflict")
    assert (conflict["id"], conflict["meter_stop_wh"]) == (before.id, event.meter_wh)
    late = world.samples[-1]
    assert (late.energy_wh, late.quality, late.transaction_id) == (1950.0, Quality.AFTER_END, before.id)
    assert world.tables.of_type(SignedValueRecorded)[-1].transaction_id == before.id


# --- an end that was inferred


@pytest.mark.parametrize("crash", [False, True])
def test_a_late_stop_overrides_an_inferred_end(world: World, crash: bool) -> None:
    old = _start(world, start(NOON - 3 * HOUR))
    _start(world)
    assert world.closing(old).closed_by == "next-start"
    if crash:
        world.crash()
    _stop(world, stop(old, NOON - 2 * HOUR, meter_wh=1800.0))
    closing = world.closing(old)
    assert (closing.closed_by, closing.ended_at_us, closing.meter_stop_wh) == (
        "station",
        NOON - 2 * HOUR,
        1800.0,
    )
    assert [event["closed_by"] for event in world.events("transaction.ended")] == ["next-start"]
    assert [event["closed_by"] for event in world.events("transaction.updated")] == ["station"]


def test_a_late_stop_without_an_id_finds_the_transaction_whose_end_was_inferred(world: World) -> None:
    old = _start(world, start(NOON - 3 * HOUR))
    new = _start(world)
    _stop(world, stop(None, NOON - 2 * HOUR, meter_wh=1800.0))
    assert world.closing(old).closed_by == "station"
    assert world.row(new).closed is None


# --- no id, or a wrong one

NO_ID = [None, "", "0", "-1", "4711"]


@pytest.mark.parametrize("said", NO_ID)
@pytest.mark.parametrize("crash", [False, True])
def test_a_stop_with_no_known_id_ends_what_its_token_charges(
    world: World, said: str | None, crash: bool
) -> None:
    ocpp_id = _start(world)
    other = _start(world, start(NOON - HOUR, uid="OTHER", evse=2))
    if crash:
        world.crash()
    _stop(world, stop(said))
    assert world.closing(ocpp_id).closed_by == "station"
    assert world.row(other).closed is None
    assert _orphans(world) == []


@pytest.mark.parametrize("said", NO_ID)
@pytest.mark.parametrize("crash", [False, True])
def test_a_stop_with_no_known_id_that_is_resent_ends_nothing_more(
    world: World, said: str | None, crash: bool
) -> None:
    _start(world)
    second = _start(world, start(NOON - HOUR, evse=2))
    first = _start(world, start(NOON - HOUR + SECOND, evse=3))
    _stop(world, stop(said))
    assert world.closing(first)
    kept = len(world.tables.log)
    if crash:
        world.crash()
    _stop(world, stop(said))
    assert len(world.tables.log) == kept
    assert world.row(second).closed is None


@pytest.mark.parametrize("said", NO_ID)
@pytest.mark.parametrize("uid", ["TAG", None])
def test_it_ends_nothing_more_when_what_it_ended_has_long_left_memory(
    world: World, said: str | None, uid: str | None
) -> None:
    ended = _start(world, start(NOON - HOUR, evse=3))
    _stop(world, stop(said, uid=uid))
    assert world.closing(ended)
    for n in range(2 * KEPT_ENDED):
        _stop(world, stop(_start(world, start(NOON - n * SECOND, evse=2))))
    still_charging = _start(world, start(NOON - 2 * HOUR))
    kept = len(world.tables.log)
    world.crash()
    _stop(world, stop(said, uid=uid))
    assert len(world.tables.log) == kept
    assert world.row(still_charging).closed is None


def test_without_a_time_it_is_never_taken_for_an_earlier_one(world: World) -> None:
    for _ in range(2):
        ocpp_id = _start(world, start(None, device_at=""))
        _stop(world, stop(None, None, device_at="", meter_wh=None))
        assert world.closing(ocpp_id).closed_by == "station"


def test_of_several_the_newest_start_not_after_the_stop_is_ended(world: World) -> None:
    starts = [_start(world, start(NOON - 4 * HOUR + n * HOUR, evse=n)) for n in (1, 2, 3, 4)]
    _stop(world, stop(None, NOON - 90 * 60 * SECOND))
    assert [world.row(ocpp_id).closed is not None for ocpp_id in starts] == [False, True, False, False]


def test_a_register_below_that_of_the_start_does_not_fit(world: World) -> None:
    ocpp_id = _start(world)
    _stop(world, stop(None, meter_wh=999.0))
    assert world.row(ocpp_id).closed is None
    assert len(_orphans(world)) == 1


def test_another_holders_token_does_not_fit(world: World) -> None:
    ocpp_id = _start(world)
    _stop(world, stop(None, uid="OTHER"))
    assert world.row(ocpp_id).closed is None
    assert len(_orphans(world)) == 1


def test_a_token_of_the_same_group_fits(world: World) -> None:
    world.add_token("MINE", group="fleet")
    world.add_token("YOURS", group="fleet")
    ocpp_id = _start(world, start(NOON - HOUR, uid="MINE"))
    _stop(world, stop(None, uid="YOURS"))
    assert world.closing(ocpp_id).stop_token_hmac == hmac_of("YOURS")


def test_a_stop_without_id_and_token_ends_the_only_candidate(world: World) -> None:
    ocpp_id = _start(world)
    _stop(world, stop(None, uid=None, reason="PowerLoss"))
    assert world.closing(ocpp_id).stop_reason == "PowerLoss"


def test_a_stop_without_id_and_token_ends_none_of_several(world: World) -> None:
    both = [_start(world), _start(world, start(NOON - HOUR, evse=2))]
    _stop(world, stop(None, uid=None))
    assert [world.row(ocpp_id).closed for ocpp_id in both] == [None, None]
    assert len(_orphans(world)) == 1


def test_another_stations_transaction_is_never_ended(world: World) -> None:
    ocpp_id = _start(world, station="CP-2")
    _stop(world, stop(ocpp_id))
    assert [closed.id for closed in world.tables.of_type(TransactionClosed)] == [_orphans(world)[0].id]
