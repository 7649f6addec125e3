from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from csms.storage import SqliteStorage
from csms.storage.retention import DAY_US, PAUSE_S, STEP_ROWS, Retention, Sweep
from tests.csms.storage.engines import NOW_US, FakeClock, SqliteEngine, written
from tests.csms.storage.some_records import DECISION, EVENT, SAMPLE, but

KEEP_US = 90 * DAY_US
OLD_US = NOW_US - KEEP_US - 1


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute("CREATE TABLE things (number INTEGER PRIMARY KEY, at_us INTEGER)")
        yield connection


def fill(connection: sqlite3.Connection, *times_us: int) -> None:
    connection.executemany("INSERT INTO things (at_us) VALUES (?)", [(at_us,) for at_us in times_us])


def left(connection: sqlite3.Connection) -> list[int]:
    return [at_us for (at_us,) in connection.execute("SELECT at_us FROM things ORDER BY number")]


def sweep_whole(sweep: Sweep, connection: sqlite3.Connection) -> int:
    steps = 1
    while sweep.step(connection, NOW_US):
        steps += 1
    return steps


def test_old_rows_go_and_young_ones_stay(connection: sqlite3.Connection):
    fill(connection, OLD_US, OLD_US, OLD_US + 1, NOW_US)

    sweep_whole(Sweep("things", "at_us", KEEP_US), connection)

    assert left(connection) == [OLD_US + 1, NOW_US]


def test_a_step_deletes_a_bounded_number_of_rows(connection: sqlite3.Connection):
    fill(connection, *[OLD_US] * (3 * STEP_ROWS + 1))
    sweep = Sweep("things", "at_us", KEEP_US)

    assert sweep.step(connection, NOW_US)
    assert len(left(connection)) == 2 * STEP_ROWS + 1
    assert sweep_whole(sweep, connection) == 4
    assert left(connection) == []


def test_a_row_from_the_future_does_not_protect_those_behind_it(connection: sqlite3.Connection):
    fill(connection, NOW_US * 2, *[OLD_US] * (2 * STEP_ROWS), NOW_US)

    sweep_whole(Sweep("things", "at_us", KEEP_US), connection)

    assert left(connection) == [NOW_US * 2, NOW_US]


def test_a_sweep_over_nothing_ends_at_once(connection: sqlite3.Connection):
    assert not Sweep("things", "at_us", KEEP_US).step(connection, NOW_US)


def test_sweeps_follow_each_other_with_a_pause(connection: sqlite3.Connection):
    clock = FakeClock()
    retention = Retention(lambda: connection, clock, [Sweep("things", "at_us", KEEP_US)])
    fill(connection, *[OLD_US] * (STEP_ROWS + 1))

    assert [retention(), retention(), retention(), retention()] == [True, True, False, False]
    assert left(connection) == []
    fill(connection, OLD_US)
    retention()
    assert left(connection) == [OLD_US]
    clock.s += PAUSE_S
    retention()
    assert left(connection) == []


def test_what_gets_old_while_the_server_runs_goes_too(connection: sqlite3.Connection):
    clock = FakeClock()
    retention = Retention(lambda: connection, clock, [Sweep("things", "at_us", KEEP_US)])
    fill(connection, NOW_US)
    retention()
    clock.us += KEEP_US + 1
    clock.s += PAUSE_S

    retention()

    assert left(connection) == []


def failing() -> sqlite3.Connection:
    raise sqlite3.OperationalError("disk I/O error")


@pytest.mark.parametrize("connect", [failing, lambda: sqlite3.connect(":memory:")])
def test_a_sweep_that_fails_is_tried_again_later(connect: Callable[[], sqlite3.Connection]):
    clock = FakeClock()
    opened: list[sqlite3.Connection] = []

    def noted() -> sqlite3.Connection:
        opened.append(connect())
        return opened[-1]

    retention = Retention(noted, clock, [Sweep("things", "at_us", KEEP_US)])

    assert not retention()
    assert not retention()
    clock.s += PAUSE_S
    assert not retention()
    for connection in opened:
        connection.close()


def test_the_writer_deletes_old_samples_between_its_commits(sqlite: SqliteEngine):
    old = [but(SAMPLE, device_at_us=n, received_at_us=OLD_US) for n in range(3 * STEP_ROWS)]
    young = but(SAMPLE, device_at_us=-1, received_at_us=OLD_US + 1)

    async def story(storage: SqliteStorage) -> int:
        for turn in range(50):
            await written(storage, [EVENT])
            if sqlite.rows("SELECT count(*) AS n FROM samples") == [{"n": 1}]:
                return turn
        return -1

    sqlite.write(*old, young, serving=False)
    assert sqlite.tell(story) >= 0


def test_the_writer_deletes_old_decisions_too(sqlite: SqliteEngine):
    old_us = NOW_US - 30 * DAY_US - 1
    log = [but(DECISION, at_us=at_us) for at_us in (old_us, old_us, old_us + 1, NOW_US)]

    async def story(storage: SqliteStorage) -> bool:
        for _ in range(50):
            await written(storage, [EVENT])
            left = [line.at_us for line in await storage.decisions("depot")]
            if left == [old_us + 1, NOW_US]:
                return True
        return False

    sqlite.write(*log, serving=False)
    assert sqlite.tell(story)


def test_a_command_deletes_nothing(sqlite: SqliteEngine):
    sqlite.write(but(SAMPLE, received_at_us=OLD_US), EVENT, serving=False)
    sqlite.write(EVENT, EVENT, EVENT, serving=False)

    assert sqlite.rows("SELECT count(*) AS n FROM samples") == [{"n": 1}]
