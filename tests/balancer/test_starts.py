"""Gated starts: consent only where there is room, room held from then on, and nothing lost over a restart."""

from __future__ import annotations

import pytest

from balancer.allocation import ReasonKind
from balancer.controller import AlarmKind
from balancer.observations import (
    Capability,
    CapSet,
    ForeignProfile,
    SessionBegan,
    SiteChanged,
    StartAsked,
    StartOver,
    StationOffline,
    StationOnline,
)
from balancer.orders import SetLimit
from balancer.site import Meter, Node
from tests.balancer.desk import Desk, alike, evse, key, make_site
from tests.balancer.gates import a_gate, ask, gated, restarted, started

SMART = 2
"""In most of these tests station 1 is gated without smart charging, and this one takes limits."""


# --- what counts


def test_a_gated_charger_without_a_session_counts_for_nothing_and_says_why():
    desk = a_gate()
    assert desk.exposure(1) == 0.0
    assert (desk.reason(1).kind, desk.decision.grants[key(1)].limit_a) == (ReasonKind.START_GATE, 0.0)
    desk.plug(2)
    assert desk.limits == {2: 32.0}


def test_what_is_not_known_to_be_gated_counts_as_ever():
    desk = a_gate()
    desk.step(Capability(key(1), movable=False))
    assert desk.exposure(1) == 32.0


def test_a_session_that_begins_without_consent_counts_at_once():
    desk = a_gate()
    desk.plug(1)
    assert desk.exposure(1) == 32.0
    desk.unplug(1)
    assert desk.exposure(1) == 0.0


def test_a_gated_charger_that_draws_without_a_session_counts_and_is_found_out():
    desk = a_gate()
    desk.measure(1, 16.0, after=1.0)
    assert desk.exposure(1) == 16.0
    desk.measure(1, 16.0, after=31.0)
    assert AlarmKind.DISOBEYS in desk.told
    assert desk.exposure(1) == 32.0
    ask(desk, 1)
    assert started(desk) == {1: False}


def test_the_least_failsafe_that_a_station_takes_is_reserved_and_installed():
    desk = Desk(make_site([evse(1), evse(2)]))
    desk.step(Capability(key(1), failsafe_at_least_a=6.0))
    desk.step(StationOnline("CP-1", 0.0))
    assert desk.installs == {1: 6.0}
    desk.accept_all()
    assert desk.exposure(1) == 6.0
    desk.connect(2)
    desk.plug(2)
    assert desk.limits == {2: 26.0}
    desk.accept_all()
    desk.plug(1)
    orders = [order for order in desk.run(60.0) if isinstance(order, SetLimit)]
    assert desk.has(1) == desk.has(2) == 16.0
    assert {order.failsafe_a for order in orders if order.evse == key(1)} == {6.0}


def test_a_gated_station_that_takes_six_amperes_at_least_has_them_installed_and_counts_them_with_a_car_only():
    desk = Desk(make_site([evse(1), evse(2, failsafe_a=6.0)], 6.0))
    desk.connect(2)
    desk.step(gated(1, movable=True, failsafe_at_least_a=6.0), StationOnline("CP-1", 0.0))
    assert desk.installs == {1: 6.0}
    desk.accept_all()
    assert desk.exposure(1) == 0.0
    desk.step(StationOffline("CP-2", desk.now_s))
    desk.plug(1)
    assert desk.exposure(1) == 6.0


# --- consent


def test_on_a_free_site_consent_is_given_at_once_and_its_row_is_to_be_durable():
    desk = a_gate()
    ask(desk, 1)
    assert started(desk) == {1: True}
    assert desk.exposure(1) == 32.0
    assert desk.decision.exposures[key(1)] == alike(32.0)
    assert [(row.evse, row.worst_a, row.worst_until_s) for row in desk.decision.rows] == [
        (key(1), 32.0, 120.0)
    ]


def test_without_room_nobody_is_let_start():
    desk = a_gate(40.0, stations=2, shut=2)
    ask(desk, 1)
    ask(desk, 2)
    assert started(desk) == {1: True, 2: False}
    assert desk.exposure(2) == 0.0


def test_others_come_down_first_and_consent_follows_when_they_have():
    desk = a_gate(44.0)
    desk.plug(SMART)
    desk.accept_all()
    assert desk.has(SMART) == 32.0
    ask(desk, 1)
    assert started(desk) == {1: False}
    assert desk.limits == {SMART: 12.0}
    desk.accept_all()
    assert started(desk) == {1: False}
    desk.run(60.0)
    assert started(desk) == {1: True}
    desk.plug(1)
    assert desk.exposure(1) + desk.exposure(SMART) == 44.0
    assert started(desk) == {}


def test_nobody_is_stopped_for_a_start():
    desk = a_gate(36.0)
    desk.plug(SMART)
    desk.accept_all()
    ask(desk, 1)
    assert started(desk) == {1: False}
    assert desk.orders == ()
    desk.unplug(SMART)
    assert started(desk) == {1: True}


def test_a_car_that_came_before_has_its_minimum_first():
    desk = a_gate(36.0)
    desk.step(SessionBegan(key(SMART), "tx-2", 0.0), StartAsked(key(1), 0.0))
    assert (started(desk), desk.limits) == ({1: False}, {SMART: 32.0})


def test_a_car_that_may_not_charge_keeps_nobody_waiting():
    desk = a_gate(36.0)
    desk.plug(SMART)
    desk.accept_all()
    desk.step(ForeignProfile(key(SMART), 0.0, caps=True, at_s=desk.now_s))
    ask(desk, 1)
    desk.run(60.0)
    assert started(desk) == {1: True}


def test_a_movable_station_needs_its_minimum_only():
    desk = Desk(make_site([evse(1)], 10.0))
    desk.step(gated(1, movable=True))
    ask(desk, 1)
    assert started(desk) == {1: False}
    desk.connect(1)
    assert started(desk) == {1: True}
    assert desk.exposure(1) == 6.0
    desk.plug(1)
    assert desk.limits == {1: 10.0}


def test_the_first_who_asked_is_the_first_to_start():
    desk = a_gate(70.0, stations=3, shut=2)
    desk.step(CapSet("main", "grid", alike(20.0), None, 0.0))
    ask(desk, 2)
    ask(desk, 1, after=1.0)
    assert started(desk) == {1: False, 2: False}
    desk.step(CapSet("main", "grid", alike(40.0), None, 1.0))
    assert started(desk) == {1: False, 2: True}


def test_a_small_one_does_not_overtake_a_great_one_on_the_same_circuit():
    desk = Desk(make_site([evse(1), evse(2, max_a=10.0)], 20.0))
    desk.step(gated(1), gated(2))
    desk.connect(1, 2)
    ask(desk, 1, 2)
    assert started(desk) == {1: False, 2: False}
    desk.step(StartOver(key(1), desk.now_s))
    assert started(desk) == {2: True}


def test_who_waits_for_others_to_come_down_is_not_overtaken():
    desk = Desk(make_site([evse(1), evse(2), evse(3, max_a=8.0)], 46.0))
    desk.step(gated(1), gated(3))
    desk.connect(1, 2, 3)
    desk.plug(2)
    desk.accept_all()
    ask(desk, 1, 3)
    assert started(desk) == {1: False, 3: False}
    assert desk.limits == {2: 6.0}
    desk.accept_all()
    desk.run(60.0)
    assert started(desk) == {1: True, 3: True}


def test_one_who_waits_at_a_full_board_keeps_nobody_waiting_elsewhere():
    nodes = (
        Node(id="main", parent=None, rating_a=alike(100.0)),
        Node(id="board", parent="main", rating_a=alike(16.0)),
    )
    desk = Desk(make_site([evse(1, node="board"), evse(2)], nodes=nodes))
    desk.step(gated(1), gated(2))
    desk.connect(1, 2)
    ask(desk, 1, 2)
    assert started(desk) == {1: False, 2: True}


def test_power_limits_starts_too():
    desk = a_gate(64.0, stations=2, shut=2, max_power_w=3 * 230.0 * 40.0)
    ask(desk, 1, 2)
    assert started(desk) == {1: True, 2: False}


def test_while_nobody_knows_what_others_draw_nobody_starts():
    meter = Meter(id="grid", measures="other_loads", fallback_a=alike(0.0))
    desk = a_gate(meters=[meter])
    ask(desk, 1)
    assert started(desk) == {1: False}
    desk.read(1.0)
    assert started(desk) == {1: False}
    desk.step(CapSet("main", "grid", None, None, 0.0))
    desk.later(16.0)
    desk.read(0.0)
    assert started(desk) == {1: True}


@pytest.mark.parametrize("mode", ["observe", "enforce"])
def test_where_nothing_is_gated_or_nothing_acted_on_everybody_starts(mode: str):
    desk = Desk(make_site([evse(1), evse(2)], mode=mode))
    if mode == "observe":
        desk.step(gated(1), gated(2))
    ask(desk, 1, 2)
    assert started(desk) == {1: True, 2: True}
    desk.step()
    assert started(desk) == {1: True, 2: True}


def test_who_was_let_start_is_held_room_for_also_when_the_gate_is_found_shut_after_that():
    desk = Desk(make_site([evse(1)]))
    desk.step(Capability(key(1), movable=False), StationOnline("CP-1", 0.0))
    ask(desk, 1)
    desk.step(gated(1))
    assert desk.exposure(1) == 32.0
    assert started(desk) == {1: True}


def test_an_evse_that_the_site_does_not_have_is_not_let_start():
    desk = a_gate()
    ask(desk, 9)
    assert (desk.alarms, started(desk)) == ([AlarmKind.UNKNOWN_EVSE], {})


def test_who_asks_during_a_session_is_not_asked_for():
    desk = a_gate()
    desk.plug(1)
    ask(desk, 1)
    assert started(desk) == {}


# --- what is held


def test_room_is_held_until_the_session_begins():
    desk = a_gate()
    ask(desk, 1)
    desk.plug(SMART)
    assert desk.orders == ()
    desk.plug(1)
    assert (desk.exposure(1), started(desk)) == (32.0, {})


def test_room_is_held_for_two_minutes():
    desk = a_gate()
    ask(desk, 1)
    desk.plug(SMART)
    assert desk.decision.wake_at_s == 120.0
    desk.later(119.0)
    assert (desk.exposure(1), started(desk)) == (32.0, {1: True})
    desk.later(1.0)
    assert (desk.exposure(1), started(desk), desk.limits) == (0.0, {}, {SMART: 32.0})


def test_who_asks_again_is_held_room_for_from_then_on():
    desk = a_gate()
    ask(desk, 1)
    ask(desk, 1, after=100.0)
    assert started(desk) == {1: True}
    desk.later(100.0)
    assert desk.exposure(1) == 32.0
    desk.later(20.0)
    assert desk.exposure(1) == 0.0


def test_what_is_not_needed_any_more_is_free():
    desk = a_gate()
    ask(desk, 1)
    desk.step(StartOver(key(1), desk.now_s))
    assert (desk.exposure(1), started(desk)) == (0.0, {})


def test_while_the_station_is_away_nobody_knows_whether_the_session_began():
    desk = a_gate()
    ask(desk, 1)
    desk.disconnect(1)
    desk.later(1000.0)
    assert desk.exposure(1) == 32.0
    desk.step(StationOnline("CP-1", desk.now_s))
    desk.later(119.0)
    assert desk.exposure(1) == 32.0
    desk.later(2.0)
    assert desk.exposure(1) == 0.0


def test_a_start_that_needs_more_by_now_is_asked_for_anew():
    desk = Desk(make_site([evse(1)], 10.0))
    desk.step(gated(1, movable=True))
    desk.connect(1)
    ask(desk, 1)
    assert started(desk) == {1: True}
    desk.step(gated(1))
    ask(desk, 1, after=1.0)
    assert (started(desk), desk.exposure(1)) == ({1: False}, 6.0)


def test_who_was_let_start_and_left_the_site_is_counted():
    desk = a_gate()
    ask(desk, 1)
    desk.step(SiteChanged(make_site([evse(2)]), desk.now_s))
    assert (desk.exposure(1), started(desk)) == (32.0, {1: False})
    desk.later(121.0)
    with pytest.raises(KeyError):
        desk.exposure(1)


# --- restarts


def test_after_a_restart_what_was_held_is_held_until_the_station_is_back_and_for_as_long_again():
    before = a_gate()
    ask(before, 1)
    desk = restarted(before)
    desk.step(gated(1))
    assert desk.exposure(1) == 32.0
    desk.later(500.0)
    assert desk.exposure(1) == 32.0
    again = restarted(desk)
    again.step(gated(1))
    again.step(StationOnline("CP-1", again.now_s))
    again.later(119.0)
    assert again.exposure(1) == 32.0
    again.later(2.0)
    assert again.exposure(1) == 0.0


def test_after_a_restart_a_session_that_had_been_let_start_counts():
    before = a_gate()
    ask(before, 1)
    desk = restarted(before)
    desk.step(gated(1))
    desk.plug(1)
    assert desk.exposure(1) == 32.0


def test_after_a_restart_a_car_whose_end_or_going_on_was_not_told_yet_counts():
    before = a_gate()
    before.plug(1)
    desk = restarted(before)
    desk.step(gated(1))
    assert desk.exposure(1) == 32.0
    desk.unplug(1)
    assert desk.exposure(1) == 0.0


def test_after_a_restart_a_station_counts_in_full_until_it_is_said_to_be_gated():
    desk = restarted(a_gate())
    assert desk.exposure(1) == 32.0
    desk.step(gated(1))
    assert desk.exposure(1) == 0.0


def test_room_is_held_for_as_long_as_the_station_says_that_a_start_may_take():
    desk = a_gate()
    desk.step(gated(1, starts_within_s=300.0))
    ask(desk, 1)
    assert started(desk) == {1: True}
    desk.later(299.0)
    assert desk.exposure(1) == 32.0
    desk.later(2.0)
    assert desk.exposure(1) == 0.0
