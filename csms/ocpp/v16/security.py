"""The security extension of OCPP 1.6 (white paper, edition 3): certificates, logs, events, signed firmware."""

from __future__ import annotations

from typing import Any

from csms.domain.answers import CertificateAnswer
from csms.domain.events import CertificateRequested
from csms.ocpp.tables import Inbound, Outbound, Reading, notice
from csms.ocpp.v16 import messages as m


def _sign_certificate(request: m.SignCertificateRequest, _reading: Reading) -> CertificateRequested:
    return CertificateRequested(csr=request.csr)


def _sign_certificate_response(answer: CertificateAnswer) -> m.SignCertificateResponse:
    return m.SignCertificateResponse(status="Accepted" if answer.accepted else "Rejected")


INBOUND: dict[str, Inbound[Any, Any]] = {
    "LogStatusNotification": notice(
        "log.status", m.LogStatusNotificationRequest, m.LogStatusNotificationResponse()
    ),
    "SecurityEventNotification": notice(
        "security.event", m.SecurityEventNotificationRequest, m.SecurityEventNotificationResponse()
    ),
    "SignCertificate": Inbound(
        request=m.SignCertificateRequest,
        translate=_sign_certificate,
        answer=CertificateAnswer,
        shape=_sign_certificate_response,
    ),
    "SignedFirmwareStatusNotification": notice(
        "signed-firmware.status",
        m.SignedFirmwareStatusNotificationRequest,
        m.SignedFirmwareStatusNotificationResponse(),
    ),
}

OUTBOUND: dict[str, Outbound] = {
    "CertificateSigned": Outbound(m.CertificateSignedRequest, m.CertificateSignedResponse),
    "DeleteCertificate": Outbound(m.DeleteCertificateRequest, m.DeleteCertificateResponse),
    "ExtendedTriggerMessage": Outbound(m.ExtendedTriggerMessageRequest, m.ExtendedTriggerMessageResponse),
    "GetInstalledCertificateIds": Outbound(
        m.GetInstalledCertificateIdsRequest, m.GetInstalledCertificateIdsResponse
    ),
    "GetLog": Outbound(m.GetLogRequest, m.GetLogResponse),
    "InstallCertificate": Outbound(m.InstallCertificateRequest, m.InstallCertificateResponse),
    "SignedUpdateFirmware": Outbound(m.SignedUpdateFirmwareRequest, m.SignedUpdateFirmwareResponse),
}
