"""Stations that no site has any more are released: one that is added meanwhile is not."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable
from pathlib import Path

import pytest
from msgspec.structs import replace

from csms.domain.control import ClearOwnProfiles, OrderOutcome, OrderVerdict, ProfileForm, StationOrder
from csms.domain.records import ConnectorStatusRecorded, FormSaved, StationBooted
from csms.domain.site import SiteStation
from csms.sites.releasing import Releases
from csms.usecases.balancing.clearing import to_release
from csms.usecases.balancing.forms import KnownForm
from tests.csms.sites.real_store import opened, site, status
from tests.csms.sites.scripted import Happenings, ScriptedLink, ScriptedStorage, Sent, StandingClock
from tests.csms.storage.some_records import CLOSED

pytestmark = pytest.mark.anyio

FORM = ProfileForm(stack_level=1)
ACCEPTED = OrderOutcome(verdict=OrderVerdict.ACCEPTED)
REJECTED = OrderOutcome(verdict=OrderVerdict.REJECTED, detail="Rejected")


def station(name: str = "CP-1", *evses: int) -> SiteStation:
    return SiteStation(
        id=name,
        managed=True,
        vendor="V",
        model="M",
        firmware="1",
        boot_status="Accepted",
        form=KnownForm(form=FORM, installed=evses or (1,)).written(),
        model_form=None,
    )


class Kept(ScriptedStorage):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[FormSaved] = []

    def submit(self, records: Iterable, done) -> None:
        self.written += records
        super().submit(tuple(records), done)


class Desk:
    """Releases at hand."""

    def __init__(self) -> None:
        self.happenings = Happenings()
        self.link = ScriptedLink(self.happenings)
        self.link.connected = {"CP-1", "CP-2"}
        self.storage = Kept()
        self.clock = StandingClock()
        numbers = itertools.count(1)
        self.releases = Releases(self.storage, self.clock, lambda: f"id-{next(numbers)}")

    def look(self, *stations: SiteStation, held: Iterable[str] = ()) -> None:
        for _ in range(2):
            self.releases.look(stations, frozenset(held), self.link)

    async def sent(self, number: int) -> Sent:
        await self.happenings.until(lambda: len(self.link.sent) >= number)
        return self.link.sent[number - 1]

    async def rests(self) -> None:
        """Let whatever may begin begin: all that is faked here takes turns of the event loop, and no time."""
        loop = asyncio.get_running_loop()
        for _ in range(20):
            turn = loop.create_future()
            loop.call_soon(turn.set_result, None)
            await turn

    @property
    def orders(self) -> list[StationOrder]:
        return [one.order for one in self.link.sent]


async def test_every_evse_is_released_and_that_is_kept():
    desk = Desk()
    desk.look(station("CP-1", 1, 2))
    (await desk.sent(1)).answer.set_result(ACCEPTED)
    (await desk.sent(2)).answer.set_result(ACCEPTED)
    await desk.rests()
    assert desk.orders == [ClearOwnProfiles(1, FORM), ClearOwnProfiles(2, FORM)]
    known = [KnownForm.read(record.data) for record in desk.storage.written]
    assert [one.installed for one in known if one is not None] == [(2,), ()]


async def test_a_station_is_not_touched_at_the_first_look_nor_while_it_is_held_or_away_or_not_accepted():
    desk = Desk()
    desk.releases.look([station()], frozenset(), desk.link)
    desk.releases.look([], frozenset(), desk.link)
    desk.releases.look([station()], frozenset(), desk.link)
    desk.look(station(), held={"CP-1"})
    desk.look(station("CP-9"))
    desk.look(replace(station(), boot_status="Pending"))
    desk.look(replace(station(), form=KnownForm(form=FORM).written()))
    await desk.rests()
    assert desk.orders == []


async def test_a_refusal_is_followed_by_a_rest_and_another_try():
    desk = Desk()
    for number, rest_s in ((1, 10.0), (2, 20.0)):
        desk.look(station())
        (await desk.sent(number)).answer.set_result(REJECTED)
        await desk.rests()
        desk.look(station())
        await desk.rests()
        assert len(desk.orders) == number
        desk.clock.s += rest_s
    desk.look(station())
    (await desk.sent(3)).answer.set_result(ACCEPTED)
    await desk.rests()
    assert len(desk.storage.written) == 1


async def test_who_belongs_to_a_site_again_is_let_alone():
    desk = Desk()
    desk.look(station(), station("CP-2"))
    first = await desk.sent(2)
    desk.releases.leave({"cp-1"})
    await desk.rests()
    assert [one.answer.cancelled() for one in desk.link.sent] == [True, False]
    first.answer.set_result(ACCEPTED)
    await desk.rests()
    assert [record.station_id for record in desk.storage.written] == ["CP-2"]


async def test_the_end_takes_back_what_has_not_left():
    desk = Desk()
    desk.look(station())
    await desk.sent(1)
    await desk.releases.stop()
    assert desk.link.sent[0].answer.cancelled()


async def test_a_site_that_is_removed_lets_go_of_its_stations(tmp_path: Path):
    async with opened(tmp_path) as world:
        await world.storage.add_station("CP-1", keyless=True)
        loop = await world.began()
        form = KnownForm(form=FORM, installed=(1,)).written()
        boot = StationBooted("V", "M", None, "1", "{}", "Accepted", 1, "CP-1")
        await world.storage.write(boot, FormSaved("CP-1", form, 1))
        world.link.connected = {"CP-1"}
        for _ in range(11):
            await world.sites.refresh()
        await world.settled(loop)
        assert world.link.cleared == []
        await world.sites.delete_site("depot")
        for _ in range(11):
            await world.sites.refresh()
        await world.until(lambda: world.link.cleared)
        assert world.link.cleared == [("CP-1", 1)]
        (station,) = await world.storage.unplaced_stations()
        assert to_release(station.form) == []


async def test_the_end_of_a_transaction_is_told_to_the_site_that_its_station_left(tmp_path: Path):
    async with opened(tmp_path) as world:
        loop = await world.began()
        await world.sites.put_site(site("depot", "CP-2"))
        world.sites.tell([CLOSED, status("CP-1")])
        await world.until(lambda: CLOSED in loop.told)
        assert not any(isinstance(news, ConnectorStatusRecorded) for news in loop.told)
