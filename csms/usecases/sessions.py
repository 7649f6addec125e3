"""The transactions that a station's connection remembers: found by the station's id, kept within bounds."""

from __future__ import annotations

from typing import cast

from csms.domain.records import Record, TransactionClosed
from csms.domain.station import KEPT_ENDED, KEPT_OPEN, StationState
from csms.domain.times import format_utc
from csms.domain.transaction import ClosedBy, Transaction, usable_ocpp_id
from csms.ports import Context, TransactionByOcppId
from csms.usecases import event_log


def named(
    state: StationState, ocpp_id: str | None, context: Context
) -> Transaction | TransactionByOcppId | None:
    """Return the transaction that our id names; None where it names none that was ever seen.

    One that events tell of has an id of the station's own, which may read the same.
    """
    usable = usable_ocpp_id(ocpp_id)
    if usable is None:
        return None
    transaction = state.transactions.get(usable)
    if transaction is not None and transaction.told is None:
        return transaction
    lookup = TransactionByOcppId(usable)
    if lookup not in context.found:
        return lookup
    return cast("Transaction | None", context.found[lookup])


def remember(state: StationState, transaction: Transaction) -> None:
    """Keep a transaction as the newest; of too many the longest untouched are forgotten, ended and open apart."""
    state.transactions.pop(transaction.ocpp_id, None)
    state.transactions[transaction.ocpp_id] = transaction
    still_open, ended = list[str](), list[str]()
    for ocpp_id, kept in state.transactions.items():
        (still_open if kept.active else ended).append(ocpp_id)
    for ocpp_id in (*still_open[:-KEPT_OPEN], *ended[:-KEPT_ENDED]):
        del state.transactions[ocpp_id]


def give_up(
    state: StationState,
    old: Transaction,
    next_started_at_us: int,
    next_meter_start_wh: float | None,
    context: Context,
) -> tuple[Record, ...]:
    """End a transaction whose own end never came and whose EVSE has a newer one; should it still come, it overrides this."""
    ended_at_us, meter_stop_wh = old.infer_end(next_started_at_us, next_meter_start_wh)
    remember(state, old)
    closing = TransactionClosed(
        ended_at_us=ended_at_us,
        device_ended_at=None,
        end_received_at_us=context.received_at_us,
        meter_stop_wh=meter_stop_wh,
        stop_reason=None,
        stop_token_hmac=None,
        closed_by=ClosedBy.NEXT_START.value,
        id=old.id,
    )
    data = describe_end(state, old, closing)
    return closing, event_log.line("transaction.ended", state, context.received_at_us, data)


def describe(state: StationState, transaction: Transaction) -> dict[str, object]:
    """Return what identifies a transaction in an event."""
    return {
        "id": transaction.id,
        "ocpp_transaction_id": transaction.ocpp_id,
        "station_id": state.id,
        "evse": transaction.key.evse,
        "connector": transaction.key.connector,
    }


def describe_end(
    state: StationState, transaction: Transaction, closing: TransactionClosed
) -> dict[str, object]:
    """Return what an event tells of a transaction's end; `doubts` names what can't be true in it."""
    start_wh = transaction.meter_start_wh
    stop_wh = closing.meter_stop_wh
    doubts: list[str] = []
    if closing.ended_at_us < transaction.started_at_us:
        doubts.append("ended-before-start")
    if stop_wh is None:
        doubts.append("meter-not-said")
    elif start_wh is not None and stop_wh < start_wh:
        doubts.append("meter-below-start")
    return describe(state, transaction) | {
        "started_at": format_utc(transaction.started_at_us),
        "ended_at": format_utc(closing.ended_at_us),
        "active": False,
        "meter_start_wh": start_wh,
        "meter_stop_wh": stop_wh,
        "energy_wh": None if start_wh is None or stop_wh is None else stop_wh - start_wh,
        "stop_reason": closing.stop_reason,
        "closed_by": closing.closed_by,
        "orphan": transaction.orphan,
        "doubts": doubts,
    }
