"""Functional block C, Authorization: who may charge."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET

from csms.domain.answers import Acknowledged, AuthorizationAnswer
from csms.domain.events import AuthorizationRequested, NoticeReceived
from csms.domain.times import format_utc
from csms.domain.token import Judgement, Verdict
from csms.ocpp.tables import Inbound, Outbound, Reading
from csms.ocpp.v201 import messages as m

LONGEST_ID_TOKEN = 36

STATUSES: dict[Verdict, m.AuthorizationStatusEnum] = {
    Verdict.ACCEPTED: "Accepted",
    Verdict.BLOCKED: "Blocked",
    Verdict.EXPIRED: "Expired",
    # What 1.6 calls an invalid token, 2.0.1 tells apart: this one nobody knows (part 2 §3.3).
    Verdict.INVALID: "Unknown",
    Verdict.CONCURRENT_TX: "ConcurrentTx",
}


def id_token_info(judgement: Judgement) -> m.IdTokenInfo:
    """Return a verdict in the words of 2.0.1."""
    expires_at_us, group = judgement.expires_at_us, judgement.group
    # A group's name cut short would be another group's.
    told = group is not None and len(group) <= LONGEST_ID_TOKEN
    return m.IdTokenInfo(
        status=STATUSES[judgement.verdict],
        cacheExpiryDateTime=UNSET if expires_at_us is None else format_utc(expires_at_us),
        groupIdToken=m.IdToken(idToken=group, type="Central") if group is not None and told else UNSET,
    )


def _authorize(request: m.AuthorizeRequest, _reading: Reading) -> AuthorizationRequested | NoticeReceived:
    if request.certificate is UNSET and request.iso15118CertificateHashData is UNSET:
        return AuthorizationRequested(uid=request.idToken.idToken, token_type=request.idToken.type)
    return NoticeReceived(kind="contract-certificate.presented", data=msgspec.json.encode(request).decode())


def _authorize_response(answer: AuthorizationAnswer | Acknowledged) -> m.AuthorizeResponse:
    if isinstance(answer, AuthorizationAnswer):
        return m.AuthorizeResponse(idTokenInfo=id_token_info(answer.judgement))
    # C07.FR.17: contract certificates can't be verified here, so whoever presents one can't charge with it.
    return m.AuthorizeResponse(
        idTokenInfo=m.IdTokenInfo(status="Invalid"), certificateStatus="CertChainError"
    )


INBOUND: dict[str, Inbound[Any, Any]] = {
    "Authorize": Inbound(
        request=m.AuthorizeRequest,
        translate=_authorize,
        answer=AuthorizationAnswer | Acknowledged,
        shape=_authorize_response,
    ),
}

OUTBOUND: dict[str, Outbound] = {
    "ClearCache": Outbound(m.ClearCacheRequest, m.ClearCacheResponse),
}
