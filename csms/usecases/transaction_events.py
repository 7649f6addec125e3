"""A transaction that events tell of (OCPP 2.x): every event is kept once and answered, in whatever order they come."""

from __future__ import annotations

from typing import cast

import msgspec
from msgspec import Struct, structs

from csms.domain.answers import TransactionEventAnswer
from csms.domain.events import TransactionEventReported
from csms.domain.records import (
    Record,
    TransactionClosed,
    TransactionOpened,
)
from csms.domain.station import StationState
from csms.domain.times import format_utc, trusted_at
from csms.domain.token import Judgement, Verdict
from csms.domain.told import Told, joined, stops, told_by
from csms.domain.told_records import (
    TransactionEventRecorded,
    TransactionUpdated,
)
from csms.domain.transaction import ClosedBy, StartKey, Transaction
from csms.ports import Context, Lookup, Outcome, TransactionEventKnown, TransactionOfEvents
from csms.usecases import authorization, event_log, metering, sessions
from csms.usecases.authorization import Presented


def take(state: StationState, event: TransactionEventReported, context: Context) -> Outcome | Lookup:
    """Keep an event with its transaction, which it may open, go on with or end; one sent again is only answered.

    OCPP 2.0.1 E01 to E15: the transaction's id is the station's, its events may come late and in any order, and
    need not say twice what they said once. An id that a station gives again after an end is another transaction's.
    """
    presented = _presented(event, context)
    if presented is not None and not isinstance(presented, Presented):
        return presented
    known = _known(state, event, context)
    if isinstance(known, TransactionOfEvents):
        return known
    if known is not None:
        again = _again(known, event, context)
        if isinstance(again, TransactionEventKnown):
            return again
        if again:
            sessions.remember(state, known)
            return Outcome(TransactionEventAnswer(_judge_again(known, event, presented, context)))
    at_us, _ = trusted_at(event.device_at_us, context.received_at_us)
    told = told_by(event, at_us=at_us, received_at_us=context.received_at_us)
    reuse = 0 if known is None else known.reuse
    if known is not None and known.is_over_before(told.start):
        known, reuse = None, reuse + 1
    told = told if known is None else joined(_told(known), told)
    superseded = _superseded(state, event, known, told)
    judgement = _judge(event, presented, known, told, superseded, context)
    if judgement is not None and not isinstance(judgement, Judgement):
        return judgement
    if presented is not None and judgement is not None:
        named = told_by(
            event,
            at_us=at_us,
            received_at_us=context.received_at_us,
            token_hmac=presented.hmac,
            verdict=judgement.verdict.value,
        )
        told = joined(told, named)
    taken = _Taken(event, at_us, known, _learned(known, event, told, reuse, context), told)
    seen = authorization.token_seen(presented, context)
    records = (*seen, *_records(state, taken, superseded, context))
    return Outcome(TransactionEventAnswer(judgement), records)


class _Taken(Struct, frozen=True):
    """An event with what it made of its transaction."""

    event: TransactionEventReported
    at_us: int
    before: Transaction | None
    """None: it is the first that came."""
    now: Transaction
    told: Told


def _presented(event: TransactionEventReported, context: Context) -> Presented | Lookup | None:
    if event.uid is None or authorization.needs_no_token(event.uid, event.token_type):
        return None
    return authorization.present(context, event.uid, event.token_type)


def _known(
    state: StationState, event: TransactionEventReported, context: Context
) -> Transaction | TransactionOfEvents | None:
    transaction = state.transactions.get(event.ocpp_id)
    if transaction is not None and transaction.told is not None:
        return transaction
    lookup = TransactionOfEvents(event.ocpp_id)
    if lookup not in context.found:
        return lookup
    return cast("Transaction | None", context.found[lookup])


def _told(transaction: Transaction) -> Told:
    assert transaction.told is not None  # noqa: S101 - `_known` finds no other
    return transaction.told


def _again(
    known: Transaction, event: TransactionEventReported, context: Context
) -> bool | TransactionEventKnown:
    """Tell whether this very event came before; numbers above all known ones are new without asking the store.

    But where others had the id before, it may be one of theirs.
    """
    if event.seq_no > _told(known).last_seq_no and not known.reuse:
        return False
    lookup = TransactionEventKnown(event.ocpp_id, event.seq_no, event.stage.value, event.device_at)
    if lookup not in context.found:
        return lookup
    return bool(context.found[lookup])


def _judge_again(
    known: Transaction, event: TransactionEventReported, presented: Presented | None, context: Context
) -> Judgement | None:
    """Answer as before: the verdict is the recorded one, what stands beside it is the token's of today."""
    if presented is None:
        return _without_token(event)
    judgement = authorization.judge_itself(presented, context)
    if known.verdict is not None and presented.hmac == known.key.token_hmac and not stops(event):
        return structs.replace(judgement, verdict=known.verdict)
    return judgement


def _judge(
    event: TransactionEventReported,
    presented: Presented | None,
    known: Transaction | None,
    told: Told,
    superseded: list[Transaction],
    context: Context,
) -> Judgement | Lookup | None:
    """Judge the token that the event names; one that stops, or whose charging is over, whatever else it has open."""
    if presented is None:
        return _without_token(event)
    if stops(event) or told.end is not None:
        return authorization.judge_itself(presented, context)
    own = [known] if known is not None and known.active else []
    spared = sum(one.key.token_hmac == presented.hmac for one in (*superseded, *own))
    return authorization.judge_for_charging(presented, context, spared=spared)


def _without_token(event: TransactionEventReported) -> Judgement | None:
    return None if event.uid is None else Judgement(verdict=Verdict.ACCEPTED)


def _superseded(
    state: StationState, event: TransactionEventReported, known: Transaction | None, told: Told
) -> list[Transaction]:
    """Return the open transactions that can't go on, since this later one is known to have begun on their EVSE.

    OCPP 2.0.1 E01.FR.14: an EVSE has one transaction at a time, whatever its connector.
    """
    place = told.place
    told_before = known is not None and _told(known).place is not None and not known.orphan
    if place is None or not told.started or told_before:
        return []
    return [
        old
        for old in state.transactions.values()
        if old.active
        and (old.told is None or old.ocpp_id != event.ocpp_id)
        and old.key.evse == place.evse
        and old.started_at_us <= told.start.at_us
    ]


def _learned(
    known: Transaction | None, event: TransactionEventReported, told: Told, reuse: int, context: Context
) -> Transaction:
    """Return the transaction as it is now; `known` stays as it was."""
    if known is None:
        now = Transaction(
            id=context.new_id(),
            ocpp_id=event.ocpp_id,
            key=StartKey(0, 0, b"", event.device_at, 0.0),
            started_at_us=told.start.at_us,
            last_energy_wh=None,
            last_energy_at_us=None,
            reuse=reuse,
        )
    else:
        now = structs.replace(known)
    now.learn(told)
    if now.active:
        for sample in event.samples:
            if sample.energy_wh is not None:
                now.take_reading(sample.energy_wh, sample.at_us)
    return now


def _records(
    state: StationState, taken: _Taken, superseded: list[Transaction], context: Context
) -> list[Record]:
    before, now, told = taken.before, taken.now, taken.told
    records: list[Record] = []
    for old in superseded:
        next_wh = None if told.meter_start is None else told.meter_start.energy_wh
        records += sessions.give_up(state, old, told.start.at_us, next_wh, context)
    if before is None:
        records.append(_opened(state, now, told, context))
    if before is None or before.told != told:
        records.append(_updated(state, now, told))
    closing = _closing(now, told)
    if closing is not None and (before is None or closing != _closing(before, _told(before))):
        records.append(closing)
    records += (_recorded(state, taken, context), *_readings(state, taken, context))
    sessions.remember(state, now)
    line = _line(state, taken, closing, context)
    return records if line is None else [*records, line]


def _opened(state: StationState, now: Transaction, told: Told, context: Context) -> TransactionOpened:
    return TransactionOpened(
        id=now.id,
        ocpp_id=now.ocpp_id,
        station_id=state.id,
        site_id=state.site_id,
        evse=now.key.evse,
        connector=now.key.connector,
        token_hmac=now.key.token_hmac or None,
        token_verdict=None if now.verdict is None else now.verdict.value,
        started_at_us=now.started_at_us,
        device_started_at=now.key.device_started_at,
        received_at_us=context.received_at_us,
        meter_start_wh=now.meter_start_wh,
        reservation_id=None if told.reservation_id is None else told.reservation_id.number,
        orphan=int(now.orphan),
        told=_written(told),
        reuse=now.reuse,
    )


def _updated(state: StationState, now: Transaction, told: Told) -> TransactionUpdated:
    return TransactionUpdated(
        evse=now.key.evse,
        connector=now.key.connector,
        token_hmac=now.key.token_hmac or None,
        token_verdict=None if now.verdict is None else now.verdict.value,
        started_at_us=now.started_at_us,
        device_started_at=now.key.device_started_at,
        meter_start_wh=now.meter_start_wh,
        reservation_id=None if told.reservation_id is None else told.reservation_id.number,
        orphan=int(now.orphan),
        charging_state=told.charging_state,
        phases_used=None if told.phases_used is None else told.phases_used.number,
        remote_start_id=None if told.remote_start_id is None else told.remote_start_id.number,
        told=_written(told),
        id=now.id,
        station_id=state.id,
        ocpp_id=now.ocpp_id,
        active=int(now.active),
    )


def _written(told: Told) -> str:
    return msgspec.json.encode(told).decode()


def _closing(transaction: Transaction, told: Told) -> TransactionClosed | None:
    """Return the end that events told; None where none did yet."""
    if told.end is None:
        return None
    return TransactionClosed(
        ended_at_us=told.end.at_us,
        device_ended_at=told.end.device_at,
        end_received_at_us=told.end.received_at_us,
        meter_stop_wh=transaction.meter_stop_wh,
        stop_reason=told.end.reason or None,
        stop_token_hmac=None if told.stop_token is None else told.stop_token.hmac,
        closed_by=ClosedBy.STATION.value,
        id=transaction.id,
        end_seq_no=told.end.seq_no,
    )


def _recorded(state: StationState, taken: _Taken, context: Context) -> TransactionEventRecorded:
    event = taken.event
    return TransactionEventRecorded(
        station_id=state.id,
        site_id=state.site_id,
        ocpp_id=event.ocpp_id,
        seq_no=event.seq_no,
        stage=event.stage.value,
        device_at=event.device_at,
        transaction_id=taken.now.id,
        trigger=event.trigger,
        offline=int(event.offline),
        charging_state=event.charging_state,
        at_us=taken.at_us,
        received_at_us=context.received_at_us,
    )


def _readings(state: StationState, taken: _Taken, context: Context) -> list[Record]:
    """Return what was measured, at the EVSE as far as it is known by now."""
    now, place = taken.now, taken.now.key.place
    return [
        *(metering.record_sample(state, sample, place, now) for sample in taken.event.samples),
        *(
            metering.record_signed(state, value, place, now, context.received_at_us)
            for value in taken.event.signed
        ),
    ]


def _line(
    state: StationState, taken: _Taken, closing: TransactionClosed | None, context: Context
) -> Record | None:
    """Return what followers hear: of the beginning, of the end, and between them of what changed."""
    before, now = taken.before, taken.now
    data = _described(state, now, taken.told, closing)
    if before is None:
        kind = "transaction.started" if closing is None else "transaction.ended"
    elif closing is not None and before.active:
        kind = "transaction.ended"
    elif before.key.token_hmac != now.key.token_hmac or data != _described(
        state, before, _told(before), _closing(before, _told(before))
    ):
        kind = "transaction.updated"
    else:
        return None
    return event_log.line(kind, state, context.received_at_us, data)


def _described(
    state: StationState, transaction: Transaction, told: Told, closing: TransactionClosed | None
) -> dict[str, object]:
    if closing is not None:
        return sessions.describe_end(state, transaction, closing) | {"state": told.charging_state}
    return sessions.describe(state, transaction) | {
        "started_at": format_utc(transaction.started_at_us),
        "ended_at": None if transaction.ended_at_us is None else format_utc(transaction.ended_at_us),
        "active": transaction.active,
        "meter_start_wh": transaction.meter_start_wh,
        "orphan": transaction.orphan,
        "state": told.charging_state,
    }
