"""Who waits at a gated station while its site begins anew, lets the station go, or is removed."""

from __future__ import annotations

import asyncio

from csms.sites.hub import Sites
from csms.usecases.balancing.gate import StartWanted
from csms.usecases.balancing.news import SiteRevised
from tests.csms.sites.scripted import DEADLINE_S, ScriptedStorage, World, decided, play, stored

FAULT = RuntimeError("a fault")
GATED = decided(gated=frozenset({"CP-1"}))


def wait_at(sites: Sites, station: str = "CP-1") -> asyncio.Task[bool]:
    async def wait() -> bool:
        return await sites.start_gate(station)

    return asyncio.create_task(wait())


async def answered(waiting: asyncio.Task[bool]) -> bool:
    return await asyncio.wait_for(waiting, DEADLINE_S)


def test_a_loop_that_begins_anew_is_told_who_waits() -> None:
    async def story() -> None:
        world = World(ScriptedStorage(stored("depot", "CP-1"), stored("yard", "CP-2")))
        world.loops.plan(GATED, GATED, FAULT, GATED, decided(gated=GATED.gated, starts=("CP-1",)))
        async with world:
            first = await world.life()
            waiting = wait_at(world.sites)
            await world.until(lambda: first.told == [StartWanted("CP-1")])
            await world.stepped(1.0)
            second = await world.life(2)
            assert StartWanted("cp-1") in second.told
            await world.stepped(2.0)
            assert await answered(waiting)
            assert world.loops.of("yard")[0].told == []

    play(story)


def test_a_loop_that_begins_anew_after_nobody_waits_any_more_is_told_of_nobody() -> None:
    async def story() -> None:
        world = World(ScriptedStorage(stored()))
        world.loops.plan(GATED, decided(gated=GATED.gated, starts=("CP-1",)), FAULT)
        async with world:
            await world.life()
            assert await answered(wait_at(world.sites))
            await world.stepped(1.0)
            second = await world.life(2)
            assert StartWanted("cp-1") not in second.told

    play(story)


def test_who_waits_at_a_station_that_is_not_gated_any_more_may_start_at_once() -> None:
    async def story() -> None:
        world = World(ScriptedStorage(stored()))
        world.loops.plan(GATED, GATED)
        async with world:
            first = await world.life()
            waiting = wait_at(world.sites)
            await world.until(lambda: first.told == [StartWanted("CP-1")])
            assert not waiting.done()
            await world.stepped(1.0)
            assert await answered(waiting)
            assert world.link.gates == [("CP-1", True), ("CP-1", False)]

    play(story)


def test_who_waits_at_a_station_of_a_site_that_is_removed_may_start_at_once() -> None:
    async def story() -> None:
        storage = ScriptedStorage(stored())
        world = World(storage)
        world.loops.plan(GATED, GATED)
        async with world:
            first = await world.life()
            waiting = wait_at(world.sites)
            await world.until(lambda: first.told == [StartWanted("CP-1")])
            storage.stored = []
            await world.sites.refresh()
            assert await answered(waiting)

    play(story)


def test_who_waits_at_a_station_that_moves_to_another_site_that_gates_it_waits_there() -> None:
    async def story() -> None:
        storage = ScriptedStorage(stored("depot", "CP-1", "CP-2"), stored("yard", "CP-3"))
        world = World(storage)
        world.loops.plan(*[GATED] * 20)
        world.loops.plan(*[GATED] * 20, site="yard")
        async with world:
            depot, yard = await world.life(), await world.life(site="yard")
            waiting = wait_at(world.sites)
            await world.until(lambda: StartWanted("CP-1") in depot.told)
            storage.stored = [stored("depot", "CP-2", revision=2), stored("yard", "CP-3", "CP-1", revision=2)]
            await world.sites.refresh()
            await world.until(lambda: StartWanted("cp-1") in yard.told)
            kinds = [type(one) for one in yard.told]
            assert kinds.index(SiteRevised) < kinds.index(StartWanted)
            assert not waiting.done()
            waiting.cancel()

    play(story)
