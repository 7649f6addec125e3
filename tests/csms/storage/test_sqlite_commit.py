"""Commits on a real SQLite file, in good days and bad."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from csms.domain.errors import RecordRefused, StorageError
from csms.domain.records import CapRemoved, SiteRemoved, StationPlaced
from csms.storage.migrate import migrate
from csms.storage.sqlite_commit import SqliteCommitter, connect
from csms.storage.writer import Committed, Writer
from tests.csms.storage.some_records import CAP, CLOSED, EVENT, OPENED, RAW, SAMPLE, SITE, TOKEN_SEEN, but

POISON = but(EVENT, at_us=2**63)


class Bench:
    """A committer on a file of its own, every statement of which is noted."""

    def __init__(self, folder: Path, *, busy_s: float = 0) -> None:
        self.path = folder / "store.sqlite3"
        migrate(self.path)
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute("INSERT INTO meta VALUES ('a', x'00')")
        self.statements: list[str] = []
        self.busy_s = busy_s
        self.committer = SqliteCommitter(self._open)

    def _open(self) -> sqlite3.Connection:
        connection = connect(self.path, busy_s=self.busy_s)
        connection.set_trace_callback(self.statements.append)
        return connection

    @property
    def commits(self) -> int:
        return self.statements.count("COMMIT")

    def commit(self, *units: list[Any]) -> Committed:
        return self.committer.commit(units)

    def count(self, table: str) -> int:
        with closing(sqlite3.connect(self.path)) as connection:
            return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608

    @contextmanager
    def locked(self) -> Iterator[None]:
        with closing(sqlite3.connect(self.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
            other.execute("ROLLBACK")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.committer.close()


def kinds(committed: Committed) -> list[type]:
    return [type(error) for error in committed.errors]


def test_a_batch_is_one_commit(bench: Bench):
    committed = bench.commit(*([TOKEN_SEEN, EVENT, SAMPLE] for _ in range(300)))

    assert committed.errors == [None] * 300
    assert bench.commits == 1
    assert bench.count("events") == 300


def test_records_that_undo_each_other_take_turns_in_one_commit(bench: Bench):
    placed, gone = StationPlaced("depot", "CP-1"), StationPlaced(None, "CP-1")
    removed = [gone, SiteRemoved("depot", 1), CapRemoved("depot", "main", "grid")]

    committed = bench.commit([EVENT, SITE, placed, CAP], removed, [SITE, placed], [EVENT, CAP])

    assert committed.errors == [None] * 4
    assert bench.commits == 1
    assert [bench.count(table) for table in ("sites", "placements", "caps", "events")] == [1, 1, 1, 2]


def test_what_comes_too_late_in_a_batch_fails_alone_and_says_why(bench: Bench):
    committed = bench.commit([SITE], [EVENT, SITE], [EVENT])

    assert kinds(committed) == [type(None), RecordRefused, type(None)]
    assert "the site's revision is another one by now" in str(committed.errors[1])
    assert bench.count("events") == 1


def test_units_that_wait_for_a_lock_share_a_commit(tmp_path: Path):
    bench = Bench(tmp_path, busy_s=60)

    async def story() -> list[Exception | None]:
        heard: list[Exception | None] = []
        with bench.locked():
            writer = Writer(bench.committer)
            for _ in range(1_000):
                writer.submit([EVENT], heard.append)
        await writer.close()
        return heard

    assert asyncio.run(story()) == [None] * 1_000
    assert bench.commits <= 2  # what the writer had taken when it met the lock, and all the rest
    assert bench.count("events") == 1_000


def test_a_commit_survives_the_loss_of_power(bench: Bench):
    (synchronous,) = bench.committer.connection().execute("PRAGMA synchronous").fetchone()
    (mode,) = bench.committer.connection().execute("PRAGMA journal_mode").fetchone()

    assert (synchronous, mode) == (2, "wal")


def test_with_a_poisoned_unit_the_others_still_share_one_commit(bench: Bench):
    committed = bench.commit([EVENT], [EVENT, POISON], [RAW], [SAMPLE, POISON], [EVENT])

    assert kinds(committed) == [type(None), RecordRefused, type(None), RecordRefused, type(None)]
    assert committed.problem is None
    assert bench.commits == 1
    assert (bench.count("events"), bench.count("raw_messages"), bench.count("samples")) == (2, 1, 0)


def test_a_refused_unit_says_which_rule_it_broke(bench: Bench):
    (error,) = bench.commit([but(EVENT, kind=None)]).errors

    assert "events.kind" in str(error)
    assert isinstance(error, StorageError)
    assert isinstance(error.__cause__, sqlite3.IntegrityError)


def test_a_locked_store_fails_the_whole_batch_and_works_again_later(bench: Bench):
    with bench.locked():
        failed = bench.commit([EVENT], [POISON], [EVENT])
        probed = bench.commit()
    worked = bench.commit([EVENT])

    assert kinds(failed) == [StorageError] * 3
    assert failed.problem is not None
    assert "locked" in failed.problem
    assert probed.problem == failed.problem
    assert (worked.errors, worked.problem) == ([None], None)
    assert bench.count("events") == 1


def test_a_full_disk_fails_the_whole_batch_and_leaves_nothing_of_it(bench: Bench):
    connection = bench.committer.connection()
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    big = but(RAW, payload=bytes(100_000))

    failed = bench.commit([EVENT], [big], [EVENT])
    in_transaction = connection.in_transaction
    connection.execute(f"PRAGMA max_page_count = {pages + 1_000}")
    worked = bench.commit([EVENT], [big])

    assert kinds(failed) == [StorageError] * 3
    assert failed.problem is not None
    assert "full" in failed.problem
    assert not in_transaction
    assert worked.errors == [None, None]
    assert (bench.count("events"), bench.count("raw_messages")) == (1, 1)


def test_a_disk_that_gets_full_while_units_are_tried_apart_fails_them_all(bench: Bench):
    connection = bench.committer.connection()
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")

    failed = bench.commit([but(EVENT, kind=None)], [EVENT], [but(EVENT, data=bytes(100_000))])

    assert kinds(failed) == [StorageError] * 3
    assert bench.count("events") == 0


@pytest.mark.parametrize("forbidden", [{"COMMIT"}, {"COMMIT", "ROLLBACK"}])
def test_a_commit_that_fails_acknowledges_nobody_and_is_really_undone(bench: Bench, forbidden: set[str]):
    def authorize(action: int, argument: str | None, *_: object) -> int:
        refused = action == sqlite3.SQLITE_TRANSACTION and argument in forbidden
        return sqlite3.SQLITE_DENY if refused else sqlite3.SQLITE_OK

    bench.committer.connection().set_authorizer(authorize)
    failed = bench.commit([EVENT], [EVENT])
    bench.committer.connection().set_authorizer(None)
    worked = bench.commit([EVENT])

    assert kinds(failed) == [StorageError] * 2
    assert worked.errors == [None]
    assert bench.count("events") == 1


def test_a_connection_that_is_lost_is_opened_anew(bench: Bench):
    bench.committer.connection().close()

    failed, worked = bench.commit([EVENT]), bench.commit([EVENT])

    assert kinds(failed) == [StorageError]
    assert worked.errors == [None]


def test_an_empty_batch_shows_whether_writing_works(bench: Bench):
    assert bench.commit() == Committed([])
    bench.committer.connection().execute("PRAGMA query_only = ON")
    assert bench.commit().problem is not None


def test_records_of_one_unit_are_written_in_an_order_that_is_safe(bench: Bench):
    committed = bench.commit([EVENT, SAMPLE, CLOSED, OPENED, TOKEN_SEEN])

    assert committed.errors == [None]
    with closing(sqlite3.connect(bench.path)) as connection:
        assert connection.execute("SELECT token_id, closed_by FROM transactions").fetchall() == [
            ("tok-1", "station")
        ]


def test_a_file_system_without_write_ahead_logging_is_refused():
    # A store in memory can't do it either.
    with pytest.raises(sqlite3.OperationalError, match="write-ahead"):
        connect(Path(":memory:"))


def test_only_batches_with_tokens_ask_what_changed(bench: Bench):
    assert bench.commit([EVENT]).token_changes is None
    changes = bench.commit([TOKEN_SEEN]).token_changes
    assert changes is not None
    assert [change[2] for change in changes] == ["tok-1"]


def test_tokens_that_cannot_be_read_back_don_t_undo_the_commit(bench: Bench):
    def authorize(action: int, argument: str | None, *_: object) -> int:
        refused = action == sqlite3.SQLITE_READ and argument == "token_changes" and bench.commits > 0
        return sqlite3.SQLITE_DENY if refused else sqlite3.SQLITE_OK

    bench.committer.connection().set_authorizer(authorize)
    committed = bench.commit([TOKEN_SEEN])

    assert (committed.errors, committed.token_changes) == ([None], None)


def test_a_file_that_is_no_database_is_not_left_open(tmp_path: Path):
    path = tmp_path / "diary"
    path.write_text("Dear diary, " * 1000)

    with pytest.raises(sqlite3.DatabaseError):
        connect(path)
