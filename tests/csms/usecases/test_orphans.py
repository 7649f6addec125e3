"""Stops whose start nobody knows are kept once each, as transactions of their own."""

from __future__ import annotations

import pytest

from csms.domain.answers import Acknowledged, StopAnswer
from csms.domain.events import SamplesReported, TransactionStopReported
from csms.domain.metering import Quality, SignedValue
from csms.domain.records import SignedValueRecorded, TokenSeen, TransactionOpened
from csms.ports import TransactionById
from tests.csms.usecases.world import HOUR, NOON, SECOND, World, hmac_of, sample, start, stop

NO_ID = [None, "", "0", "-1", "4711"]
SIGNED = SignedValue(
    at_us=NOON, context="Transaction.End", measurand="Energy", encoding="OCMF", data=b"OCMF|"
)


def _stop(world: World, event: TransactionStopReported, *, station: str = "CP-1") -> StopAnswer:
    answer = world.send(event, station=station)
    assert isinstance(answer, StopAnswer)
    return answer


def _orphans(world: World) -> list[TransactionOpened]:
    return [opened for opened in world.tables.of_type(TransactionOpened) if opened.orphan]


def test_a_stop_whose_start_never_came_is_kept_as_an_orphan(world: World) -> None:
    _stop(world, stop("4711", NOON - SECOND, samples=(sample(NOON - SECOND, 1900.0),), signed=(SIGNED,)))
    (opened,) = _orphans(world)
    assert opened == TransactionOpened(
        id=opened.id,
        ocpp_id="4711",
        station_id="CP-1",
        site_id="depot",
        evse=0,
        connector=0,
        token_hmac=hmac_of("TAG"),
        token_verdict=None,
        started_at_us=NOON - SECOND,
        device_started_at="2026-05-28T20:26:39.000Z",
        received_at_us=NOON,
        meter_start_wh=None,
        reservation_id=None,
        orphan=1,
    )
    closing = world.closing("4711")
    assert (closing.closed_by, closing.meter_stop_wh, closing.ended_at_us) == (
        "station",
        2000.0,
        NOON - SECOND,
    )
    assert [s.transaction_id for s in world.samples] == [opened.id, opened.id]
    assert [s.transaction_id for s in world.tables.of_type(SignedValueRecorded)] == [opened.id]
    (event,) = world.events("transaction.ended")
    assert (event["orphan"], event["meter_start_wh"], event["energy_wh"]) == (True, None, None)


@pytest.mark.parametrize("uid", ["NOBODY", None])
def test_an_orphan_may_have_an_unknown_token_or_none(world: World, uid: str | None) -> None:
    _stop(world, stop(None, uid=uid))
    assert [seen.uid for seen in world.tables.of_type(TokenSeen)] == ([uid] if uid else [])


@pytest.mark.parametrize("said", NO_ID)
@pytest.mark.parametrize("crash", [False, True])
def test_an_orphan_that_is_resent_is_the_same_orphan(world: World, said: str | None, crash: bool) -> None:
    first = _stop(world, stop(said))
    assert [opened.ocpp_id for opened in _orphans(world)] == [said or ""]
    kept = len(world.tables.log)
    if crash:
        world.crash()
    assert _stop(world, stop(said)) == first
    assert len(world.tables.log) == kept
    assert isinstance(world.lookups[-1], TransactionById)


@pytest.mark.parametrize("said", NO_ID)
def test_two_different_stops_with_the_same_wrong_id_are_two_orphans(world: World, said: str | None) -> None:
    _stop(world, stop(said))
    _stop(world, stop(said, NOON - SECOND))
    _stop(world, stop(said))
    assert len(_orphans(world)) == 2


@pytest.mark.parametrize("ids", [NO_ID, NO_ID[::-1]])
def test_a_stop_that_differs_only_in_what_it_calls_its_transaction_is_another_orphan(
    world: World, ids: list[str | None]
) -> None:
    for said in ids:
        _stop(world, stop(said))
    assert len({opened.id for opened in _orphans(world)}) == len(NO_ID)


def test_the_same_stop_of_another_station_is_another_orphan(world: World) -> None:
    _stop(world, stop("4711"))
    _stop(world, stop("4711"), station="CP-2")
    assert len(_orphans(world)) == 2


def test_an_orphan_is_neither_a_candidate_nor_a_known_start(world: World) -> None:
    _stop(world, stop("4711", NOON - HOUR, meter_wh=1000.0))
    _stop(world, stop(None, meter_wh=1500.0))
    assert len(_orphans(world)) == 2
    world.send(start(NOON - HOUR, evse=0, meter_wh=1000.0))
    assert len(world.tables.of_type(TransactionOpened)) == 3


def test_readings_that_name_an_orphan_belong_to_it(world: World) -> None:
    _stop(world, stop("4711"))
    event = SamplesReported(evse=1, connector=1, ocpp_id="4711", samples=(sample(NOON, 2000.0),))
    assert world.send(event) == Acknowledged()
    late = world.samples[-1]
    assert (late.transaction_id, late.quality) == (_orphans(world)[0].id, Quality.AFTER_END)


@pytest.mark.parametrize("said", ["0", "-1"])
def test_readings_that_name_nothing_belong_to_no_orphan_of_that_name(world: World, said: str) -> None:
    _stop(world, stop(said))
    world.crash()
    world.send(SamplesReported(evse=1, connector=1, ocpp_id=said, samples=(sample(NOON, 2000.0),)))
    assert world.samples[-1].transaction_id is None
