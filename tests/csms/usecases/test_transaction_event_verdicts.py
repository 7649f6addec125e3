"""What a station is answered that names a token in an event of a transaction; over the real store."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from csms.domain.answers import StationAnswer, TransactionEventAnswer
from csms.domain.events import TransactionEventReported
from csms.domain.token import Judgement, TokenStatus, Verdict
from tests.csms.usecases.events_told import ended, started, updated
from tests.csms.usecases.stored_world import StoredWorld
from tests.csms.usecases.world import HOUR, NOON


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


def test_a_transaction_does_not_count_against_itself(world: StoredWorld):
    world.add_token("ONE", max_concurrent=1)

    assert verdict(world.send(started(evse=1, uid="ONE"))) is Verdict.ACCEPTED
    assert verdict(world.send(updated(1, uid="ONE"))) is Verdict.ACCEPTED
    second = started(2, ocpp_id="tx-b", evse=2, uid="ONE")
    assert verdict(world.send(second)) is Verdict.CONCURRENT_TX
    assert verdict(world.send(updated(3, ocpp_id="tx-b", uid="ONE"))) is Verdict.CONCURRENT_TX


def test_a_superseded_transaction_does_not_count_against_the_one_that_ends_it(world: StoredWorld):
    world.add_token("ONE", max_concurrent=1)
    world.send(started(evse=1, uid="ONE"))

    assert verdict(world.send(started(2, ocpp_id="tx-b", evse=1, uid="ONE"))) is Verdict.ACCEPTED


@pytest.mark.parametrize("stopping", [updated(2, uid="MINE", trigger="StopAuthorized"), ended(2, uid="MINE")])
def test_a_token_of_the_group_that_stops_is_judged_whatever_else_it_has_open(
    world: StoredWorld, stopping: TransactionEventReported
):
    world.add_token("MINE", group="fleet", max_concurrent=1)
    world.add_token("YOURS", group="fleet")
    world.send(started(ocpp_id="other", evse=2, uid="MINE"))
    world.send(started(evse=1, uid="YOURS"))

    answer = world.send(stopping)

    assert answer == TransactionEventAnswer(Judgement(verdict=Verdict.ACCEPTED, group="fleet"))
    assert row(world)["token_id"] == "token-YOURS"


def test_the_stopping_token_is_kept_with_the_end(world: StoredWorld):
    world.add_token("MINE")
    world.send(started(evse=1, uid="TAG"))
    world.send(updated(1, uid="MINE", trigger="StopAuthorized"))
    world.send(ended(2))

    assert row(world)["stop_token_id"] == "token-MINE"


def test_a_late_started_is_judged_although_its_token_charges_elsewhere_by_now(world: StoredWorld):
    world.add_token("ONE", max_concurrent=1)
    world.send(ended(5, evse=1))
    world.send(started(6, ocpp_id="tx-b", evse=1, uid="ONE"))

    assert verdict(world.send(started(0, uid="ONE"))) is Verdict.ACCEPTED


def test_a_resent_started_gets_its_verdict_again_and_the_tokens_group_of_today(world: StoredWorld):
    world.add_token("BAD", TokenStatus.BLOCKED)
    world.send(started(evse=1, uid="BAD"))
    world.add_token("BAD2")
    token = world.index.pop(world.state().transactions["tx-a"].key.token_hmac)
    world.index[token.hmac] = structs.replace(token, status=TokenStatus.ACCEPTED, group="fleet")
    world.crash()

    again = world.send(started(evse=1, uid="BAD"))

    assert again == TransactionEventAnswer(Judgement(verdict=Verdict.BLOCKED, group="fleet"))
    assert len(world.table("transaction_events")) == 1


def test_a_resent_stop_and_a_resent_button_are_answered_as_before(world: StoredWorld):
    world.send(started(evse=1, uid="", token_type="NoAuthorization"))
    last = ended(3, uid="TAG")
    first = world.send(last)

    assert world.send(last) == first == TransactionEventAnswer(Judgement(verdict=Verdict.ACCEPTED))
    assert verdict(world.send(started(evse=1, uid="", token_type="NoAuthorization"))) is Verdict.ACCEPTED
    assert world.send(started(evse=1)) == TransactionEventAnswer(None)
