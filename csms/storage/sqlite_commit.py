"""Writes the batches of the group-commit writer into a SQLite file; lives on the writer's thread."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict

from csms.domain.errors import RecordRefused, StorageError
from csms.domain.records import TokenSeen
from csms.storage import token_index
from csms.storage.in_turn import IN_TURN
from csms.storage.own_records import StoredRecord, TokenAdded, TokenChanged, TokenRemoved
from csms.storage.statements import STATEMENTS
from csms.storage.token_index import TokenChanges
from csms.storage.writer import Committed

BUSY_S = 5.0
"""How long a lock held by another process is waited for."""
_WAL_KEPT_BYTES = 64 * 1024 * 1024
_TOKEN_RECORDS: set[type[Struct]] = {TokenSeen, TokenAdded, TokenChanged, TokenRemoved}
_ROW_ERRORS = (sqlite3.Error, OverflowError, ValueError, TypeError, LookupError)
"""What a row can raise: broken rules, integers beyond 64 bits, lone surrogates, values of other types, a record
without a statement. Anything else is a fault in this program and ends the writer."""
_STORE_ERRORS = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_SCHEMA,
    }
)
PRIMARY_CODE = 0xFF
"""SQLite's extended result codes carry the primary one in their low byte."""

Rows = list[tuple[Any, ...]]


def connect(path: Path, *, busy_s: float = BUSY_S) -> sqlite3.Connection:
    """Open the store's file as the writer needs it: durable at each commit, transactions begun by hand."""
    connection = sqlite3.connect(path, timeout=busy_s, isolation_level=None, check_same_thread=False)
    try:
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA journal_size_limit = {_WAL_KEPT_BYTES}")
    except BaseException:
        connection.close()
        raise
    if mode != "wal":
        connection.close()
        raise sqlite3.OperationalError(f"its file system can't do write-ahead logging ({mode})")
    return connection


class SqliteCommitter:
    """Commits batches; a unit that breaks a rule fails alone, a store that doesn't work fails them all."""

    def __init__(
        self,
        open_connection: Callable[[], sqlite3.Connection],
        *,
        tokens_seen: Callable[[], int] = lambda: 0,
    ) -> None:
        """Write through a connection of its own; `tokens_seen` says up to which change the tokens are known."""
        self._open = open_connection
        self._tokens_seen = tokens_seen
        self._connection: sqlite3.Connection | None = open_connection()

    def commit(self, units: Sequence[Sequence[StoredRecord]]) -> Committed:
        """See `csms.storage.writer.Committer.commit`."""
        try:
            connection = self.connection()
            connection.execute("BEGIN IMMEDIATE")
            try:
                _write(connection, [record for unit in units for record in unit])
                errors: list[StorageError | None] = [None] * len(units)
            except _ROW_ERRORS as error:
                if _is_the_stores(error):
                    raise
                connection.execute("ROLLBACK")
                connection.execute("BEGIN IMMEDIATE")
                errors = [_write_apart(connection, unit) for unit in units]
            if not units:
                # Only a write shows whether writing works.
                connection.execute("UPDATE meta SET value = value")
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            problem = f"the store can't be written ({error}): see to its disk and its file"
            return Committed([_caused(StorageError(problem), error) for _ in units], problem)
        return Committed(errors, token_changes=self._changes_by(units))

    def connection(self) -> sqlite3.Connection:
        """Return the connection, opened anew where it had to be given up."""
        if self._connection is None:
            self._connection = self._open()
        return self._connection

    def close(self) -> None:
        """See `csms.storage.writer.Committer.close`."""
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def _roll_back(self) -> None:
        try:
            if self._connection is not None and self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error:
            self.close()  # nothing is certain about this connection any more

    def _changes_by(self, units: Sequence[Sequence[StoredRecord]]) -> TokenChanges | None:
        if not any(type(record) in _TOKEN_RECORDS for unit in units for record in unit):
            return None
        try:
            return self.connection().execute(token_index.CHANGES, {"seen": self._tokens_seen()}).fetchall()
        except sqlite3.Error:
            return None  # what was committed stays so; the next refresh of the tokens brings it


def _write(connection: sqlite3.Connection, records: Sequence[StoredRecord]) -> None:
    groups: dict[type[Struct], Rows] = {}
    in_turn: list[StoredRecord] = []
    for record in records:
        kind = type(record)
        rows = groups.get(kind)
        if rows is None:
            if kind in IN_TURN:
                in_turn.append(record)
                continue
            rows = groups[kind] = []
        rows.append(STATEMENTS[kind].parameters(record))
    for kind, statement in STATEMENTS.items():
        if kind in groups:
            connection.executemany(statement.sql, groups[kind])
    for record in in_turn:
        _write_in_turn(connection, record)


def _write_in_turn(connection: sqlite3.Connection, record: StoredRecord) -> None:
    how, fields = IN_TURN[type(record)], asdict(record)
    for number, sql in enumerate(how.statements):
        changed = connection.execute(sql, fields).rowcount
        if number == 0 and changed == 0 and how.refusal is not None:
            raise LookupError(how.refusal)


def _write_apart(connection: sqlite3.Connection, unit: Sequence[StoredRecord]) -> StorageError | None:
    connection.execute("SAVEPOINT unit")
    try:
        _write(connection, unit)
    except _ROW_ERRORS as error:
        if _is_the_stores(error):
            raise
        connection.execute("ROLLBACK TO unit")
        connection.execute("RELEASE unit")
        return _caused(RecordRefused(f"it breaks a rule of the store: {error}"), error)
    connection.execute("RELEASE unit")
    return None


def _is_the_stores(error: Exception) -> bool:
    code = getattr(error, "sqlite_errorcode", None)  # Python itself raises some of them without a code
    return code is not None and code & PRIMARY_CODE in _STORE_ERRORS


def _caused(error: StorageError, cause: Exception) -> StorageError:
    error.__cause__ = cause
    return error
