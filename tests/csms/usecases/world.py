"""A site in memory: stations' live states, and a store that applies records in order and answers honestly.

It stands in for the gateway and the real store in the tests of the use cases, and it is strict: a record
that the real store would have to refuse or ignore fails the test, and so does a use case that asks twice,
or that has touched anything before it asks.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import msgspec

from csms.domain.answers import StationAnswer
from csms.domain.events import (
    StationEvent,
    StatusReported,
    TransactionStartReported,
    TransactionStopReported,
)
from csms.domain.metering import Sample, SignedValue
from csms.domain.records import (
    ConnectorStatusRecorded,
    EventRecorded,
    RawKept,
    Record,
    SampleRecorded,
    SignedValueRecorded,
    StationBooted,
    StationConnected,
    StationDisconnected,
    TokenSeen,
    TransactionClosed,
    TransactionOpened,
)
from csms.domain.station import KEPT_ENDED, ConnectorState, Registration, StationState
from csms.domain.times import format_utc
from csms.domain.token import Token, TokenStatus, Verdict
from csms.domain.transaction import ClosedBy, StartKey, Transaction
from csms.ports import (
    Context,
    Found,
    Lookup,
    OpenTransactionsOfToken,
    Outcome,
    Policy,
    RoomToStart,
    TokenByHmac,
    TransactionByEnd,
    TransactionById,
    TransactionByOcppId,
    TransactionByStart,
)
from csms.usecases import dispatch

SECOND = 1_000_000
HOUR = 3600 * SECOND
NOON = 1_780_000_000 * SECOND
"""Some moment in 2026; `World` starts there."""

R = TypeVar("R")


def hmac_of(uid: str, token_type: str = "ISO14443") -> bytes:
    return hashlib.sha256(f"{token_type}:{uid.lower()}".encode()).digest()


def start(
    at_us: int | None = NOON,
    *,
    uid: str = "TAG",
    evse: int = 1,
    meter_wh: float = 1000.0,
    device_at: str | None = None,
    reservation_id: int | None = None,
) -> TransactionStartReported:
    return TransactionStartReported(
        evse=evse,
        connector=min(evse, 1),
        uid=uid,
        token_type="ISO14443",
        device_at=(format_utc(at_us) if at_us is not None else "soon") if device_at is None else device_at,
        device_at_us=at_us,
        meter_wh=meter_wh,
        reservation_id=reservation_id,
    )


def stop(
    ocpp_id: str | None,
    at_us: int | None = NOON,
    *,
    uid: str | None = "TAG",
    meter_wh: float | None = 2000.0,
    device_at: str | None = None,
    reason: str | None = "Local",
    samples: tuple[Sample, ...] = (),
    signed: tuple[SignedValue, ...] = (),
) -> TransactionStopReported:
    return TransactionStopReported(
        ocpp_id=ocpp_id,
        uid=uid,
        token_type="ISO14443",
        device_at=(format_utc(at_us) if at_us is not None else "soon") if device_at is None else device_at,
        device_at_us=at_us,
        meter_wh=meter_wh,
        reason=reason,
        samples=samples,
        signed=signed,
    )


def status(evse: int = 1, status: str = "Available") -> StatusReported:
    return StatusReported(evse=evse, connector=min(evse, 1), status=status, error=None, device_at_us=NOON)


def sample(
    at_us: int = NOON, energy_wh: float | None = None, *, context: str = "Sample.Periodic", quality: int = 0
) -> Sample:
    return Sample(
        at_us=at_us,
        device_at_us=at_us,
        received_at_us=NOON,
        context=context,
        energy_wh=energy_wh,
        quality=quality,
    )


@dataclass
class TransactionRow:
    opened: TransactionOpened
    closed: TransactionClosed | None = None
    closed_order: int = 0


@dataclass
class Tables:
    """What is durable."""

    transactions: dict[str, TransactionRow] = field(default_factory=dict[str, TransactionRow])
    tokens: dict[bytes, Token] = field(default_factory=dict[bytes, Token])
    statuses: dict[tuple[str, int, int], ConnectorStatusRecorded] = field(
        default_factory=dict[tuple[str, int, int], ConnectorStatusRecorded]
    )
    log: list[Record] = field(default_factory=list[Record])

    def apply(self, record: Record) -> None:
        self.log.append(record)
        match record:
            case TransactionOpened():
                self._open(record)
            case TransactionClosed():
                self._close(record)
            case TokenSeen():
                token = Token(id=record.id, hmac=record.hmac, status=TokenStatus.SEEN)
                self.tokens.setdefault(record.hmac, token)
            case ConnectorStatusRecorded():
                key = record.station_id, record.evse, record.connector
                assert key not in self.statuses or self.statuses[key].at_us <= record.at_us
                self.statuses[key] = record
            case SampleRecorded() | SignedValueRecorded():
                assert record.transaction_id is None or record.transaction_id in self.transactions
            case EventRecorded():
                assert isinstance(msgspec.json.decode(record.data), dict)
            case RawKept() | StationBooted() | StationConnected() | StationDisconnected():
                pass
            case _:
                raise AssertionError(f"no use case may write {record}")

    def _open(self, record: TransactionOpened) -> None:
        assert record.id not in self.transactions, "our id is used twice"
        assert record.token_hmac is None or record.token_hmac in self.tokens, "a token nobody made known"
        if not record.orphan:
            for row in self.transactions.values():
                other = row.opened
                assert other.orphan or other.ocpp_id != record.ocpp_id, "an OCPP id is used twice"
                same = other.station_id == record.station_id and _key(other) == _key(record)
                same = same and _key(record).says_when
                assert other.orphan or not same, "a start opened two transactions"
            assert 0 < int(record.ocpp_id) < 2**31
        self.transactions[record.id] = TransactionRow(record)

    def _close(self, record: TransactionClosed) -> None:
        row = self.transactions[record.id]
        assert row.closed is None or row.closed.closed_by == "next-start", "a reported end is overridden"
        assert record.stop_token_hmac is None or record.stop_token_hmac in self.tokens
        self.transactions[record.id] = replace(row, closed=record, closed_order=len(self.log))

    def of_type(self, kind: type[R]) -> list[R]:
        return [record for record in self.log if isinstance(record, kind)]


def _key(opened: TransactionOpened) -> StartKey:
    return StartKey(
        opened.evse,
        opened.connector,
        opened.token_hmac or b"",
        opened.device_started_at,
        opened.meter_start_wh or 0.0,
    )


def _ended_by(row: TransactionRow, end: TransactionByEnd) -> bool:
    closed = row.closed
    if closed is None or closed.closed_by != "station" or row.opened.orphan:
        return False
    said = (closed.device_ended_at, closed.meter_stop_wh, closed.stop_token_hmac)
    return said == (end.device_ended_at, end.meter_stop_wh, end.token_hmac)


class World:
    """Stations that talk to the use cases, and what became durable of it."""

    def __init__(self) -> None:
        self.now_us = NOON
        self.policy = Policy()
        self.tables = Tables()
        self.index: dict[bytes, Token] = {}
        self.states: dict[str, StationState] = {}
        self.registration = Registration.ACCEPTED
        self.lookups: list[Lookup] = []
        self.has_room = True
        self._drawn = 0

    # --- what an operator does

    def add_token(self, uid: str, status: TokenStatus = TokenStatus.ACCEPTED, **rest: Any) -> Token:
        """Register a token that the index knows at once."""
        token = self.add_token_behind_the_index(uid, status, **rest)
        self.index[token.hmac] = token
        return token

    def add_token_behind_the_index(
        self, uid: str, status: TokenStatus = TokenStatus.ACCEPTED, **rest: Any
    ) -> Token:
        token = Token(id=f"token-{uid}", hmac=hmac_of(uid), status=status, **rest)
        self.tables.tokens[token.hmac] = token
        return token

    # --- what a station does

    def send(
        self, event: StationEvent, *, station: str = "CP-1", stored: bool = True, repaired: bool = False
    ) -> StationAnswer:
        """Handle `event`; with `stored` false its records never become durable (then `crash` must follow)."""
        outcome = self.decide(event, station=station, repaired=repaired)
        if stored:
            for record in outcome.records:
                self.tables.apply(record)
        return outcome.answer

    def decide(self, event: StationEvent, *, station: str = "CP-1", repaired: bool = False) -> Outcome:
        state = self.state(station)
        found: dict[Lookup, Found] = {}
        while True:
            before, drawn = copy.deepcopy(state), self._drawn
            outcome = dispatch.handle(state, event, self._context(found, repaired=repaired))
            if isinstance(outcome, Outcome):
                return outcome
            assert state == before, "a use case touched its state before it asked"
            assert self._drawn == drawn, "a use case drew an id before it asked"
            assert outcome not in found, "a use case asked twice"
            self.lookups.append(outcome)
            found[outcome] = self._look_up(station, outcome)

    def crash(self) -> None:
        """Lose every connection's memory; it is loaded anew when its station speaks again."""
        self.states.clear()

    def state(self, station: str = "CP-1") -> StationState:
        if station not in self.states:
            self.states[station] = self.stored_state(station)
        return self.states[station]

    # --- what became of it

    def row(self, ocpp_id: str) -> TransactionRow:
        (row,) = (row for row in self.tables.transactions.values() if row.opened.ocpp_id == ocpp_id)
        return row

    def closing(self, ocpp_id: str) -> TransactionClosed:
        closed = self.row(ocpp_id).closed
        assert closed is not None
        return closed

    @property
    def samples(self) -> list[SampleRecorded]:
        return self.tables.of_type(SampleRecorded)

    def events(self, kind: str) -> list[dict[str, Any]]:
        return [
            msgspec.json.decode(record.data)
            for record in self.tables.of_type(EventRecorded)
            if record.kind == kind
        ]

    # --- the store

    def _context(self, found: Mapping[Lookup, Found], *, repaired: bool) -> Context:
        return Context(
            received_at_us=self.now_us,
            policy=self.policy,
            tokens=self.index,
            token_hmac=hmac_of,
            new_id=lambda: f"id-{self._draw()}",
            next_ocpp_id=self._draw,
            found=dict(found),
            repaired=repaired,
        )

    def _draw(self) -> int:
        self._drawn += 1
        return self._drawn

    def _look_up(self, station: str, lookup: Lookup) -> Found:
        rows = [row for row in self.tables.transactions.values() if row.opened.station_id == station]
        match lookup:
            case RoomToStart():
                return self.has_room
            case TokenByHmac():
                return self.tables.tokens.get(lookup.hmac)
            case OpenTransactionsOfToken():
                return sum(
                    row.closed is None and row.opened.token_hmac == lookup.hmac
                    for row in self.tables.transactions.values()
                )
            case TransactionById():
                fitting = [row for row in rows if row.opened.id == lookup.id]
            case TransactionByOcppId():
                fitting = [row for row in rows if row.opened.ocpp_id == lookup.ocpp_id]
            case TransactionByEnd():
                fitting = [row for row in rows if _ended_by(row, lookup)]
            case TransactionByStart():
                fitting = [row for row in rows if not row.opened.orphan and _key(row.opened) == lookup.key]
        return self._transaction(fitting[-1]) if fitting else None

    def stored_state(self, station: str) -> StationState:
        rows = [row for row in self.tables.transactions.values() if row.opened.station_id == station]
        ended = sorted((row for row in rows if row.closed), key=lambda row: row.closed_order)
        kept = ended[-KEPT_ENDED:] + [row for row in rows if row.closed is None]
        return StationState(
            id=station,
            site_id="depot",
            managed=True,
            registration=self.registration,
            connectors={
                (evse, connector): ConnectorState(status.status, status.error, status.at_us)
                for (of, evse, connector), status in self.tables.statuses.items()
                if of == station
            },
            transactions={row.opened.ocpp_id: self._transaction(row) for row in kept},
        )

    def _transaction(self, row: TransactionRow) -> Transaction:
        opened, closed = row.opened, row.closed
        readings = [
            (record.at_us, record.energy_wh)
            for record in self.samples
            if record.transaction_id == opened.id and record.energy_wh is not None
        ]
        last = max(readings, default=(None, None))
        return Transaction(
            id=opened.id,
            ocpp_id=opened.ocpp_id,
            key=_key(opened),
            started_at_us=opened.started_at_us,
            last_energy_wh=last[1],
            last_energy_at_us=last[0],
            ended_at_us=closed.ended_at_us if closed else None,
            meter_stop_wh=closed.meter_stop_wh if closed else None,
            closed_by=ClosedBy(closed.closed_by) if closed else None,
            device_ended_at=closed.device_ended_at if closed else None,
            verdict=Verdict(opened.token_verdict) if opened.token_verdict else None,
            orphan=bool(opened.orphan),
        )
