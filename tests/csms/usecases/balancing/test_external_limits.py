"""Limits of an energy manager or the grid cap what is granted, are known after a restart, and end."""

from __future__ import annotations

import pytest

from csms.domain.control import EffectStage, ProfileEffect, ProfilesTouched, external_profile_id
from csms.domain.records import ForeignRemoved, ForeignSaved
from tests.csms.usecases.balancing.scripted import FakeStation, World, site_config

EVSE_LIMIT = external_profile_id("EMS", whole_station=False)
STATION_LIMIT = external_profile_id("EMS", whole_station=True)


def charging() -> World:
    world = World(FakeStation("CP-1"), FakeStation("CP-2"), config=site_config(rating_a=64.0))
    world.run(5)
    world.plug_in("CP-1", "t1")
    world.run(5)
    assert world.evse("CP-1").grant_a == 32.0
    return world


def limited(
    world: World,
    limit_a: float | None,
    *,
    evse: int = 1,
    profile_id: int = EVSE_LIMIT,
    limit_w: float | None = None,
) -> None:
    """Let a limit be reported; as its record is durable, the loop hears of it."""
    record = ForeignSaved("CP-1", evse, profile_id, limit_a, 1, 0, world.now_us, limit_w)
    world.foreign["CP-1", evse, profile_id] = record
    world.tell(record)
    world.run(10)


def ended(world: World, *, evse: int = 1, profile_id: int = EVSE_LIMIT) -> None:
    for key in [key for key in world.foreign if key[2] == profile_id and evse in {0, key[1]}]:
        del world.foreign[key]
    world.tell(ForeignRemoved("CP-1", evse, profile_id))
    world.run(10)


def grant_a(world: World) -> float | None:
    return world.evse("CP-1").grant_a


def test_no_more_is_granted_than_somebody_outside_lets_through():
    world = charging()
    limited(world, 10.0)
    assert grant_a(world) == 10.0
    assert world.evse("CP-1").foreign_profiles == 1
    limited(world, 20.0)
    assert grant_a(world) == 20.0
    ended(world)
    assert grant_a(world) == 32.0
    assert world.evse("CP-1").foreign_profiles == 0


@pytest.mark.parametrize("order", [("EMS", "SO"), ("SO", "EMS")])
def test_of_two_sources_on_an_evse_the_lowest_limit_counts_and_then_the_one_that_is_left(order):
    world = charging()
    limits = {"EMS": 10.0, "SO": 20.0}
    for source in order:
        limited(world, limits[source], profile_id=external_profile_id(source, whole_station=False))
    assert grant_a(world) == 10.0
    assert world.evse("CP-1").foreign_profiles == 2
    ended(world, profile_id=external_profile_id("EMS", whole_station=False))
    assert grant_a(world) == 20.0
    ended(world, profile_id=external_profile_id("SO", whole_station=False))
    assert grant_a(world) == 32.0


def test_of_an_evses_limit_and_the_whole_stations_the_lower_one_counts():
    world = charging()
    limited(world, 10.0, evse=0, profile_id=STATION_LIMIT)
    limited(world, 20.0)
    assert grant_a(world) == 10.0
    limited(world, 8.0)
    assert grant_a(world) == 8.0
    ended(world)
    assert grant_a(world) == 10.0


def test_it_raises_nothing():
    world = charging()
    limited(world, 40.0)
    assert grant_a(world) == 32.0
    assert max(world.evse("CP-1").exposure_a) <= 32.0


def test_a_limit_in_watts_is_shared_by_the_wired_phases():
    world = charging()
    limited(world, None, limit_w=230.0 * 3 * 12)
    assert grant_a(world) == pytest.approx(12.0)


def test_a_limit_of_which_no_value_is_said_caps_nothing():
    world = charging()
    limited(world, None)
    assert grant_a(world) == 32.0
    assert world.evse("CP-1").foreign_profiles == 1


def test_a_limit_of_the_whole_station_holds_on_each_evse_beside_its_own():
    world = charging()
    limited(world, 14.0, evse=0, profile_id=STATION_LIMIT)
    assert grant_a(world) == 14.0
    ended(world, evse=0, profile_id=STATION_LIMIT)
    assert grant_a(world) == 32.0
    limited(world, 10.0)
    ended(world, evse=0)
    assert grant_a(world) == 32.0


def test_it_is_known_after_a_restart():
    world = charging()
    limited(world, 14.0, evse=0, profile_id=STATION_LIMIT)
    world.start()
    world.run(10)
    assert grant_a(world) == 14.0
    assert world.evse("CP-1").foreign_profiles == 1


def test_no_clearing_of_profiles_takes_it_away():
    """2.0.1 K10.FR.04, .08."""
    world = charging()
    limited(world, 10.0)
    effects = (ProfileEffect(evse=0, profile_id=None, clears_foreign=True),)
    for stage in (EffectStage.LEAVING, EffectStage.ACCEPTED):
        world.tell(ProfilesTouched("CP-1", world.now_us, "c1", stage, effects))
        world.run(5)
    assert grant_a(world) == 10.0


def test_of_the_loops_own_records_nothing_follows_when_they_come_back_from_the_store():
    world = charging()
    world.tell(ForeignSaved("CP-1", 1, 7, 10.0, 1, 0, world.now_us))
    world.run(10)
    assert grant_a(world) == 32.0
    assert world.evse("CP-1").foreign_profiles == 0


def test_limits_of_stations_of_other_sites_are_ignored():
    world = charging()
    world.tell(ForeignSaved("CP-9", 0, STATION_LIMIT, 0.0, 1, 0, world.now_us))
    world.run(10)
    assert grant_a(world) == 32.0
