"""Managed stations are made to sample what is needed, and no more than that is written."""

from __future__ import annotations

import msgspec

from csms.domain.control import OrderOutcome, OrderVerdict, Setting, StationOrder, WriteConfiguration
from csms.usecases.balancing.loop import LoopOptions
from tests.csms.usecases.balancing.scripted import REJECTED, SAID, FakeStation, World, site_config

BARE = msgspec.structs.replace(SAID, measurands=("Energy.Active.Import.Register",), sample_interval_s=300)
NOT_SENT = OrderOutcome(verdict=OrderVerdict.NOT_SENT)
WHOLE = ",".join(LoopOptions().measurands)


def world_of(answers=lambda _order: None, **changes: object) -> World:
    station = FakeStation("CP-1", said=BARE, answers=answers)
    world = World(station, FakeStation("CP-2"), **changes)
    world.run(10)
    return world


def test_what_is_lacking_is_written_and_what_is_right_is_left():
    world = world_of()
    assert world.writes("CP-1") == [(Setting.MEASURANDS, WHOLE), (Setting.SAMPLE_INTERVAL, "10")]
    assert world.writes("CP-2") == []


def test_measurands_that_somebody_else_wants_are_kept():
    other = msgspec.structs.replace(SAID, measurands=("Temperature",))
    world = World(FakeStation("CP-1", said=other), FakeStation("CP-2"))
    world.run(10)
    assert world.writes("CP-1") == [(Setting.MEASURANDS, f"{WHOLE},Temperature")]


def test_a_refused_list_is_tried_item_by_item():
    def only_three(order: StationOrder) -> OrderOutcome | None:
        if isinstance(order, WriteConfiguration) and order.key == Setting.MEASURANDS:
            items = order.value.split(",")
            return REJECTED if "SoC" in items or "Power.Active.Import" in items else None
        return None

    lists = [value for key, value in world_of(only_three).writes("CP-1") if key == Setting.MEASURANDS]
    energy = "Energy.Active.Import.Register"
    assert lists == [
        WHOLE,
        f"{energy},Power.Active.Import",
        f"{energy},Current.Import",
        f"{energy},Current.Import,Voltage",
        f"{energy},Current.Import,Voltage,SoC",
    ]


def test_an_interval_that_is_refused_is_tried_longer_once():
    def slow(order: StationOrder) -> OrderOutcome | None:
        refused = isinstance(order, WriteConfiguration) and order.key == Setting.SAMPLE_INTERVAL
        return REJECTED if refused else None

    writes = world_of(slow).writes("CP-1")
    assert [value for key, value in writes if key == Setting.SAMPLE_INTERVAL] == ["10", "30"]


def test_a_station_that_restarts_again_and_again_is_given_up():
    world = world_of()
    for _ in range(6):
        world.boot("CP-1")
        world.run(30)
    assert len(world.writes("CP-1")) == 3 * 2


def test_nothing_is_written_while_observing_or_to_unmanaged_stations():
    assert world_of(config=site_config(mode="observe")).sent == []
    world = World(FakeStation("CP-1", said=BARE, managed=False), FakeStation("CP-2"))
    world.run(10)
    assert world.writes("CP-1") == []


def test_a_list_is_never_longer_than_a_value_may_be():
    """Found by a reader: it was refused before it left, and tried again without end."""
    long = msgspec.structs.replace(SAID, measurands=tuple(f"Vendor.Measurand.{n:04}" for n in range(40)))
    world = World(FakeStation("CP-1", said=long), FakeStation("CP-2"))
    world.run(60)
    ((key, value),) = world.writes("CP-1")
    assert key == Setting.MEASURANDS
    assert value.startswith(WHOLE)
    assert len(value) <= 500


def test_what_can_not_be_sent_is_not_asked_again_at_once():
    def never(order: StationOrder) -> OrderOutcome | None:
        return NOT_SENT if isinstance(order, WriteConfiguration) else None

    world = world_of(never)
    world.run(50)
    assert 2 <= len(world.writes("CP-1")) <= 14
