"""Each action of a station becomes its event; each answer becomes its response and fits the schema."""

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
from csms.ocpp.rpc.errors import ErrorKind, Refusal
from csms.ocpp.v201 import DIALECT
from csms.ocpp.v201.dialect import INBOUND
from tests.csms.ocpp import payloads

AT = "2024-05-01T14:00:00+02:00"
AT_US = 1_714_564_800_000_000
NOW_US = AT_US + 5_000_000

METER_VALUE = {
    "timestamp": AT,
    "sampledValue": [{"value": 1.5, "unitOfMeasure": {"unit": "kWh"}, "context": "Transaction.End"}],
}
SAMPLE = Sample(
    at_us=AT_US, device_at_us=AT_US, received_at_us=NOW_US, context="Transaction.End", energy_wh=1500.0
)
TOKEN = {
    "idToken": "TAG",
    "type": "ISO14443",
    "additionalInfo": [{"additionalIdToken": "1234", "type": "PIN"}],
}
PERIODS = [{"startPeriod": 0, "limit": 32}, {"startPeriod": 60, "limit": 10.5}]


def schedule(unit: str, *periods: dict[str, Any], number: int = 1) -> dict[str, Any]:
    return {"id": number, "chargingRateUnit": unit, "chargingSchedulePeriod": list(periods)}


CALLS: list[tuple[str, dict[str, Any], events.StationEvent]] = [
    ("Authorize", {"idToken": TOKEN}, events.AuthorizationRequested(uid="TAG", token_type="ISO14443")),
    (
        "Authorize",
        {"idToken": {"idToken": "", "type": "NoAuthorization"}},
        events.AuthorizationRequested(uid="", token_type="NoAuthorization"),
    ),
    (
        "BootNotification",
        {
            "reason": "PowerUp",
            "chargingStation": {
                "vendorName": "V",
                "model": "M",
                "serialNumber": "S",
                "firmwareVersion": "1.0",
                "modem": {"iccid": "I", "imsi": "J"},
            },
        },
        events.Booted(
            vendor="V",
            model="M",
            serial="S",
            firmware="1.0",
            details='{"reason":"PowerUp","iccid":"I","imsi":"J"}',
        ),
    ),
    (
        "BootNotification",
        {"reason": "Triggered", "chargingStation": {"vendorName": "V", "model": "M", "modem": {"imsi": ""}}},
        events.Booted(vendor="V", model="M", details='{"reason":"Triggered"}'),
    ),
    ("Heartbeat", {}, events.HeartbeatReceived()),
    ("Heartbeat", {"customData": {"vendorId": "V", "x": 1}}, events.HeartbeatReceived()),
    (
        "StatusNotification",
        {"timestamp": AT, "connectorStatus": "Occupied", "evseId": 2, "connectorId": 3},
        events.StatusReported(evse=2, connector=3, status="Occupied", error=None, device_at_us=AT_US),
    ),
    (
        "StatusNotification",
        {"timestamp": AT, "connectorStatus": "Faulted", "evseId": 0, "connectorId": 0},
        events.StatusReported(evse=0, connector=0, status="Faulted", error=None, device_at_us=AT_US),
    ),
    (
        "MeterValues",
        {"evseId": 2, "meterValue": [METER_VALUE]},
        events.SamplesReported(evse=2, connector=0, ocpp_id=None, samples=(SAMPLE,)),
    ),
    (
        "MeterValues",
        {"evseId": 0, "meterValue": [METER_VALUE]},
        events.SamplesReported(evse=0, connector=0, ocpp_id=None, samples=(SAMPLE,)),
    ),
    (
        "NotifyChargingLimit",
        {
            "evseId": 2,
            "chargingLimit": {"chargingLimitSource": "EMS", "isGridCritical": True},
            "chargingSchedule": [schedule("A", *PERIODS), schedule("W", {"startPeriod": 0, "limit": 4200})],
        },
        events.ExternalLimitReported(evse=2, source="EMS", limit_a=10.5, limit_w=4200.0),
    ),
    (
        "NotifyChargingLimit",
        {
            "chargingLimit": {"chargingLimitSource": "SO"},
            "chargingSchedule": [schedule("A", {"startPeriod": 0, "limit": -1})],
        },
        events.ExternalLimitReported(evse=0, source="SO", limit_a=0.0),
    ),
    (
        "NotifyChargingLimit",
        {"chargingLimit": {"chargingLimitSource": "Other"}},
        events.ExternalLimitReported(evse=0, source="Other"),
    ),
    (
        "ClearedChargingLimit",
        {"chargingLimitSource": "CSO", "evseId": 1},
        events.ExternalLimitReported(evse=1, source="CSO", ended=True),
    ),
    (
        "ClearedChargingLimit",
        {"chargingLimitSource": "CSO"},
        events.ExternalLimitReported(evse=0, source="CSO", ended=True),
    ),
    ("SignCertificate", {"csr": "CSR"}, events.CertificateRequested(csr="CSR")),
    (
        "SignCertificate",
        {"csr": "CSR", "certificateType": "V2GCertificate"},
        events.CertificateRequested(csr="CSR"),
    ),
]


@pytest.mark.parametrize(("action", "payload", "event"), CALLS)
def test_a_call_becomes_its_event(action, payload, event):
    assert payloads.validator("v201", f"{action}Request").is_valid(payload)
    assert DIALECT.decode(action, json.dumps(payload).encode(), NOW_US) == Decoded(event)


HASHES = {
    "hashAlgorithm": "SHA256",
    "issuerNameHash": "n",
    "issuerKeyHash": "k",
    "serialNumber": "s",
    "responderURL": "u",
}

NOTICES: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    # action, kind, payload, response
    ("FirmwareStatusNotification", "firmware.status", {"status": "Installed", "requestId": 3}, {}),
    (
        "PublishFirmwareStatusNotification",
        "firmware.publication",
        {"status": "Published", "location": ["http://local/f"]},
        {},
    ),
    ("LogStatusNotification", "log.status", {"status": "Uploaded", "requestId": 3}, {}),
    (
        "SecurityEventNotification",
        "security.event",
        {"type": "TamperDetectionActivated", "timestamp": AT, "techInfo": "lid"},
        {},
    ),
    (
        "NotifyMonitoringReport",
        "monitoring.report",
        {
            "requestId": 1,
            "seqNo": 0,
            "generatedAt": AT,
            "monitor": [
                {
                    "component": {"name": "EVSE"},
                    "variable": {"name": "Power"},
                    "variableMonitoring": [
                        {"id": 1, "transaction": False, "value": 1.5, "type": "Delta", "severity": 5}
                    ],
                }
            ],
        },
        {},
    ),
    (
        "NotifyCustomerInformation",
        "customer-information.report",
        {"data": "nobody", "seqNo": 0, "generatedAt": AT, "requestId": 4},
        {},
    ),
    (
        "NotifyDisplayMessages",
        "display-messages.report",
        {
            "requestId": 5,
            "messageInfo": [
                {"id": 1, "priority": "InFront", "message": {"format": "UTF8", "content": "Hello"}}
            ],
        },
        {},
    ),
    (
        "ReservationStatusUpdate",
        "reservation.status",
        {"reservationId": 7, "reservationUpdateStatus": "Expired"},
        {},
    ),
    (
        "ReportChargingProfiles",
        "charging-profiles.report",
        {
            "requestId": 6,
            "chargingLimitSource": "CSO",
            "evseId": 1,
            "chargingProfile": [
                {
                    "id": 1,
                    "stackLevel": 0,
                    "chargingProfilePurpose": "TxDefaultProfile",
                    "chargingProfileKind": "Relative",
                    "chargingSchedule": [schedule("A", *PERIODS)],
                }
            ],
        },
        {},
    ),
    (
        "NotifyEVChargingNeeds",
        "ev.charging-needs",
        {
            "evseId": 1,
            "chargingNeeds": {
                "requestedEnergyTransfer": "AC_three_phase",
                "acChargingParameters": {
                    "energyAmount": 20_000,
                    "evMinCurrent": 6,
                    "evMaxCurrent": 32,
                    "evMaxVoltage": 230,
                },
            },
        },
        {"status": "Rejected"},
    ),
    (
        "NotifyEVChargingSchedule",
        "ev.charging-schedule",
        {"evseId": 1, "timeBase": AT, "chargingSchedule": schedule("A", *PERIODS)},
        {"status": "Accepted"},
    ),
    (
        "Get15118EVCertificate",
        "ev.certificate-requested",
        {"iso15118SchemaVersion": "urn:iso", "action": "Install", "exiRequest": "RVhJ"},
        {"status": "Failed", "exiResponse": ""},
    ),
    (
        "GetCertificateStatus",
        "certificate.status-requested",
        {"ocspRequestData": HASHES},
        {"status": "Failed"},
    ),
    (
        "StatusNotification",
        "status.of-no-connector",
        {"timestamp": AT, "connectorStatus": "Available", "evseId": 1, "connectorId": 0},
        {},
    ),
    (
        "StatusNotification",
        "status.of-no-connector",
        {"timestamp": AT, "connectorStatus": "Available", "evseId": 0, "connectorId": 1},
        {},
    ),
    (
        "Authorize",
        "contract-certificate.presented",
        {"idToken": {"idToken": "DE8AA", "type": "eMAID"}, "certificate": "PEM"},
        {"idTokenInfo": {"status": "Invalid"}, "certificateStatus": "CertChainError"},
    ),
    (
        "Authorize",
        "contract-certificate.presented",
        {"idToken": {"idToken": "DE8AA", "type": "eMAID"}, "iso15118CertificateHashData": [HASHES]},
        {"idTokenInfo": {"status": "Invalid"}, "certificateStatus": "CertChainError"},
    ),
]


@pytest.mark.parametrize(("action", "kind", "payload", "response"), NOTICES)
def test_a_notice_is_kept_and_answered_as_who_does_no_more(action, kind, payload, response):
    assert payloads.validator("v201", f"{action}Request").is_valid(payload)
    decoded = DIALECT.decode(action, json.dumps(payload).encode(), NOW_US)
    assert isinstance(decoded, Decoded)
    assert isinstance(decoded.event, events.NoticeReceived)
    assert (decoded.event.kind, json.loads(decoded.event.data)) == (kind, payload)
    assert decoded.deviations == ()
    encoded = DIALECT.encode(action, answers.Acknowledged())
    assert isinstance(encoded, bytes)
    assert json.loads(encoded) == response
    assert payloads.validator("v201", f"{action}Response").is_valid(response)


YES = Judgement(verdict=Verdict.ACCEPTED, expires_at_us=AT_US, group="GROUP")
NO = Judgement(verdict=Verdict.CONCURRENT_TX)
INFO = (
    b'{"idTokenInfo":{"status":"Accepted","cacheExpiryDateTime":"2024-05-01T12:00:00.000Z",'
    b'"groupIdToken":{"idToken":"GROUP","type":"Central"}}}'
)

ANSWERS: list[tuple[str, answers.StationAnswer, bytes]] = [
    (
        "BootNotification",
        answers.BootAnswer(Registration.PENDING, AT_US, 300),
        b'{"currentTime":"2024-05-01T12:00:00.000Z","interval":300,"status":"Pending"}',
    ),
    ("Heartbeat", answers.HeartbeatAnswer(AT_US + 1999), b'{"currentTime":"2024-05-01T12:00:00.001Z"}'),
    ("Authorize", answers.AuthorizationAnswer(YES), INFO),
    ("Authorize", answers.AuthorizationAnswer(NO), b'{"idTokenInfo":{"status":"ConcurrentTx"}}'),
    ("TransactionEvent", answers.TransactionEventAnswer(YES), INFO),
    ("TransactionEvent", answers.TransactionEventAnswer(NO), b'{"idTokenInfo":{"status":"ConcurrentTx"}}'),
    ("TransactionEvent", answers.TransactionEventAnswer(None), b"{}"),
    ("MeterValues", answers.Acknowledged(), b"{}"),
    ("StatusNotification", answers.Acknowledged(), b"{}"),
    ("NotifyReport", answers.Acknowledged(), b"{}"),
    ("NotifyEvent", answers.Acknowledged(), b"{}"),
    ("NotifyChargingLimit", answers.Acknowledged(), b"{}"),
    ("ClearedChargingLimit", answers.Acknowledged(), b"{}"),
    ("DataTransfer", answers.VendorDataAnswer(), b'{"status":"UnknownVendorId"}'),
    ("SignCertificate", answers.CertificateAnswer(accepted=True), b'{"status":"Accepted"}'),
    ("SignCertificate", answers.CertificateAnswer(accepted=False), b'{"status":"Rejected"}'),
]


@pytest.mark.parametrize(("action", "answer", "payload"), ANSWERS)
def test_an_answer_becomes_its_response_and_fits_the_schema(action, answer, payload):
    assert DIALECT.encode(action, answer) == payload
    assert payloads.validator("v201", f"{action}Response").is_valid(json.loads(payload))


def test_every_action_of_a_station_has_an_answer_here():
    assert {row[0] for row in ANSWERS} | {row[0] for row in NOTICES} == INBOUND.keys()


@pytest.mark.parametrize("registration", Registration)
def test_every_word_of_a_registration_is_one_of_the_standard(registration):
    payload = DIALECT.encode("BootNotification", answers.BootAnswer(registration, AT_US, 30))
    assert isinstance(payload, bytes)
    assert payloads.validator("v201", "BootNotificationResponse").is_valid(msgspec.json.decode(payload))


@pytest.mark.parametrize(
    ("action", "payload", "path"),
    [
        ("StatusNotification", {"timestamp": AT, "connectorStatus": "Available", "evseId": -1, "connectorId": 1}, "evseId"),
        ("StatusNotification", {"timestamp": AT, "connectorStatus": "Available", "evseId": 1, "connectorId": 65_536}, "connectorId"),
        ("ClearedChargingLimit", {"chargingLimitSource": "CSO", "evseId": 2**70}, "evseId"),
        ("NotifyChargingLimit", {"chargingLimit": {"chargingLimitSource": "SO"}, "evseId": -1}, "evseId"),
    ],
)  # fmt: skip
def test_a_number_that_no_evse_or_connector_has_is_refused_with_its_place(action, payload, path):
    refusal = DIALECT.decode(action, json.dumps(payload).encode(), NOW_US)
    assert refusal == Refusal(ErrorKind.PROPERTY, f"{path}: is no number of an EVSE or connector")
