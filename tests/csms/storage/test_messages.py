from __future__ import annotations

import asyncio
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from csms.domain.errors import StorageError
from csms.storage import LoggedMessage, MessageLogLimits, SqliteStorage
from csms.storage.messages import SqliteMessageLog
from csms.storage.retention import DAY_US
from tests.csms.storage.engines import NOW_US, FakeClock, SqliteEngine, written
from tests.csms.storage.some_records import EVENT

FRAME = '[2,"1","Heartbeat",{}]'


class Log:
    """A message log whose chore is done by hand."""

    def __init__(self, path: Path, limits: MessageLogLimits | None = None) -> None:
        self.path = path
        self.clock = FakeClock()
        self.log = SqliteMessageLog(path, self.clock, limits)

    def append(self, *frames: str, station_id: str = "CP-1", at_us: int = NOW_US) -> None:
        for frame in frames:
            self.log.append(station_id, at_us, "in", frame, None)

    def work(self) -> None:
        """Do all that is due, as the writer does when nothing else happens."""
        self.clock.s += 100
        while self.log():
            pass

    def read(
        self, station_id: str = "CP-1", *, before: int | None = None, limit: int = 100
    ) -> list[LoggedMessage]:
        return asyncio.run(self.log.read(station_id, before=before, limit=limit))

    def frames(self, station_id: str = "CP-1") -> list[str]:
        return [message.frame for message in reversed(self.read(station_id, limit=100_000))]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    log = Log(tmp_path / "messages.sqlite3")
    yield log
    log.log.close()


def test_lines_are_read_newest_first_and_page_by_page(log: Log):
    log.append("[1]", "[2]", "[3]", "[4]")
    log.append("[5]", station_id="CP-2")

    first = log.read(limit=3)
    second = log.read(before=first[-1].number, limit=3)

    assert [message.frame for message in (*first, *second)] == ["[4]", "[3]", "[2]", "[1]"]
    assert log.read(before=second[-1].number) == []
    assert log.read("CP-3") == []


def test_a_line_is_kept_with_all_that_was_said_of_it(log: Log):
    log.log.append("CP-1", NOW_US + 7, "out", FRAME, "cut idTag: ABCDEF")

    assert log.read() == [LoggedMessage(1, NOW_US + 7, "out", FRAME, "cut idTag: ***")]


def test_an_empty_log_has_no_lines(log: Log):
    assert log.read() == []


def test_frames_are_redacted_before_they_reach_the_file(log: Log):
    log.append('[2,"1","Authorize",{"idTag":"DEADBEEF"}]')
    log.work()
    log.log.close()

    assert not [file for file in log.path.parent.iterdir() if b"DEADBEEF" in file.read_bytes()]


def test_the_file_is_for_its_owners_eyes_only(log: Log):
    log.append(FRAME)
    log.work()

    assert stat.S_IMODE(log.path.stat().st_mode) == 0o600


def test_of_too_many_lines_the_oldest_give_way(tmp_path: Path):
    log = Log(tmp_path / "m.sqlite3", MessageLogLimits(queue_lines=3))

    log.append("[1]", "[2]", "[3]", "[4]", "[5]")

    assert log.frames() == ["[3]", "[4]", "[5]"]
    assert log.log.dropped == 2
    log.log.close()


def test_of_too_long_lines_the_oldest_give_way(tmp_path: Path):
    log = Log(tmp_path / "m.sqlite3", MessageLogLimits(queue_characters=10))

    log.append("[1]", "[22222]", "[3]", '["far too long for it"]', "[5]")

    assert log.frames() == ["[5]"]
    assert log.log.dropped == 4
    log.log.close()


def test_what_was_written_makes_room_in_the_queue(tmp_path: Path):
    log = Log(tmp_path / "m.sqlite3", MessageLogLimits(queue_characters=10))

    for number in range(20):
        log.append(f"[{number:05}]")
        log.work()

    assert len(log.frames()) == 20
    assert log.log.dropped == 0
    log.log.close()


def test_lines_wait_a_moment_so_that_several_are_written_at_once(log: Log):
    log.clock.s += 100
    log.append("[1]")
    assert not log.log()
    log.append("[2]")
    assert not log.log()  # it is not time yet

    with closing(sqlite3.connect(log.path)) as connection:
        assert connection.execute("SELECT frame FROM messages").fetchall() == [("[1]",)]


def test_many_lines_are_written_in_several_steps(log: Log):
    log.append(*(f"[{number}]" for number in range(1_000)))
    log.clock.s += 100

    steps = 1
    while log.log():
        steps += 1

    assert steps > 2
    assert len(log.frames()) == 1_000


def test_lines_that_are_too_old_are_deleted(log: Log):
    log.append("[1]", "[2]", at_us=NOW_US - 14 * DAY_US - 1)
    log.append("[3]", at_us=NOW_US - 14 * DAY_US)
    log.work()
    log.work()

    assert log.frames() == ["[3]"]


def test_the_oldest_lines_are_deleted_when_the_file_is_too_big(tmp_path: Path):
    log = Log(tmp_path / "m.sqlite3", MessageLogLimits(file_bytes=2_000_000))
    frames = [f'[{number},"{"x" * 1000}"]' for number in range(5_000)]

    for start in range(0, 5_000, 500):
        log.append(*frames[start : start + 500])
        log.work()
    kept = log.frames()

    assert 500 <= len(kept) < 2_000
    assert kept == frames[-len(kept) :]
    assert log.path.stat().st_size < 4_000_000
    log.log.close()


def test_a_flood_between_two_sweeps_does_not_grow_the_file_beyond_its_size(tmp_path: Path):
    log = Log(tmp_path / "m.sqlite3", MessageLogLimits(file_bytes=2_000_000, queue_lines=500))
    log.append(*('[1,"short"]' for _ in range(400)))
    log.work()

    for number in range(2_000):
        log.append(f'[{number},"{"x " * 20_000}"]')
        log.clock.s += 0.01  # all of it within the pause
        log.log()

    files = [log.path, log.path.with_name("m.sqlite3-wal")]
    assert files[0].stat().st_size < 3_000_000
    assert sum(file.stat().st_size for file in files) < 10_000_000
    newest = log.read(limit=1)[0].frame
    assert newest.startswith("[1999,")
    log.log.close()


def test_a_file_that_cannot_be_opened_costs_lines_and_nothing_else(tmp_path: Path):
    folder = tmp_path / "m.sqlite3"
    folder.mkdir()
    log = Log(folder)

    log.append("[1]", "[2]")
    log.work()
    log.append("[3]")
    assert not log.log()  # not tried again at once
    folder.rmdir()
    log.work()

    assert log.log.dropped == 2
    assert log.frames() == ["[3]"]
    log.log.close()


def test_a_file_that_is_no_database_is_an_error_for_its_reader_only(tmp_path: Path):
    path = tmp_path / "m.sqlite3"
    path.write_text("Dear diary, " * 1000)
    log = Log(path)

    log.append("[1]")
    log.work()

    assert log.log.dropped == 1
    with pytest.raises(StorageError, match="can't be read"):
        log.read()
    log.log.close()


def test_a_line_that_cannot_be_stored_is_forgotten(log: Log):
    log.append("[1]", at_us=2**63)
    log.work()
    log.append("[2]")
    log.work()

    assert log.frames() == ["[2]"]
    assert log.log.dropped == 1


@pytest.mark.parametrize("frame", ['[2,"1","x",{"a":"\\ud800"}]', "\ud800", '[2,"\ud800"]', "\x00"])
def test_odd_text_is_kept_in_some_readable_way(log: Log, frame: str):
    log.append(frame)
    log.log.append("CP-1", NOW_US, "in", FRAME, frame)

    assert len(log.frames()) == 2


def test_a_reader_finds_the_writer_busy_and_waits(log: Log):
    log.append("[1]")
    with log.log._writing:
        log.clock.s += 100
        assert not log.log()

    assert log.frames() == ["[1]"]


def test_the_store_writes_its_message_log_beside_itself(sqlite: SqliteEngine):
    async def story(storage: SqliteStorage) -> None:
        storage.message_log.append("CP-1", NOW_US, "in", FRAME, None)
        await written(storage, [EVENT])

    sqlite.tell(story)

    assert sqlite.path.with_name("store-messages.sqlite3").exists()
    assert [message.frame for message in sqlite.tell(lambda s: s.message_log.read("CP-1"))] == [FRAME]


def test_a_broken_message_log_does_not_touch_the_store(sqlite: SqliteEngine):
    sqlite.path.with_name("store-messages.sqlite3").mkdir()

    async def story(storage: SqliteStorage) -> list[Exception | None]:
        storage.message_log.append("CP-1", NOW_US, "in", FRAME, None)
        return [*await written(storage, [EVENT]), *await written(storage, [EVENT])]

    assert sqlite.tell(story) == [None, None]
