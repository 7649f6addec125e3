"""What a controller does over time, told with chargers, cars and a network on virtual time."""

from __future__ import annotations

from collections import deque

import pytest

from balancer.observations import CapSet
from balancer.site import Evse, Node
from tests.balancer.virtual.charger import Car
from tests.balancer.virtual.network import Fate
from tests.balancer.virtual.sites import alike, make_site, one_fuse
from tests.balancer.virtual.stories import HUNGRY, ROUND_S, charging, key, limits, raises_since
from tests.balancer.virtual.world import World

# --- arrivals


def test_a_car_on_a_free_site_charges_within_two_seconds():
    world = World(one_fuse(2, 63.0))
    world.start()
    world.plug(key(1), HUNGRY)
    world.run(2.0)
    assert world.charger(key(1)).draw_a == pytest.approx(32.0)


def test_a_car_that_comes_to_a_full_site_starts_at_nothing_and_gets_its_share_after_the_others_came_down():
    world = charging(2, 40.0)
    assert limits(world) == {key(1): pytest.approx(20.0), key(2): pytest.approx(20.0)}
    world = World(one_fuse(3, 40.0))
    world.start()
    world.plug(key(1), HUNGRY)
    world.run(60.0)
    world.plug(key(2), HUNGRY)
    world.settle()
    assert world.charger(key(2)).draw_a == 0.0
    world.run(ROUND_S)
    assert [world.charger(key(number)).draw_a for number in (1, 2)] == pytest.approx([20.0, 20.0])


# --- P12: a silent meter


@pytest.mark.parametrize("measures", ["other_loads", "node_total"])
def test_a_silent_meter_stops_increases_then_its_fallback_counts_and_afterwards_all_is_as_before(measures):
    world = charging(3, 60.0, measures=measures, fallback_a=40.0)
    meter = world.site.meters[0]
    world.load("main", alike(6.0))
    world.run(120.0)
    assert sum(charger.draw_a for charger in world.chargers()) == pytest.approx(54.0, abs=1.0)
    world.measuring.silence("grid")
    silent_s = world.now_s
    world.run(meter.max_age_s)
    world.unplug(key(3))
    world.run(meter.max_age_s * 2 - 1.0)
    assert raises_since(world, silent_s + meter.max_age_s) == []
    world.run(1.0 + world.settings.decrease_timeout_s + 12.0)
    assert sum(charger.draw_a for charger in world.chargers()) <= 20.0 + 1e-6
    world.run(600.0)
    assert raises_since(world, silent_s + meter.max_age_s) == []
    world.measuring.unsilence("grid")
    world.run(120.0)
    assert sum(charger.draw_a for charger in world.chargers()) == pytest.approx(54.0, abs=1.0)


# --- P13: disobedience


def test_a_charger_that_ignores_its_limit_is_counted_in_full_after_its_settle_time_and_two_samples():
    world = charging(3, 48.0)
    world.disobey(key(1))
    world.run(world.settings.obeys_within_s(10.0) + 2 * world.measuring.timing.sample_s + 1.0)
    assert world.host.controller is not None
    assert world.host.controller.exposure(key(1), world.now_s) == alike(32.0)
    assert any(decision.alarms for _, decision in world.decisions)
    world.run(world.settings.decrease_timeout_s + 12.0)
    assert sum(charger.draw_a for charger in world.chargers()) <= 48.0
    world.run(120.0)
    assert [world.charger(key(number)).draw_a for number in (2, 3)] == pytest.approx([8.0, 8.0])


def test_a_charger_that_obeys_again_is_trusted_after_a_while():
    world = charging(3, 48.0)
    world.disobey(key(1))
    world.run(120.0)
    world.disobey(key(1), disobeys=False)
    world.run(world.settings.trust_after_s + 600.0)
    assert [charger.draw_a for charger in world.chargers()] == pytest.approx([16.0, 16.0, 16.0])


# --- decreases


def test_a_lowered_cap_is_obeyed_within_the_reaction_time():
    world = charging(3, 60.0)
    world.cap(CapSet("main", "dso", alike(30.0), None, world.now_s))
    world.run(1.0)
    assert sum(charger.draw_a for charger in world.chargers()) <= 30.0
    world.uncap("main", "dso")
    world.run(ROUND_S * 2)
    assert sum(charger.draw_a for charger in world.chargers()) == pytest.approx(60.0, abs=0.5)


def test_a_cap_that_expires_gives_back_what_it_took():
    world = charging(3, 60.0)
    world.cap(CapSet("main", "dso", alike(30.0), None, world.now_s, until_s=world.now_s + 60.0))
    world.run(59.0)
    assert sum(charger.draw_a for charger in world.chargers()) <= 30.0
    world.run(ROUND_S * 2)
    assert sum(charger.draw_a for charger in world.chargers()) == pytest.approx(60.0, abs=0.5)


def test_of_two_caps_the_lower_one_counts():
    world = charging(3, 60.0)
    world.cap(CapSet("main", "dso", alike(30.0), None, world.now_s))
    world.cap(CapSet("main", "operator", alike(45.0), None, world.now_s))
    world.run(ROUND_S * 2)
    assert 29.0 <= sum(charger.draw_a for charger in world.chargers()) <= 30.0


def test_what_a_silent_charger_does_not_give_up_is_taken_from_those_that_answer():
    world = charging(3, 60.0)
    world.stations["CP-1"].link.cut()
    world.cap(CapSet("main", "dso", alike(32.0), None, world.now_s))
    world.run(2 * world.settings.decrease_timeout_s + 2.0)
    assert world.charger(key(1)).draw_a == pytest.approx(20.0)
    assert sum(charger.draw_a for charger in world.chargers()) <= 32.0


def test_a_decrease_does_not_wait_for_the_hold_after_an_increase():
    world = World(one_fuse(2, 63.0))
    world.start()
    world.plug(key(1), HUNGRY)
    world.run(1.0)
    assert world.charger(key(1)).draw_a == pytest.approx(32.0)
    world.cap(CapSet("main", "dso", alike(10.0), None, world.now_s))
    world.run(1.0)
    assert world.charger(key(1)).draw_a == pytest.approx(10.0)


def test_a_step_of_other_loads_is_answered_with_the_next_reading():
    world = charging(3, 60.0, measures="other_loads", fallback_a=40.0)
    world.load("main", alike(30.0))
    world.run(world.measuring.timing.meter_s + 1.0)
    assert sum(charger.draw_a for charger in world.chargers()) <= 30.0


# --- answers that are late, lost, or not yet true

FAILED_CALLS = [Fate(answer_s=8.0), Fate(answer_lost=True), Fate(request_s=20.0), Fate(request_lost=True)]


@pytest.mark.parametrize("fate", FAILED_CALLS)
def test_a_limit_counts_from_the_moment_it_is_sent_until_it_is_known_what_became_of_it(fate):
    fates = deque([Fate()] * 2)  # the failsafes are installed
    world = World(one_fuse(2, 40.0), chance=lambda: fates.popleft() if fates else Fate())
    world.start()
    fates.extend([fate] * 2)
    world.plug(key(1), HUNGRY)
    world.run(30.0)
    world.plug(key(2), HUNGRY)
    world.run(90.0)
    assert [charger.draw_a for charger in world.chargers()] == pytest.approx([20.0, 20.0])


def test_what_a_charger_gives_up_is_given_away_only_when_it_has_come_down():
    world = World(one_fuse(2, 40.0))
    world.charger(key(1)).reaction_s = 9.5
    world.start()
    world.plug(key(1), HUNGRY)
    world.run(60.0)
    world.plug(key(2), HUNGRY)
    world.run(ROUND_S)
    assert [charger.draw_a for charger in world.chargers()] == pytest.approx([20.0, 20.0])


def test_a_new_car_gets_what_a_new_load_of_others_leaves_not_what_it_was_before():
    world = World(one_fuse(2, 60.0, measures="other_loads", fallback_a=30.0))
    world.charger(key(1)).reaction_s = 9.5
    world.start()
    world.plug(key(1), HUNGRY)
    world.run(60.0)
    world.load("main", alike(20.0))
    world.plug(key(2), HUNGRY)
    world.run(world.measuring.timing.meter_s + ROUND_S)
    assert [charger.draw_a for charger in world.chargers()] == pytest.approx([20.0, 20.0])


def test_a_car_that_starts_while_its_station_is_offline_is_counted_at_its_failsafe():
    world = World(one_fuse(2, 40.0, failsafe_a=6.0))
    world.start()
    world.disconnect("CP-1")
    world.plug(key(1), HUNGRY)
    world.plug(key(2), HUNGRY)
    world.run(60.0)
    assert [charger.draw_a for charger in world.chargers()] == pytest.approx([6.0, 32.0])


# --- phases


def test_what_a_car_leaves_unused_on_two_phases_goes_to_others_after_a_minute():
    world = World(one_fuse(2, 40.0))
    world.start()
    world.plug(key(1), Car(phases=1))
    world.plug(key(2), HUNGRY)
    world.run(50.0)
    assert world.host.controller is not None
    assert world.host.controller.exposure(key(1), world.now_s) == alike(20.0)
    world.run(50.0)
    assert world.host.controller.exposure(key(1), world.now_s) == (pytest.approx(20.0), 0.0, 0.0)


def test_a_car_that_needs_almost_a_minute_for_its_other_phases_is_counted_on_them():
    world = World(one_fuse(2, 40.0))
    world.start()
    world.plug(key(1), Car(one_phase_s=55.0))
    world.plug(key(2), HUNGRY)
    world.run(600.0)
    assert [charger.draw_a for charger in world.chargers()] == pytest.approx([20.0, 20.0])


# --- steps and rotations


def test_limits_are_rounded_down_to_what_the_charger_can_be_set_to():
    world = charging(3, 40.0)
    assert sum(charger.draw_a for charger in world.chargers()) <= 40.0
    assert sorted(charger.draw_a for charger in world.chargers()) == pytest.approx([13.3, 13.3, 13.4])


def test_two_one_phase_chargers_on_different_phases_do_not_share_anything():
    node = Node(id="main", parent=None, rating_a=(32.0, 32.0, 32.0))
    evses = [Evse(key=key(number), node="main", rotation=(number,)) for number in (1, 2)]
    world = World(make_site([node], evses))
    world.start()
    for number in (1, 2):
        world.plug(key(number), Car(phases=1))
    world.run(60.0)
    assert [charger.current_a for charger in world.chargers()] == [(0.0, 32.0, 0.0), (0.0, 0.0, 32.0)]


def test_two_one_phase_chargers_on_the_same_phase_share_it():
    node = Node(id="main", parent=None, rating_a=(32.0, 32.0, 32.0))
    evses = [Evse(key=key(number), node="main", rotation=(2,)) for number in (1, 2)]
    world = World(make_site([node], evses))
    world.start()
    for number in (1, 2):
        world.plug(key(number), Car(phases=1))
    world.run(60.0)
    assert [charger.current_a for charger in world.chargers()] == [(0.0, 0.0, 16.0), (0.0, 0.0, 16.0)]
