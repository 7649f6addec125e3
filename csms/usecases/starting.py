"""A transaction begins, is told an id, and is recorded once however often its start is sent."""

from __future__ import annotations

from typing import cast

from msgspec import Struct, structs

from csms.domain.answers import StartAnswer
from csms.domain.events import TransactionStartReported
from csms.domain.records import Record, TransactionClosed, TransactionOpened
from csms.domain.station import StationState
from csms.domain.times import format_utc, trusted_at
from csms.domain.token import Judgement
from csms.domain.transaction import ClosedBy, Place, StartKey, Transaction
from csms.ports import Context, Lookup, Outcome, TransactionByStart
from csms.usecases import authorization, event_log, metering, sessions
from csms.usecases.authorization import Presented


def start(state: StationState, event: TransactionStartReported, context: Context) -> Outcome | Lookup:
    """Open a transaction whatever the verdict on its token; a start that is known gets the same answer again."""
    presented = authorization.present(context, event.uid, event.token_type)
    if not isinstance(presented, Presented):
        return presented
    keys = [
        StartKey(evse, connector, presented.hmac, event.device_at, event.meter_wh)
        for evse, connector in _places(state, event)
    ]
    known = _known_by_any(state, keys, context)
    if isinstance(known, TransactionByStart):
        return known
    key = keys[0]
    if known is not None:
        return _again(state, known, presented, context)
    at_us, _ = trusted_at(event.device_at_us, context.received_at_us)
    superseded = _superseded(state, key, at_us)
    spared = sum(old.key.token_hmac == presented.hmac for old in superseded)
    judgement = authorization.judge_for_charging(presented, context, spared=spared)
    if not isinstance(judgement, Judgement):
        return judgement
    return _open(state, _Start(event, key, at_us, presented, judgement), superseded, context)


def _places(state: StationState, event: TransactionStartReported) -> list[Place]:
    """Return where a start is, and after it where its report may have been placed before.

    EVSE 0 is none (OCPP 1.6 §4.8: connectors count from 1); at a station with one EVSE it can only mean that one.
    Whether it has one is known once it has told its statuses, which may be after a first report.
    """
    if event.evse != 0:
        return [(event.evse, event.connector)]
    nowhere: Place = (0, event.connector)
    if len(state.evses) == 1:
        (evse,) = state.evses
        return [(evse, 1), nowhere]
    return [nowhere, (1, 1)]


class _Start(Struct, frozen=True):
    """A new start, judged."""

    event: TransactionStartReported
    key: StartKey
    at_us: int
    presented: Presented
    judgement: Judgement


def _known_by_any(
    state: StationState, keys: list[StartKey], context: Context
) -> Transaction | TransactionByStart | None:
    for key in keys:
        known = _known(state, key, context)
        if known is not None:
            return known
    return None


def _known(state: StationState, key: StartKey, context: Context) -> Transaction | TransactionByStart | None:
    for transaction in state.transactions.values():
        if transaction.key == key and not transaction.orphan and (transaction.active or key.says_when):
            return transaction
    if not key.says_when:
        return None
    # Memory holds only the newest of the ended transactions, so the store always has the last word.
    lookup = TransactionByStart(key)
    if lookup not in context.found:
        return lookup
    return cast("Transaction | None", context.found[lookup])


def _again(state: StationState, known: Transaction, presented: Presented, context: Context) -> Outcome:
    """Answer as before: the verdict is the recorded one, what stands beside it is the token's of today."""
    sessions.remember(state, known)
    judgement = authorization.judge(presented.token, context)
    if known.verdict is not None:
        judgement = structs.replace(judgement, verdict=known.verdict)
    return Outcome(StartAnswer(known.ocpp_id, judgement))


def _superseded(state: StationState, key: StartKey, at_us: int) -> list[Transaction]:
    """Return the open transactions that can't go on, since a later one began on their connector.

    One that began later stays: an offline queue may replay old starts after newer ones. EVSE 0 names no
    connector, so a start on it ends nothing.
    """
    if key.evse == 0:
        return []
    return [
        old
        for old in state.transactions.values()
        if old.active and old.key.place == key.place and old.started_at_us <= at_us
    ]


def _open(state: StationState, new: _Start, superseded: list[Transaction], context: Context) -> Outcome:
    event, judgement = new.event, new.judgement
    transaction = Transaction(
        id=context.new_id(),
        ocpp_id=str(context.next_ocpp_id()),
        key=new.key,
        started_at_us=new.at_us,
        last_energy_wh=event.meter_wh,
        last_energy_at_us=new.at_us,
        verdict=judgement.verdict,
    )
    records: list[Record] = [*authorization.token_seen(new.presented, context)]
    for old in superseded:
        records += _give_up(state, old, new, context)
    begin = metering.register_sample("Transaction.Begin", event.meter_wh, event.device_at_us, context)
    records += (
        _opened(state, transaction, new, context),
        metering.record_sample(state, begin, transaction.key.place, transaction),
        _started(state, transaction, new, context),
    )
    sessions.remember(state, transaction)
    return Outcome(StartAnswer(transaction.ocpp_id, judgement), tuple(records))


def _give_up(state: StationState, old: Transaction, new: _Start, context: Context) -> tuple[Record, ...]:
    """End a transaction whose stop never came; should it still come, it overrides this."""
    ended_at_us, meter_stop_wh = old.infer_end(new.at_us, new.event.meter_wh)
    sessions.remember(state, old)
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
    data = sessions.describe_end(state, old, closing)
    return closing, event_log.line("transaction.ended", state, context.received_at_us, data)


def _opened(
    state: StationState, transaction: Transaction, new: _Start, context: Context
) -> TransactionOpened:
    return TransactionOpened(
        id=transaction.id,
        ocpp_id=transaction.ocpp_id,
        station_id=state.id,
        site_id=state.site_id,
        evse=new.key.evse,
        connector=new.key.connector,
        token_hmac=new.key.token_hmac,
        token_verdict=new.judgement.verdict.value,
        started_at_us=new.at_us,
        device_started_at=new.key.device_started_at,
        received_at_us=context.received_at_us,
        meter_start_wh=new.key.meter_start_wh,
        reservation_id=new.event.reservation_id,
        orphan=0,
    )


def _started(state: StationState, transaction: Transaction, new: _Start, context: Context) -> Record:
    data = sessions.describe(state, transaction) | {
        "started_at": format_utc(transaction.started_at_us),
        "ended_at": None,
        "active": True,
        "meter_start_wh": transaction.key.meter_start_wh,
        "orphan": False,
    }
    if new.event.evse != new.key.evse:
        data["reported_evse"] = new.event.evse
    return event_log.line("transaction.started", state, context.received_at_us, data)
