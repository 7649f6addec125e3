from __future__ import annotations

import json

import pytest

from csms.domain.answers import Acknowledged, CertificateAnswer
from csms.domain.events import CertificateRequested, NoticeReceived
from csms.ocpp.dialect import Decoded
from csms.ocpp.v16 import DIALECT
from tests.csms.ocpp import payloads


@pytest.mark.parametrize(
    ("action", "kind", "data"),
    [
        ("LogStatusNotification", "log.status", '{"status":"Uploaded","requestId":3}'),
        ("SignedFirmwareStatusNotification", "signed-firmware.status", '{"status":"InvalidSignature"}'),
        (
            "SecurityEventNotification",
            "security.event",
            '{"type":"TamperDetectionActivated","timestamp":"2024-05-01T12:00:00Z","techInfo":"lid"}',
        ),
    ],
)
def test_a_notice_is_kept_and_acknowledged(action, kind, data):
    assert DIALECT.decode(action, data.encode(), 0) == Decoded(NoticeReceived(kind=kind, data=data))
    assert DIALECT.encode(action, Acknowledged()) == b"{}"


def test_a_station_asks_for_its_certificate():
    csr = "-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n"
    decoded = DIALECT.decode("SignCertificate", json.dumps({"csr": csr}).encode(), 0)
    assert decoded == Decoded(CertificateRequested(csr=csr))


@pytest.mark.parametrize(("accepted", "status"), [(True, "Accepted"), (False, "Rejected")])
def test_the_answer_says_whether_it_was_taken_on(accepted, status):
    payload = DIALECT.encode("SignCertificate", CertificateAnswer(accepted))
    assert isinstance(payload, bytes)
    assert json.loads(payload) == {"status": status}
    assert payloads.validator("v16", "SignCertificateResponse").is_valid(json.loads(payload))
