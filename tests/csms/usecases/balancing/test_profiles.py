"""Somebody else's profiles: they count from their leaving on, are kept over a restart, and give way when gone."""

from __future__ import annotations

import pytest

from csms.domain.control import EffectStage, LimitOrder, ProfileEffect, ProfilesTouched
from tests.csms.usecases.balancing.scripted import FakeStation, World, site_config

FOREIGN = ProfileEffect(evse=1, profile_id=7, sets=True, limit_a=20.0)


def settled(**changes: object) -> World:
    world = World(FakeStation("CP-1"), FakeStation("CP-2"), config=site_config(**changes))
    world.run(5)
    return world


def touch(world: World, effect: ProfileEffect, *stages: EffectStage, command: str = "c1") -> None:
    for stage in stages:
        world.tell(ProfilesTouched("CP-1", world.now_us, command, stage, (effect,)))
        world.run(0.1)


def exposure_a(world: World) -> float:
    return max(world.evse("CP-1").exposure_a)


@pytest.mark.parametrize("then", [EffectStage.ACCEPTED, EffectStage.UNKNOWN])
def test_a_foreign_profile_counts_from_its_leaving_on(then: EffectStage):
    world = settled()
    touch(world, FOREIGN, EffectStage.LEAVING)
    assert exposure_a(world) == 20.0
    touch(world, FOREIGN, then)
    assert exposure_a(world) == 20.0
    assert world.foreign["CP-1", 1, 7].limit_a == 20.0
    assert world.evse("CP-1").foreign_profiles == 1


def test_one_that_is_refused_was_never_there():
    world = settled()
    touch(world, FOREIGN, EffectStage.LEAVING, EffectStage.REFUSED)
    assert exposure_a(world) == 0.0
    assert world.foreign == {}


def test_a_refusal_restores_the_one_before():
    world = settled()
    touch(world, FOREIGN, EffectStage.LEAVING, EffectStage.ACCEPTED)
    higher = ProfileEffect(evse=1, profile_id=7, sets=True, limit_a=30.0)
    touch(world, higher, EffectStage.LEAVING, command="c2")
    assert exposure_a(world) == 30.0
    touch(world, higher, EffectStage.REFUSED, command="c2")
    world.run(60)
    assert exposure_a(world) == 20.0


def test_watts_may_all_come_on_one_phase():
    world = settled()
    watts = ProfileEffect(evse=1, profile_id=7, sets=True, limit_w=2300.0)
    touch(world, watts, EffectStage.LEAVING)
    assert exposure_a(world) == pytest.approx(10.0)


def test_a_profile_of_the_whole_station_counts_on_each_evse():
    world = settled()
    touch(world, ProfileEffect(evse=0, profile_id=7, sets=True), EffectStage.LEAVING)
    assert exposure_a(world) == 32.0


def test_a_cap_lowers_the_share_and_raises_nothing():
    world = settled()
    world.plug_in("CP-1", "t1")
    touch(world, ProfileEffect(evse=1, profile_id=7, sets=True, limit_a=10.0, caps=True), EffectStage.LEAVING)
    world.run(5)
    assert world.evse("CP-1").grant_a == 10.0
    assert exposure_a(world) <= 32.0


def test_clearing_foreign_profiles_gives_the_room_back():
    world = settled()
    touch(world, FOREIGN, EffectStage.LEAVING, EffectStage.ACCEPTED)
    clearing = ProfileEffect(evse=0, profile_id=None, clears_foreign=True)
    touch(world, clearing, EffectStage.LEAVING, command="c2")
    assert exposure_a(world) == 20.0
    touch(world, clearing, EffectStage.ACCEPTED, command="c2")
    world.run(60)
    assert exposure_a(world) == 0.0
    assert world.foreign == {}


def test_clearing_ours_has_them_installed_again():
    world = settled()
    world.plug_in("CP-1", "t1")
    world.run(5)
    before = len(world.orders("CP-1"))
    clearing = ProfileEffect(evse=0, profile_id=None, clears_own=True)
    touch(world, clearing, EffectStage.LEAVING, EffectStage.ACCEPTED)
    world.run(5)
    again = [type(order).__name__ for order in world.orders("CP-1")[before:]]
    assert set(again) == {"FailsafeOrder", "LimitOrder"}


def test_one_of_the_transaction_ends_with_it():
    world = settled()
    world.plug_in("CP-1", "t1")
    of_transaction = ProfileEffect(evse=1, profile_id=7, sets=True, limit_a=20.0, of_transaction=True)
    touch(world, of_transaction, EffectStage.LEAVING, EffectStage.ACCEPTED)
    world.unplug("CP-1")
    world.run(30)
    assert world.foreign == {}
    assert exposure_a(world) == 0.0


@pytest.mark.parametrize(("gives_way", "left"), [(True, 0), (False, 1)])
def test_ours_takes_the_place_only_of_what_surely_gives_way(gives_way: bool, left: int):
    world = settled()
    world.plug_in("CP-1", "t1")
    world.run(40)
    form = world.orders("CP-1", LimitOrder)[-1].form
    twin = ProfileEffect(
        evse=1,
        profile_id=7,
        clears_own=True,
        placement=form.placement,
        stack_level=form.stack_level,
        sets=True,
        gives_way=gives_way,
        limit_a=20.0,
    )
    before = len(world.orders("CP-1", LimitOrder))
    touch(world, twin, EffectStage.LEAVING, EffectStage.ACCEPTED)
    world.run(60)
    assert len(world.orders("CP-1", LimitOrder)) > before
    assert len(world.foreign) == left
    assert world.evse("CP-1").foreign_profiles == left


def test_a_restart_knows_them():
    world = settled()
    touch(world, FOREIGN, EffectStage.LEAVING, EffectStage.ACCEPTED)
    world.start()
    world.run(30)
    assert exposure_a(world) == 20.0
    assert world.evse("CP-1").foreign_profiles == 1


def test_the_car_below_a_foreign_profile_is_not_moved_and_the_others_share_the_rest():
    world = settled()
    world.plug_in("CP-1", "t1")
    world.plug_in("CP-2", "t2")
    world.run(40)
    touch(world, FOREIGN, EffectStage.LEAVING, EffectStage.ACCEPTED)
    world.run(60)
    assert world.orders("CP-2", LimitOrder)[-1].limit == 12.0
