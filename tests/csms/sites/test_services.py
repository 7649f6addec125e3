"""What people ask of sites, what another process changes, and where stations belong."""

from __future__ import annotations

import contextlib
import math
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from csms.domain.errors import Busy, Conflict, Invalid, NotFound, Outdated, StorageError
from csms.domain.records import CapRemoved, CapSaved
from csms.domain.site import SiteVersion, StoredSite
from csms.sites import NewCap, NewReading
from csms.storage import SqliteStorage
from csms.usecases import site_keeping
from csms.usecases.balancing import site_files
from csms.usecases.balancing.news import CapChanged, MeterReading, SiteRevised
from csms.usecases.balancing.steps import Step
from tests.csms.sites.real_store import BROKEN, Loop, World, opened, outgoing, site, touched
from tests.csms.storage.engines import SqliteEngine

pytestmark = pytest.mark.anyio

CAP = NewCap(limit_a=(40.0, 40.0, 25.0), reason="kitchen")


@contextlib.asynccontextmanager
async def command_line(folder: Path) -> AsyncIterator[SqliteStorage]:
    """The same store in another process's hands."""
    storage = await SqliteEngine(folder).open(serving=False)
    try:
        yield storage
    finally:
        await storage.close()


async def saved(storage: SqliteStorage, config: dict[str, Any]) -> None:
    read = site_files.read_site_data(config)
    assert read.id is not None
    assert read.config is not None
    before, known = await storage.find_site(read.id), await storage.known_stations()
    await storage.write(*site_keeping.saved(read.id, read.config, before=before, known=known, at_us=1))


async def heard(world: World, loop: Loop, kind: type) -> Any:
    await world.until(lambda: any(isinstance(news, kind) for news in loop.told))
    return next(news for news in reversed(loop.told) if isinstance(news, kind))


# --- configuration


async def test_a_site_is_added_shown_changed_and_removed(tmp_path: Path):
    async with opened(tmp_path) as world:
        sites = world.sites
        added = await sites.put_site(site(name="Depot"), create=True)
        assert (added.id, added.version.revision, added.config["name"]) == ("depot", 1, "Depot")
        assert added.config["mode"] == "observe"
        changed = await sites.put_site(site(name="Depot North"), expected=added.version)
        assert changed.version == SiteVersion(2, added.version.made_us)
        assert await sites.get_site("depot") == changed
        assert await sites.list_sites() == [changed]
        await sites.delete_site("depot", expected=changed.version)
        assert await sites.list_sites() == []
        assert world.sites.tasks() == {}


async def test_what_contradicts_what_is_there_is_refused(tmp_path: Path):
    async with opened(tmp_path) as world:
        sites = world.sites
        with pytest.raises(NotFound):
            await sites.put_site(site())
        there = (await sites.put_site(site(), create=True)).version
        with pytest.raises(Conflict, match="there is a site depot already"):
            await sites.put_site(site(), create=True)
        with pytest.raises(Conflict, match="there is a site depot already; case tells no sites apart"):
            await sites.put_site(site("DEPOT", "CP-9"), create=True)
        with pytest.raises(NotFound):
            await sites.put_site(site("DEPOT", "CP-9"))
        with pytest.raises(Outdated, match=f"its version is {there}"):
            await sites.put_site(site(), expected=there._replace(revision=2))
        with pytest.raises(Outdated):
            await sites.delete_site("depot", expected=there._replace(made_us=7))
        with pytest.raises(Conflict, match="cp-1 belongs to the site depot"):
            await sites.put_site(site("south", "cp-1"), create=True)
        for ask in (sites.get_site, sites.check_site, sites.delete_site):
            with pytest.raises(NotFound):
                await ask("nowhere")


async def test_all_problems_are_told_as_fields(tmp_path: Path):
    async with opened(tmp_path) as world:
        config = site(mode="sometimes", nodes=[{"id": "main", "parent": "nobody", "rating_a": -1}])
        with pytest.raises(Invalid) as caught:
            await world.sites.put_site(config, create=True)
        paths = {problem.path for problem in caught.value.problems}
        assert {"mode", "nodes[0].parent", "nodes[0].rating_a"} <= paths


async def test_ids_are_spelt_as_they_are_registered(tmp_path: Path):
    async with opened(tmp_path) as world:
        await world.storage.add_station("CP-1", keyless=True)
        with pytest.raises(Invalid, match="is registered as CP-1"):
            await world.sites.put_site(site("depot", "cp-1"), create=True)


async def test_a_site_whose_failsafes_do_not_fit_may_observe_and_not_act(tmp_path: Path):
    async with opened(tmp_path) as world:
        meters = [{"id": "grid", "measures": "other_loads", "fallback_a": 70}]
        with pytest.raises(Invalid, match="worst load of others") as caught:
            await world.sites.put_site(site(mode="enforce", meters=meters), create=True)
        assert caught.value.problems[0].path == "nodes[0].rating_a.L1"
        await world.sites.put_site(site(meters=meters), create=True)
        check = await world.sites.check_site("depot")
        assert (check.ok, len(check.problems)) == (False, 3)


async def test_a_change_that_the_store_refuses_is_outdated_and_one_that_fails_is_ours(tmp_path: Path):
    async with opened(tmp_path) as world:
        await world.sites.put_site(site(), create=True)
        async with command_line(tmp_path) as other:
            find = world.storage.find_site

            async def overtaken(site_id: str) -> StoredSite | None:
                found = await find(site_id)
                await saved(other, site(name="faster"))
                return found

            world.storage.find_site = overtaken
            with pytest.raises(Outdated, match="in the same moment"):
                await world.sites.put_site(site(name="slower"))
        del world.storage.find_site
        world.storage.refuses = BROKEN
        with pytest.raises(StorageError, match="the disk is full"):
            await world.sites.put_site(site(name="slower"))


# --- where stations belong


async def test_stations_that_are_connected_hear_where_they_belong(tmp_path: Path):
    async with opened(tmp_path) as world:
        world.link.connected = {"CP-1", "CP-2", "CP-3"}
        await world.sites.put_site(site("depot", "CP-1", "CP-2"), create=True)
        assert sorted(world.link.placed) == [("CP-1", "depot"), ("CP-2", "depot")]
        world.link.placed.clear()
        await world.sites.put_site(site("depot", "CP-2", "CP-3"))
        assert sorted(world.link.placed, key=str) == [("CP-1", None), ("CP-3", "depot")]
        world.link.placed.clear()
        await world.sites.delete_site("depot")
        assert sorted(world.link.placed) == [("CP-2", None), ("CP-3", None)]
        assert await world.storage.known_stations() == []


async def test_a_station_moves_when_its_old_site_has_let_it_go(tmp_path: Path):
    async with opened(tmp_path) as world:
        north = await world.began(site("north", "CP-1", "CP-2"))
        south = await world.began(site("south", "CP-3"))
        await world.sites.put_site(site("north", "CP-1"))
        await world.sites.put_site(site("south", "CP-3", "CP-2"))
        world.sites.tell([touched("CP-2")])
        await world.until(lambda: touched("CP-2") in south.told)
        assert touched("CP-2") not in north.told


# --- what another process changes


async def test_what_the_command_line_changes_is_taken_over(tmp_path: Path):
    async with opened(tmp_path) as world, command_line(tmp_path) as other:
        await saved(other, site())
        await world.sites.refresh()
        await world.until(lambda: world.loops and world.loops[0].steps)
        loop = world.loops[0]
        await saved(other, site(name="changed"))
        await world.sites.refresh()
        revised = await heard(world, loop, SiteRevised)
        assert revised.stored.revision == 2
        current = await other.find_site("depot")
        assert current is not None
        await other.write(*site_keeping.removed(current, await other.known_stations()))
        await world.sites.refresh()
        assert world.sites.tasks() == {}
        with pytest.raises(NotFound):
            world.sites.allocation("depot")


async def test_sites_that_were_there_before_begin_with_the_server(tmp_path: Path):
    async with command_line(tmp_path) as other:
        await saved(other, site("north", "CP-1"))
        await saved(other, site("south", "CP-2"))
    async with opened(tmp_path) as world:
        await world.until(lambda: len(world.loops) == 2 and all(loop.steps for loop in world.loops))


async def test_a_configuration_that_cannot_be_read_stops_no_site_that_works(tmp_path: Path):
    async with opened(tmp_path) as world, command_line(tmp_path) as other:
        loop = await world.began()
        broken = b'{"id": "depot", "nodes": [], "evses": []}'
        current = await other.find_site("depot")
        records = site_keeping.saved("depot", broken, before=current, known=(), at_us=1)
        await other.write(records[0])
        await world.sites.refresh()
        await world.settled(loop)
        assert not any(isinstance(news, SiteRevised) for news in loop.told)
        await saved(other, site(name="good again"))
        await world.sites.refresh()
        assert (await heard(world, loop, SiteRevised)).stored.revision == 3


async def test_a_site_that_cannot_be_read_begins_as_soon_as_it_can(tmp_path: Path):
    async with opened(tmp_path) as world, command_line(tmp_path) as other:
        broken = b'{"id": "depot", "nodes": [], "evses": []}'
        await other.write(*site_keeping.saved("depot", broken, before=None, known=(), at_us=1))
        await world.sites.refresh()
        with pytest.raises(Busy, match="its configuration can't be read"):
            world.sites.allocation("depot")
        with pytest.raises(NotFound):
            world.sites.add_reading("depot", "grid", NewReading(power_w=1.0))
        await saved(other, site())
        await world.sites.refresh()
        await world.until(lambda: world.loops and world.loops[0].steps)


async def test_a_refresh_after_the_end_begins_nothing(tmp_path: Path):
    async with opened(tmp_path) as world:
        await world.began()
        await world.sites.stop()
        await world.sites.put_site(site("south", "CP-2"), create=True)
        await world.sites.refresh()
        world.sites.tell([touched()])
        assert world.sites.tasks() == {}


async def test_at_the_end_orders_under_way_are_nobodys(tmp_path: Path):
    async with opened(tmp_path) as world:
        world.link.answers_at_once = False
        await world.began()

        def decide(loop: Loop) -> Step:
            return loop.nothing(send=[outgoing(1, raises=False)] if loop.steps == 2 else [])

        world.decide = decide
        world.sites.tell([touched()])
        await world.until(lambda: 1 in world.link.open)
        await world.sites.stop()
        assert world.link.open[1].cancelled()


# --- caps


async def test_a_cap_is_kept_told_and_removed(tmp_path: Path):
    async with opened(tmp_path) as world:
        loop = await world.began()
        record = await world.sites.put_cap("depot", "main", CAP)
        assert (record.limit_l3_a, record.limit_w, record.source) == (25.0, None, "operator")
        assert await world.storage.caps() == [record]
        assert (await heard(world, loop, CapChanged)).record == record
        await world.sites.delete_cap("depot", "main")
        assert await world.storage.caps() == []
        removed = CapChanged(CapRemoved("depot", "main", "operator"))
        await world.until(lambda: removed in loop.told)


async def test_a_cap_of_another_process_is_told(tmp_path: Path):
    async with opened(tmp_path) as world, command_line(tmp_path) as other:
        loop = await world.began()
        cap = CapSaved("depot", "main", "grid", 10.0, 10.0, 10.0, None, None, None, 1)
        await other.write(cap)
        await world.sites.refresh()
        assert (await heard(world, loop, CapChanged)).record == cap
        await other.write(CapRemoved("depot", "main", "grid"))
        await world.sites.refresh()
        await world.until(lambda: CapChanged(CapRemoved("depot", "main", "grid")) in loop.told)
        told = len(loop.told)
        await world.sites.refresh()
        await world.settled(loop)
        assert len(loop.told) == told + 1


async def test_a_cap_that_cannot_be_meant_is_refused(tmp_path: Path):
    async with opened(tmp_path) as world:
        await world.began()
        now_us = world.clock.now_us()
        bad = {
            "limit_a": NewCap(),
            "limit_a.L2": NewCap(limit_a=(1.0, -1.0, None)),
            "limit_w": NewCap(limit_w=math.nan),
            "until": NewCap(limit_w=0.0, until_us=now_us),
            "reason": NewCap(limit_w=0.0, reason="x" * 501),
        }
        for path, cap in bad.items():
            with pytest.raises(Invalid) as caught:
                await world.sites.put_cap("depot", "main", cap)
            assert [problem.path for problem in caught.value.problems] == [path]
        with pytest.raises(NotFound):
            await world.sites.put_cap("depot", "attic", CAP)
        with pytest.raises(NotFound):
            await world.sites.put_cap("nowhere", "main", CAP)
        with pytest.raises(NotFound):
            await world.sites.delete_cap("depot", "main")
        assert await world.storage.caps() == []


async def test_caps_go_with_their_site(tmp_path: Path):
    async with opened(tmp_path) as world:
        await world.began()
        await world.sites.put_cap("depot", "main", CAP)
        await world.sites.delete_site("depot")
        loop = await world.began()
        assert loop.facts.caps == ()
        with pytest.raises(NotFound):
            await world.sites.delete_cap("depot", "main")


# --- readings and the allocation


async def test_a_reading_reaches_the_loop(tmp_path: Path):
    async with opened(tmp_path) as world:
        loop = await world.began()
        before_us = world.clock.now_us()
        world.sites.add_reading("depot", "grid", NewReading(current_a=(1.0, -2.0, 3.0)))
        reading = await heard(world, loop, MeterReading)
        assert (reading.meter, reading.current_a, reading.power_w) == ("grid", (1.0, -2.0, 3.0), None)
        assert before_us <= reading.at_us <= world.clock.now_us()


async def test_a_reading_that_cannot_be_is_refused(tmp_path: Path):
    async with opened(tmp_path) as world:
        await world.began()
        now_us = world.clock.now_us()
        fine = (1.0, 1.0, 1.0)
        bad = {
            "current_a": NewReading(),
            "current_a.L1": NewReading(current_a=(math.nan, 1.0, 1.0)),
            "current_a.L3": NewReading(current_a=(1.0, 1.0, 631.0)),
            "power_w": NewReading(power_w=math.inf),
            "at": NewReading(current_a=fine, at_us=now_us + 60_000_000),
        }
        for path, reading in bad.items():
            with pytest.raises(Invalid) as caught:
                world.sites.add_reading("depot", "grid", reading)
            assert [problem.path for problem in caught.value.problems] == [path]
        with pytest.raises(Invalid):
            world.sites.add_reading("depot", "grid", NewReading(current_a=fine, power_w=1.0))
        with pytest.raises(Invalid):
            world.sites.add_reading("depot", "grid", NewReading(current_a=fine, at_us=0))
        with pytest.raises(NotFound):
            world.sites.add_reading("depot", "water", NewReading(current_a=fine))
        with pytest.raises(NotFound):
            world.sites.add_reading("nowhere", "grid", NewReading(current_a=fine))


async def test_a_meter_that_no_node_names_may_read_what_it_likes(tmp_path: Path):
    async with opened(tmp_path) as world:
        meters = [{"id": name, "measures": "other_loads", "fallback_a": 1} for name in ("grid", "spare")]
        loop = await world.began(site(meters=meters))
        world.sites.add_reading("depot", "spare", NewReading(power_w=9_999_999.0))
        assert (await heard(world, loop, MeterReading)).power_w == 9_999_999.0


async def test_the_allocation_is_that_of_the_newest_step(tmp_path: Path):
    async with opened(tmp_path) as world:
        with pytest.raises(NotFound):
            world.sites.allocation("depot")
        await world.sites.put_site(site(), create=True)
        with pytest.raises(Busy, match="has not begun yet"):
            world.sites.allocation("depot")
        await world.until(lambda: world.loops and world.loops[0].steps)
        await world.settled(world.loops[0])
        assert world.sites.allocation("depot").at_us == world.loops[0].steps


async def test_whom_no_site_names_may_start_unasked(tmp_path: Path):
    async with opened(tmp_path) as world:
        assert await world.sites.start_gate("CP-1") is True
