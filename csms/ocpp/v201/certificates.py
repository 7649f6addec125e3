"""Functional block M, ISO 15118 Certificate Management: no certificate of a car is issued or checked here."""

from __future__ import annotations

from typing import Any

from csms.ocpp.tables import Inbound, Outbound, notice
from csms.ocpp.v201 import messages as m

INBOUND: dict[str, Inbound[Any, Any]] = {
    "Get15118EVCertificate": notice(
        "ev.certificate-requested",
        m.Get15118EVCertificateRequest,
        m.Get15118EVCertificateResponse(status="Failed", exiResponse=""),
    ),
    # M06.FR.04.
    "GetCertificateStatus": notice(
        "certificate.status-requested",
        m.GetCertificateStatusRequest,
        m.GetCertificateStatusResponse(status="Failed"),
    ),
}

OUTBOUND: dict[str, Outbound] = {
    "DeleteCertificate": Outbound(m.DeleteCertificateRequest, m.DeleteCertificateResponse),
    "GetInstalledCertificateIds": Outbound(
        m.GetInstalledCertificateIdsRequest, m.GetInstalledCertificateIdsResponse
    ),
    "InstallCertificate": Outbound(m.InstallCertificateRequest, m.InstallCertificateResponse),
}
