from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from csms.domain import answers, events
from csms.domain.metering import Sample
from csms.domain.station import Registration
from csms.domain.token import Judgement, Verdict
from csms.ocpp.dialect import Decoded
from csms.ocpp.rpc.errors import Refusal
from csms.ocpp.v16 import DIALECT
from tests.csms.ocpp import payloads

AT = "2024-05-01T14:00:00+02:00"
AT_US = 1_714_564_800_000_000
NOW_US = AT_US + 5_000_000

METER_VALUE = {
    "timestamp": AT,
    "sampledValue": [{"value": "1.5", "unit": "kWh", "context": "Transaction.End"}],
}
SAMPLE = Sample(
    at_us=AT_US, device_at_us=AT_US, received_at_us=NOW_US, context="Transaction.End", energy_wh=1500.0
)

CALLS: list[tuple[str, dict[str, Any], events.StationEvent]] = [
    ("Authorize", {"idTag": "TAG"}, events.AuthorizationRequested(uid="TAG", token_type="ISO14443")),
    (
        "BootNotification",
        {
            "chargePointVendor": "V",
            "chargePointModel": "M",
            "chargePointSerialNumber": "S",
            "chargeBoxSerialNumber": "B",
            "firmwareVersion": "1.0",
            "iccid": "I",
            "imsi": "J",
            "meterType": "T",
            "meterSerialNumber": "N",
        },
        events.Booted(
            vendor="V",
            model="M",
            serial="S",
            firmware="1.0",
            details='{"box_serial":"B","iccid":"I","imsi":"J","meter_type":"T","meter_serial":"N"}',
        ),
    ),
    (
        "BootNotification",
        {
            "chargePointVendor": "V",
            "chargePointModel": "M",
            "chargeBoxSerialNumber": "B",
            "chargePointSerialNumber": "",
        },
        events.Booted(vendor="V", model="M", serial="B", details='{"box_serial":"B"}'),
    ),
    (
        "BootNotification",
        {"chargePointVendor": "V", "chargePointModel": "M"},
        events.Booted(vendor="V", model="M"),
    ),
    (
        "DataTransfer",
        {"vendorId": "V", "messageId": "M", "data": ' {"fooBar":1} '},
        events.VendorDataReceived(vendor_id="V", message_id="M", data=' {"fooBar":1} '),
    ),
    ("DataTransfer", {"vendorId": "V"}, events.VendorDataReceived(vendor_id="V", message_id=None, data=None)),
    ("Heartbeat", {}, events.HeartbeatReceived()),
    (
        "MeterValues",
        {"connectorId": 2, "transactionId": 17, "meterValue": [METER_VALUE]},
        events.SamplesReported(evse=2, connector=1, ocpp_id="17", samples=(SAMPLE,)),
    ),
    (
        "MeterValues",
        {"connectorId": 0, "meterValue": [METER_VALUE]},
        events.SamplesReported(evse=0, connector=0, ocpp_id=None, samples=(SAMPLE,)),
    ),
    (
        "StartTransaction",
        {"connectorId": 1, "idTag": "TAG", "meterStart": 100, "timestamp": AT, "reservationId": 7},
        events.TransactionStartReported(
            evse=1,
            connector=1,
            uid="TAG",
            token_type="ISO14443",
            device_at=AT,
            device_at_us=AT_US,
            meter_wh=100.0,
            reservation_id=7,
        ),
    ),
    (
        "StopTransaction",
        {
            "transactionId": 17,
            "idTag": "TAG",
            "meterStop": 900,
            "timestamp": AT,
            "reason": "Remote",
            "transactionData": [METER_VALUE],
        },
        events.TransactionStopReported(
            ocpp_id="17",
            uid="TAG",
            token_type="ISO14443",
            device_at=AT,
            device_at_us=AT_US,
            meter_wh=900.0,
            reason="Remote",
            samples=(SAMPLE,),
        ),
    ),
    (
        "StopTransaction",
        {"transactionId": -1, "meterStop": 900, "timestamp": "soon"},
        events.TransactionStopReported(
            ocpp_id="-1",
            uid=None,
            token_type="ISO14443",
            device_at="soon",
            device_at_us=None,
            meter_wh=900.0,
            reason=None,
        ),
    ),
    (
        "StatusNotification",
        {
            "connectorId": 2,
            "errorCode": "GroundFailure",
            "status": "Faulted",
            "info": "wet",
            "vendorId": "V",
            "vendorErrorCode": "E7",
            "timestamp": AT,
        },
        events.StatusReported(
            evse=2,
            connector=1,
            status="Faulted",
            error="GroundFailure",
            info="wet",
            vendor_error="E7",
            device_at_us=AT_US,
        ),
    ),
    (
        "StatusNotification",
        {"connectorId": 0, "errorCode": "NoError", "status": "Available", "info": ""},
        events.StatusReported(evse=0, connector=0, status="Available", error=None),
    ),
]


@pytest.mark.parametrize(("action", "payload", "event"), CALLS)
def test_a_call_becomes_its_event(action, payload, event):
    assert DIALECT.decode(action, json.dumps(payload).encode(), NOW_US) == Decoded(event)


YES = Judgement(verdict=Verdict.ACCEPTED, expires_at_us=AT_US, group="GROUP")
NO = Judgement(verdict=Verdict.CONCURRENT_TX)

ANSWERS: list[tuple[str, answers.StationAnswer, bytes]] = [
    (
        "BootNotification",
        answers.BootAnswer(Registration.PENDING, AT_US, 300),
        b'{"status":"Pending","currentTime":"2024-05-01T12:00:00.000Z","interval":300}',
    ),
    ("Heartbeat", answers.HeartbeatAnswer(AT_US + 1999), b'{"currentTime":"2024-05-01T12:00:00.001Z"}'),
    (
        "Authorize",
        answers.AuthorizationAnswer(YES),
        b'{"idTagInfo":{"expiryDate":"2024-05-01T12:00:00.000Z","parentIdTag":"GROUP","status":"Accepted"}}',
    ),
    ("Authorize", answers.AuthorizationAnswer(NO), b'{"idTagInfo":{"status":"ConcurrentTx"}}'),
    (
        "StartTransaction",
        answers.StartAnswer("17", NO),
        b'{"idTagInfo":{"status":"ConcurrentTx"},"transactionId":17}',
    ),
    ("StopTransaction", answers.StopAnswer(NO), b'{"idTagInfo":{"status":"ConcurrentTx"}}'),
    ("StopTransaction", answers.StopAnswer(None), b"{}"),
    ("MeterValues", answers.Acknowledged(), b"{}"),
    ("StatusNotification", answers.Acknowledged(), b"{}"),
    ("DataTransfer", answers.VendorDataAnswer(), b'{"status":"UnknownVendorId"}'),
]


@pytest.mark.parametrize(("action", "answer", "payload"), ANSWERS)
def test_an_answer_becomes_its_response_and_fits_the_schema(action, answer, payload):
    assert DIALECT.encode(action, answer) == payload
    assert payloads.validator("v16", f"{action}Response").is_valid(json.loads(payload))


def test_a_groups_name_is_left_out_where_it_is_too_long_and_never_cut():
    for group, sent in (("x" * 20, "x" * 20), ("x" * 21, None)):
        payload = DIALECT.encode(
            "Authorize", answers.AuthorizationAnswer(Judgement(verdict=Verdict.ACCEPTED, group=group))
        )
        assert isinstance(payload, bytes)
        assert json.loads(payload)["idTagInfo"].get("parentIdTag") == sent


@pytest.mark.parametrize("verdict", Verdict)
@pytest.mark.parametrize("registration", Registration)
def test_every_word_of_the_domain_is_one_of_the_standard(verdict, registration):
    for action, answer in (
        ("Authorize", answers.AuthorizationAnswer(Judgement(verdict=verdict))),
        ("BootNotification", answers.BootAnswer(registration, AT_US, 30)),
    ):
        payload = DIALECT.encode(action, answer)
        assert isinstance(payload, bytes)
        assert payloads.validator("v16", f"{action}Response").is_valid(msgspec.json.decode(payload))


def test_a_transaction_message_that_nobody_could_read_is_answered_all_the_same():
    for action, answer in (
        ("StartTransaction", answers.StartAnswer("1", Judgement(verdict=Verdict.INVALID))),
        ("StopTransaction", answers.StopAnswer(None)),
        ("MeterValues", answers.Acknowledged()),
    ):
        assert action in DIALECT.transaction_messages
        assert not isinstance(DIALECT.encode(action, answer), Refusal)


@pytest.mark.parametrize("number", [2**31, -(2**31), 2**70])
def test_a_reservation_that_nobody_could_have_made_does_not_cost_the_start(number: int):
    said = {"connectorId": 1, "idTag": "TAG", "meterStart": 100, "timestamp": AT, "reservationId": number}
    decoded = DIALECT.decode("StartTransaction", json.dumps(said).encode(), NOW_US)
    assert isinstance(decoded, Decoded)
    assert isinstance(decoded.event, events.TransactionStartReported)
    assert decoded.event.reservation_id is None


def test_timestamps_of_any_length_are_kept_in_a_few_characters():
    timestamp = f"2024-05-01T12:00:00.{'0' * 500_000}Z"
    start = {"connectorId": 1, "idTag": "TAG", "meterStart": 100, "timestamp": timestamp}
    stop = {"transactionId": 1, "meterStop": 200, "timestamp": timestamp}
    for action, said in (("StartTransaction", start), ("StopTransaction", stop)):
        decoded = DIALECT.decode(action, json.dumps(said).encode(), NOW_US)
        assert isinstance(decoded, Decoded)
        assert isinstance(decoded.event, events.TransactionStartReported | events.TransactionStopReported)
        assert (decoded.event.device_at_us, len(decoded.event.device_at)) == (AT_US, 64)
