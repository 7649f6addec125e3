"""What a site goes through when its loop fails: rests that grow, a loop anew, and nothing lost that was told."""

from __future__ import annotations

import asyncio
from typing import Any

from structlog.testing import capture_logs

from csms.domain.control import ProfilesTouched
from csms.domain.errors import Invalid, StorageError
from csms.sites.pace import PaceLimits
from csms.sites.site import SOUND_AFTER_S
from csms.usecases.balancing.news import MeterReading
from csms.usecases.balancing.steps import Step
from tests.csms.sites.scripted import (
    EVENT,
    ScriptedStorage,
    World,
    decided,
    play,
    reading,
    stored,
    touched,
)

FAULT = RuntimeError("a fault")
RESTING = PaceLimits(gather_s=0.0, spacing_s=0.0, restart_min_s=0.001, restart_max_s=0.004)


def rests(lines: list[Any]) -> list[float]:
    return [line["again_in_s"] for line in lines if line["event"] == "site.failed"]


def test_a_loop_that_keeps_failing_is_made_anew_after_growing_rests_and_other_sites_go_on() -> None:
    async def story() -> None:
        world = World(ScriptedStorage(stored("depot", "CP-1"), stored("yard", "CP-2")), RESTING)
        world.loops.plan(*[FAULT] * 5)
        with capture_logs() as lines:
            async with world:
                yard = await world.stepped(1.0, "yard")
                await world.life(6)
                await world.stepped(2.0, "yard")
                tasks = world.sites.tasks()
                assert (tasks["depot"].failures, tasks["depot"].trouble) == (5, None)
                assert (tasks["yard"].failures, world.loops.of("yard")) == (0, [yard])
        assert rests(lines) == [0.001, 0.002, 0.004, 0.004, 0.004]

    play(story)


def test_after_a_sound_life_rests_begin_again_with_the_shortest() -> None:
    async def story() -> None:
        world = World(ScriptedStorage(stored()), RESTING)

        def late_fault() -> Step:
            world.clock.s += SOUND_AFTER_S
            raise FAULT

        world.loops.plan(FAULT, FAULT, late_fault, FAULT)
        with capture_logs() as lines:
            async with world:
                await world.life(5)
        assert rests(lines) == [0.001, 0.002, 0.001, 0.002]

    play(story)


def test_a_loop_that_can_not_be_made_is_tried_again() -> None:
    async def story() -> None:
        storage = ScriptedStorage(stored())
        storage.errors.append(StorageError("the disk is gone"))
        world = World(storage)
        world.loops.faults += [Invalid("no site"), FAULT]
        async with world:
            await world.life()
            assert world.sites.tasks()["depot"].failures == 3

    play(story)


def test_what_is_told_while_a_loop_rests_or_is_made_reaches_the_next_one() -> None:
    async def story() -> None:
        storage = ScriptedStorage(stored())
        world = World(storage)
        resting: list[bool] = []

        def tell_at_rest() -> None:
            resting.append(world.sites.tasks()["depot"]._living)
            world.sites.tell([touched(command_id="rests")])
            world.sites.add_reading("depot", "grid", reading(1.0))
            storage.open.clear()

        def fault() -> Step:
            # Runs when the task has gone to rest.
            asyncio.get_running_loop().call_soon(tell_at_rest)
            world.sites.tell([touched(command_id="fails")])
            raise FAULT

        world.loops.plan(fault)
        async with world:
            await world.life()
            await storage.until_reads(2)
            world.sites.tell([touched(command_id="is made")])
            world.sites.add_reading("depot", "grid", reading(2.0))
            storage.open.set()
            loop = await world.life(2)
            told = [one.command_id for one in loop.told if isinstance(one, ProfilesTouched)]
            assert resting == [False]
            assert told == ["fails", "rests", "is made"]
            assert loop.watts[-1] == 2.0

    play(story)


def test_the_newest_reading_of_a_meter_is_told_to_each_loop() -> None:
    async def story() -> None:
        world = World(ScriptedStorage(stored()))
        async with world:
            await world.stepped(1.0)
            world.loops.plan(FAULT, FAULT)
            await world.stepped(2.0)
            third = await world.life(3)
            assert [one for one in third.told if isinstance(one, MeterReading)] == third.told
            assert third.watts == [2.0]

    play(story)


def test_touched_profiles_are_told_again_until_what_follows_is_durable() -> None:
    async def story() -> None:
        storage = ScriptedStorage(stored())
        storage.holding = True
        world = World(storage)
        async with world:
            first = await world.life()
            world.loops.plan(decided(records=(EVENT,)))
            world.sites.tell([touched()])
            await world.until(lambda: storage.units)
            world.loops.plan(FAULT, decided(records=(EVENT,)))
            await world.stepped(1.0)
            second = await world.life(2)
            assert touched() in first.told
            assert touched() in second.told
            storage.commit()
            storage.commit()
            world.loops.plan(FAULT)
            await world.stepped(2.0)
            third = await world.life(3)
            assert touched() not in third.told

    play(story)


def test_touched_profiles_whose_consequences_the_store_refused_are_told_again() -> None:
    async def story() -> None:
        storage = ScriptedStorage(stored())
        storage.holding = True
        world = World(storage)
        async with world:
            await world.life()
            world.loops.plan(decided(records=(EVENT,)))
            world.sites.tell([touched()])
            await world.until(lambda: storage.units)
            storage.commit(StorageError("the disk is full"))
            second = await world.life(2)
            assert second.told == [touched()]

    play(story)


def test_what_a_dead_loop_still_hears_from_the_store_ends_no_other_and_lets_nobody_start() -> None:
    async def story() -> None:
        storage = ScriptedStorage(stored())
        storage.holding = True
        world = World(storage)
        world.loops.plan(decided(records=(EVENT,)), decided(records=(EVENT,), starts=("CP-1",)), FAULT)
        async with world:
            await world.life()
            waiting = asyncio.ensure_future(world.sites.start_gate("CP-1"))
            await world.until(lambda: len(storage.units) == 2)
            await world.stepped(1.0)
            second = await world.life(2)
            storage.commit(StorageError("the disk is full"))
            storage.commit()
            await world.stepped(2.0)
            assert world.loops.of()[-1] is second
            assert world.sites.tasks()["depot"].failures == 1
            assert not waiting.done()
            waiting.cancel()

    play(story)
