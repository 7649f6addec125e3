"""Events of a transaction at a station of OCPP 2.x, a minute apart by their numbers."""

from __future__ import annotations

from typing import Any

from csms.domain.events import TransactionEventReported, TransactionStage
from csms.domain.metering import Sample
from csms.domain.times import format_utc
from tests.csms.usecases.world import NOON, SECOND

MINUTE = 60 * SECOND


def event(stage: TransactionStage, seq_no: int, **said: Any) -> TransactionEventReported:
    """Return an event; its time is `said["at_us"]` or that of its number."""
    at_us = said.pop("at_us", NOON + seq_no * MINUTE)
    fields: dict[str, Any] = {
        "ocpp_id": "tx-a",
        "trigger": "ChargingStateChanged",
        "device_at": "never" if at_us is None else format_utc(at_us),
        "device_at_us": at_us,
        "token_type": "ISO14443" if said.get("uid") is not None else "",
    }
    return TransactionEventReported(stage=stage, seq_no=seq_no, **(fields | said))


def started(seq_no: int = 0, **said: Any) -> TransactionEventReported:
    return event(TransactionStage.STARTED, seq_no, **said)


def updated(seq_no: int, **said: Any) -> TransactionEventReported:
    return event(TransactionStage.UPDATED, seq_no, **said)


def ended(seq_no: int, **said: Any) -> TransactionEventReported:
    return event(TransactionStage.ENDED, seq_no, **said)


def register(minute: int, energy_wh: float, context: str = "Sample.Periodic") -> Sample:
    at_us = NOON + minute * MINUTE
    return Sample(at_us=at_us, device_at_us=at_us, received_at_us=at_us, context=context, energy_wh=energy_wh)
