"""Opening a store, what may stand in its way, and what operators register in it."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from csms.domain.errors import ConfigurationError, Conflict, Invalid, StorageError
from csms.domain.records import CommandRecorded
from csms.storage import (
    NewToken,
    SqliteStorage,
    open_storage,
    station_key_hmac,
    station_key_matches,
    store_has_keys,
)
from csms.storage.sqlite import path_of
from tests.csms.storage.engines import NOW_US, SECRET, FakeClock, SqliteEngine, written
from tests.csms.storage.some_records import EVENT, STATION

OTHER_SECRET = bytes(32)


async def nothing(storage: SqliteStorage) -> None:
    assert storage.healthy() is None


# --- addresses


@pytest.mark.parametrize("url", ["sqlite:////tmp/a b.sqlite3", "sqlite+aiosqlite:////tmp/a b.sqlite3"])
def test_a_url_names_a_file(url: str):
    assert path_of(url) == Path("/tmp/a b.sqlite3")  # noqa: S108


def test_a_relative_url_is_taken_from_the_working_folder():
    assert path_of("sqlite:///store.sqlite3") == Path("store.sqlite3")


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("store.sqlite3", "no URL"),
        ("sqlite://", "must name a file"),
        ("sqlite:///:memory:", "must name a file"),
        ("sqlite:///file:x?mode=ro&uri=true", "must name a file"),
        ("sqlite:///x.sqlite3?timeout=3", "without options"),
        ("postgresql://localhost/x", "no engine postgresql"),
        ("mysql://localhost/x", "no engine mysql"),
    ],
)
def test_a_url_that_names_no_usable_store_is_refused(url: str, problem: str):
    with pytest.raises(ConfigurationError, match=problem):
        path_of(url)


# --- the secret


def test_a_store_without_keys_takes_another_secret(engine: SqliteEngine):
    engine.tell(nothing)
    engine.write(STATION)

    engine.tell(nothing, secret=OTHER_SECRET)

    assert not store_has_keys(engine.url)


@pytest.mark.parametrize("what", ["station", "token"])
def test_a_store_with_keys_refuses_another_secret_and_keeps_its_own(engine: SqliteEngine, what: str):
    async def register(storage: SqliteStorage) -> None:
        if what == "station":
            await storage.add_station("CP-1")
        else:
            await storage.add_token(NewToken(uid="04"))

    engine.tell(register)
    assert store_has_keys(engine.url)

    with pytest.raises(ConfigurationError, match="another secret"):
        engine.tell(nothing, secret=OTHER_SECRET)
    engine.tell(nothing)


def test_where_there_is_no_store_there_are_no_keys(engine: SqliteEngine):
    assert not store_has_keys(engine.url)
    assert not engine.path.exists()
    engine.path.touch()
    assert not store_has_keys(engine.url)


def test_a_file_that_is_no_store_is_refused_when_asked_for_keys(engine: SqliteEngine):
    engine.path.write_text("Dear diary, " * 1000)

    with pytest.raises(ConfigurationError, match="no SQLite file"):
        store_has_keys(engine.url)


# --- what stands in the way


def test_the_first_opening_makes_the_store(tmp_path: Path):
    async def story() -> list[Exception | None]:
        storage = await open_storage(f"sqlite:///{tmp_path}/s.sqlite3", clock=FakeClock(), secret=SECRET)
        ended = await written(storage, [EVENT])
        await storage.close()
        return ended

    assert asyncio.run(story()) == [None]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["s.sqlite3"]


def test_a_store_that_cannot_be_opened_is_a_configuration_error(tmp_path: Path):
    async def story() -> None:
        await open_storage(f"sqlite:///{tmp_path}/missing/x", clock=FakeClock(), secret=SECRET)

    with pytest.raises(ConfigurationError, match="missing/x"):
        asyncio.run(story())


def test_a_locked_store_is_a_configuration_error_when_it_is_opened(
    sqlite: SqliteEngine, monkeypatch: pytest.MonkeyPatch
):
    sqlite.tell(nothing)
    monkeypatch.setattr("csms.storage.migrate.BUSY_S", 0)
    with closing(sqlite3.connect(sqlite.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(ConfigurationError, match="locked"):
            sqlite.tell(nothing)


def test_a_store_that_fails_while_it_is_opened_leaves_nothing_running(engine: SqliteEngine):
    engine.tell(nothing)
    engine.execute("DROP TABLE id_blocks")

    with pytest.raises(StorageError):
        engine.tell(nothing)


def test_a_store_that_cannot_be_read_says_so(engine: SqliteEngine):
    async def story(storage: SqliteStorage) -> None:
        engine.execute("ALTER TABLE stations RENAME TO gone")
        with pytest.raises(StorageError, match="can't be read"):
            await storage.find_station("CP-1")
        with pytest.raises(StorageError, match="can't be read"):
            await storage.list_stations()
        engine.execute("ALTER TABLE gone RENAME TO stations")
        assert await storage.find_station("CP-1") is None
        assert await storage.list_stations() == []

    engine.tell(story)


def test_health_tells_that_nothing_can_be_written_and_when_it_can_again(sqlite: SqliteEngine):
    async def story(storage: SqliteStorage) -> list[Any]:
        with closing(sqlite3.connect(sqlite.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            (failed,) = await written(storage, [EVENT])
            during = storage.healthy()
            other.execute("ROLLBACK")
        (worked,) = await written(storage, [EVENT])
        return [type(failed), during is not None and "locked" in during, worked, storage.healthy()]

    assert sqlite.tell(story, busy_s=0) == [StorageError, True, None, None]


# --- stations


def test_a_new_station_gets_a_random_key_that_is_shown_once(engine: SqliteEngine):
    async def story(storage: SqliteStorage) -> tuple[Any, Any, list[Any]]:
        new = await storage.add_station("CP-1", site_id="depot")
        return new, await storage.find_station("cp-1"), await storage.list_stations()

    new, identity, (listed,) = engine.tell(story)

    assert len(bytes.fromhex(new.key)) == 20
    assert station_key_matches(SECRET, identity, new.key.encode())
    assert (identity.id, identity.site_id, identity.managed) == ("CP-1", "depot", True)
    assert listed.key_hmac == station_key_hmac(SECRET, "CP-1", new.key)
    assert new.key.encode() not in engine.path.read_bytes()


def test_a_station_may_be_registered_with_a_key_of_ones_own_or_without_any(engine: SqliteEngine):
    async def story(storage: SqliteStorage) -> list[Any]:
        own = await storage.add_station("CP-1", key="correct horse battery", managed=False)
        none = await storage.add_station("CP-2", keyless=True)
        return [own.key, none.key, *(await storage.list_stations())]

    own, none, first, second = engine.tell(story)

    assert (own, none) == ("correct horse battery", None)
    assert (first.managed, second.managed) == (0, 1)
    assert second.key_hmac is None


def test_a_station_id_is_unique_whatever_its_case(engine: SqliteEngine):
    async def story(storage: SqliteStorage) -> None:
        await storage.add_station("CP-1")
        with pytest.raises(Conflict, match="a station cp-1 already"):
            await storage.add_station("cp-1")

    engine.tell(story)

    assert engine.rows("SELECT id FROM stations") == [{"id": "CP-1"}]


@pytest.mark.parametrize(
    ("station_id", "how", "problem"),
    [
        ("", {}, "can't be a station's id"),
        ("..", {}, "can't be a station's id"),
        ("a/b", {}, "can't be a station's id"),
        ("x" * 49, {}, "can't be a station's id"),
        ("CP\x00", {}, "can't be a station's id"),
        ("CP-1", {"key": "tiny-4711"}, "at least 16"),
        ("CP-1", {"key": "x" * 41}, "1 to 40"),
        ("CP-1", {"key": "sixteen letters\n and more"}, "printable"),
        ("CP-1", {"site_id": ""}, "the site's id"),
        ("CP-1", {"site_id": "x" * 256}, "the site's id"),
    ],
)
def test_a_station_that_cannot_be_is_refused_with_the_reason(
    engine: SqliteEngine, station_id: str, how: dict[str, Any], problem: str
):
    async def story(storage: SqliteStorage) -> None:
        with pytest.raises(Invalid, match=problem) as refused:
            await storage.add_station(station_id, **how)
        assert "key" not in how or how["key"] not in str(refused.value)

    engine.tell(story)


# --- what an earlier process left open


def test_commands_that_nobody_will_hear_of_any_more_get_their_final_state(engine: SqliteEngine):
    open_ones = [
        CommandRecorded(name, "CP-1", None, "reset", "Reset", name, b"{}", None, None, NOW_US, None, None)
        for name in ("queued", "sent")
    ]
    ended = CommandRecorded(
        "ended", "CP-1", None, "reset", "Reset", "answered", b"{}", b"{}", None, NOW_US, NOW_US, NOW_US + 1
    )
    engine.write(*open_ones, ended)

    engine.tell(nothing)

    assert engine.rows("SELECT id, state, final_at_us FROM commands ORDER BY id") == [
        {"id": "ended", "state": "answered", "final_at_us": NOW_US + 1},
        {"id": "queued", "state": "not_sent", "final_at_us": NOW_US},
        {"id": "sent", "state": "timed_out", "final_at_us": NOW_US},
    ]
