"""A site's task: one step for many news, orders at their time, and a new life after each failure."""

from __future__ import annotations

from pathlib import Path

import pytest
import structlog
from msgspec.structs import replace

from csms.domain.control import OrderVerdict
from csms.domain.errors import Invalid, RecordRefused
from csms.sites import NewReading
from csms.sites.pace import PaceLimits
from csms.usecases.balancing.news import MeterReading, SiteRevised
from csms.usecases.balancing.steps import Step
from csms.usecases.balancing.view import AlarmView
from tests.csms.sites.real_store import BROKEN, Loop, exposure, opened, outgoing, site, status, touched

pytestmark = pytest.mark.anyio

AMPERES = (10.0, 10.0, 10.0)


def once(loop: Loop, step: Step) -> Step:
    return step if loop.steps == 1 else loop.nothing()


# --- news


async def test_many_readings_in_one_moment_cost_one_step(tmp_path: Path):
    async with opened(tmp_path) as world:
        loop = await world.began()
        for number in range(200):
            world.sites.add_reading(
                "depot", "grid", NewReading(at_us=world.clock.now_us(), current_a=AMPERES)
            )
            world.sites.tell([status(name=f"status {number}")])
        await world.until(lambda: len(loop.told) == 400)
        assert loop.steps == 2


async def test_what_keeps_happening_is_stepped_at_a_bounded_rate(tmp_path: Path):
    async with opened(tmp_path, pace=PaceLimits(spacing_s=0.05)) as world:
        began_s = world.clock.machine_s()
        loop = await world.began()
        while loop.steps < 6:
            world.sites.tell([status()])
            await world.storage.sites()
        assert world.clock.machine_s() - began_s >= 5 * 0.05


async def test_a_step_is_due_when_the_loop_asked_for_it(tmp_path: Path):
    hour_us = 3_600_000_000
    async with opened(tmp_path, speed=36_000) as world:
        world.decide = lambda loop: loop.nothing(wake_at_us=world.clock.now_us() + hour_us)
        loop = await world.began()
        await world.until(lambda: loop.steps >= 3)
        assert loop.told == []


async def test_a_site_hears_of_its_own_stations_alone(tmp_path: Path):
    async with opened(tmp_path) as world:
        north = await world.began(site("north", "CP-1"))
        south = await world.began(site("south", "CP-2"))
        world.sites.tell([status("CP-1"), status("cp-2"), status("CP-3")])
        await world.until(lambda: north.told and south.told)
        assert (north.told, south.told) == ([status("CP-1")], [status("cp-2")])


async def test_how_orders_end_is_heard_among_the_news_in_its_order(tmp_path: Path):
    async with opened(tmp_path) as world:
        world.link.answers_at_once = False
        world.decide = lambda loop: once(loop, loop.nothing(send=[outgoing(1, raises=False)]))
        loop = await world.began()
        await world.until(lambda: 1 in world.link.open)
        first, last = status(name="Preparing"), status(name="Charging")
        world.sites.tell([first])
        world.link.withdraw("CP-1", "id-1")
        await world.until(lambda: 1 in loop.outcomes)
        world.sites.tell([last])
        await world.until(lambda: len(loop.heard) == 3)
        assert loop.heard == [first, 1, last]


# --- orders


async def test_a_decrease_leaves_at_once_and_a_raise_after_its_records_are_durable(tmp_path: Path):
    async with opened(tmp_path) as world:
        loop = await world.began()
        world.storage.holds = []
        orders = [outgoing(1, raises=False), outgoing(2, raises=True)]
        world.decide = lambda loop: (
            loop.nothing(send=orders, records=[exposure()]) if loop.steps == 2 else loop.nothing()
        )
        world.sites.tell([status()])
        await world.until(lambda: world.storage.holds and loop.outcomes)
        assert world.link.sent == [1]
        world.storage.holds[0]()
        await world.until(lambda: 2 in loop.outcomes)
        assert world.link.sent == [1, 2]


async def test_a_raise_without_records_needs_not_wait(tmp_path: Path):
    async with opened(tmp_path) as world:
        world.decide = lambda loop: once(loop, loop.nothing(send=[outgoing(1, raises=True)]))
        loop = await world.began()
        await world.until(lambda: loop.outcomes == {1: OrderVerdict.ACCEPTED})


async def test_an_order_that_is_withdrawn_before_its_records_are_durable_never_leaves(tmp_path: Path):
    async with opened(tmp_path) as world:
        loop = await world.began()
        world.storage.holds = []

        def decide(loop: Loop) -> Step:
            if loop.steps == 2:
                return loop.nothing(send=[outgoing(1, raises=True)], records=[exposure()])
            return loop.nothing(withdraw=[1, 99] if loop.steps == 3 else [])

        world.decide = decide
        world.sites.tell([status()])
        await world.until(lambda: loop.steps == 2)
        world.sites.tell([status()])
        await world.until(lambda: loop.outcomes == {1: OrderVerdict.NOT_SENT})
        await world.until(lambda: world.storage.holds)
        world.storage.holds[0]()
        await world.settled(loop)
        assert world.link.sent == []


async def test_an_order_that_waits_for_its_station_is_taken_back_there(tmp_path: Path):
    async with opened(tmp_path) as world:
        world.link.answers_at_once = False
        world.decide = lambda loop: once(loop, loop.nothing(send=[outgoing(1, raises=False)]))
        loop = await world.began()
        await world.until(lambda: 1 in world.link.open)
        world.decide = lambda loop: loop.nothing(withdraw=[1])
        world.sites.tell([status()])
        await world.until(lambda: loop.outcomes == {1: OrderVerdict.NOT_SENT})
        assert world.link.withdrawn == [1]


@pytest.mark.parametrize(
    ("failure", "verdict"),
    [(RuntimeError("a bug"), OrderVerdict.UNKNOWN), (Invalid("no such unit"), OrderVerdict.NOT_SENT)],
)
async def test_an_order_that_fails_here_ends_too(tmp_path: Path, failure: Exception, verdict: OrderVerdict):
    async with opened(tmp_path) as world:
        world.link.failure = failure
        world.decide = lambda loop: once(loop, loop.nothing(send=[outgoing(1, raises=False)]))
        loop = await world.began()
        await world.until(lambda: loop.outcomes == {1: verdict})


# --- failures


async def test_a_site_that_fails_begins_anew_and_the_others_go_on(tmp_path: Path):
    async with opened(tmp_path) as world:
        north = await world.began(site("north", "CP-1"))
        south = await world.began(site("south", "CP-2"))

        def decide(loop: Loop) -> Step:
            if loop is north:
                raise RuntimeError("a bug")
            return loop.nothing()

        world.decide = decide
        world.sites.tell([status("CP-1")])
        await world.until(lambda: len(world.loops) == 3 and world.loops[2].steps)
        world.sites.tell([status("CP-1", "Charging"), status("CP-2", "Charging")])
        again = world.loops[2]
        await world.until(lambda: again.told and south.told)
        tasks = world.sites.tasks()
        assert (tasks["north"].failures, tasks["south"].failures) == (1, 0)
        assert tasks["north"].trouble is None
        assert south is world.loops[1]


async def test_a_site_that_keeps_failing_rests_longer_each_time_and_says_why():
    limits = PaceLimits()
    assert [limits.rest_s(number) for number in (1, 2, 3, 6, 7, 10_000)] == [1, 2, 4, 32, 60, 60]


async def test_the_state_of_a_site_that_failed_is_its_last(tmp_path: Path):
    async with opened(tmp_path, pace=PaceLimits(restart_min_s=60)) as world:
        loop = await world.began()

        def decide(loop: Loop) -> Step:
            raise RuntimeError("a bug")

        world.decide = decide
        world.sites.tell([status()])
        task = world.sites.tasks()["depot"]
        await world.until(lambda: task.failures)
        assert task.trouble == "the balancing failed and begins anew: a bug"
        assert world.sites.allocation("depot").revision == loop.stored.revision


async def test_a_failed_commit_sends_no_raise_and_a_new_loop_begins_from_the_store(tmp_path: Path):
    async with opened(tmp_path) as world:
        first = await world.began()
        world.storage.refuses = BROKEN
        orders = [outgoing(1, raises=True), outgoing(2, raises=False)]
        world.decide = lambda loop: (
            loop.nothing(send=orders, records=[exposure()]) if loop is first else loop.nothing()
        )
        world.sites.tell([status()])
        await world.until(lambda: len(world.loops) == 2 and world.loops[1].steps)
        await world.settled(world.loops[1])
        assert world.link.sent == [2]
        assert world.loops[1].facts.exposures == ()


async def test_a_commit_that_succeeds_after_its_loop_has_failed_sends_nothing(tmp_path: Path):
    async with opened(tmp_path) as world:
        first = await world.began()
        world.storage.holds = []

        def decide(loop: Loop) -> Step:
            if loop is first and loop.steps == 3:
                raise RuntimeError("a bug")
            if loop is first:
                return loop.nothing(send=[outgoing(1, raises=True)], records=[exposure()])
            return loop.nothing()

        world.decide = decide
        world.sites.tell([status()])
        await world.until(lambda: first.steps == 2)
        world.sites.tell([status()])
        await world.until(lambda: len(world.loops) == 2 and world.loops[1].steps)
        for done in world.storage.holds:
            done()
        await world.settled(world.loops[1])
        assert world.link.sent == []
        # It is durable all the same, and so it is counted.
        assert [row.worst_a for row in world.loops[1].facts.exposures] == [16.0]


async def test_a_loop_that_ends_takes_its_raises_back_and_leaves_its_decreases(tmp_path: Path):
    async with opened(tmp_path) as world:
        world.link.answers_at_once = False
        orders = [outgoing(1, raises=True), outgoing(2, raises=False)]
        first = await world.began()

        def decide(loop: Loop) -> Step:
            if loop is first and loop.steps == 3:
                raise RuntimeError("a bug")
            return loop.nothing(send=orders) if loop is first and loop.steps == 2 else loop.nothing()

        world.decide = decide
        world.sites.tell([status()])
        await world.until(lambda: len(world.link.open) == 2)
        world.sites.tell([status()])
        await world.until(lambda: len(world.loops) == 2 and world.loops[1].steps)
        assert world.link.withdrawn == [1]
        assert list(world.link.open) == [2]
        assert world.loops[1].outcomes == {}


async def test_a_site_that_cannot_be_read_from_the_store_begins_when_it_can(tmp_path: Path):
    async with opened(tmp_path) as world:
        world.storage.unreadable = BROKEN
        await world.sites.put_site(site(), create=True)
        task = world.sites.tasks()["depot"]
        await world.until(lambda: task.failures)
        assert task.trouble == "the balancing failed and begins anew: the disk is full"
        world.storage.unreadable = None
        await world.until(lambda: world.loops and world.loops[0].steps)


async def test_a_change_that_cannot_be_read_from_the_store_yet_is_taken_over_later(tmp_path: Path):
    async with opened(tmp_path) as world:
        loop = await world.began()
        world.storage.unreadable = BROKEN
        await world.sites.put_site(site(name="changed"))
        await world.settled(loop)
        assert not any(isinstance(news, SiteRevised) for news in loop.told)
        world.storage.unreadable = None
        await world.sites.refresh()
        await world.until(lambda: any(isinstance(news, SiteRevised) for news in loop.told))
        assert len(world.loops) == 1


async def test_what_went_wrong_is_in_the_log(tmp_path: Path):
    alarm = AlarmView(kind="disobeys", message="draws 20 A above its limit", at_us=1, station="CP-1")
    async with opened(tmp_path) as world:
        loop = await world.began()
        world.decide = lambda loop: replace(loop.nothing(), alarms=(alarm,))
        with structlog.testing.capture_logs() as lines:
            world.sites.tell([status()])
            await world.until(lambda: loop.steps == 2)
        (line,) = [line for line in lines if line["event"] == "site.alarm"]
        assert (line["site"], line["kind"], line["station"]) == ("depot", "disobeys", "CP-1")


# --- what is told while there is no loop


async def test_news_of_a_restart_are_stored_or_told_to_the_next_loop(tmp_path: Path):
    async with opened(tmp_path) as world:
        first = await world.began()
        cmd = touched()

        def decide(loop: Loop) -> Step:
            if loop is first:
                # From here on nobody takes what is told.
                world.sites.tell([cmd])
                world.sites.add_reading("depot", "grid", NewReading(current_a=AMPERES))
                raise RuntimeError("a bug")
            return loop.nothing()

        world.decide = decide
        world.storage.submit([exposure(worst_a=7.0)], lambda _: None)
        world.sites.tell([status()])
        await world.until(lambda: len(world.loops) == 2 and world.loops[1].steps)
        second = world.loops[1]
        assert [row.worst_a for row in second.facts.exposures] == [7.0]
        assert second.told[0] is cmd
        assert isinstance(second.told[1], MeterReading)


async def test_what_happened_to_profiles_is_told_again_until_what_follows_is_durable(tmp_path: Path):
    async with opened(tmp_path) as world:
        await world.began()
        cmd = touched()
        world.storage.refuses = BROKEN
        world.decide = lambda loop: loop.nothing(records=[exposure()]) if cmd in loop.told else loop.nothing()
        world.sites.tell([cmd])
        await world.until(lambda: len(world.loops) >= 10)
        assert all(loop.told == [cmd] for loop in world.loops[:9])
        world.storage.refuses = None
        await world.until(lambda: world.storage.committed)
        count = len(world.loops)

        def decide(loop: Loop) -> Step:
            if len(world.loops) == count:
                raise RuntimeError("a bug")
            return loop.nothing()

        world.decide = decide
        world.sites.tell([status()])
        await world.until(lambda: len(world.loops) == count + 1 and world.loops[-1].steps)
        assert world.loops[-1].told == []


async def test_what_makes_every_loop_fail_is_dropped_at_last(tmp_path: Path):
    async with opened(tmp_path) as world:
        await world.began()

        def decide(loop: Loop) -> Step:
            if any(news == touched() for news in loop.told):
                raise RuntimeError("a bug")
            return loop.nothing()

        world.decide = decide
        world.sites.tell([touched()])
        await world.until(lambda: len(world.loops) == 7 and world.loops[6].steps)
        assert [loop.told for loop in world.loops] == [[touched()]] * 6 + [[]]
        assert world.sites.tasks()["depot"].failures == 6


async def test_a_step_that_the_store_refuses_alone_is_a_failure_too(tmp_path: Path):
    async with opened(tmp_path) as world:
        first = await world.began()
        world.storage.refuses = RecordRefused("a number out of range")
        world.decide = lambda loop: loop.nothing(records=[exposure()] if loop is first else [])
        world.sites.tell([status()])
        await world.until(lambda: len(world.loops) == 2)
