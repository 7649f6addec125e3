from __future__ import annotations

import json
from typing import Any

import pytest

from csms.domain.answers import TransactionEventAnswer
from csms.domain.events import TransactionEventReported, TransactionStage, UnreadableReceived
from csms.domain.metering import Sample
from csms.ocpp.dialect import Decoded
from csms.ocpp.rpc.errors import Refusal
from csms.ocpp.v201 import DIALECT

AT = "2024-05-01T14:00:00+02:00"
AT_US = 1_714_564_800_000_000
NOW_US = AT_US + 5_000_000

EVENT = {
    "eventType": "Updated",
    "timestamp": AT,
    "triggerReason": "MeterValuePeriodic",
    "seqNo": 3,
    "transactionInfo": {"transactionId": "tx-1"},
}


def decode(**members: Any) -> Decoded:
    decoded = DIALECT.decode("TransactionEvent", json.dumps(EVENT | members).encode(), NOW_US)
    assert isinstance(decoded, Decoded), decoded
    return decoded


def event(**members: Any) -> TransactionEventReported:
    decoded = decode(**members)
    assert isinstance(decoded.event, TransactionEventReported), decoded
    return decoded.event


def test_an_event_says_as_little_as_it_may():
    assert decode() == Decoded(
        TransactionEventReported(
            stage=TransactionStage.UPDATED,
            ocpp_id="tx-1",
            seq_no=3,
            trigger="MeterValuePeriodic",
            device_at=AT,
            device_at_us=AT_US,
        )
    )


def test_an_event_says_all_that_it_can():
    told = decode(
        eventType="Ended",
        triggerReason="RemoteStop",
        offline=True,
        numberOfPhasesUsed=3,
        cableMaxCurrent=32,
        reservationId=7,
        evse={"id": 2, "connectorId": 1},
        idToken={"idToken": "TAG", "type": "eMAID"},
        transactionInfo={
            "transactionId": "tx-1",
            "chargingState": "EVConnected",
            "timeSpentCharging": 100,
            "stoppedReason": "Remote",
            "remoteStartId": 9,
        },
        meterValue=[
            {"timestamp": AT, "sampledValue": [{"value": 1500, "context": "Transaction.End"}]},
        ],
    )
    sample = Sample(
        at_us=AT_US, device_at_us=AT_US, received_at_us=NOW_US, context="Transaction.End", energy_wh=1500.0
    )
    assert told == Decoded(
        TransactionEventReported(
            stage=TransactionStage.ENDED,
            ocpp_id="tx-1",
            seq_no=3,
            trigger="RemoteStop",
            device_at=AT,
            device_at_us=AT_US,
            offline=True,
            evse=2,
            connector=1,
            uid="TAG",
            token_type="eMAID",
            charging_state="EVConnected",
            stop_reason="Remote",
            remote_start_id=9,
            reservation_id=7,
            phases_used=3,
            samples=(sample,),
        )
    )


@pytest.mark.parametrize("stage", TransactionStage)
def test_the_stages_are_those_of_the_standard(stage):
    assert event(eventType=stage.value).stage is stage


def test_c02_a_button_starts_without_a_token():
    told = event(eventType="Started", idToken={"idToken": "", "type": "NoAuthorization"})
    assert (told.uid, told.token_type) == ("", "NoAuthorization")


@pytest.mark.parametrize(
    ("evse", "place"),
    [
        ({"id": 1}, (1, None)),
        ({"id": 1, "connectorId": 0}, (1, None)),
        ({"id": 1, "connectorId": -3}, (1, None)),
        ({"id": 1, "connectorId": 2**40}, (1, None)),
        ({"id": 0, "connectorId": 1}, (None, None)),
        ({"id": -1}, (None, None)),
        ({"id": 2**70, "connectorId": 1}, (None, None)),
    ],
)
def test_a_place_that_there_is_not_does_not_cost_the_event(evse, place):
    told = event(evse=evse)
    assert (told.evse, told.connector) == place


def test_a_timestamp_of_any_length_is_kept_in_a_few_characters():
    told = event(timestamp=f"2024-05-01T12:00:00.{'0' * 500_000}Z")
    assert (told.device_at_us, len(told.device_at)) == (AT_US, 64)
    assert len(event(timestamp="x" * 500_000).device_at) == 64


@pytest.mark.parametrize("number", [2**31, -(2**31), 2**70])
def test_an_id_that_nobody_could_have_given_does_not_cost_the_event(number):
    told = event(reservationId=number, transactionInfo={"transactionId": "tx-1", "remoteStartId": number})
    assert (told.reservation_id, told.remote_start_id) == (None, None)


@pytest.mark.parametrize(
    ("said", "phases"), [(0, None), (1, 1), (3, 3), (4, None), (-1, None), (2**70, None)]
)
def test_there_are_one_to_three_phases(said, phases):
    assert event(numberOfPhasesUsed=said).phases_used == phases


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        ({"transactionInfo": {"transactionId": ""}}, "transactionInfo.transactionId: is empty"),
        (
            {"transactionInfo": {"transactionId": "x" * 37}},
            "transactionInfo.transactionId: is longer than 36 characters",
        ),
        ({"transactionInfo": None}, "transactionInfo: is missing"),
        ({"seqNo": -1}, "seqNo: is no number of an event"),
        ({"seqNo": 2**63}, "seqNo: is no number of an event"),
        ({"seqNo": None}, "seqNo: is missing"),
        ({"eventType": "Paused"}, "eventType: is not one of the allowed values"),
    ],
)
def test_an_event_whose_transaction_or_part_nobody_can_tell_is_kept_raw_and_answered(members, problem):
    decoded = decode(**members)
    assert isinstance(decoded.event, UnreadableReceived)
    assert (decoded.event.kind, decoded.event.problem) == ("transaction.event", problem)
    assert json.loads(decoded.event.payload) == EVENT | members
    assert not isinstance(DIALECT.encode("TransactionEvent", TransactionEventAnswer(None)), Refusal)


def test_the_highest_number_that_a_store_holds_is_a_number():
    assert event(seqNo=2**63 - 1).seq_no == 2**63 - 1
