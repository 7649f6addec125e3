"""What is durable in a `World`; strict about what the real store would have to refuse or ignore."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TypeVar

import msgspec

from csms.domain.records import (
    ConnectorStatusRecorded,
    EventRecorded,
    ForeignRemoved,
    ForeignSaved,
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
from csms.domain.token import Token, TokenStatus
from csms.domain.told_records import (
    DeviceModelBounded,
    DeviceVariableReported,
    TransactionEventRecorded,
    TransactionUpdated,
)
from csms.domain.transaction import StartKey
from csms.ports import (
    TransactionByEnd,
)

R = TypeVar("R")

_ONLY_KEPT = (
    ForeignRemoved,
    ForeignSaved,
    RawKept,
    StationBooted,
    StationConnected,
    StationDisconnected,
    DeviceVariableReported,
    DeviceModelBounded,
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
            case TransactionUpdated():
                self._update(record)
            case TransactionClosed():
                self._close(record)
            case TokenSeen():
                token = Token(id=record.id, hmac=record.hmac, status=TokenStatus.SEEN)
                self.tokens.setdefault(record.hmac, token)
            case ConnectorStatusRecorded():
                key = record.station_id, record.evse, record.connector
                assert key not in self.statuses or self.statuses[key].at_us <= record.at_us
                self.statuses[key] = record
            case SampleRecorded() | SignedValueRecorded() | TransactionEventRecorded():
                assert record.transaction_id is None or record.transaction_id in self.transactions
            case EventRecorded():
                assert isinstance(msgspec.json.decode(record.data), dict)
            case _ if isinstance(record, _ONLY_KEPT):
                pass

            case _:
                raise AssertionError(f"no use case may write {record}")

    def _open(self, record: TransactionOpened) -> None:
        assert record.id not in self.transactions, "our id is used twice"
        assert record.token_hmac is None or record.token_hmac in self.tokens, "a token nobody made known"
        if record.told is not None:
            assert all(
                (row.opened.station_id, row.opened.ocpp_id) != (record.station_id, record.ocpp_id)
                for row in self.transactions.values()
                if row.opened.told is not None
            ), "events opened a transaction twice"
        elif not record.orphan:
            for row in self.transactions.values():
                other = row.opened
                assert other.orphan or other.ocpp_id != record.ocpp_id, "an OCPP id is used twice"
                same = other.station_id == record.station_id and key_of(other) == key_of(record)
                same = same and key_of(record).says_when
                assert other.orphan or not same, "a start opened two transactions"
            assert 0 < int(record.ocpp_id) < 2**31
        self.transactions[record.id] = TransactionRow(record)

    def _update(self, record: TransactionUpdated) -> None:
        row = self.transactions[record.id]
        assert row.opened.told is not None, "only what events tell of is updated"
        assert record.token_hmac is None or record.token_hmac in self.tokens, "a token nobody made known"
        known = {
            name: value
            for name, value in msgspec.structs.asdict(record).items()
            if name in TransactionOpened.__struct_fields__
        }
        self.transactions[record.id] = replace(row, opened=msgspec.structs.replace(row.opened, **known))

    def _close(self, record: TransactionClosed) -> None:
        row = self.transactions[record.id]
        overridden = row.closed is not None and row.closed.closed_by != "next-start"
        assert not overridden or _corrects(record, row.closed), "a reported end is overridden"
        assert record.stop_token_hmac is None or record.stop_token_hmac in self.tokens
        self.transactions[record.id] = replace(row, closed=record, closed_order=len(self.log))

    def of_type(self, kind: type[R]) -> list[R]:
        return [record for record in self.log if isinstance(record, kind)]


def _corrects(record: TransactionClosed, closed: TransactionClosed | None) -> bool:
    if closed is None or closed.end_seq_no is None or record.end_seq_no is None:
        return False
    return record.end_seq_no >= closed.end_seq_no


def key_of(opened: TransactionOpened) -> StartKey:
    return StartKey(
        opened.evse,
        opened.connector,
        opened.token_hmac or b"",
        opened.device_started_at,
        opened.meter_start_wh or 0.0,
    )


def ended_by(row: TransactionRow, end: TransactionByEnd) -> bool:
    closed = row.closed
    if closed is None or closed.closed_by != "station" or row.opened.orphan:
        return False
    said = (closed.device_ended_at, closed.meter_stop_wh, closed.stop_token_hmac)
    return said == (end.device_ended_at, end.meter_stop_wh, end.token_hmac)
