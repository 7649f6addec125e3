"""Transactions begin."""

from __future__ import annotations

from typing import Any

import pytest

from csms.domain.answers import StartAnswer
from csms.domain.events import SamplesReported, TransactionStartReported
from csms.domain.metering import Quality
from csms.domain.records import TokenSeen, TransactionOpened
from csms.domain.token import Judgement, TokenStatus, Verdict
from csms.ports import OpenTransactionsOfToken, Policy, TokenByHmac, TransactionByStart
from tests.csms.usecases.world import HOUR, NOON, SECOND, World, hmac_of, sample, start, status, stop


def _start(world: World, event: TransactionStartReported | None = None, **rest: Any) -> StartAnswer:
    answer = world.send(event or start(), **rest)
    assert isinstance(answer, StartAnswer)
    return answer


def test_a_start_is_told_a_positive_id_and_the_verdict(world: World) -> None:
    world.add_token("CARD", expires_at_us=NOON + HOUR, group="fleet")
    answer = _start(world, start(uid="CARD"))
    assert int(answer.ocpp_id) > 0
    assert answer.judgement == Judgement(verdict=Verdict.ACCEPTED, expires_at_us=NOON + HOUR, group="fleet")


def test_a_start_is_recorded_with_the_devices_time_beside_the_time_of_receipt(world: World) -> None:
    world.now_us = NOON + HOUR
    answer = _start(world, start(NOON, meter_wh=1234.5, reservation_id=9))
    (opened,) = world.tables.of_type(TransactionOpened)
    assert opened == TransactionOpened(
        id=opened.id,
        ocpp_id=answer.ocpp_id,
        station_id="CP-1",
        site_id="depot",
        evse=1,
        connector=1,
        token_hmac=hmac_of("TAG"),
        token_verdict="Accepted",
        started_at_us=NOON,
        device_started_at="2026-05-28T20:26:40.000Z",
        received_at_us=NOON + HOUR,
        meter_start_wh=1234.5,
        reservation_id=9,
        orphan=0,
    )


def test_a_start_is_an_event_in_the_names_of_the_api(world: World) -> None:
    answer = _start(world)
    (opened,) = world.tables.of_type(TransactionOpened)
    assert world.events("transaction.started") == [
        {
            "id": opened.id,
            "ocpp_transaction_id": answer.ocpp_id,
            "station_id": "CP-1",
            "evse": 1,
            "connector": 1,
            "started_at": "2026-05-28T20:26:40.000Z",
            "ended_at": None,
            "active": True,
            "meter_start_wh": 1000.0,
            "orphan": False,
        }
    ]


def test_the_register_at_the_start_is_a_sample(world: World) -> None:
    _start(world, start(NOON - SECOND))
    (begin,) = world.samples
    (opened,) = world.tables.of_type(TransactionOpened)
    assert (begin.context, begin.energy_wh, begin.transaction_id) == ("Transaction.Begin", 1000.0, opened.id)
    assert (begin.evse, begin.connector, begin.at_us, begin.quality) == (1, 1, NOON - SECOND, 0)


def test_a_start_with_a_wild_clock_gets_the_time_of_receipt_and_its_sample_says_so(world: World) -> None:
    _start(world, start(NOON + HOUR), repaired=True)
    assert world.tables.of_type(TransactionOpened)[0].started_at_us == NOON
    (begin,) = world.samples
    assert (begin.at_us, begin.device_at_us) == (NOON, NOON + HOUR)
    assert begin.quality == Quality.RECEIVE_TIME | Quality.REPAIRED


@pytest.mark.parametrize("crash", [False, True])
def test_a_resent_start_gets_the_same_answer_and_leaves_no_second_trace(world: World, crash: bool) -> None:
    first = _start(world)
    kept = len(world.tables.log)
    if crash:
        world.crash()
    world.now_us += HOUR
    assert _start(world) == first
    assert len(world.tables.log) == kept


def test_a_resent_start_whose_transaction_has_long_ended_gets_the_same_answer(world: World) -> None:
    first = _start(world)
    world.send(stop(first.ocpp_id))
    for n in range(20):
        later = _start(world, start(NOON - n * SECOND, evse=2))
        world.send(stop(later.ocpp_id))
    assert first.ocpp_id not in world.state().transactions
    assert _start(world) == first
    assert world.lookups[-1] == TransactionByStart(world.state().transactions[first.ocpp_id].key)


@pytest.mark.parametrize("crash", [False, True])
def test_a_start_that_says_no_time_is_a_resend_only_while_that_start_goes_on(
    world: World, crash: bool
) -> None:
    # Its meter counts each session from 0, so every session begins with the same words.
    timeless = start(None, device_at="", meter_wh=0.0)
    first = _start(world, timeless)
    if crash:
        world.crash()
    assert _start(world, timeless) == first
    world.send(stop(first.ocpp_id, NOON, meter_wh=7000.0))
    if crash:
        world.crash()
    second = _start(world, timeless)
    assert second.ocpp_id != first.ocpp_id
    world.send(stop(second.ocpp_id, NOON, meter_wh=9000.0))
    closings = [world.closing(answer.ocpp_id).meter_stop_wh for answer in (first, second)]
    assert closings == [7000.0, 9000.0]


def test_the_store_is_asked_before_any_start_counts_as_new(world: World) -> None:
    _start(world)
    assert [type(lookup) for lookup in world.lookups] == [TransactionByStart]


@pytest.mark.parametrize(
    "other",
    [
        start(evse=2),
        start(uid="OTHER"),
        start(NOON - SECOND),
        start(meter_wh=1001.0),
        start(device_at="2026-05-28T22:26:40+02:00"),
    ],
    ids=["connector", "token", "time", "register", "time as text"],
)
def test_a_start_that_differs_in_any_part_of_its_key_is_another_transaction(
    world: World, other: TransactionStartReported
) -> None:
    assert _start(world).ocpp_id != _start(world, other).ocpp_id
    assert len(world.tables.of_type(TransactionOpened)) == 2


def test_the_same_start_at_another_station_is_another_transaction(world: World) -> None:
    assert _start(world).ocpp_id != _start(world, station="CP-2").ocpp_id


@pytest.mark.parametrize("uid", ["BLOCKED", "NOBODY"])
def test_a_refused_token_still_gets_an_id_and_its_transaction_is_kept(world: World, uid: str) -> None:
    world.add_token("BLOCKED", TokenStatus.BLOCKED)
    answer = _start(world, start(uid=uid))
    assert int(answer.ocpp_id) > 0
    assert answer.judgement.verdict is {"BLOCKED": Verdict.BLOCKED, "NOBODY": Verdict.INVALID}[uid]
    assert world.row(answer.ocpp_id).opened.token_verdict == answer.judgement.verdict.value


def test_a_token_that_nobody_registered_becomes_known_as_seen(world: World) -> None:
    _start(world, start(uid="NOBODY"))
    (seen,) = world.tables.of_type(TokenSeen)
    assert (seen.uid, seen.type, seen.hmac, seen.at_us) == ("NOBODY", "ISO14443", hmac_of("NOBODY"), NOON)
    assert world.tables.log.index(seen) < world.tables.log.index(world.tables.of_type(TransactionOpened)[0])


def test_a_token_is_seen_once(world: World) -> None:
    _start(world, start(uid="NOBODY"))
    _start(world, start(uid="NOBODY", evse=2))
    assert len(world.tables.of_type(TokenSeen)) == 1
    assert world.lookups.count(TokenByHmac(hmac_of("NOBODY"))) == 2


def test_a_site_that_accepts_all_tokens_accepts_an_unknown_one(world: World) -> None:
    world.policy = Policy(accept_unknown_tokens=True)
    assert _start(world, start(uid="NOBODY")).judgement.verdict is Verdict.ACCEPTED


def test_a_token_at_its_limit_is_told_concurrent_and_its_transaction_is_kept_all_the_same(
    world: World,
) -> None:
    world.add_token("CARD", max_concurrent=1)
    assert _start(world, start(uid="CARD")).judgement.verdict is Verdict.ACCEPTED
    answer = _start(world, start(uid="CARD", evse=2))
    assert answer.judgement.verdict is Verdict.CONCURRENT_TX
    assert world.row(answer.ocpp_id).closed is None


@pytest.mark.parametrize("crash", [False, True])
def test_a_resent_start_is_not_refused_for_itself_nor_for_what_began_after_it(
    world: World, crash: bool
) -> None:
    world.add_token("CARD", max_concurrent=1)
    first = _start(world, start(uid="CARD"))
    second = _start(world, start(uid="CARD"), station="CP-2")
    if crash:
        world.crash()
    assert _start(world, start(uid="CARD")) == first
    assert _start(world, start(uid="CARD"), station="CP-2") == second
    assert [first.judgement.verdict, second.judgement.verdict] == [Verdict.ACCEPTED, Verdict.CONCURRENT_TX]


def test_a_resent_start_is_judged_anew_where_its_verdict_is_not_known(world: World) -> None:
    first = _start(world)
    world.state().transactions[first.ocpp_id].verdict = None
    world.add_token("TAG", TokenStatus.BLOCKED)
    assert _start(world).judgement.verdict is Verdict.BLOCKED


def test_a_token_is_not_at_its_limit_because_of_the_transaction_that_its_start_ends(world: World) -> None:
    world.add_token("CARD", max_concurrent=1)
    _start(world, start(NOON - HOUR, uid="CARD"))
    assert _start(world, start(uid="CARD")).judgement.verdict is Verdict.ACCEPTED
    assert world.lookups[-1] == OpenTransactionsOfToken(hmac_of("CARD"))


def test_a_later_start_ends_what_still_seemed_to_charge_on_its_connector(world: World) -> None:
    old = _start(world, start(NOON - 2 * HOUR))
    readings = (sample(NOON - HOUR, 1500.0),)
    world.send(SamplesReported(evse=1, connector=1, ocpp_id=old.ocpp_id, samples=readings))
    _start(world, start(uid="OTHER", meter_wh=9000.0))
    closing = world.closing(old.ocpp_id)
    assert (closing.closed_by, closing.ended_at_us, closing.meter_stop_wh) == (
        "next-start",
        NOON - HOUR,
        1500.0,
    )
    assert (closing.device_ended_at, closing.stop_reason, closing.end_received_at_us) == (None, None, NOON)
    (event,) = world.events("transaction.ended")
    assert event == {
        "id": closing.id,
        "ocpp_transaction_id": old.ocpp_id,
        "station_id": "CP-1",
        "evse": 1,
        "connector": 1,
        "started_at": "2026-05-28T18:26:40.000Z",
        "ended_at": "2026-05-28T19:26:40.000Z",
        "active": False,
        "meter_start_wh": 1000.0,
        "meter_stop_wh": 1500.0,
        "energy_wh": 500.0,
        "stop_reason": None,
        "closed_by": "next-start",
        "orphan": False,
        "doubts": [],
    }


def test_without_a_reading_the_next_start_is_the_end(world: World) -> None:
    old = _start(world, start(NOON - HOUR))
    _start(world, start(meter_wh=4000.0))
    closing = world.closing(old.ocpp_id)
    assert (closing.ended_at_us, closing.meter_stop_wh) == (NOON, 4000.0)


def test_a_start_on_another_connector_ends_nothing(world: World) -> None:
    old = _start(world, start(NOON - HOUR))
    _start(world, start(evse=2))
    assert world.row(old.ocpp_id).closed is None


def test_a_start_on_no_connector_at_all_ends_nothing(world: World) -> None:
    old = _start(world, start(NOON - HOUR, evse=0))
    _start(world, start(evse=0))
    assert world.row(old.ocpp_id).closed is None


def test_a_start_on_no_connector_of_a_station_with_one_evse_is_on_that_one(world: World) -> None:
    for evse in (0, 2):
        world.send(status(evse))
    old = _start(world, start(NOON - HOUR, evse=2))
    new = _start(world, start(evse=0))
    opened = world.row(new.ocpp_id).opened
    assert (opened.evse, opened.connector) == (2, 1)
    assert world.closing(old.ocpp_id).closed_by == "next-start"
    first, second = world.events("transaction.started")
    assert "reported_evse" not in first
    assert (second["evse"], second["reported_evse"]) == (2, 0)


@pytest.mark.parametrize("evses", [(0,), (1, 2)])
def test_a_start_on_no_connector_stays_there_where_one_evse_is_not_all_that_is_known(
    world: World, evses: tuple[int, ...]
) -> None:
    for evse in evses:
        world.send(status(evse))
    opened = world.row(_start(world, start(evse=0)).ocpp_id).opened
    assert (opened.evse, opened.connector) == (0, 0)
    assert "reported_evse" not in world.events("transaction.started")[0]


@pytest.mark.parametrize("crashed", [False, True])
@pytest.mark.parametrize(("before", "after"), [((), (1,)), ((1,), (2,))])
def test_a_start_on_no_connector_is_known_again_after_more_evses_were_told(
    world: World, before: tuple[int, ...], after: tuple[int, ...], crashed: bool
) -> None:
    for evse in before:
        world.send(status(evse))
    first = _start(world, start(evse=0))
    for evse in after:
        world.send(status(evse))
    if crashed:
        world.crash()
    assert _start(world, start(evse=0)).ocpp_id == first.ocpp_id
    assert len(world.tables.transactions) == 1


def test_an_old_start_from_an_offline_queue_does_not_end_the_newer_one(world: World) -> None:
    newer = _start(world, start(NOON))
    older = _start(world, start(NOON - 5 * HOUR, uid="OTHER"))
    assert world.row(newer.ocpp_id).closed is None
    assert world.row(older.ocpp_id).closed is None


def test_an_ended_transaction_is_not_ended_again(world: World) -> None:
    old = _start(world, start(NOON - HOUR))
    world.send(stop(old.ocpp_id, NOON - SECOND))
    _start(world)
    assert world.closing(old.ocpp_id).closed_by == "station"
