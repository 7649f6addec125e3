"""Between the events: the newest readings of transactions and what changed at sites, bounded and in order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import replace

from csms.domain.logged import MeterStart
from csms.domain.metering import Quality
from csms.domain.records import EventRecorded
from csms.live.messages import Wanted
from csms.live.readings import SPACING_S, TRANSACTIONS_MAX, Readings
from csms.live.site_states import SiteStates
from csms.usecases.balancing.view import EvseView, NodeView, ReasonView, SiteState
from tests.csms.live.world import LATER_US, LiveWorld, Reader, live
from tests.csms.storage.some_records import CLOSED, OPENED, SAMPLE, STATION, TOKEN_SEEN, but

NOBODY_CHARGES: dict[str, Any] = {
    "power_w": None,
    "current_l1_a": None,
    "current_l2_a": None,
    "current_l3_a": None,
}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[LiveWorld]:
    async with live(tmp_path) as world:
        yield world


def sample(energy_wh: float | None = None, **changes: Any) -> Any:
    return but(
        SAMPLE,
        **{**NOBODY_CHARGES, "transaction_id": "tx-1", "energy_wh": energy_wh, "quality": 0, **changes},
    )


def told(readings: Readings, since: int = 0) -> list[dict[str, Any]]:
    reader = Reader()
    for text in readings.since(since, Wanted()):
        reader.feed(text)
    assert {event.kind for event in reader.events} <= {"transaction.updated"}
    assert reader.numbers() == []
    return [event.data for event in reader.events]


class Told:
    """Readings that know how tx-1 began."""

    def __init__(self, start: MeterStart | None = None) -> None:
        self.readings = Readings()
        self.start = start or MeterStart(1, 1000.0)
        self.version = 0

    def tell(self, *news: Any, at_s: float) -> list[dict[str, Any]]:
        self.readings.tell(news)
        unknown = self.readings.unknown()
        self.readings.began(unknown, {"tx-1": self.start})
        self.version += 1
        self.readings.refresh(self.version, at_s)
        return told(self.readings, self.version - 1)


def test_a_reading_is_what_was_charged_and_what_flows():
    current = {"current_l1_a": 16.0, "current_l2_a": 15.5, "current_l3_a": None}
    (data,) = Told().tell(sample(1250.0, power_w=7000.0, **current), at_s=0)
    assert data.pop("at").endswith("Z")
    assert data == {
        "id": "tx-1",
        "station_id": "CP-1",
        "energy_wh": 250.0,
        "power_w": 7000.0,
        "current_a": {"L1": 16.0, "L2": 15.5, "L3": None},
    }


def test_a_transaction_is_told_once_a_second_at_most_and_then_as_it_is():
    world = Told()
    assert [data["energy_wh"] for data in world.tell(sample(1001.0), at_s=0)] == [1]
    assert world.tell(sample(1002.0), at_s=SPACING_S / 2) == []
    assert world.tell(sample(1003.0), at_s=SPACING_S * 0.9) == []
    assert [data["energy_wh"] for data in world.tell(at_s=SPACING_S)] == [3]
    assert world.tell(at_s=SPACING_S * 3) == []


def test_values_that_came_apart_are_told_together():
    world = Told()
    world.tell(sample(1001.0), at_s=0)
    (data,) = world.tell(sample(power_w=5.0), sample(current_l1_a=1.0), at_s=2)
    assert (data["energy_wh"], data["power_w"], data["current_a"]["L1"]) == (1, 5.0, 1.0)


def test_an_old_reading_from_a_queue_changes_nothing():
    world = Told()
    world.tell(sample(1005.0), at_s=0)
    assert world.tell(sample(1001.0, at_us=SAMPLE.at_us - 1), at_s=2) == []


@pytest.mark.parametrize(
    "news", [sample(1.0, transaction_id=None), sample(1.0, quality=int(Quality.AFTER_END)), OPENED]
)
def test_what_belongs_to_no_running_transaction_is_not_told(news: Any):
    assert Told().tell(news, at_s=0) == []


def test_a_transaction_that_ended_is_not_told_any_more():
    world = Told()
    assert world.tell(CLOSED, sample(2000.0), at_s=0) == []
    world.tell(sample(1001.0), at_s=2)
    assert world.tell(CLOSED, at_s=4) == []
    assert world.readings.unknown() == []
    assert told(world.readings) == []


@pytest.mark.parametrize("start", [MeterStart(1, None), MeterStart(2, 0.0)])
def test_energy_is_told_only_of_the_transactions_own_register(start: MeterStart):
    (data,) = Told(start).tell(sample(1250.0, power_w=1.0), at_s=0)
    assert "energy_wh" not in data
    assert data["power_w"] == 1.0


def test_of_a_transaction_that_is_not_stored_no_energy_is_told():
    readings = Readings()
    readings.tell([sample(5.0, power_w=1.0)])
    readings.began(["tx-1", "gone"], {})
    assert readings.refresh(1, 0)
    assert "energy_wh" not in told(readings)[0]


def test_no_more_transactions_are_followed_than_fit():
    readings = Readings()
    readings.tell([sample(5.0, transaction_id=f"tx-{number}") for number in range(TRANSACTIONS_MAX + 5)])
    assert len(readings._of) == TRANSACTIONS_MAX
    assert "tx-4" not in readings._of
    readings.began(["tx-6"], {})
    readings.tell([sample(5.0, transaction_id=f"other-{number}") for number in range(3)])
    assert "tx-6" not in readings._starts


# --- sites

NODE = NodeView(
    id="main",
    parent=None,
    rating_a=(63.0, 63.0, 63.0),
    limit_a=(63.0, 63.0, 63.0),
    limit_w=None,
    cap_source=None,
    allocated_a=(16.0, 16.0, 16.0),
    exposure_a=(16.0, 16.0, 16.0),
    measured_a=(15.0, 15.0, 15.0),
    base_a=(0.0, 0.0, 0.0),
    stale=False,
)
EVSE = EvseView(
    station="CP-1",
    evse=1,
    node="main",
    transaction_id="tx-1",
    online=True,
    managed=True,
    movable=True,
    grant_a=16.0,
    reason=ReasonView(kind="maximum", text="the charger gives no more"),
    target_a=16.0,
    believed_a=16.0,
    ordered_a=16.0,
    demand_a=16.0,
    exposure_a=(16.0, 16.0, 16.0),
    measured_a=(15.0, 15.0, 15.0),
    phases=(True, True, True),
    doubtful=False,
    disobeys=False,
    foreign_profiles=0,
    pending=(),
)
OTHER = replace(EVSE, station="CP-2")
STATE = SiteState(
    id="depot",
    revision=1,
    at_us=1_750_000_000_000_000,
    mode="enforce",
    strategy="fair",
    nodes=(NODE,),
    evses=(EVSE, OTHER),
    stations=(),
    alarms=(),
)


class Site(Struct):
    """A site's balancing as far as it is looked at."""

    shown: SiteState | None = STATE
    steps: int = 1
    trouble: str | None = None

    def state(self) -> SiteState | None:
        return self.shown

    def step(self, **changes: Any) -> None:
        assert self.shown is not None
        self.shown = replace(self.shown, **changes)
        self.steps += 1


@pytest.mark.anyio
async def test_who_begins_to_follow_gets_the_whole_site_and_then_what_changes(world: LiveWorld):
    site = world.sites["depot"] = Site()
    world.events._states._known.clear()
    async with world.reading() as stream:
        reader = await stream.until(lambda reader: reader.of("site.state"))
        (whole,) = reader.events
        assert whole.number is None
        assert {"id", "revision", "mode", "strategy", "at", "trouble"} <= whole.data.keys()
        assert [evse["station"] for evse in whole.data["evses"]] == ["CP-1", "CP-2"]
        assert whole.data["nodes"][0]["measured_a"] == {"L1": 15.0, "L2": 15.0, "L3": 15.0}
        site.step(evses=(EVSE, replace(OTHER, grant_a=6.0)))
        reader = await stream.until(lambda reader: len(reader.events) == 2)
    changed = reader.events[1].data
    assert [(evse["station"], evse["grant_a"]) for evse in changed["evses"]] == [("CP-2", 6.0)]
    assert "nodes" not in changed


def states(**sites: Site) -> SiteStates:
    return SiteStates(
        lambda: sites, lambda state: {"evses": [evse.station for evse in state.evses], "mode": state.mode}
    )


def shown(states: SiteStates, since: int, **wanted: Any) -> list[dict[str, Any]]:
    reader = Reader()
    for text in states.since(since, Wanted(**wanted)):
        reader.feed(text)
    return [event.data for event in reader.events]


def test_a_step_that_changed_nothing_is_not_told():
    site = Site()
    looked = states(depot=site)
    assert looked.refresh(1, 0)
    site.step(at_us=STATE.at_us + 1)
    assert not looked.refresh(2, 1)
    assert shown(looked, 1) == []


def test_sites_are_looked_at_once_a_second_at_most():
    site = Site()
    looked = states(depot=site)
    assert looked.refresh(1, 0)
    site.step(mode="observe")
    assert not looked.refresh(2, 0.5)
    assert looked.refresh(2, 1.0)
    assert shown(looked, 1) == [{"id": "depot", "trouble": None, "mode": "observe"}]


def test_who_is_further_behind_gets_all_that_changed_since():
    site = Site()
    looked = states(depot=site)
    looked.refresh(1, 0)
    site.step(evses=(replace(EVSE, grant_a=1.0), OTHER))
    looked.refresh(2, 1)
    site.step(evses=(replace(EVSE, grant_a=1.0), replace(OTHER, grant_a=2.0)))
    looked.refresh(3, 2)
    assert [data.get("evses") for data in shown(looked, 2)] == [["CP-2"]]
    assert [data.get("evses") for data in shown(looked, 1)] == [["CP-1", "CP-2"]]
    assert shown(looked, 3) == []


def test_trouble_is_told_also_before_the_first_step():
    site = Site(shown=None, steps=0, trouble="it has not begun yet")
    looked = states(depot=site)
    assert looked.refresh(1, 0)
    assert shown(looked, 0) == [{"id": "depot", "trouble": "it has not begun yet"}]
    site.trouble = None
    site.shown, site.steps = STATE, 1
    assert looked.refresh(2, 1)
    assert shown(looked, 1)[0]["trouble"] is None


def test_only_the_sites_that_are_wanted_are_shown():
    looked = states(depot=Site(), garage=Site())
    looked.refresh(1, 0)
    assert [data["id"] for data in shown(looked, 0, sites=frozenset({"garage"}))] == ["garage"]
    assert shown(looked, 0, stations=frozenset({"cp-1"})) == []


def test_a_site_that_is_gone_is_forgotten_and_a_new_one_of_its_name_is_told_whole():
    sites = {"depot": Site()}
    looked = SiteStates(lambda: sites, lambda state: {"evses": [evse.station for evse in state.evses]})
    looked.refresh(1, 0)
    sites["depot"] = Site()
    assert looked.refresh(2, 1)
    assert shown(looked, 1)[0]["evses"] == ["CP-1", "CP-2"]
    sites.clear()
    assert not looked.refresh(3, 2)
    assert shown(looked, 0) == []


# --- together


@pytest.mark.anyio
async def test_readings_come_between_the_events_and_never_before_their_start(world: LiveWorld):
    await world.write(STATION, TOKEN_SEEN)
    async with world.reading() as stream:
        await stream.until(lambda reader: reader.last_id)
        started = {"kind": "transaction.started", "station_id": "CP-1", "site_id": None, "at_us": LATER_US}
        reading = sample(1500.0)
        unit = [OPENED, reading, EventRecorded(**started, data=b'{"id": "tx-1"}')]
        world.storage.submit(unit, lambda _: world.events.tell(unit))
        reader = await stream.until(lambda reader: reader.of("transaction.updated"))
    assert [event.kind for event in reader.events] == ["transaction.started", "transaction.updated"]
    assert reader.events[1].data["energy_wh"] == 500.0


@pytest.mark.anyio
async def test_while_nobody_follows_nothing_is_kept(world: LiveWorld):
    world.events.tell([sample(1.0)])
    async with world.reading() as stream:
        world.events.tell([sample(1.0)])
        await stream.until(lambda reader: reader.of("transaction.updated"))
    assert not world.events._told
    assert not world.events._readings._of
    assert not world.events._held
