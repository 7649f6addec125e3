"""When a loop is stepped: once for what came together, and at the time that it named."""

from __future__ import annotations

from msgspec import structs

from csms.sites.pace import PaceLimits
from tests.csms.sites.scripted import AT_ONCE, ScriptedStorage, World, decided, play, reading, stored
from tests.csms.storage.engines import NOW_US


def test_many_readings_of_one_moment_cost_one_step() -> None:
    async def story() -> None:
        async with World(ScriptedStorage(stored())) as world:
            loop = await world.life()
            for number in range(100):
                world.sites.add_reading("depot", "grid", reading(float(number)))
            await world.until(lambda: loop.steps > 1)
            assert loop.watts == [float(number) for number in range(100)]
            await world.stepped(1000.0)
            assert loop.steps == 3

    play(story)


def test_a_loop_steps_at_the_time_that_it_named_though_nothing_happens() -> None:
    async def story() -> None:
        world = World(ScriptedStorage(stored()), structs.replace(AT_ONCE, look_s=0.001))
        world.loops.plan(decided(wake_at_us=NOW_US + 3_600_000_000))
        async with world:
            loop = await world.life()
            assert loop.steps == 1
            world.clock.us += 3_600_000_000
            await world.until(lambda: loop.steps == 2)
            assert loop.told == []

    play(story)


def test_a_time_that_has_passed_is_now() -> None:
    async def story() -> None:
        world = World(ScriptedStorage(stored()))
        world.loops.plan(decided(wake_at_us=NOW_US), decided(wake_at_us=NOW_US - 1))
        async with world:
            loop = await world.life()
            await world.until(lambda: loop.steps == 3)

    play(story)


def test_rests_double_up_to_a_bound() -> None:
    limits = PaceLimits(restart_min_s=1.0, restart_max_s=60.0)
    assert [limits.rest_s(failed) for failed in (1, 2, 3, 6, 7, 10_000)] == [1.0, 2.0, 4.0, 32.0, 60.0, 60.0]
