"""Whoever follows gets every committed event once, in order, however slow it is and whenever it comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from csms.domain.errors import Busy, StorageError
from csms.domain.logged import LoggedEvent
from csms.domain.records import EventRecorded
from csms.live import broadcaster
from csms.ports import EventLog
from csms.usecases.balancing.view import SiteState
from tests.csms.live.world import DEADLINE_S, LATER_US, QUICK, LiveWorld, live, status
from tests.csms.storage.engines import SqliteEngine

pytestmark = pytest.mark.anyio


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[LiveWorld]:
    async with live(tmp_path) as world:
        yield world


async def test_what_is_committed_comes_in_order_with_its_numbers(world: LiveWorld):
    await world.write(status(0))
    async with world.reading() as stream:
        await world.write(*map(status, range(1, 6)))
        reader = await stream.until(lambda reader: len(reader.events) == 5)
    assert reader.numbers() == [2, 3, 4, 5, 6]
    assert [event.data["evse"] for event in reader.events] == [1, 2, 3, 4, 5]
    assert {event.kind for event in reader.events} == {"connector.status"}
    assert reader.retry_ms == 3000


async def test_a_stream_says_at_once_from_where_it_can_be_resumed(world: LiveWorld):
    await world.write(status(1), status(2))
    async with world.reading() as stream:
        reader = await stream.until(lambda reader: reader.last_id)
    assert (reader.last_id, reader.events) == ("2", [])


async def test_it_is_resumed_after_the_last_one_that_came(world: LiveWorld):
    await world.write(*map(status, range(1, 8)))
    async with world.reading(after=3) as stream:
        reader = await stream.until(lambda reader: len(reader.events) == 4)
    assert reader.numbers() == [4, 5, 6, 7]


async def test_a_client_far_behind_catches_up_and_goes_on(world: LiveWorld):
    many = 3 * broadcaster.HELD_LINES_MAX
    await world.write(*map(status, range(1, many + 1)))
    async with world.reading(after=0) as stream:
        await stream.until(lambda reader: reader.events)
        await world.write(status(many + 1))
        reader = await stream.until(lambda reader: len(reader.events) > many)
    assert reader.numbers() == list(range(1, many + 2))


async def test_who_stops_reading_misses_nothing_and_costs_nothing(world: LiveWorld):
    many = 2 * broadcaster.HELD_LINES_MAX
    async with world.reading() as slow, world.reading() as quick:
        await slow.until(lambda reader: reader.last_id)
        await world.write(*map(status, range(1, many + 1)))
        await quick.until(lambda reader: len(reader.events) == many)
        assert len(world.events._held) == broadcaster.HELD_LINES_MAX
        assert slow.reader.events == []
        await slow.until(lambda reader: len(reader.events) == many)
    assert slow.reader.events == quick.reader.events
    assert quick.reader.numbers() == list(range(1, many + 1))


async def test_large_lines_are_not_all_held(world: LiveWorld):
    size = broadcaster.HELD_BYTES_MAX // 8
    async with world.reading() as slow, world.reading() as quick:
        await world.write(*(status(number, size=size) for number in range(1, 21)))
        await quick.until(lambda reader: len(reader.events) == 20)
        assert world.events._held_bytes <= broadcaster.HELD_BYTES_MAX
        await slow.until(lambda reader: len(reader.events) == 20)
    assert slow.reader.numbers() == list(range(1, 21))


async def test_under_load_everybody_gets_everything_once_and_in_order(world: LiveWorld):
    readers, units, lines = 40, 50, 10

    async def follow() -> list[int]:
        async with world.reading(after=0) as stream:
            return (await stream.until(lambda reader: len(reader.events) == units * lines)).numbers()

    following = [asyncio.create_task(follow()) for _ in range(readers)]
    committed: list[Exception | None] = []
    for unit in range(units):
        world.storage.submit([status(unit * lines + line) for line in range(lines)], committed.append)
        if unit % 5 == 0:
            await world.storage.settled()
    async with asyncio.timeout(DEADLINE_S):
        assert await asyncio.gather(*following) == [list(range(1, units * lines + 1))] * readers
    assert committed == [None] * units


async def test_nothing_is_shown_that_was_not_committed(world: LiveWorld):
    broken = EventRecorded("alarm", None, None, 2**70, b"{}")
    async with world.reading() as stream:
        refused: list[Exception | None] = []
        world.storage.submit([status(1), broken], refused.append)
        await world.storage.settled()
        await world.write(status(2))
        reader = await stream.until(lambda reader: reader.events)
    assert refused[0] is not None
    assert [(event.number, event.data["evse"]) for event in reader.events] == [(1, 2)]


async def test_what_was_deleted_meanwhile_is_told(world: LiveWorld, tmp_path: Path):
    await world.write(*map(status, range(1, 8)))
    SqliteEngine(tmp_path).execute("DELETE FROM events WHERE number IN (1, 2, 3, 5)")
    async with world.reading(after=1) as stream:
        reader = await stream.until(lambda reader: len(reader.events) == 5)
    (first, four, second, six, seven) = reader.events
    assert [event.number for event in (four, six, seven)] == [4, 6, 7]
    for alarm, after, following in ((first, 1, 4), (second, 4, 6)):
        assert (alarm.kind, alarm.number, alarm.data["kind"]) == ("alarm", None, "events-missed")
        assert (alarm.data["after"], alarm.data["next"]) == (after, following)


async def test_a_number_of_another_store_is_told_and_it_goes_on_from_now(world: LiveWorld):
    await world.write(status(1))
    async with world.reading(after=99) as stream:
        await stream.until(lambda reader: reader.events)
        await world.write(status(2))
        reader = await stream.until(lambda reader: len(reader.events) == 2)
    assert [event.kind for event in reader.events] == ["alarm", "connector.status"]
    assert reader.events[0].data["kind"] == "events-missed"
    assert reader.numbers() == [2]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"stations": frozenset({"cp-1"})}, [1, 2]),
        ({"sites": frozenset({"depot"})}, [2, 3]),
        ({"stations": frozenset({"cp-1"}), "sites": frozenset({"depot"})}, [2]),
        ({"kinds": frozenset({"alarm"})}, [4]),
        ({"kinds": frozenset({"station.booted"})}, [5]),
        ({}, [1, 2, 3, 4]),
    ],
)
async def test_who_wants_less_gets_less(
    world: LiveWorld, wanted: dict[str, frozenset[str]], expected: list[int]
):
    await world.write(
        status(1, station="CP-1"),
        status(2, station="CP-1", site="depot"),
        status(3, station="CP-2", site="depot"),
        EventRecorded("alarm", None, "garage", LATER_US, b"{}"),
        EventRecorded("station.booted", "CP-1", None, LATER_US, b"{}"),
    )
    async with world.reading(after=0, **wanted) as stream:
        reader = await stream.until(lambda reader: len(reader.events) == len(expected))
    assert reader.numbers() == expected


async def test_a_silent_stream_says_that_it_lives_and_how_far_it_is(tmp_path: Path):
    async with live(tmp_path, replace(QUICK, keep_alive_s=0.005)) as world:
        async with world.reading(kinds=frozenset({"alarm"})) as stream:
            await stream.until(lambda reader: len(reader.comments) >= 2)
            assert stream.reader.last_id == "0"
            await world.write(status(1), status(2))
            reader = await stream.until(lambda reader: reader.last_id == "2")
        assert reader.events == []


async def test_no_more_may_follow_than_the_setting_says(tmp_path: Path):
    async with live(tmp_path, replace(QUICK, followers_max=2)) as world:
        first, _ = await world.follow(), await world.follow()
        with pytest.raises(Busy):
            await world.follow()
        first.leave()
        (await world.follow()).leave()


async def test_a_stream_ends_after_a_while_and_is_resumed_without_a_gap(tmp_path: Path):
    async with live(tmp_path, replace(QUICK, stream_s=0.01)) as world:
        async with world.reading() as stream:
            await world.write(status(1))
            reader = await stream.to_the_end()
        seen = reader.numbers()
        async with world.reading(after=int(reader.last_id)) as stream:
            seen += (await stream.to_the_end()).numbers()
    assert seen == [1]


async def test_when_the_server_stops_all_streams_end(world: LiveWorld):
    async with world.reading() as one, world.reading() as other:
        await one.until(lambda reader: reader.last_id)
        world.events.close()
        for stream in (one, other):
            assert (await stream.to_the_end()).comments == [
                "the server stops; it is followed again when it is back"
            ]
        async with world.reading() as late:
            assert (await late.to_the_end()).last_id == "0"


class Interrupted:
    """A log that can't be read for a while."""

    def __init__(self, log: EventLog, failures: int) -> None:
        self.failures = failures
        self.on_commit, self.newest_event, self.meter_starts = (
            log.on_commit,
            log.newest_event,
            log.meter_starts,
        )
        self._log = log

    async def events_after(self, number: int) -> list[LoggedEvent]:
        if self.failures:
            self.failures -= 1
            raise StorageError("the disk is away")
        return await self._log.events_after(number)


async def test_it_goes_on_after_the_store_could_not_be_read(world: LiveWorld):
    log = Interrupted(world.storage, failures=3)
    async with world.reading() as stream:
        await stream.until(lambda reader: reader.last_id)
        world.events._log = log
        await world.write(status(1))
        reader = await stream.until(lambda reader: reader.events)
    assert reader.numbers() == [1]
    assert log.failures == 0


async def test_a_stream_ends_where_what_it_missed_cannot_be_read(world: LiveWorld):
    await world.write(status(1))
    async with world.reading() as _, world.reading(after=0) as stream:
        world.events._log = Interrupted(world.storage, failures=10**9)
        reader = await stream.to_the_end()
    assert reader.comments == ["follow again from here"]
    assert reader.last_id == "0"


class Broken:
    """A site that can't be shown."""

    steps = 1
    trouble = None

    def state(self) -> SiteState:
        raise ZeroDivisionError("a fault of ours")


async def test_a_site_that_cannot_be_shown_keeps_no_event_back(world: LiveWorld):
    world.sites["depot"] = Broken()
    async with world.reading() as stream:
        for number in range(1, 4):
            world.events._states._looked_s = float("-inf")  # it is looked at each time
            await world.write(status(number))
            await stream.until(lambda reader, so_many=number: len(reader.events) == so_many)
    assert stream.reader.numbers() == [1, 2, 3]


async def test_lines_of_another_process_come_too(world: LiveWorld, tmp_path: Path):
    async with world.reading() as stream:
        await stream.until(lambda reader: reader.last_id)
        SqliteEngine(tmp_path).execute(
            "INSERT INTO events (kind, station_id, site_id, at_us, data) VALUES ('alarm', NULL, NULL, ?, ?)",
            LATER_US,
            b"{}",
        )
        reader = await stream.until(lambda reader: reader.events)
    assert reader.numbers() == [1]


async def test_who_comes_after_all_have_left_misses_nothing(world: LiveWorld):
    for round_number in range(1, 6):
        async with world.reading(after=round_number - 1) as stream:
            await world.write(status(round_number))
            reader = await stream.until(lambda reader: reader.events)
        assert reader.numbers() == [round_number]
        assert len(world.events) == 0
