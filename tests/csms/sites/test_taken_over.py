"""Changes that reach a site at work: a newer configuration, stations that move, and what other processes did."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from csms.domain.records import StationConnected
from csms.sites.hub import LOOK_AT_STATIONS_EVERY
from csms.storage import SqliteStorage
from csms.usecases import site_keeping
from csms.usecases.balancing.news import SiteRevised
from tests.csms.sites.scripted import ScriptedLoop, ScriptedStorage, World, config, play, stored, touched
from tests.csms.storage.engines import NOW_US, SqliteEngine

FAULT = RuntimeError("a fault")
Story = Callable[[World, SqliteStorage], Awaitable[None]]


@pytest.fixture
def engine(tmp_path: Path) -> SqliteEngine:
    return SqliteEngine(tmp_path)


def on_store(engine: SqliteEngine, story: Story, *names: str) -> None:
    """Play with `Sites` on a store, in which stations are registered, and another process at work on the same one."""

    async def told(storage: SqliteStorage) -> None:
        other = await engine.open(serving=False)
        try:
            for name in names:
                await other.add_station(name, keyless=True)
            async with World(storage) as world:
                await story(world, other)
        finally:
            await other.close()

    engine.tell(told)


async def save(other: SqliteStorage, site_id: str, *stations: str) -> None:
    """Save a site as the command line does."""
    current, known = await other.find_site(site_id), await other.known_stations()
    data = stored(site_id, *stations).config
    await other.write(*site_keeping.saved(site_id, data, before=current, known=known, at_us=NOW_US))


async def remove(other: SqliteStorage, site_id: str) -> None:
    """Remove a site as the command line does."""
    current = await other.find_site(site_id)
    assert current is not None
    await other.write(*site_keeping.removed(current, await other.known_stations()))


async def revised(world: World, storage: ScriptedStorage, revision: int) -> None:
    storage.stored = [stored(revision=revision)]
    await world.sites.refresh()


def revisions(loop: ScriptedLoop) -> list[int]:
    """Return the configurations that a loop had, in their order."""
    return [
        loop.stored.revision,
        *(one.stored.revision for one in loop.told if isinstance(one, SiteRevised)),
    ]


def newest(loop: ScriptedLoop) -> SiteRevised:
    return [one for one in loop.told if isinstance(one, SiteRevised)][-1]


def test_an_older_configuration_that_was_being_read_does_not_replace_a_newer_one() -> None:
    async def story() -> None:
        storage = ScriptedStorage(stored())
        async with World(storage) as world:
            await world.life()
            storage.open.clear()
            await revised(world, storage, 2)
            await storage.until_reads(2)
            # The loop fails; before the next one is made of what is stored, revision 3 comes.
            storage.stored = [stored(revision=3)]
            world.loops.plan(FAULT)
            world.sites.tell([touched()])
            world.sites.tasks()["depot"].revise(storage.stored[0], world.sites.tasks()["depot"].site)
            await storage.until_reads(3)
            storage.open.set()
            second = await world.life(2)
            await world.stepped(1.0)
            assert set(revisions(second)) == {3}

    play(story)


def test_a_configuration_that_comes_while_another_is_read_is_taken_over_without_a_further_look() -> None:
    async def story() -> None:
        storage = ScriptedStorage(stored())
        async with World(storage) as world:
            loop = await world.life()
            storage.open.clear()
            await revised(world, storage, 2)
            await storage.until_reads(2)
            await revised(world, storage, 3)
            storage.open.set()
            await world.until(lambda: loop.told)
            assert revisions(loop) == [1, 3]

    play(story)


def test_stations_that_move_between_sites_are_told_so_and_their_news_follow(engine: SqliteEngine) -> None:
    async def story(world: World, other: SqliteStorage) -> None:
        world.link.connected = {"CP-1", "CP-2"}
        await save(other, "depot", "CP-1", "CP-2")
        await save(other, "yard", "CP-3")
        await world.sites.refresh()
        depot, yard = await world.life(site="depot"), await world.life(site="yard")
        assert sorted(world.link.places) == [("CP-1", "depot"), ("CP-2", "depot")]
        world.link.places.clear()
        await save(other, "depot", "CP-1")
        await save(other, "yard", "CP-3", "CP-2")
        await world.sites.refresh()
        assert world.link.places == [("CP-2", "yard")]
        world.sites.tell([touched("cp-2"), touched("cP-1")])
        await world.until(lambda: touched("cp-2") in yard.told and touched("cP-1") in depot.told)
        assert touched("cp-2") not in depot.told

    on_store(engine, story)


def test_a_site_made_here_and_removed_by_another_process_ends_at_the_next_look(engine: SqliteEngine) -> None:
    async def story(world: World, other: SqliteStorage) -> None:
        world.link.connected = {"CP-1"}
        await world.sites.put_site(config(), create=True)
        await world.life()
        await remove(other, "depot")
        await world.sites.refresh()
        assert world.link.places == [("CP-1", "depot"), ("CP-1", None)]
        assert world.sites.tasks() == {}
        world.sites.tell([touched()])

    on_store(engine, story)


def test_a_station_that_another_process_unmanaged_is_known_so_soon(engine: SqliteEngine) -> None:
    async def story(world: World, other: SqliteStorage) -> None:
        await world.sites.put_site(config(), create=True)
        loop = await world.life()
        assert [one.managed for one in loop.facts.stations] == [True]
        world.link.connected = {"cp-1", "CP-9"}
        for number, managed in enumerate((False, True), 2):
            await other.manage_station("CP-1", managed=managed)
            for _ in range(LOOK_AT_STATIONS_EVERY):
                await world.sites.refresh()
            await world.until(lambda number=number: len(revisions(loop)) == number)
            facts = newest(loop).facts
            assert facts is not None
            assert [one.managed for one in facts.stations] == [managed]
            assert world.link.managed == {"cp-1": managed}

    on_store(engine, story, "CP-1")


def test_refreshes_without_changes_tell_nothing(engine: SqliteEngine) -> None:
    async def story(world: World, other: SqliteStorage) -> None:
        await world.sites.put_site(config(), create=True)
        loop = await world.life()
        for _ in range(2 * LOOK_AT_STATIONS_EVERY):
            await world.sites.refresh()
        await world.stepped(1.0)
        assert len(loop.told) == 1

    on_store(engine, story, "CP-1")


def test_a_station_registered_since_is_read_when_it_has_connected(engine: SqliteEngine) -> None:
    async def story(world: World, other: SqliteStorage) -> None:
        await world.sites.put_site(config(), create=True)
        loop = await world.life()
        assert loop.facts.stations == ()
        await other.add_station("CP-1", keyless=True)
        world.link.connected = {"CP-1"}
        world.sites.tell([StationConnected("1.6", 1, NOW_US, "CP-1")])
        await world.sites.refresh()
        await world.until(lambda: len(revisions(loop)) == 2)
        facts = newest(loop).facts
        assert facts is not None
        assert [one.id for one in facts.stations] == ["CP-1"]
        assert newest(loop).online == {"CP-1"}

    on_store(engine, story)
