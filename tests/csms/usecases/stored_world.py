"""The same site over the real store's statements and queries, in a file that is emptied for each story."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import structs

from csms.domain.answers import StationAnswer
from csms.domain.events import StationEvent
from csms.domain.records import StationRegistered, TokenSeen
from csms.domain.station import StationState
from csms.domain.token import Token, TokenStatus
from csms.ports import Found, Lookup, RoomToStart, TokenByHmac
from csms.storage import queries
from csms.storage.migrate import migrate
from csms.storage.own_records import StoredRecord, TokenAdded
from csms.storage.sqlite_commit import SqliteCommitter, connect
from csms.storage.tables import Row
from tests.csms.usecases.world import NOON, World


class Shelf:
    """A store's file and its writer."""

    def __init__(self, path: Path) -> None:
        migrate(path)
        self.committer = SqliteCommitter(lambda: connect(path))
        self.connection = self.committer.connection()
        self.connection.execute("PRAGMA synchronous = OFF")

    def clear(self) -> None:
        for table in Row.metadata.tables:
            self.connection.execute(f"DELETE FROM {table}")  # noqa: S608

    def commit(self, *records: StoredRecord) -> None:
        assert self.committer.commit([records]).errors == [None]

    def rows(self, statement: str, parameters: Mapping[str, object]) -> list[Any]:
        return self.connection.execute(statement, parameters).fetchall()


class StoredWorld(World):
    """A world whose records go through SQLite, and whose states and look-ups come from there."""

    def __init__(self, shelf: Shelf) -> None:
        super().__init__()
        self.shelf = shelf
        shelf.clear()
        for station in ("CP-1", "CP-2"):
            shelf.commit(StationRegistered(station, NOON))

    def add_token_behind_the_index(
        self, uid: str, status: TokenStatus = TokenStatus.ACCEPTED, **rest: Any
    ) -> Token:
        token = super().add_token_behind_the_index(uid, status, **rest)
        self.shelf.commit(
            TokenAdded(
                id=token.id,
                uid=uid,
                type="ISO14443",
                hmac=token.hmac,
                status=status.value,
                expires_at_us=token.expires_at_us,
                group_name=token.group,
                max_concurrent=token.max_concurrent,
                note=None,
                created_at_us=NOON,
            )
        )
        return token

    def send(
        self, event: StationEvent, *, station: str = "CP-1", stored: bool = True, repaired: bool = False
    ) -> StationAnswer:
        outcome = self.decide(event, station=station, repaired=repaired)
        if stored:
            self.shelf.commit(*outcome.records)
            self.tables.log += outcome.records
            for record in outcome.records:
                if isinstance(record, TokenSeen):
                    self.tables.apply(record)
        return outcome.answer

    def table(self, name: str, **fits: object) -> list[dict[str, Any]]:
        """Return a table's rows whose columns fit, in the order in which they were written."""
        cursor = self.shelf.connection.cursor()
        cursor.row_factory = sqlite3.Row
        found = [dict(row) for row in cursor.execute(f"SELECT * FROM {name} ORDER BY rowid")]  # noqa: S608
        return [row for row in found if all(row[column] == value for column, value in fits.items())]

    def stored_state(self, station: str) -> StationState:
        state = queries.state(self.shelf.rows, station)
        return structs.replace(state, registration=self.registration)

    def _look_up(self, station: str, lookup: Lookup) -> Found:
        match lookup:
            case RoomToStart():
                return self.has_room
            case TokenByHmac():
                return self.tables.tokens.get(lookup.hmac)
            case _:
                return queries.look_up(self.shelf.rows, station, lookup)
