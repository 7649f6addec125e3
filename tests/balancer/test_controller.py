"""The controller's core: increases wait for what is proven, decreases wait for nothing."""

from __future__ import annotations

import math

import pytest

from balancer.allocation import ReasonKind, allocate
from balancer.controller import AlarmKind, Controller, Settings
from balancer.observations import (
    Answered,
    Capability,
    CapCleared,
    CapSet,
    Measured,
    MeterRead,
    SessionBegan,
    StationOnline,
    Verdict,
)
from balancer.orders import InstallFailsafe, SetLimit
from balancer.site import EvseKey, Node
from tests.balancer.desk import Desk, alike, charging, evse, key, make_site


def cap(limit_a: float, source: str = "dso", until_s: float | None = None) -> CapSet:
    return CapSet("main", source, alike(limit_a), None, 0.0, until_s)


# --- arrivals


def test_a_station_that_connects_is_given_its_failsafe_and_then_costs_nothing():
    desk = Desk(make_site([evse(1)]))
    assert desk.exposure(1) == 32.0
    desk.step(StationOnline("CP-1", 0.0))
    assert desk.orders == (InstallFailsafe(1, key(1), 0.0),)
    desk.accept()
    assert desk.exposure(1) == 0.0
    assert desk.orders == ()
    assert desk.reason(1).kind is ReasonKind.FAILSAFE


def test_a_car_on_a_free_site_is_raised_at_once_with_a_lease_that_began_in_the_past():
    desk = Desk(make_site([evse(1)]))
    desk.connect(1)
    desk.now_s = 100.0
    desk.plug(1)
    (order,) = desk.orders
    assert order == SetLimit(2, key(1), "tx-1", 32.0, 0.0, 900.0, 40.0, raises=True)
    assert desk.exposure(1) == 32.0
    assert desk.decision.exposures[key(1)] == alike(32.0)


def test_a_newcomer_waits_until_those_before_it_have_come_down():
    desk = Desk(make_site([evse(1), evse(2)]))
    desk.connect(1, 2)
    desk.plug(1)
    desk.accept_all()
    desk.plug(2)
    assert desk.limits == {1: 16.0}
    assert desk.ordered[0].raises is False
    desk.accept()
    assert desk.orders == ()  # confirmed, but not seen to have come down
    desk.measure(1, 32.0, after=1.0)
    assert desk.orders == ()
    desk.measure(1, 15.9, after=1.0)
    assert desk.limits == {2: 16.0}
    desk.accept()
    assert [desk.has(1), desk.has(2)] == [16.0, 16.0]


def test_without_measurements_the_settle_time_releases_what_was_confirmed():
    desk = Desk(make_site([evse(1), evse(2)]))
    desk.connect(1, 2)
    desk.plug(1)
    desk.accept_all()
    desk.plug(2)
    desk.accept()
    assert desk.decision.wake_at_s == pytest.approx(desk.now_s + 10.0)
    desk.later(9.9)
    assert desk.orders == ()
    desk.later(0.2)
    assert desk.limits == {2: 16.0}


def test_freed_amperes_are_spent_as_soon_as_each_is_released_and_a_dead_charger_blocks_only_its_own():
    desk = Desk(make_site([evse(number) for number in (1, 2, 3)], 48.0))
    desk.connect(1, 2, 3)
    desk.plug(1)
    desk.plug(2)
    desk.run(60.0)
    assert [desk.has(1), desk.has(2)] == [24.0, 24.0]
    desk.plug(3)
    assert desk.limits == {1: 16.0, 2: 16.0}
    first, _ = desk.orders
    desk.measure(1, 24.0)
    desk.accept(first)
    desk.measure(1, 16.0, after=1.0)
    assert desk.limits == {3: 8.0}
    desk.accept()
    desk.later(3.0)
    assert desk.limits == {1: 12.0}  # 24 A of the dead one stay reserved, the living share the rest


def test_an_increase_counts_from_the_moment_it_is_handed_out():
    desk = Desk(make_site([evse(1), evse(2)]))
    desk.connect(1, 2)
    desk.step(SessionBegan(key(1), "tx-1", 0.0), SessionBegan(key(2), "tx-2", 0.0))
    assert desk.limits == {1: 16.0, 2: 16.0}
    assert desk.controller.total_exposure("main", desk.now_s) == alike(32.0)


def test_an_order_that_was_never_sent_never_counted():
    desk = Desk(make_site([evse(1)]))
    desk.connect(1)
    desk.plug(1)
    desk.answer(Verdict.NOT_SENT)
    assert desk.exposure(1) == 0.0
    assert desk.later(2.1).orders[0].limit_a == 32.0


# --- decreases


def test_a_lower_cap_is_ordered_at_once_whatever_is_open_or_was_just_raised():
    desk = Desk(make_site([evse(1)]))
    desk.connect(1)
    desk.plug(1)
    desk.step(cap(20.0))
    assert desk.limits == {1: 20.0}
    desk.step(cap(10.0))
    assert desk.limits == {1: 10.0}
    desk.step(cap(10.0))
    assert desk.orders == ()
    assert desk.exposure(1) == 32.0


def test_a_decrease_below_the_deadband_is_ordered_all_the_same():
    desk = charging(1)
    desk.step(cap(31.9))
    assert desk.limits == {1: 31.9}


def test_a_decrease_keeps_the_end_of_the_lease_that_it_lowers_so_that_what_is_durable_covers_it():
    desk = charging(1)
    desk.run(120.0)
    until_s = desk.kept_until_s(1)
    desk.step(cap(10.0))
    (order,) = desk.ordered
    assert order.raises is False
    assert order.lease_s is not None
    assert order.start_s + order.lease_s + 30.0 <= until_s


def test_a_decrease_below_what_was_never_confirmed_must_be_durable_too():
    desk = Desk(make_site([evse(1)]))
    desk.connect(1)
    desk.plug(1)
    desk.step(cap(10.0))
    assert desk.ordered[0].raises is True


def test_a_decrease_that_is_not_confirmed_in_time_is_made_up_for_by_those_who_answer():
    desk = charging(2)
    desk.step(cap(24.0))
    assert desk.limits == {1: 12.0, 2: 12.0}
    first, _ = desk.orders
    desk.accept(first)
    assert desk.orders == ()
    desk.later(3.0)
    assert desk.limits == {1: 8.0}
    assert AlarmKind.LATE in desk.alarms
    assert desk.reason(2).source == "unproven"


def test_who_answered_late_shares_again():
    desk = charging(2)
    desk.step(cap(24.0))
    first, second = desk.orders
    desk.accept(first)
    desk.later(3.0)
    desk.accept()
    desk.accept(second)
    desk.run(30.0)
    assert [desk.has(1), desk.has(2)] == [12.0, 12.0]


def test_the_same_decrease_is_ordered_again_after_a_failure_and_ever_more_rarely():
    desk = charging(1)
    desk.step(cap(10.0))
    waits: list[float] = []
    for _ in range(12):
        desk.answer(Verdict.UNKNOWN)
        since_s = desk.now_s
        desk.later(1000.0)
        waits.append(round(desk.now_s - since_s))
        assert desk.limits == {1: 10.0}
    assert waits[:4] == [2, 4, 8, 16]
    assert max(waits) == 300


def test_a_still_lower_decrease_does_not_wait_for_the_failed_one():
    desk = charging(1)
    desk.step(cap(10.0))
    desk.answer(Verdict.UNKNOWN)
    assert desk.orders == ()
    desk.step(cap(8.0))
    assert desk.limits == {1: 8.0}


def test_when_everything_is_taken_cars_are_paused():
    desk = charging(1)
    desk.step(cap(0.0))
    assert desk.limits == {1: 0.0}
    assert desk.reason(1).kind is ReasonKind.CAP
    assert desk.reason(1).source == "dso"


# --- unanswered and refused


def test_an_increase_without_an_answer_counts_with_the_limit_before():
    desk = Desk(make_site([evse(1), evse(2)]))
    desk.connect(1, 2)
    desk.plug(1)
    desk.answer(Verdict.UNKNOWN)
    assert desk.exposure(1) == 32.0
    assert desk.has(1) == 0.0
    desk.later(2.1)
    assert desk.limits == {1: 32.0}  # the same again, to know
    desk.accept()
    assert desk.has(1) == 32.0


def test_a_refused_limit_counts_at_the_maximum_until_another_is_confirmed():
    desk = charging(2)
    desk.step(cap(24.0))
    desk.answer(Verdict.REJECTED)
    assert AlarmKind.REJECTED in desk.alarms
    assert [desk.exposure(1), desk.exposure(2)] == [32.0, 32.0]
    desk.later(2.1)
    assert desk.limits == {1: 12.0, 2: 12.0}
    desk.accept()
    desk.later(10.1)
    assert [desk.exposure(1), desk.exposure(2)] == [12.0, 12.0]


def test_a_refused_failsafe_reserves_the_maximum_for_good_and_the_others_get_what_is_left():
    desk = Desk(make_site([evse(1), evse(2)], 40.0))
    desk.step(StationOnline("CP-1", 0.0), StationOnline("CP-2", 0.0))
    refused, fine = desk.orders
    desk.step(Answered(refused.id, Verdict.REJECTED, 0.0), Answered(fine.id, Verdict.ACCEPTED, 0.0))
    desk.plug(2)
    assert desk.later(5.0).orders != ()
    while desk.installs:
        desk.answer(Verdict.REJECTED)
        desk.later(1.0)
    assert desk.exposure(1) == 32.0
    assert desk.controller.explain(key(2)).ordered_a == 8.0


def test_an_answer_to_nothing_is_ignored_with_an_alarm():
    desk = charging(1)
    desk.step(Answered(4711, Verdict.ACCEPTED, desk.now_s))
    assert desk.alarms == [AlarmKind.UNKNOWN_ORDER]


# --- leases


def test_leases_are_renewed_at_a_third_at_most_twelve_times_an_hour_and_nothing_else_is_sent():
    desk = charging(2)
    desk.run(700.0)
    sent = desk.run(3600.0)
    assert all(isinstance(order, SetLimit) and order.limit_a == 16.0 and order.raises for order in sent)
    for number in (1, 2):
        assert 11 <= sum(order.evse == key(number) for order in sent) <= 12


def test_a_lost_connection_keeps_the_limit_until_the_lease_has_surely_ended():
    desk = charging(1)
    lease_end_s = desk.kept_until_s(1)
    desk.disconnect(1)
    assert desk.reason(1).kind is ReasonKind.OFFLINE_RESERVE
    desk.later(lease_end_s - desk.now_s - 0.1)
    assert desk.exposure(1) == 32.0
    desk.later(0.2)
    assert desk.exposure(1) == 0.0
    assert desk.decision.wake_at_s == math.inf


@pytest.mark.parametrize(
    "capability", [Capability(key(1), leases=False), Capability(key(1), clock_error_s=-31.0 * -1)]
)
def test_a_station_that_can_not_have_a_lease_holds_its_limit_until_its_transaction_ends(capability):
    desk = Desk(make_site([evse(1)]))
    desk.connect(1)
    desk.step(capability)
    desk.plug(1)
    assert desk.ordered[0].lease_s is None
    desk.accept()
    desk.disconnect(1)
    desk.later(100_000.0)
    assert desk.exposure(1) == 32.0
    desk.unplug(1)
    assert desk.exposure(1) == 0.0


def test_a_clock_error_prolongs_what_is_counted():
    desk = Desk(make_site([evse(1)]))
    desk.connect(1)
    desk.plug(1)
    desk.accept()
    before_s = desk.kept_until_s(1)
    desk.step(Capability(key(1), clock_error_s=20.0))
    assert desk.kept_until_s(1) == before_s + 20.0


def test_a_clock_found_wrong_ends_the_lease_and_one_found_right_brings_it_back():
    desk = charging(1)
    desk.step(Capability(key(1), clock_error_s=60.0))
    assert [order.lease_s for order in desk.ordered] == [None]
    desk.accept()
    assert desk.orders == ()
    desk.step(cap(20.0))
    assert [(order.lease_s, order.raises) for order in desk.ordered] == [(None, False)]
    desk.accept()
    desk.step(Capability(key(1)))
    assert [order.lease_s for order in desk.ordered] == [900.0]


def test_a_lower_limit_without_a_lease_must_be_durable_when_the_one_before_had_one():
    desk = charging(1)
    desk.step(Capability(key(1), leases=False), cap(20.0))
    assert [(order.lease_s, order.raises) for order in desk.ordered] == [(None, True)]


def test_a_limit_whose_lease_ran_out_on_the_wire_is_raised_again_when_there_is_room():
    desk = charging(1)
    for _ in range(60):
        desk.later(60.0)
        if desk.orders:
            desk.answer(Verdict.NOT_SENT)
        if desk.has(1) == 0.0:
            break
    assert desk.has(1) == 0.0
    desk.run(300.0)
    assert desk.has(1) == 32.0


# --- hold and deadband, for increases only


def test_an_increase_below_the_deadband_is_not_worth_a_message():
    desk = charging(1)
    desk.step(cap(20.0))
    desk.accept()
    desk.later(60.0)
    desk.step(cap(20.4))
    assert desk.orders == ()
    desk.step(cap(20.5))
    assert desk.limits == {1: 20.5}


def test_an_increase_waits_for_the_hold_after_the_last_change():
    desk = charging(1)
    desk.step(cap(20.0))
    desk.accept()
    changed_s = desk.now_s - 0.1
    desk.step(CapCleared("main", "dso", desk.now_s))
    assert desk.orders == ()
    desk.later(9.8)
    assert desk.orders == ()
    desk.later(0.2)
    assert desk.limits == {1: 32.0}
    assert desk.now_s == pytest.approx(changed_s + 10.0)


def test_a_cap_ends_by_itself():
    desk = charging(1)
    desk.step(cap(20.0, until_s=desk.now_s + 100.0))
    desk.accept()
    assert desk.run(99.0) == []
    assert [order.limit_a for order in desk.run(2.0)] == [32.0]


def test_a_cap_on_power_binds_too():
    desk = charging(2, 63.0)
    desk.step(CapSet("main", "dso", None, 230.0 * 3 * 20.0, 0.0))
    assert desk.limits == {1: 10.0, 2: 10.0}
    assert (desk.reason(1).kind, desk.reason(1).source) == (ReasonKind.CAP, "dso")


# --- what others say


def test_what_nobody_knows_is_ignored_with_an_alarm():
    desk = charging(1)
    desk.step(
        Measured(EvseKey("CP-9", 1), desk.now_s, alike(3.0)),
        MeterRead("nowhere", desk.now_s, alike(3.0)),
        CapSet("nowhere", "dso", alike(1.0), None, desk.now_s),
        cap(math.nan),
        Measured(key(1), desk.now_s, alike(math.nan)),
        Measured(key(1), math.nan, alike(1.0)),
        Measured(key(1), desk.now_s + 1000.0, alike(1.0)),
        Measured(key(1), desk.now_s, alike(1000.0)),
        StationOnline("CP-9", desk.now_s),
    )
    assert desk.alarms == [
        AlarmKind.UNKNOWN_EVSE,
        AlarmKind.UNKNOWN_METER,
        AlarmKind.UNKNOWN_NODE,
        *[AlarmKind.ABSURD_VALUE] * 5,
    ]
    assert desk.orders == ()


def test_time_never_goes_back():
    desk = charging(1)
    now_s = desk.now_s
    desk.step(at=now_s - 100.0)
    assert desk.alarms == [AlarmKind.CLOCK_WENT_BACK]
    assert desk.decision.wake_at_s > now_s


def test_a_step_without_news_orders_nothing():
    desk = charging(3)
    for _ in range(3):
        assert desk.step().orders == ()
        assert desk.decision.rows == ()
    assert desk.controller.site.id == "site"


def test_a_strategy_that_fails_keeps_what_everybody_has_as_far_as_it_fits():
    failing = False

    def strategy(snapshot, name):
        if failing:
            raise ValueError(name)
        return allocate(snapshot, name)

    nodes = [
        Node(id="main", parent=None, rating_a=alike(32.0), max_power_w=100_000.0),
        Node(id="board", parent="main", rating_a=alike(32.0)),
    ]
    desk = Desk(make_site([evse(1, node="board"), evse(2)], nodes=nodes), allocate=strategy)
    desk.connect(1, 2)
    desk.plug(1)
    desk.plug(2)
    desk.run(60.0)
    failing = True
    desk.step()
    assert desk.orders == ()
    assert desk.alarms == [AlarmKind.STRATEGY_FAILED]
    assert desk.step().alarms == ()
    desk.step(cap(20.0))
    assert desk.limits == {2: 0.0}


def test_settings_are_the_callers():
    desk = Desk(make_site([evse(1)]), settings=Settings(lease_s=300.0))
    desk.connect(1)
    desk.plug(1)
    assert desk.ordered[0].lease_s == 300.0


# --- what others may ask


def test_circuits_say_nothing_before_the_first_step_and_then_what_bears_on_each():
    site = make_site([evse(1)], 40.0)
    controller = Controller(site, now_s=0.0)
    assert controller.circuits() == {}
    controller.step(0.0, ())
    circuit = controller.circuits()["main"]
    assert circuit.bound.limit_a == alike(40.0)
    assert circuit.exposure_a == alike(32.0)


def test_a_failsafe_above_nothing_is_durable_before_it_leaves_also_where_nobody_is_trusted():
    desk = Desk(make_site([evse(1, failsafe_a=6.0)]))
    desk.step(StationOnline("CP-1", desk.now_s))
    (order,) = desk.orders
    assert isinstance(order, InstallFailsafe)
    assert order.raises
    desk.accept_all()
    desk.disconnect(1)
    desk.step(StationOnline("CP-1", desk.now_s))
    (again,) = desk.orders
    assert not again.raises  # it has it already
