"""What changes while a site runs: its configuration, and what is known of its stations."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from csms.domain.errors import Busy
from csms.domain.register import StationChange
from csms.usecases.balancing.news import SiteRevised
from tests.csms.sites.real_store import connected, exposure, opened, site, status, touched

pytestmark = pytest.mark.anyio


async def test_a_new_configuration_is_taken_over_by_the_running_loop(tmp_path: Path):
    async with opened(tmp_path) as world:
        loop = await world.began()
        world.link.connected = {"CP-2"}
        seen = (await world.sites.get_site("depot")).version
        await world.sites.put_site(site("depot", "CP-1", "CP-2"), expected=seen)
        await world.until(lambda: loop.told)
        (revised,) = loop.told
        assert isinstance(revised, SiteRevised)
        assert (revised.stored.revision, revised.online) == (2, frozenset({"CP-2"}))
        assert revised.facts is not None
        world.sites.tell([status("CP-2")])
        await world.until(lambda: len(loop.told) == 2)
        assert len(world.loops) == 1


async def test_two_changes_at_once_end_with_the_newest(tmp_path: Path):
    async with opened(tmp_path) as world:
        loop = await world.began()
        for number in range(2, 8):
            await world.sites.put_site(site("depot", "CP-1", f"CP-{number}"))
        await world.sites.refresh()

        def newest() -> bool:
            revised = [news for news in loop.told if isinstance(news, SiteRevised)]
            return bool(revised) and revised[-1].stored.revision == 7

        while not newest():
            await world.sites.refresh()
            await world.settled(loop)
        assert len(world.loops) == 1


async def test_a_station_that_is_registered_later_is_known_soon_after_it_connects(tmp_path: Path):
    async with opened(tmp_path) as world:
        loop = await world.began()
        assert loop.facts.stations == ()
        await world.storage.add_station("CP-1", keyless=True)
        world.sites.tell([connected()])
        await world.sites.refresh()
        await world.until(lambda: len(loop.told) == 2)
        revised = next(news for news in loop.told if isinstance(news, SiteRevised))
        assert revised.facts is not None
        assert [station.id for station in revised.facts.stations] == ["CP-1"]


async def test_a_station_that_becomes_managed_is_taken_over(tmp_path: Path):
    async with opened(tmp_path) as world:
        await world.storage.add_station("CP-1", keyless=True, managed=False)
        loop = await world.began()
        assert [station.managed for station in loop.facts.stations] == [False]
        await world.storage.change_station("CP-1", StationChange(managed=True))
        for _ in range(5):
            await world.sites.refresh()
        await world.until(lambda: loop.told)
        (revised,) = loop.told
        assert isinstance(revised, SiteRevised)
        assert revised.facts is not None
        assert [station.managed for station in revised.facts.stations] == [True]


async def test_a_profile_is_prepared_once_what_follows_from_it_is_durable(tmp_path: Path):
    async with opened(tmp_path) as world:
        await world.sites.prepare(touched("CP-9"))  # a station of no site
        loop = await world.began()
        world.storage.holds = []
        world.decide = lambda one: one.nothing(records=[exposure()])
        news = touched("cp-1")
        prepared = asyncio.create_task(world.sites.prepare(news))
        await world.until(lambda: news in loop.told and world.storage.holds)
        assert not prepared.done()
        for release in world.storage.holds:
            release()
        await prepared


async def test_a_profile_that_can_not_be_kept_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("csms.sites.site.DURABLE_WITHIN_S", 0.05)
    async with opened(tmp_path) as world:
        await world.began()
        world.storage.holds = []
        world.decide = lambda one: one.nothing(records=[exposure()])
        with pytest.raises(Busy, match="take note"):
            await world.sites.prepare(touched())
        world.storage.holds = None
