"""Stations and tokens as operators keep them: what somebody else did in the same moment is never undone."""

from __future__ import annotations

from typing import Any

import pytest

from csms.domain.errors import Conflict, NotFound, Outdated, StorageError
from csms.domain.records import FormSaved, StationPlaced
from csms.domain.register import NewToken, StationChange
from csms.domain.station import MessageLogPolicy
from csms.storage import SqliteStorage
from csms.storage.own_records import StationChanged, StationRemoved, TokenChanged, TokenRemoved, WishesSaved
from tests.csms.storage.engines import NOW_US, SqliteEngine, written
from tests.csms.storage.some_records import CLOSED, OPENED, STATION, STATUS, TOKEN, TOKEN_SEEN, but

CHANGED = StationChanged("CP-1", 1, "Accepted", "off", None, None, 0, "Accepted", "all", None, None)


def kinds(engine: SqliteEngine, *units: list[Any]) -> list[str]:
    async def story(storage: SqliteStorage) -> list[Exception | None]:
        return await written(storage, *units)

    return [type(error).__name__ for error in engine.tell(story)]


# --- stations


def test_of_two_changes_of_a_station_as_it_was_the_second_is_refused(engine: SqliteEngine):
    other = but(CHANGED, message_log="errors")
    assert kinds(engine, [STATION], [CHANGED], [other]) == ["NoneType", "NoneType", "RecordRefused"]
    assert engine.rows("SELECT managed, message_log FROM stations") == [{"managed": 1, "message_log": "off"}]


def test_a_revision_is_another_one_with_every_decision_and_stays_without_one(engine: SqliteEngine):
    async def story(storage: SqliteStorage) -> list[int]:
        revisions: list[int] = []
        await storage.add_station("CP-1")
        for change in (
            StationChange(),
            StationChange(managed=False),
            StationChange(message_log=MessageLogPolicy.OFF),
            StationChange(new_key=True),
            StationChange(revoke_previous_key=True),
            StationChange(keyless=True),
        ):
            await storage.change_station("cp-1", change)
            await written(storage, [STATUS])
            entry = await storage.station_entry("CP-1")
            revisions.append(entry.revision)
        with pytest.raises(Outdated):
            await storage.change_station("CP-1", StationChange(), expected_revision=revisions[0])
        return revisions

    assert len(set(engine.tell(story))) == 6


def test_a_station_that_a_site_names_is_not_removed(engine: SqliteEngine):
    units = [[STATION, StationPlaced("depot", "CP-1")], [StationRemoved("CP-1")]]
    assert kinds(engine, *units) == ["NoneType", "RecordRefused"]
    assert len(engine.rows("SELECT * FROM stations")) == 1


def test_with_a_station_goes_what_is_true_of_its_hardware_alone(engine: SqliteEngine):
    hardware = [STATION, STATUS, FormSaved("CP-1", b"{}", NOW_US), TOKEN_SEEN, OPENED]
    assert kinds(engine, hardware, [StationRemoved("CP-1")], [StationRemoved("CP-1")]) == [
        "NoneType",
        "NoneType",
        "RecordRefused",
    ]
    left = [
        len(engine.rows(f"SELECT * FROM {table}"))  # noqa: S608
        for table in ("connectors", "station_forms", "transactions")
    ]
    assert left == [0, 0, 1]


def test_what_is_not_there_is_not_changed(engine: SqliteEngine):
    async def story(storage: SqliteStorage) -> None:
        for ask in (
            storage.change_station("CP-1", StationChange(managed=True)),
            storage.change_token("tok", NewToken(uid="04")),
            storage.remove_token("tok"),
        ):
            with pytest.raises(NotFound):
                await ask
        with pytest.raises(Conflict):
            await storage.remove_station("CP-1")

    engine.tell(story)


# --- tokens


def test_a_token_is_changed_and_removed_only_as_it_was(engine: SqliteEngine):
    async def story(storage: SqliteStorage) -> list[str]:
        added = await storage.add_token(NewToken(uid="04A2B3C4"))
        changed = TokenChanged(added.id, added.revision, "Blocked", None, None, None, None)
        ended = await written(storage, [changed], [changed], [TokenRemoved(added.id, added.revision)])
        assert storage.tokens[TOKEN].status.value == "Blocked"
        with pytest.raises(Outdated):
            await storage.change_token(added.id, NewToken(uid="x"), expected_revision=added.revision)
        return [type(error).__name__ for error in ended]

    assert engine.tell(story) == ["NoneType", "RecordRefused", "RecordRefused"]


@pytest.mark.parametrize(
    ("history", "left"),
    [
        ([], 0),
        ([OPENED], 1),
        ([but(OPENED, token_hmac=None), CLOSED], 1),
        ([but(OPENED, token_hmac=None), but(CLOSED, stop_token_hmac=None)], 0),
    ],
)
def test_a_token_that_started_or_stopped_something_stays_as_seen(
    engine: SqliteEngine, history: list[Any], left: int
):
    async def story(storage: SqliteStorage) -> None:
        added = await storage.add_token(NewToken(uid="04A2B3C4", group="FLEET"))
        for record in history:
            assert await written(storage, [record]) == [None]
        await storage.remove_token(added.id)
        assert (TOKEN in storage.tokens) == bool(left)
        assert await storage.token_entries(after=(0, ""), limit=9, seen=False) == []

    engine.tell(story)
    assert (
        engine.rows("SELECT status, group_name FROM tokens")
        == [{"status": "Seen", "group_name": None}] * left
    )


def test_a_token_that_was_only_seen_can_not_be_changed(engine: SqliteEngine):
    async def story(storage: SqliteStorage) -> None:
        await written(storage, [TOKEN_SEEN])
        with pytest.raises(NotFound):
            await storage.change_token("tok-1", NewToken(uid="04A2B3C4"))

    engine.tell(story)


# --- wishes


def test_wishes_follow_one_another(engine: SqliteEngine):
    units = [[WishesSaved("tx", revision, None, None, revision)] for revision in (1, 1, 3, 2)]
    assert kinds(engine, *units) == ["NoneType", "RecordRefused", "RecordRefused", "NoneType"]
    assert engine.rows("SELECT revision, priority FROM wishes") == [{"revision": 2, "priority": 2}]


def test_what_can_not_be_read_is_said_so(sqlite: SqliteEngine):
    async def story(storage: SqliteStorage) -> None:
        sqlite.execute("DROP TABLE wishes")
        with pytest.raises(StorageError):
            await storage.history.transaction("tx")

    sqlite.tell(story)
