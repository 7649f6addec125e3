"""Start gates: a station is believed when it has said that all is off; who asks waits for room at each free EVSE."""

from __future__ import annotations

from typing import Any

import pytest

from balancer.observations import StartAsked, StartOver
from balancer.site import Evse, EvseKey, Node, Site
from csms.domain.control import OrderOutcome, OrderVerdict, ReadConfiguration, WriteConfiguration
from csms.usecases.balancing.gate import BEGINS_LATER_S, GATE_KEYS, READ_KEYS, StartGate, Starts, reserves_fit

ALL_OFF = dict.fromkeys(GATE_KEYS, "false")
READ = ReadConfiguration(READ_KEYS)
NOW_US = 1_764_000_000_000_000
ONE, TWO = EvseKey("CP-1", 1), EvseKey("CP-1", 2)
OTHER = EvseKey("CP-2", 1)


def _said(values: dict[str, str]) -> OrderOutcome:
    return OrderOutcome(verdict=OrderVerdict.ACCEPTED, values=values)


def _ended(verdict: OrderVerdict = OrderVerdict.ACCEPTED, **more: Any) -> OrderOutcome:
    return OrderOutcome(verdict=verdict, **more)


def _gate() -> StartGate:
    gate = StartGate()
    gate.want(wanted=True)
    return gate


def test_who_is_not_to_be_gated_is_asked_nothing() -> None:
    gate = StartGate()
    gate.booted()
    gate.read_ended(_said(ALL_OFF), NOW_US)
    gate.write_ended(_ended())
    assert (gate.following, gate.shut) == (None, False)


def test_what_is_not_off_is_switched_off_and_read_back() -> None:
    gate = _gate()
    assert gate.following == READ
    gate.read_ended(_said({**ALL_OFF, "LocalPreAuthorize": "true", "LocalAuthListEnabled": "True"}), NOW_US)
    assert not gate.shut
    for key in ("LocalPreAuthorize", "LocalAuthListEnabled"):
        assert gate.following == WriteConfiguration(key, "false")
        gate.write_ended(_ended(OrderVerdict.NOT_SENT))
        gate.write_ended(_ended())
    assert (gate.following, gate.shut) == (READ, False)
    gate.read_ended(_said(ALL_OFF), NOW_US)
    assert (gate.following, gate.shut, gate.trouble) == (None, True, None)


def test_a_station_that_says_yes_and_goes_on_as_before_is_not_believed() -> None:
    gate = _gate()
    for _ in range(2):
        gate.read_ended(_said({**ALL_OFF, "AuthorizationCacheEnabled": "true"}), NOW_US)
        gate.write_ended(_ended())
    assert (gate.following, gate.shut) == (None, False)
    assert gate.trouble is not None
    assert "AuthorizationCacheEnabled" in gate.trouble


@pytest.mark.parametrize(
    ("absent", "shut"), [("LocalAuthListEnabled", True), ("LocalAuthorizeOffline", False)]
)
def test_what_a_station_need_not_have_is_off_where_it_has_none(absent: str, shut: bool) -> None:
    gate = _gate()
    gate.read_ended(_said({key.upper(): value for key, value in ALL_OFF.items() if key != absent}), NOW_US)
    assert gate.shut is shut


def test_what_is_in_force_after_a_boot_only_does_not_count_before() -> None:
    gate = _gate()
    gate.read_ended(_said({**ALL_OFF, "LocalPreAuthorize": "true"}), NOW_US)
    gate.write_ended(_ended(reboot_required=True))
    gate.read_ended(_said(ALL_OFF), NOW_US)
    assert not gate.shut
    gate.booted()
    gate.read_ended(_said(ALL_OFF), NOW_US)
    assert gate.shut


def test_a_shut_gate_stays_so_over_a_boot_until_something_else_is_read() -> None:
    gate = _gate()
    gate.read_ended(_said(ALL_OFF), NOW_US)
    gate.booted()
    assert (gate.shut, gate.following) == (True, READ)
    gate.read_ended(_ended(OrderVerdict.NOT_SENT), NOW_US)
    for _ in range(3):
        assert gate.shut
        gate.read_ended(_ended(OrderVerdict.UNKNOWN), NOW_US)
    assert (gate.shut, gate.following) == (False, None)
    assert gate.trouble


def test_a_gate_is_known_over_a_restart_and_gone_when_nobody_wants_it() -> None:
    gate = StartGate()
    gate.know(shut=True)
    gate.want(wanted=True)
    assert (gate.shut, gate.following) == (True, READ)
    gate.want(wanted=True)
    gate.want(wanted=False)
    assert (gate.shut, gate.following) == (False, None)


# --- who was let start before


def test_a_gate_is_worth_nothing_until_whoever_was_let_start_before_has_come_or_not() -> None:
    gate = _gate()
    gate.read_ended(_said({**ALL_OFF, "connectiontimeout": " 30 "}), NOW_US)
    worth_us = NOW_US + int((30 + BEGINS_LATER_S) * 1e6)
    assert (gate.shut, gate.holds, gate.starts_within_s) == (True, True, 30 + BEGINS_LATER_S)
    assert (gate.is_worth(worth_us - 1), gate.is_worth(worth_us)) == (False, True)


@pytest.mark.parametrize("said", [None, "", "0", "-5", "soon", "3601", "9" * 5000, "١٢"])
def test_a_station_that_does_not_say_how_long_a_start_may_take_has_the_usual_time(said: str | None) -> None:
    gate = StartGate(100.0)
    gate.want(wanted=True)
    gate.read_ended(_said(ALL_OFF if said is None else {**ALL_OFF, "ConnectionTimeOut": said}), NOW_US)
    assert (gate.starts_within_s, gate.worth_from_us) == (100.0, NOW_US + 100_000_000)


def test_a_gate_that_is_known_is_worth_its_name_at_once() -> None:
    gate = StartGate()
    gate.know(shut=True)
    gate.want(wanted=True)
    assert gate.is_worth(NOW_US)
    gate.read_ended(_said(ALL_OFF), NOW_US)
    assert gate.is_worth(NOW_US)


# --- who writes what it stands on


def _shut() -> StartGate:
    gate = _gate()
    gate.read_ended(_said(ALL_OFF), NOW_US - 3_600_000_000)
    assert gate.is_worth(NOW_US)
    return gate


def test_a_gate_whose_keys_somebody_wrote_is_not_believed_until_it_is_read_back() -> None:
    gate = _shut()
    for _ in range(2):
        gate.touched(["Anything", "localPREauthorize"])
        assert (gate.shut, gate.holds, gate.following) == (False, True, READ)
    gate.read_ended(_said(ALL_OFF), NOW_US)
    assert (gate.is_worth(NOW_US), gate.following) == (True, None)


def test_what_somebody_switched_on_is_switched_off_again_and_whoever_came_meanwhile_counts() -> None:
    gate = _shut()
    gate.touched(["LocalPreAuthorize"])
    gate.read_ended(_said({**ALL_OFF, "LocalPreAuthorize": "true"}), NOW_US)
    assert (gate.holds, gate.following) == (False, WriteConfiguration("LocalPreAuthorize", "false"))
    gate.write_ended(_ended())
    gate.read_ended(_said(ALL_OFF), NOW_US)
    assert (gate.shut, gate.is_worth(NOW_US)) == (True, False)
    assert gate.is_worth(gate.worth_from_us)


def test_a_gate_that_is_found_open_after_a_boot_is_not_believed_while_it_is_shut_again() -> None:
    gate = _shut()
    gate.booted()
    gate.read_ended(_said({**ALL_OFF, "LocalPreAuthorize": "true"}), NOW_US)
    assert (gate.shut, gate.holds) == (False, False)


def test_other_keys_and_gates_that_nobody_wants_are_no_matter() -> None:
    gate = _shut()
    gate.touched(["MeterValueSampleInterval"])
    assert (gate.shut, gate.following) == (True, None)
    gate.touched(["LocalPreAuthorize"])
    gate.want(wanted=False)
    assert (gate.holds, gate.following) == (False, None)
    gate.touched(["LocalPreAuthorize"])
    assert (gate.holds, gate.following) == (False, None)


def test_a_touched_gate_that_stays_open_is_told_of_and_holds_nobody() -> None:
    gate = _shut()
    gate.touched(["LocalPreAuthorize"])
    for _ in range(3):
        assert gate.holds
        gate.read_ended(_ended(OrderVerdict.UNKNOWN), NOW_US)
    assert (gate.holds, gate.trouble is None) == (False, False)


# --- who waits


def test_there_is_to_be_room_at_each_free_evse() -> None:
    starts = Starts()
    assert starts.wanted("cp-1", [TWO, ONE], 1.0) == [StartAsked(ONE, 1.0), StartAsked(TWO, 1.0)]
    assert starts.decided({ONE: True, TWO: False}) == ()
    assert starts.decided({ONE: True, TWO: True}) == ("cp-1",)
    assert starts.decided({ONE: True, TWO: True}) == ()
    starts.began(ONE)
    assert starts.given_up("cp-1", 3.0) == []


def test_what_is_held_for_one_who_was_let_start_is_not_given_back_for_another() -> None:
    starts = Starts()
    starts.wanted("cp-1", [TWO], 1.0)
    assert starts.decided({TWO: True}) == ("cp-1",)
    starts.wanted("cp-1", [ONE, TWO], 2.0)
    assert starts.given_up("cp-1", 3.0) == [StartOver(ONE, 3.0)]


def test_who_waits_no_more_is_over_at_all_of_them() -> None:
    starts = Starts()
    starts.wanted("cp-1", [ONE, TWO], 1.0)
    assert starts.given_up("cp-1", 2.0) == [StartOver(ONE, 2.0), StartOver(TWO, 2.0)]
    assert starts.decided({}) == ()


def test_who_was_let_and_did_not_come_is_forgotten() -> None:
    starts = Starts()
    starts.wanted("cp-1", [ONE], 1.0)
    assert starts.decided({ONE: True}) == ("cp-1",)
    assert starts.decided({}) == ()
    assert starts.given_up("cp-1", 2.0) == []


def test_where_no_evse_is_free_nobody_waits_for_room() -> None:
    starts = Starts()
    starts.wanted("cp-1", [ONE], 1.0)
    starts.wanted("cp-2", [OTHER], 1.0)
    assert starts.decided({OTHER: True}) == ("cp-2",)
    starts.began(ONE)
    assert starts.decided({OTHER: True}) == ("cp-1",)


# --- room for what is always reserved


@pytest.mark.parametrize(("rating_a", "fits"), [(12.0, True), (11.0, False)])
def test_reserves_fit_where_the_site_carries_them_all(rating_a: float, fits: bool) -> None:
    main = Node(id="main", parent=None, rating_a=(rating_a, rating_a, rating_a))
    evses = tuple(Evse(key=key, node="main", rotation=(0, 1, 2)) for key in (ONE, TWO))
    site = Site(id="site", name="Site", nodes=(main,), evses=evses)
    assert reserves_fit(site, {ONE: 6.0, TWO: 6.0}) is fits
