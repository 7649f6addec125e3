"""What is not proven counts at the hardware's maximum: fresh connections, boots, disobedience, other people's profiles."""

from __future__ import annotations

from balancer.allocation import ReasonKind
from balancer.controller import AlarmKind
from balancer.observations import (
    Answered,
    Capability,
    CapCleared,
    CapSet,
    ForeignCleared,
    ForeignProfile,
    Measured,
    OursCleared,
    SessionBegan,
    StationBooted,
    StationOnline,
    Verdict,
)
from balancer.orders import InstallFailsafe, SetLimit
from tests.balancer.desk import Desk, alike, charging, evse, key, make_site

# --- connections and boots


def test_a_fresh_connection_is_asked_for_its_failsafe_and_its_running_limit_before_others_have_to_yield():
    desk = charging(2)
    desk.disconnect(1)
    desk.step(StationOnline("CP-1", desk.now_s))
    assert (desk.limits, desk.installs) == ({1: 16.0}, {1: 0.0})
    assert desk.exposure(1) == 32.0
    desk.accept()
    assert desk.later(9.0).orders == ()
    desk.later(1.5)
    assert [desk.exposure(1), desk.exposure(2)] == [16.0, 16.0]


def test_others_yield_for_a_station_that_does_not_prove_itself_in_time():
    desk = charging(2, 48.0)
    desk.disconnect(1)
    desk.step(StationOnline("CP-1", desk.now_s))
    desk.later(3.0)
    assert desk.limits == {2: 16.0}
    assert desk.later(60.0).orders == ()  # once, not again and again


def test_nothing_is_raised_while_more_may_flow_than_may():
    desk = charging(2)
    desk.step(StationBooted("CP-1", desk.now_s))
    desk.unplug(2)
    assert desk.limits == {}
    assert 2 not in desk.installs


def test_an_idle_station_that_booted_counts_at_its_maximum_until_the_failsafe_is_back():
    desk = Desk(make_site([evse(1)]))
    desk.connect(1)
    desk.step(StationBooted("CP-1", desk.now_s), StationOnline("CP-1", desk.now_s))
    assert desk.exposure(1) == 32.0
    assert desk.installs == {1: 0.0}
    desk.accept()
    assert desk.exposure(1) == 0.0


def test_a_boot_is_remembered_over_a_restart_and_a_mere_reconnect_is_not():
    desk = charging(1)
    desk.disconnect(1)
    desk.step(StationOnline("CP-1", desk.now_s))
    assert desk.rows[key(1)].worst_until_s is not None
    desk.step(StationBooted("CP-1", desk.now_s))
    row = desk.rows[key(1)]
    assert (row.worst_a, row.worst_until_s, row.after_a) == (32.0, None, 32.0)


def test_what_was_ordered_before_our_profiles_were_cleared_proves_nothing_after():
    desk = charging(1)
    desk.step(CapSet("main", "dso", alike(20.0), None, desk.now_s))
    (before,) = desk.orders
    desk.step(OursCleared(key(1), desk.now_s))
    assert (desk.limits, desk.installs) == ({1: 20.0}, {1: 0.0})
    again = desk.orders
    desk.accept(before)
    assert desk.exposure(1) == 32.0
    desk.accept(*again)
    desk.later(11.0)
    assert desk.exposure(1) == 20.0


def test_an_answer_for_a_transaction_that_ended_says_nothing():
    desk = charging(1)
    desk.step(CapSet("main", "dso", alike(20.0), None, desk.now_s))
    desk.unplug(1)
    desk.answer(Verdict.REJECTED, *desk.open.values())
    assert desk.exposure(1) == 0.0


def test_a_refused_limit_is_forgotten_with_its_transaction():
    desk = charging(1)
    desk.step(CapSet("main", "dso", alike(20.0), None, desk.now_s))
    desk.answer(Verdict.REJECTED)
    assert desk.exposure(1) == 32.0
    desk.unplug(1)
    assert desk.exposure(1) == 0.0


def test_a_failsafe_without_an_answer_is_asked_for_again():
    desk = Desk(make_site([evse(1, failsafe_a=6.0)]))
    desk.step(StationOnline("CP-1", 0.0))
    desk.answer(Verdict.UNKNOWN)
    assert desk.exposure(1) == 32.0
    desk.later(2.5)
    assert desk.installs == {1: 6.0}
    desk.accept()
    assert desk.exposure(1) == 6.0


# --- stations that can't be moved


def test_a_charger_that_nobody_can_move_is_reserved_and_not_asked():
    desk = Desk(make_site([evse(1), evse(2)], 40.0))
    desk.step(Capability(key(1), movable=False), StationOnline("CP-1", 0.0))
    assert desk.orders == ()
    desk.connect(2)
    desk.plug(1)
    desk.plug(2)
    assert desk.limits == {2: 8.0}
    assert (desk.reason(1).kind, desk.reason(1).source) == (ReasonKind.OFFLINE_RESERVE, "not-movable")


def test_many_unknown_stations_leave_nothing_to_give_and_nothing_breaks():
    desk = Desk(make_site([evse(number) for number in range(1, 31)]))
    desk.connect(1)
    desk.plug(1)
    assert desk.orders == ()
    desk.later(5.0)
    assert AlarmKind.EXPOSED in desk.told
    assert desk.controller.total_exposure("main", desk.now_s) == alike(29 * 32.0)


def test_a_car_from_before_we_ever_spoke_to_its_station_may_have_any_limit():
    desk = Desk(make_site([evse(1)]), now_s=100.0)
    desk.step(SessionBegan(key(1), "tx-1", 50.0), StationOnline("CP-1", 100.0))
    assert (desk.limits, desk.installs) == ({1: 32.0}, {1: 0.0})
    desk.accept(*[order for order in desk.orders if isinstance(order, InstallFailsafe)])
    assert desk.exposure(1) == 32.0
    desk.accept_all()
    assert desk.has(1) == 32.0


# --- failsafes above 0


def test_a_failsafe_is_counted_always_and_a_car_with_one_is_never_given_less():
    desk = Desk(make_site([evse(1), evse(2, failsafe_a=6.0)]))
    desk.connect(1, 2)
    assert desk.exposure(2) == 6.0
    desk.plug(1)
    desk.accept_all()
    assert desk.has(1) == 26.0
    desk.plug(2)
    desk.run(60.0)
    assert [desk.has(1), desk.has(2)] == [16.0, 16.0]
    desk.step(CapSet("main", "dso", alike(10.0), None, desk.now_s))
    assert desk.limits == {1: 0.0, 2: 10.0}
    desk.run(60.0)
    assert [desk.exposure(1), desk.exposure(2)] == [0.0, 10.0]
    desk.step(CapSet("main", "dso", alike(5.0), None, desk.now_s))
    assert desk.limits == {2: 6.0}
    assert desk.reason(2).kind is ReasonKind.FAILSAFE


def test_a_failsafe_below_the_minimum_is_counted_but_charges_no_car():
    desk = Desk(make_site([evse(1, failsafe_a=3.0)]))
    desk.connect(1)
    desk.step(CapSet("main", "dso", alike(5.0), None, desk.now_s))
    desk.plug(1)
    assert desk.reason(1).kind is ReasonKind.CAP
    assert desk.exposure(1) == 3.0


# --- disobedience


def disobeying() -> Desk:
    """One of two cars was told 10 A, and draws 16."""
    desk = charging(2)
    desk.step(CapSet("main", "dso", alike(20.0), None, desk.now_s))
    desk.accept()
    desk.measure(2, 9.9, after=1.0)
    for _ in range(3):
        desk.measure(1, 16.0, after=5.0)
    return desk


def test_a_charger_that_ignores_its_limit_is_found_out_and_its_maximum_reserved():
    desk = disobeying()
    assert desk.alarms == [AlarmKind.DISOBEYS]
    assert desk.exposure(1) == 32.0
    assert desk.reason(1).source == "disobeys"
    assert desk.limits == {2: 0.0}


def test_what_is_measured_counts_before_disobedience_is_certain():
    desk = charging(2)
    desk.step(Measured(key(1), desk.now_s, (20.0, 1.0, 1.0)))
    assert desk.controller.exposure(key(1), desk.now_s) == (20.0, 16.0, 16.0)


def test_a_charger_that_disobeys_is_told_its_limit_again_and_again():
    desk = disobeying()
    told = [order for order in desk.run(200.0) if order.evse == key(1)]
    assert 2 <= len(told) <= 4
    assert all(isinstance(order, SetLimit) and order.limit_a == 10.0 for order in told)


def test_a_charger_that_obeys_for_a_while_is_trusted_again():
    desk = disobeying()
    for _ in range(29):
        desk.measure(1, 10.0, after=10.0)
        assert desk.exposure(1) == 32.0
        desk.accept_all()
    desk.measure(1, 16.0, after=1.0)
    for _ in range(31):
        assert desk.exposure(1) == 32.0
        desk.measure(1, 10.0, after=10.0)
        desk.accept_all()
    assert desk.exposure(1) == 10.0


def test_a_disobedient_charger_without_a_car_is_trusted_after_the_same_time():
    desk = disobeying()
    desk.unplug(1)
    assert desk.exposure(1) == 32.0
    desk.run(299.0)
    assert desk.exposure(1) == 32.0
    desk.run(2.0)
    assert desk.exposure(1) == 0.0


def test_current_without_a_transaction_is_disobedience():
    desk = Desk(make_site([evse(1)]))
    desk.connect(1)
    for _ in range(4):
        desk.measure(1, 6.0, after=5.0)
    assert desk.exposure(1) == 32.0
    assert desk.later(1000.0).orders == ()
    assert desk.exposure(1) == 32.0
    desk.measure(1, 0.0, after=1.0)
    desk.later(301.0)
    assert desk.told[-1] is AlarmKind.OBEYS_AGAIN
    assert desk.exposure(1) == 0.0


# --- other people's profiles


def test_a_foreign_profile_that_may_raise_is_counted_until_it_is_gone():
    desk = charging(2)
    desk.step(ForeignProfile(key(1), 25.0, caps=False, at_s=desk.now_s))
    assert desk.exposure(1) == 25.0
    assert desk.reason(1).source == "foreign-profile"
    assert desk.limits == {2: 7.0}
    desk.accept()
    desk.run(20.0)
    assert [desk.has(1), desk.has(2)] == [25.0, 7.0]
    desk.step(ForeignProfile(key(1), None, caps=False, at_s=desk.now_s))
    assert desk.exposure(1) == 32.0
    assert desk.limits == {2: 0.0}
    desk.accept()
    desk.step(ForeignCleared(key(1), desk.now_s))
    assert desk.exposure(1) == 32.0  # it may take a while to come down
    desk.run(400.0)
    assert [desk.has(1), desk.has(2)] == [16.0, 16.0]


def test_a_foreign_profile_below_ours_starves_nobody():
    desk = Desk(make_site([evse(1)], 40.0))
    desk.connect(1)
    desk.step(ForeignProfile(key(1), 16.0, caps=False, at_s=desk.now_s))
    desk.plug(1)
    assert desk.limits == {1: 16.0}
    assert desk.exposure(1) == 16.0
    assert desk.run(1000.0)[0].limit_a == 16.0
    assert AlarmKind.LATE not in desk.told


def test_a_foreign_profile_above_the_circuit_lowers_to_what_fits_and_raises_nothing():
    desk = charging(1, 20.0)
    desk.step(ForeignProfile(key(1), None, caps=False, at_s=desk.now_s))
    assert desk.exposure(1) == 32.0
    desk.run(1000.0)
    assert desk.has(1) == 20.0
    desk.step(CapSet("main", "dso", alike(12.0), None, desk.now_s))
    assert desk.limits == {1: 12.0}
    desk.accept()
    desk.step(CapSet("main", "dso", alike(4.0), None, desk.now_s))
    assert desk.limits == {1: 0.0}
    desk.step(CapCleared("main", "dso", desk.now_s))
    desk.run(1000.0)
    assert desk.has(1) == 0.0


def test_a_foreign_profile_gives_no_more_than_a_foreign_cap_beside_it_lets_through():
    desk = charging(1)
    desk.step(
        ForeignProfile(key(1), 25.0, caps=False, at_s=desk.now_s),
        ForeignProfile(key(1), 10.0, caps=True, at_s=desk.now_s),
    )
    assert desk.limits == {1: 10.0}


def test_of_several_foreign_caps_the_lowest_holds():
    desk = charging(1)
    desk.step(*(ForeignProfile(key(1), cap_a, caps=True, at_s=desk.now_s) for cap_a in (10.0, 20.0, None)))
    assert desk.limits == {1: 10.0}


def test_a_foreign_cap_is_not_given_more_than_it_lets_through():
    desk = charging(2)
    desk.step(ForeignProfile(key(1), 10.0, caps=True, at_s=desk.now_s))
    assert desk.limits == {1: 10.0}
    desk.run(60.0)
    assert [desk.has(1), desk.has(2)] == [10.0, 22.0]


def test_a_foreign_cap_below_the_minimum_leaves_the_current_to_others():
    desk = charging(2)
    desk.step(ForeignProfile(key(1), 5.0, caps=True, at_s=desk.now_s))
    desk.run(60.0)
    assert [desk.has(1), desk.has(2)] == [0.0, 32.0]


def test_a_foreign_profile_on_an_idle_evse_is_reserved():
    desk = Desk(make_site([evse(1), evse(2)]))
    desk.connect(1, 2)
    desk.step(ForeignProfile(key(1), 20.0, caps=False, at_s=0.0))
    desk.plug(2)
    assert desk.limits == {2: 12.0}


def test_a_car_with_a_foreign_profile_keeps_its_lease():
    desk = charging(1)
    desk.step(ForeignProfile(key(1), 10.0, caps=False, at_s=desk.now_s))
    assert [order.limit_a for order in desk.run(400.0) if isinstance(order, SetLimit)] == [32.0]


def test_answers_of_several_orders_are_told_apart():
    desk = charging(1)
    desk.step(CapSet("main", "dso", alike(20.0), None, desk.now_s))
    (first,) = desk.orders
    desk.step(CapSet("main", "dso", alike(10.0), None, desk.now_s))
    (second,) = desk.orders
    desk.accept(second)
    assert desk.limits == {
        1: 10.0
    }  # the first may still be on its way: whatever it does, this one comes after
    (third,) = desk.orders
    desk.later(11.0)
    assert desk.exposure(1) == 20.0
    desk.step(Answered(first.id, Verdict.ACCEPTED, desk.now_s))
    assert desk.has(1) == 20.0
    desk.accept(third)
    desk.later(11.0)
    assert desk.exposure(1) == 10.0


def test_who_is_left_with_its_failsafe_gets_what_a_limit_on_power_leaves_unused():
    site = make_site([evse(1), evse(2, failsafe_a=6.0)], max_power_w=230.0 * 3 * 40.0)
    desk = Desk(site)
    desk.connect(1, 2)
    desk.plug(1)
    desk.accept_all()
    desk.plug(2)
    desk.run(60.0)
    desk.step(CapSet("main", "dso", None, 230.0 * 3 * 10.0, desk.now_s))
    desk.run(60.0)
    assert desk.exposure(1) + desk.exposure(2) <= 10.0
    assert desk.has(2) >= 6.0
