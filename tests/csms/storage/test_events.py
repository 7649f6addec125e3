"""The log of events: numbers without gaps, parts that are bounded, and a newest line that stays."""

from __future__ import annotations

from csms.domain.logged import MeterStart
from csms.domain.records import EventRecorded
from csms.storage import SqliteStorage
from csms.storage.event_queries import BYTES_MAX, LINES_MAX
from csms.storage.retention import DAY_US
from tests.csms.storage.engines import NOW_US, SqliteEngine, written
from tests.csms.storage.some_records import EVENT, OPENED, STATION, TOKEN_SEEN, but

BROKEN = but(EVENT, at_us=2**70)


def test_numbers_have_no_gaps_also_where_units_were_refused(engine: SqliteEngine):
    async def story(storage: SqliteStorage) -> list[int]:
        ended = await written(storage, [EVENT], [EVENT, BROKEN], [EVENT], [BROKEN], [EVENT, EVENT])
        assert [error is None for error in ended] == [True, False, True, False, True]
        return [line.number for line in await storage.events_after(0)]

    assert engine.tell(story) == [1, 2, 3, 4]
    assert engine.tell(story) == list(range(1, 9))


def test_a_line_comes_back_as_it_was_written(engine: SqliteEngine):
    event = EventRecorded("alarm", None, "depot", NOW_US, b'{"kind":"x"}')

    async def story(storage: SqliteStorage) -> None:
        await written(storage, [EVENT], [event])
        (line,) = await storage.events_after(1)
        assert (line.number, line.kind, line.station_id, line.site_id) == (2, "alarm", None, "depot")
        assert (line.at_us, line.data) == (NOW_US, b'{"kind":"x"}')

    engine.tell(story)


def test_a_part_is_bounded_in_lines_and_in_bytes(engine: SqliteEngine):
    large = but(EVENT, data=b'"' + b"x" * (BYTES_MAX // 2) + b'"')
    huge = but(EVENT, data=b'"' + b"x" * (2 * BYTES_MAX) + b'"')

    async def story(storage: SqliteStorage) -> list[int]:
        await written(storage, [EVENT] * (LINES_MAX + 1), [large, large, huge, EVENT])
        parts, last = list[int](), 0
        while lines := await storage.events_after(last):
            parts.append(len(lines))
            last = lines[-1].number
        assert last == await storage.newest_event() == LINES_MAX + 5
        return parts

    assert engine.tell(story) == [LINES_MAX, 2, 1, 1, 1]


def test_an_empty_log_has_no_newest_line(engine: SqliteEngine):
    async def story(storage: SqliteStorage) -> None:
        assert await storage.newest_event() == 0
        assert await storage.events_after(0) == []
        assert await storage.meter_starts([]) == {}

    engine.tell(story)


def test_how_transactions_began_is_known(engine: SqliteEngine):
    async def story(storage: SqliteStorage) -> None:
        await written(storage, [STATION, TOKEN_SEEN, OPENED])
        found = await storage.meter_starts(["tx-1", "none"])
        assert found == {"tx-1": MeterStart(1, 1000.0)}

    engine.tell(story)


def test_listeners_hear_of_each_commit_after_its_units(engine: SqliteEngine):
    async def story(storage: SqliteStorage) -> list[str]:
        heard: list[str] = []
        storage.on_commit(lambda: heard.append("commit"))
        storage.submit([EVENT], lambda _: heard.append("unit"))
        await storage.settled()
        return heard

    assert engine.tell(story) == ["unit", "commit"]


def test_old_lines_are_deleted_and_the_newest_number_stays_known(engine: SqliteEngine):
    old = but(EVENT, at_us=NOW_US - 90 * DAY_US - 1)

    async def story(storage: SqliteStorage) -> None:
        lines = await storage.events_after(0)
        while len(lines) > 1:  # deleted between commits
            await storage.write(STATION)
            lines = await storage.events_after(0)
        assert [line.number for line in lines] == [3]
        assert await storage.newest_event() == 3
        await storage.write(EVENT)
        assert await storage.newest_event() == 4

    engine.write(old, old, old, serving=False)
    engine.tell(story)
