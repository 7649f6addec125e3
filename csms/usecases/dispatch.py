"""Which use case answers which event; one row each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from csms.domain import events
from csms.domain.answers import Forbidden
from csms.domain.events import StationEvent
from csms.domain.station import Registration, StationState
from csms.ports import Context, Lookup, Outcome
from csms.usecases import (
    authorization,
    device_model,
    external_limits,
    metering,
    notices,
    registration,
    starting,
    status,
    stopping,
    transaction_events,
)

# The event's type is the row's key; no annotation can say so for a whole table.
UseCase = Callable[[StationState, Any, Context], Outcome | Lookup]

USE_CASES: dict[type[StationEvent], UseCase] = {
    events.Booted: registration.boot,
    events.HeartbeatReceived: registration.heartbeat,
    events.StatusReported: status.report,
    events.DeviceEventsReported: status.report_events,
    events.AuthorizationRequested: authorization.authorize,
    events.TransactionStartReported: starting.start,
    events.TransactionStopReported: stopping.stop,
    events.SamplesReported: metering.read,
    events.TransactionEventReported: transaction_events.take,
    events.DeviceModelReported: device_model.report,
    events.ExternalLimitReported: external_limits.report,
    events.VendorDataReceived: notices.vendor_data,
    events.NoticeReceived: notices.notice,
    events.CertificateRequested: notices.certificate_request,
    events.UnreadableReceived: notices.unreadable,
}

NEVER_REFUSED = frozenset(
    {
        events.Booted,
        events.TransactionStartReported,
        events.TransactionStopReported,
        events.SamplesReported,
        events.TransactionEventReported,
        events.DeviceModelReported,
        events.UnreadableReceived,
    }
)
"""A station that may not work here may still have charged: what it reports of that is kept and answered.

What it was asked to report of itself it reports while it waits, too (OCPP 2.0.1 B02.FR.01).
"""


def handle(state: StationState, event: StationEvent, context: Context) -> Outcome | Lookup:
    """Answer one event of a station, or say what must be looked up first and be called again.

    Before the first boot of a connection everything is let through: stations reconnect without one,
    and some send their statuses first. Mutates `state` only where it returns an `Outcome`.
    """
    refused = state.boot_answer in {Registration.PENDING, Registration.REJECTED}
    if refused and type(event) not in NEVER_REFUSED:
        return Outcome(Forbidden("the last boot notification was not accepted"))
    return USE_CASES[type(event)](state, event, context)
