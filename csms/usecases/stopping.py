"""A transaction ends; a stop finds its transaction by id, by token and time, or is kept as an orphan."""

from __future__ import annotations

import hashlib

from msgspec import Struct

from csms.domain.answers import StopAnswer
from csms.domain.events import TransactionStopReported
from csms.domain.metering import Quality
from csms.domain.records import Record, TransactionClosed, TransactionOpened
from csms.domain.station import StationState
from csms.domain.times import format_utc, trusted_at
from csms.domain.transaction import ClosedBy, StartKey, Transaction, usable_ocpp_id
from csms.ports import Context, Lookup, Outcome, TransactionByEnd, TransactionById, TransactionByOcppId
from csms.usecases import authorization, event_log, metering, sessions
from csms.usecases.authorization import Presented


class _Stop(Struct, frozen=True):
    """A reported stop with what was made of it."""

    event: TransactionStopReported
    at_us: int
    presented: Presented | None
    """None: the station stopped by itself."""

    @property
    def token_hmac(self) -> bytes | None:
        return None if self.presented is None else self.presented.hmac


def stop(state: StationState, event: TransactionStopReported, context: Context) -> Outcome | Lookup:
    """End the transaction that the stop belongs to, whatever it says; it is always kept and answered.

    OCPP 1.6 §4.10: no sanity check may keep a stop from being answered. A stop that ended its transaction
    before changes nothing; another stop of an ended transaction is logged and changes nothing either.
    """
    presented = authorization.present(context, event.uid, event.token_type) if event.uid else None
    if presented is not None and not isinstance(presented, Presented):
        return presented
    transaction = sessions.named(state, event.ocpp_id, context)
    if isinstance(transaction, TransactionByOcppId):
        return transaction
    at_us, _ = trusted_at(event.device_at_us, context.received_at_us)
    reported = _Stop(event, at_us, presented)
    if transaction is None or transaction.orphan:
        return _stop_unnamed(state, reported, context)
    if transaction.closed_by is not ClosedBy.STATION:
        return _close(state, transaction, reported, context)
    sessions.remember(state, transaction)
    if transaction.ended_with(event.device_at, event.meter_wh):
        return Outcome(_answer(reported, context))
    return _conflict(state, transaction, reported, context)


def _stop_unnamed(state: StationState, reported: _Stop, context: Context) -> Outcome | Lookup:
    """Find out whether a stop without a known id came before, and else what it ends."""
    for lookup in _traces(state, reported):
        if lookup not in context.found:
            return lookup
        if context.found[lookup] is not None:
            return Outcome(_answer(reported, context))
    transaction = _match(state, reported, context)
    if transaction is not None:
        return _close(state, transaction, reported, context)
    return _keep_orphan(state, reported, context)


def _traces(state: StationState, reported: _Stop) -> tuple[Lookup, ...]:
    """Return how to find what this very stop did when it came before: an orphan, or a transaction's end.

    The store is asked, for memory holds only the newest ends. A stop that said no time can't be told from
    another one: taking it for a resend would lose an end.
    """
    event = reported.event
    orphan = TransactionById(_orphan_id(state, reported))
    if not event.device_at:
        return (orphan,)
    return orphan, TransactionByEnd(event.device_at, event.meter_wh, reported.token_hmac)


def _match(state: StationState, reported: _Stop, context: Context) -> Transaction | None:
    """Return the transaction whose end is still to come that fits best.

    With a token the newest that it or its group may stop; without one only a single candidate counts.
    """
    candidates = [
        transaction
        for transaction in state.transactions.values()
        if transaction.closed_by is not ClosedBy.STATION and _fits(transaction, reported, context)
    ]
    if reported.presented is None and len(candidates) > 1:
        return None
    return max(candidates, key=lambda transaction: transaction.started_at_us, default=None)


def _fits(transaction: Transaction, reported: _Stop, context: Context) -> bool:
    """Tell whether this stop may be that transaction's: holder, time and register."""
    holder = reported.token_hmac
    return (
        not transaction.orphan
        and transaction.told is None
        and transaction.started_at_us <= reported.at_us
        and (reported.event.meter_wh is None or transaction.key.meter_start_wh <= reported.event.meter_wh)
        and (holder is None or authorization.same_holder(context, holder, transaction.key.token_hmac))
    )


def _close(state: StationState, transaction: Transaction, reported: _Stop, context: Context) -> Outcome:
    """End it; an end that was only inferred is corrected, which followers see as an update."""
    kind = "transaction.ended" if transaction.active else "transaction.updated"
    seen = authorization.token_seen(reported.presented, context)
    transaction.end(reported.at_us, reported.event.device_at, reported.event.meter_wh)
    sessions.remember(state, transaction)
    return Outcome(_answer(reported, context), (*seen, *_ending(state, transaction, reported, context, kind)))


def _keep_orphan(state: StationState, reported: _Stop, context: Context) -> Outcome:
    """Keep a stop whose start nobody knows as a transaction of its own, on no connector."""
    event = reported.event
    orphan = Transaction(
        id=_orphan_id(state, reported),
        ocpp_id=event.ocpp_id or "",
        key=StartKey(0, 0, reported.token_hmac or b"", event.device_at, event.meter_wh or 0.0),
        started_at_us=reported.at_us,
        last_energy_wh=None,
        last_energy_at_us=None,
        orphan=True,
    )
    seen = authorization.token_seen(reported.presented, context)
    orphan.end(reported.at_us, event.device_at, event.meter_wh)
    if usable_ocpp_id(orphan.ocpp_id) is not None:
        sessions.remember(state, orphan)  # readings that name it will follow
    opened = TransactionOpened(
        id=orphan.id,
        ocpp_id=orphan.ocpp_id,
        station_id=state.id,
        site_id=state.site_id,
        evse=0,
        connector=0,
        token_hmac=reported.token_hmac,
        token_verdict=None,
        started_at_us=reported.at_us,
        device_started_at=event.device_at,
        received_at_us=context.received_at_us,
        meter_start_wh=None,
        reservation_id=None,
        orphan=1,
    )
    ending = _ending(state, orphan, reported, context, "transaction.ended")
    return Outcome(_answer(reported, context), (*seen, opened, *ending))


def _ending(
    state: StationState, transaction: Transaction, reported: _Stop, context: Context, kind: str
) -> list[Record]:
    """Return the end, its readings, and its event."""
    event = reported.event
    closing = TransactionClosed(
        ended_at_us=reported.at_us,
        device_ended_at=event.device_at,
        end_received_at_us=context.received_at_us,
        meter_stop_wh=event.meter_wh,
        stop_reason=event.reason,
        stop_token_hmac=reported.token_hmac,
        closed_by=ClosedBy.STATION.value,
        id=transaction.id,
    )
    records: list[Record] = [closing, *_readings(state, transaction, reported, context, quality=0)]
    told = any(s.context == "Transaction.End" and s.energy_wh is not None for s in event.samples)
    if event.meter_wh is not None and not told:
        end = metering.register_sample("Transaction.End", event.meter_wh, event.device_at_us, context)
        records.append(metering.record_sample(state, end, transaction.key.place, transaction))
    data = sessions.describe_end(state, transaction, closing)
    records.append(event_log.line(kind, state, context.received_at_us, data))
    return records


def _readings(
    state: StationState, transaction: Transaction, reported: _Stop, context: Context, *, quality: int
) -> list[Record]:
    place, event = transaction.key.place, reported.event
    return [
        *(metering.record_sample(state, s, place, transaction, quality=quality) for s in event.samples),
        *(
            metering.record_signed(state, value, place, transaction, context.received_at_us)
            for value in event.signed
        ),
    ]


def _conflict(state: StationState, transaction: Transaction, reported: _Stop, context: Context) -> Outcome:
    """Log a second, different stop of an ended transaction; its readings are kept as late ones."""
    event = reported.event
    data = sessions.describe(state, transaction) | {
        "ended_at": format_utc(reported.at_us),
        "meter_stop_wh": event.meter_wh,
        "stop_reason": event.reason,
    }
    readings = _readings(state, transaction, reported, context, quality=Quality.AFTER_END)
    line = event_log.line("transaction.conflict", state, context.received_at_us, data)
    return Outcome(_answer(reported, context), (*readings, line))


def _answer(reported: _Stop, context: Context) -> StopAnswer:
    """Judge the token that stopped; how many others it has open doesn't matter to a stop."""
    presented = reported.presented
    return StopAnswer(None if presented is None else authorization.judge(presented.token, context))


def _orphan_id(state: StationState, reported: _Stop) -> str:
    """Derive an orphan's id from all that its stop says, so that a resent one is the same orphan."""
    event = reported.event
    said = (state.id, repr(event.ocpp_id), event.device_at, repr(event.meter_wh), repr(reported.token_hmac))
    return hashlib.blake2b("\0".join(said).encode(), digest_size=16).hexdigest()
