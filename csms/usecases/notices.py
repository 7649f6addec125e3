"""What stations tell that only needs to be kept."""

from __future__ import annotations

import msgspec

from csms.domain.answers import (
    Acknowledged,
    CertificateAnswer,
    StartAnswer,
    StationAnswer,
    StopAnswer,
    TransactionEventAnswer,
    VendorDataAnswer,
)
from csms.domain.events import CertificateRequested, NoticeReceived, UnreadableReceived, VendorDataReceived
from csms.domain.records import RawKept
from csms.domain.station import StationState
from csms.domain.token import Judgement, Verdict
from csms.ports import Context, Outcome
from csms.usecases import event_log


def notice(state: StationState, event: NoticeReceived, context: Context) -> Outcome:
    """Log a notice about firmware, diagnostics, logs or security."""
    data = {"station_id": state.id, "kind": event.kind, "data": msgspec.Raw(event.data.encode())}
    return Outcome(Acknowledged(), (event_log.line("station.notice", state, context.received_at_us, data),))


def vendor_data(state: StationState, event: VendorDataReceived, context: Context) -> Outcome:
    """Log a vendor's own message; none is understood here."""
    data = {
        "station_id": state.id,
        "vendor_id": event.vendor_id,
        "message_id": event.message_id,
        "data": event.data,
    }
    records = (event_log.line("station.vendor-data", state, context.received_at_us, data),)
    return Outcome(VendorDataAnswer(), records)


def certificate_request(state: StationState, event: CertificateRequested, context: Context) -> Outcome:
    """Log a signing request and decline it: there is no certificate authority here."""
    data = {"station_id": state.id, "csr": event.csr}
    records = (event_log.line("station.certificate-requested", state, context.received_at_us, data),)
    return Outcome(CertificateAnswer(accepted=False), records)


def unreadable(state: StationState, event: UnreadableReceived, context: Context) -> Outcome:
    """Keep a transaction message that nobody could read, and answer it so that the station's queue drains.

    Nothing in it can tell a resend from a new one, so a resent one is kept twice.
    """
    at_us = context.received_at_us
    kept = RawKept(state.id, state.site_id, at_us, event.action, event.payload, event.problem)
    data = {
        "station_id": state.id,
        "kind": event.kind,
        "action": event.action,
        "problem": event.problem,
    }
    line = event_log.line("station.unreadable", state, at_us, data)
    return Outcome(_answer_unread(event.kind, context), (kept, line))


def _answer_unread(kind: str, context: Context) -> StationAnswer:
    if kind == "transaction.start":
        # Without an id above 0 some stations say 0 in the stop, and nobody could tell what it belongs to.
        return StartAnswer(str(context.next_ocpp_id()), Judgement(verdict=Verdict.INVALID))
    if kind == "transaction.stop":
        return StopAnswer(None)
    if kind == "transaction.event":
        return TransactionEventAnswer(None)
    return Acknowledged()
