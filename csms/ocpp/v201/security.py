"""Functional block A, Security: certificates of stations, and what happens to them."""

from __future__ import annotations

from typing import Any

from csms.domain.answers import CertificateAnswer
from csms.domain.events import CertificateRequested
from csms.ocpp.tables import Inbound, Outbound, Reading, notice
from csms.ocpp.v201 import messages as m


def _sign_certificate(request: m.SignCertificateRequest, _reading: Reading) -> CertificateRequested:
    return CertificateRequested(csr=request.csr)


def _sign_certificate_response(answer: CertificateAnswer) -> m.SignCertificateResponse:
    return m.SignCertificateResponse(status="Accepted" if answer.accepted else "Rejected")


INBOUND: dict[str, Inbound[Any, Any]] = {
    "SecurityEventNotification": notice(
        "security.event", m.SecurityEventNotificationRequest, m.SecurityEventNotificationResponse()
    ),
    "SignCertificate": Inbound(
        request=m.SignCertificateRequest,
        translate=_sign_certificate,
        answer=CertificateAnswer,
        shape=_sign_certificate_response,
    ),
}

OUTBOUND: dict[str, Outbound] = {
    "CertificateSigned": Outbound(m.CertificateSignedRequest, m.CertificateSignedResponse),
}
