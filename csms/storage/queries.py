"""What stations' connections read back, as plain functions over SQL that every engine understands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

import msgspec

from csms.domain.errors import NotFound
from csms.domain.events import ReportedVariable
from csms.domain.station import (
    KEPT_ENDED,
    KEPT_OPEN,
    ConnectorState,
    MessageLogPolicy,
    Registration,
    StationIdentity,
    StationState,
)
from csms.domain.token import Verdict
from csms.domain.told import Told
from csms.domain.transaction import ClosedBy, StartKey, Transaction, usable_ocpp_id
from csms.ports import (
    OpenTransactionsOfToken,
    TransactionByEnd,
    TransactionById,
    TransactionByOcppId,
    TransactionByStart,
    TransactionEventKnown,
    TransactionOfEvents,
)
from csms.storage import token_index
from csms.storage.token_index import TokenChanges

Rows = Callable[[str, Mapping[str, object]], Sequence[Any]]
"""Runs one statement, its parameters by name, and returns its rows as tuples."""

StoredLookup = (
    TransactionByStart
    | TransactionByOcppId
    | TransactionOfEvents
    | TransactionEventKnown
    | TransactionById
    | TransactionByEnd
    | OpenTransactionsOfToken
)
"""Look-ups that rows answer."""

_T = TypeVar("_T")


class Reads(Protocol):
    """What runs the functions of this and similar modules on an engine, off the event loop."""

    async def run(self, read: Callable[[Rows], _T]) -> _T:
        """Return what `read` makes of the rows it asks for, all of one moment; raises `StorageError`."""
        ...

    async def close(self) -> None:
        """Let go of the database."""
        ...


_REGISTERS_MAX = 32
"""So many of a transaction's last registers are looked at for the last plausible one."""

_IDENTITY = (
    "SELECT id, site_id, managed, registration, message_log, key_hmac, previous_key_hmac FROM stations "
    "WHERE lower(id) = lower(:station_id)"
)
_CONNECTORS = "SELECT evse, connector, status, error, at_us FROM connectors WHERE station_id = :station_id"
_TRANSACTION = (
    "SELECT x.id, x.ocpp_id, x.evse, x.connector, t.hmac, x.device_started_at, x.meter_start_wh, x.started_at_us, "
    "x.ended_at_us, x.meter_stop_wh, x.closed_by, x.device_ended_at, x.token_verdict, x.orphan, x.told, x.reuse "
    "FROM transactions AS x LEFT JOIN tokens AS t ON t.id = x.token_id WHERE x.station_id = :station_id AND "
)
_OPEN = f"{_TRANSACTION} x.ended_at_us IS NULL ORDER BY x.received_at_us DESC, x.id LIMIT {KEPT_OPEN}"
_ENDED = (
    f"{_TRANSACTION} x.ended_at_us IS NOT NULL ORDER BY x.end_received_at_us DESC, x.id LIMIT {KEPT_ENDED}"
)
_BY_ID = _TRANSACTION + "x.id = :id"
_BY_OCPP_ID = (
    _TRANSACTION + "x.ocpp_id = :ocpp_id AND x.told IS NULL ORDER BY x.received_at_us DESC, x.id LIMIT 1"
)
_OF_EVENTS = _TRANSACTION + "x.ocpp_id = :ocpp_id AND x.told IS NOT NULL ORDER BY x.reuse DESC LIMIT 1"
_EVENT_KNOWN = (
    "SELECT count(*) FROM transaction_events WHERE station_id = :station_id AND ocpp_id = :ocpp_id "
    "AND seq_no = :seq_no AND stage = :stage AND device_at = :device_at"
)
_DEVICE_MODEL = (
    "SELECT component, component_instance, evse, connector, variable, variable_instance, attribute, value, "
    "mutability, characteristics FROM device_variables WHERE station_id = :station_id "
    "ORDER BY component, component_instance, evse, connector, variable, variable_instance, attribute"
)
_BY_START = (
    _TRANSACTION
    + "x.orphan = 0 AND x.told IS NULL AND x.device_started_at <> '' AND x.device_started_at = :device_started_at "
    "AND x.evse = :evse AND x.connector = :connector AND t.hmac = :token_hmac "
    "AND x.meter_start_wh = :meter_start_wh"
)
_BY_END = (
    _TRANSACTION + "x.orphan = 0 AND x.closed_by = 'station' AND x.device_ended_at = :device_ended_at "  # noqa: S608
    "AND coalesce(x.meter_stop_wh, -1) = coalesce(:meter_stop_wh, -1) "
    "AND coalesce(x.stop_token_id, '') = "
    "CASE WHEN :token_hmac IS NULL THEN '' ELSE (SELECT id FROM tokens WHERE hmac = :token_hmac) END"
)
_REGISTERS = (
    "SELECT energy_wh, at_us FROM samples "  # noqa: S608 - a number of ours
    "WHERE transaction_id = :id AND evse = :evse AND connector = :connector "
    f"AND energy_wh IS NOT NULL ORDER BY at_us DESC, number DESC LIMIT {_REGISTERS_MAX}"
)
_OPEN_COUNT = (
    "SELECT count(*) FROM transactions WHERE ended_at_us IS NULL "
    "AND token_id = (SELECT id FROM tokens WHERE hmac = :hmac)"
)
_IDS_GIVEN = "SELECT max(first + size) FROM id_blocks WHERE name = :name"


def identity(rows: Rows, station_id: str) -> StationIdentity | None:
    """Return who a station is, by its id without regard to case."""
    for row in rows(_IDENTITY, {"station_id": station_id}):
        own_id, site_id, managed, registration, message_log, key_hmac, previous_key_hmac = row
        return StationIdentity(
            id=own_id,
            site_id=site_id,
            managed=bool(managed),
            registration=Registration(registration),
            message_log=MessageLogPolicy(message_log),
            key_hmac=key_hmac,
            previous_key_hmac=previous_key_hmac,
        )
    return None


def state(rows: Rows, station_id: str) -> StationState:
    """Return a station's live state: connectors, open transactions and the newest ended ones, oldest first.

    Raises `NotFound` for an unknown station.
    """
    known = identity(rows, station_id)
    if known is None:
        raise NotFound(f"there is no station {station_id}")
    own = {"station_id": known.id}
    ended, still_open = rows(_ENDED, own), rows(_OPEN, own)
    transactions = [_transaction(rows, row) for row in (*reversed(ended), *reversed(still_open))]
    return StationState(
        id=known.id,
        site_id=known.site_id,
        managed=known.managed,
        registration=known.registration,
        connectors={
            (evse, connector): ConnectorState(status, error, at_us)
            for evse, connector, status, error, at_us in rows(_CONNECTORS, own)
        },
        transactions=_by_ocpp_id(transactions),
    )


def look_up(rows: Rows, station_id: str, lookup: StoredLookup) -> Transaction | int | None:
    """Answer a look-up of a station's use case; the ports say what each finds."""
    own = {"station_id": station_id, **msgspec.structs.asdict(lookup)}
    match lookup:
        case TransactionByStart(key):
            statement, own = _BY_START, {"station_id": station_id, **msgspec.structs.asdict(key)}
        case TransactionByOcppId():
            statement = _BY_OCPP_ID
        case TransactionOfEvents():
            statement = _OF_EVENTS
        case TransactionById():
            statement = _BY_ID
        case TransactionByEnd():
            statement = _BY_END
        case TransactionEventKnown():
            return rows(_EVENT_KNOWN, own)[0][0]
        case OpenTransactionsOfToken(hmac):
            return rows(_OPEN_COUNT, {"hmac": hmac})[0][0]
    found = rows(statement, own)
    return _transaction(rows, found[0]) if found else None


def device_model(rows: Rows, station_id: str) -> list[ReportedVariable]:
    """Return what a station has reported of its device model, sorted."""
    return [
        ReportedVariable(
            component=component,
            component_instance=component_instance or None,
            evse=evse or None,
            connector=connector or None,
            variable=variable,
            variable_instance=variable_instance or None,
            attribute=attribute,
            value=value,
            mutability=mutability,
            characteristics=characteristics,
        )
        for (
            component,
            component_instance,
            evse,
            connector,
            variable,
            variable_instance,
            attribute,
            value,
            mutability,
            characteristics,
        ) in rows(_DEVICE_MODEL, {"station_id": station_id})
    ]


def token_changes(rows: Rows, seen: int) -> TokenChanges:
    """Return the tokens that changed since."""
    return rows(token_index.CHANGES, {"seen": seen})


def first_free_id(rows: Rows, name: str) -> int:
    """Return the first id that nobody has reserved yet."""
    return rows(_IDS_GIVEN, {"name": name})[0][0] or 1


class _TransactionRow(NamedTuple):
    id: str
    ocpp_id: str
    evse: int
    connector: int
    hmac: bytes | None
    device_started_at: str
    meter_start_wh: float | None
    started_at_us: int
    ended_at_us: int | None
    meter_stop_wh: float | None
    closed_by: str | None
    device_ended_at: str | None
    token_verdict: str | None
    orphan: int
    told: str | None
    reuse: int


def _transaction(rows: Rows, columns: Sequence[Any]) -> Transaction:
    row = _TransactionRow(*columns)
    # An orphan's start is unknown; its key takes what its stop said.
    begins = not row.orphan and row.told is None
    meter_wh = row.meter_stop_wh if row.meter_start_wh is None else row.meter_start_wh
    transaction = Transaction(
        id=row.id,
        ocpp_id=row.ocpp_id,
        key=StartKey(row.evse, row.connector, row.hmac or b"", row.device_started_at, meter_wh or 0.0),
        started_at_us=row.started_at_us,
        last_energy_wh=row.meter_start_wh if begins else None,
        last_energy_at_us=row.started_at_us if begins else None,
        ended_at_us=row.ended_at_us,
        meter_stop_wh=row.meter_stop_wh,
        closed_by=None if row.closed_by is None else ClosedBy(row.closed_by),
        device_ended_at=row.device_ended_at,
        verdict=None if row.token_verdict is None else Verdict(row.token_verdict),
        orphan=bool(row.orphan),
        told=None if row.told is None else msgspec.json.decode(row.told, type=Told),
        reuse=row.reuse,
    )
    if (begins or row.told is not None) and transaction.closed_by is not ClosedBy.STATION:
        take_readings(rows, transaction)
    return transaction


def take_readings(rows: Rows, transaction: Transaction) -> None:
    """Let a transaction that may still change judge its last registers as it did when they came."""
    key = transaction.key
    place = {"id": transaction.id, "evse": key.evse, "connector": key.connector}
    for energy_wh, at_us in reversed(rows(_REGISTERS, place)):
        transaction.take_reading(energy_wh, at_us)


def _by_ocpp_id(transactions: Iterable[Transaction]) -> dict[str, Transaction]:
    return {
        transaction.ocpp_id: transaction
        for transaction in transactions
        if transaction.told is not None or usable_ocpp_id(transaction.ocpp_id) is not None
    }
