"""A restart forgets nothing that matters and pauses nobody; a changed site opens no gap."""

from __future__ import annotations

import dataclasses

from balancer.allocation import ReasonKind
from balancer.controller import AlarmKind
from balancer.observations import (
    CapSet,
    ForeignProfile,
    Measured,
    OursCleared,
    SessionBegan,
    SessionEnded,
    SiteChanged,
    StationOnline,
    Verdict,
)
from balancer.orders import ExposureRow, SetLimit
from balancer.site import Node, Site
from tests.balancer.desk import Desk, alike, charging, evse, key, make_site


def restarted(before: Desk, *, transactions: bool = True) -> Desk:
    """A new controller with what the one before it kept, told of the transactions that run."""
    desk = Desk(before.controller.site, restored=before.rows.values(), now_s=before.now_s + 1.0)
    if transactions:
        for row in before.rows.values():
            if row.transaction is not None:
                desk.step(SessionBegan(row.evse, row.transaction, 0.0))
    return desk


def test_a_restart_counts_what_was_kept_and_pauses_nobody():
    before = charging(2)
    desk = restarted(before)
    assert [desk.exposure(1), desk.exposure(2)] == [16.0, 16.0]
    assert desk.reason(1).source == "offline"
    desk.step(StationOnline("CP-1", desk.now_s))
    assert (desk.limits, desk.installs) == ({1: 16.0}, {1: 0.0})
    assert [order.raises for order in desk.orders] == [True, False]
    desk.accept()
    desk.step(StationOnline("CP-2", desk.now_s))
    assert desk.limits == {2: 16.0}
    desk.accept()
    later = desk.run(3600.0)
    assert {order.limit_a for order in later if isinstance(order, SetLimit)} == {16.0}


def test_a_restart_in_the_middle_of_a_change_counts_the_higher_of_both():
    before = charging(2)
    before.step(CapSet("main", "dso", alike(20.0), None, before.now_s))
    desk = restarted(before)
    assert [desk.exposure(1), desk.exposure(2)] == [16.0, 16.0]


def test_who_settles_is_kept_as_what_it_may_still_draw():
    before = charging(1)
    before.step(CapSet("main", "dso", alike(20.0), None, before.now_s))
    before.accept()
    assert restarted(before).exposure(1) == 32.0
    before.later(11.0)
    assert restarted(before).exposure(1) == 20.0


def test_a_station_that_stays_away_after_a_restart_falls_to_its_failsafe_at_its_leases_end():
    before = charging(1)
    desk = restarted(before)
    desk.later(before.kept_until_s(1) - desk.now_s - 0.1)
    assert desk.exposure(1) == 32.0
    desk.later(0.2)
    assert desk.exposure(1) == 0.0


def test_a_transaction_that_ended_while_nobody_listened_frees_its_current():
    before = charging(2)
    desk = restarted(before, transactions=False)
    desk.step(SessionEnded(key(1), "tx-1", desk.now_s))
    assert [desk.exposure(1), desk.exposure(2)] == [0.0, 16.0]


def test_another_transaction_than_the_one_that_was_kept_starts_at_the_failsafe():
    before = charging(1)
    desk = restarted(before, transactions=False)
    desk.step(SessionBegan(key(1), "tx-other", desk.now_s))
    assert desk.exposure(1) == 0.0


def test_what_may_have_been_lost_stays_at_the_maximum_over_a_restart():
    before = charging(1)
    before.step(OursCleared(key(1), before.now_s))
    desk = restarted(before)
    assert desk.exposure(1) == 32.0
    desk.step(StationOnline("CP-1", desk.now_s))
    assert desk.limits == {1: 32.0}
    desk.accept_all()
    assert desk.kept_until_s(1) > desk.now_s


def test_a_row_without_a_transaction_ends_with_the_failsafe_that_is_confirmed():
    desk = Desk(make_site([evse(1)]), restored=[ExposureRow(key(1), None, 20.0, 500.0, 0.0)])
    assert desk.exposure(1) == 20.0
    desk.connect(1)
    assert desk.exposure(1) == 0.0


def test_rows_of_evses_that_the_site_does_not_have_are_left_alone():
    desk = Desk(make_site([evse(1)]), restored=[ExposureRow(key(9), None, 20.0, 500.0, 0.0)])
    assert desk.rows.keys() == {key(1)}


def test_an_answer_that_comes_after_the_restart_is_nobodys():
    before = charging(1)
    before.step(CapSet("main", "dso", alike(20.0), None, before.now_s))
    (order,) = before.orders
    desk = restarted(before)
    desk.answer(Verdict.ACCEPTED, order)
    assert desk.alarms == [AlarmKind.UNKNOWN_ORDER]
    assert desk.exposure(1) == 32.0


def test_a_car_that_waited_before_a_restart_waits_after_it():
    before = charging(2, 10.0)
    waiting = 1 if before.has(1) == 0.0 else 2
    desk = restarted(before)
    desk.connect(1, 2)
    assert desk.has(waiting) == 0.0
    assert desk.run(60.0) == []


def test_what_a_foreign_profile_raised_before_a_restart_is_not_made_ours_by_it():
    before = charging(2)
    before.step(ForeignProfile(key(1), 25.0, caps=False, at_s=before.now_s))
    before.accept_all()
    before.later(11.0)
    desk = restarted(before)
    desk.step(ForeignProfile(key(1), 25.0, caps=False, at_s=desk.now_s))
    desk.step(StationOnline("CP-1", desk.now_s), StationOnline("CP-2", desk.now_s))
    assert desk.limits[1] <= 25.0


# --- a changed site


def changed(desk: Desk, **what: object) -> Site:
    return dataclasses.replace(desk.controller.site, **what)


def test_a_lower_rating_sheds_at_once():
    desk = charging(2)
    nodes = (Node(id="main", parent=None, rating_a=alike(20.0)),)
    desk.step(SiteChanged(changed(desk, nodes=nodes), desk.now_s))
    assert desk.limits == {1: 10.0, 2: 10.0}


def test_an_evse_that_is_rewired_counts_on_its_new_phases():
    desk = charging(1)
    desk.step(CapSet("main", "dso", alike(20.0), None, desk.now_s))
    desk.accept()
    desk.step(SiteChanged(changed(desk, evses=(evse(1, rotation=(2, 1)),)), desk.now_s))
    assert desk.controller.exposure(key(1), desk.now_s) == (0.0, 32.0, 32.0)
    desk.later(11.0)
    assert desk.controller.exposure(key(1), desk.now_s) == (0.0, 20.0, 20.0)
    desk.step(SiteChanged(changed(desk, strategy="priority"), desk.now_s))
    assert desk.controller.exposure(key(1), desk.now_s) == (0.0, 20.0, 20.0)


def test_an_evse_with_a_car_that_leaves_the_site_counts_at_its_worst_until_the_car_has_left():
    desk = charging(2, 40.0)
    assert desk.controller.has_room(key(1))
    desk.step(SiteChanged(changed(desk, evses=(evse(2),)), desk.now_s))
    assert key(1) not in desk.decision.grants
    assert desk.exposure(1) == 32.0
    assert desk.limits == {2: 8.0}
    assert not desk.controller.has_room(key(1))
    desk.run(2000.0)
    assert desk.controller.has_room(key(1))
    assert desk.has(2) == 8.0
    desk.step(Measured(key(1), desk.now_s, alike(5.0)))
    desk.unplug(1)
    desk.run(30.0)
    assert desk.has(2) == 32.0
    assert desk.controller.has_room(key(1))


def test_an_idle_evse_that_leaves_the_site_costs_nothing_any_more():
    desk = Desk(make_site([evse(1), evse(2)]))
    desk.connect(2)
    desk.plug(2)
    assert desk.limits == {}
    desk.step(SiteChanged(changed(desk, evses=(evse(2),)), desk.now_s))
    assert desk.limits == {2: 32.0}


def test_who_left_hangs_on_what_is_left_of_its_circuits_or_on_every_root():
    nodes = (
        Node(id="main", parent=None, rating_a=alike(32.0)),
        Node(id="board", parent="main", rating_a=alike(32.0)),
    )
    desk = Desk(make_site([evse(1, node="board"), evse(2)], nodes=nodes))
    desk.connect(1, 2)
    desk.plug(1)
    desk.plug(2)
    desk.run(30.0)
    desk.step(SiteChanged(changed(desk, nodes=nodes[:1], evses=(evse(2),)), desk.now_s))
    assert desk.controller.total_exposure("main", desk.now_s) == alike(48.0)
    other = (Node(id="other", parent=None, rating_a=alike(32.0)),)
    desk.step(SiteChanged(changed(desk, nodes=other, evses=(evse(2, node="other"),)), desk.now_s))
    assert desk.controller.total_exposure("other", desk.now_s) == alike(48.0)


def test_an_evse_that_comes_back_to_the_site_is_proven_anew_and_goes_on_where_it_was():
    desk = charging(2)
    whole = desk.controller.site
    desk.step(SiteChanged(changed(desk, evses=(evse(2),)), desk.now_s))
    desk.step(SiteChanged(whole, desk.now_s))
    assert (desk.limits[1], desk.installs) == (16.0, {1: 0.0})
    desk.run(2000.0)
    assert [desk.has(1), desk.has(2)] == [16.0, 16.0]


def test_an_evse_that_joins_the_site_while_its_station_is_connected_is_told_its_failsafe():
    desk = charging(1)
    desk.step(StationOnline("CP-3", desk.now_s))
    evses = (*desk.controller.site.evses, evse(3))
    desk.step(SiteChanged(changed(desk, evses=evses), desk.now_s))
    assert desk.installs == {3: 0.0}


def test_a_new_failsafe_is_installed_a_higher_one_only_where_there_is_room():
    desk = charging(2)
    higher = (evse(1, failsafe_a=6.0), evse(2))
    desk.step(SiteChanged(changed(desk, evses=higher), desk.now_s))
    assert desk.installs == {1: 6.0}  # its car may draw more anyway
    assert [order.raises for order in desk.orders] == [True]
    desk.accept()
    desk.unplug(1)
    assert desk.exposure(1) == 6.0
    desk.step(SiteChanged(changed(desk, evses=(evse(1), evse(2))), desk.now_s))
    assert desk.installs == {1: 0.0}
    desk.accept_all()
    desk.run(60.0)
    assert desk.has(2) == 32.0
    desk.step(SiteChanged(changed(desk, evses=higher), desk.now_s))
    assert desk.installs == {}
    assert desk.limits == {2: 26.0}
    desk.accept()
    desk.later(11.0)
    assert desk.installs == {1: 6.0}


# --- observing


def test_an_observing_controller_computes_everything_and_orders_nothing():
    desk = Desk(make_site([evse(1), evse(2)], mode="observe"))
    desk.step(StationOnline("CP-1", 0.0))
    desk.plug(1)
    assert desk.orders == ()
    assert desk.decision.grants[key(1)].limit_a == 32.0
    assert desk.decision.grants[key(2)].reason.kind is ReasonKind.FAILSAFE
    desk.plug(2)
    assert [desk.decision.grants[key(number)].limit_a for number in (1, 2)] == [16.0, 16.0]
    assert desk.told == []
    assert desk.controller.explain(key(1)).target_a == 16.0
