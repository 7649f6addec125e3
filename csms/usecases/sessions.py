"""The transactions that a station's connection remembers: found by the station's id, kept within bounds."""

from __future__ import annotations

from typing import cast

from csms.domain.records import TransactionClosed
from csms.domain.station import KEPT_ENDED, KEPT_OPEN, StationState
from csms.domain.times import format_utc
from csms.domain.transaction import Transaction, usable_ocpp_id
from csms.ports import Context, TransactionByOcppId


def named(
    state: StationState, ocpp_id: str | None, context: Context
) -> Transaction | TransactionByOcppId | None:
    """Return the transaction that the station's id names; None where it names none that was ever seen."""
    usable = usable_ocpp_id(ocpp_id)
    if usable is None:
        return None
    transaction = state.transactions.get(usable)
    if transaction is not None:
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
    start_wh = None if transaction.orphan else transaction.key.meter_start_wh
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
