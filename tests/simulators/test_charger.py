"""Stations: transactions, limits obeyed after their reaction time, and currents that are really drawn."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.charger import ChargerModel, Refusal
from simulators.connector import share
from simulators.events import (
    CablePlugged,
    CableUnplugged,
    SessionEnded,
    SessionStarted,
    State,
    StateChanged,
    StationBooted,
    TokenPresented,
)
from simulators.hardware import ChargerSpec, EvseSpec
from simulators.profile_rules import ProfileRules
from simulators.profiles import Criteria
from simulators.schedules import Version
from tests.simulators.some_chargers import V, car, charger, charging, currents, states
from tests.simulators.some_profiles import DEFAULT, EXTERNAL, MAX, NOON, TX, profile


def test_a_whole_session_is_told_in_order() -> None:
    model = charger()
    model.plug(1, car(), NOON + 1)
    model.present(1, "T", NOON + 2)
    session = model.accept(1, "T", NOON + 3)
    assert session is model.session(1)
    model.stop(1, NOON + 3603, "Local")
    model.unplug(1, NOON + 3700)
    assert [type(event) for event in model.take_events()] == [
        CablePlugged, StateChanged, TokenPresented, SessionStarted, StateChanged,
        SessionEnded, StateChanged, CableUnplugged, StateChanged,
    ]  # fmt: skip
    assert session is not None
    assert (session.meter_start_wh, session.meter_stop_wh) == (0, int(32 * V * 3))
    assert (session.started_s, session.ended_s, session.reason) == (NOON + 3, NOON + 3603, "Local")


def test_the_states_are_those_of_the_specification() -> None:
    model = charger()
    model.plug(1, car(pauses=((100.0, 200.0),)), NOON)
    model.start(1, "T", NOON)
    model.advance(NOON + 300)
    assert states(model) == [State.PREPARING, State.CHARGING, State.SUSPENDED_EV, State.CHARGING]
    model.set_profile(1, profile(1, TX, 0), NOON + 400)
    model.set_profile(1, profile(1, TX, 16), NOON + 500)
    model.stop(1, NOON + 600, "Local")
    model.unplug(1, NOON + 700)
    assert states(model) == [State.SUSPENDED_EVSE, State.CHARGING, State.FINISHING, State.AVAILABLE]


def test_a_token_that_is_accepted_before_the_plug_starts_with_it() -> None:
    model = charger()
    assert model.accept(1, "T", NOON) is None
    assert model.state(1) is State.PREPARING
    model.plug(1, car(), NOON + 5)
    assert model.session(1) is not None
    other = charger()
    other.accept(1, "T", NOON)
    other.forget_token(1, NOON + 30)
    other.plug(1, car(), NOON + 40)
    assert other.session(1) is None


def test_pulling_the_cable_ends_the_transaction_and_the_current() -> None:
    model = charging()
    vehicle = model.unplug(1, NOON + 60)
    ended = next(event for event in model.take_events() if isinstance(event, SessionEnded))
    assert ended.session.reason == "EVDisconnected"
    assert model.draws[1].now_a == (0, 0, 0)
    assert vehicle is not None
    assert model.unplug(1, NOON + 70) is None
    assert model.state(1) is State.AVAILABLE


def test_what_cannot_be_is_refused() -> None:
    model = charger()
    with pytest.raises(Refusal, match="Available"):
        model.start(1, "T", NOON)
    with pytest.raises(Refusal, match="no transaction"):
        model.stop(1, NOON, "Local")
    model.plug(1, car(), NOON)
    with pytest.raises(Refusal, match="has a car"):
        model.plug(1, car(), NOON)
    model.set_operative(1, NOON, operative=False)
    with pytest.raises(Refusal):
        model.start(1, "T", NOON)


def test_without_profiles_a_station_gives_all_it_has() -> None:
    model = charging()
    assert (model.limit_a(1), model.offered_a(1), model.current_a(1)) == (None, 32, (32, 32, 32))


def test_a_failsafe_of_nothing_lets_an_arrival_wait() -> None:
    model = charger()
    model.set_profile(1, profile(1, DEFAULT, 0), NOON)
    model.plug(1, car(), NOON)
    model.start(1, "T", NOON)
    model.advance(NOON + 100)
    assert model.state(1) is State.SUSPENDED_EVSE
    model.set_profile(1, profile(2, TX, 10), NOON + 100)
    assert model.current_a(1) == (10, 10, 10)


def test_a_lease_steps_down_at_its_second_without_anybody_there() -> None:
    model = charging(EvseSpec(reaction_s=2.0))
    model.set_profile(1, profile(1, TX, (0, 20), (900, 6), start=-60), NOON + 10)
    model.advance(NOON + 2000)
    lease = [(12, 32), (12, 20), (842, 20), (842, 6), (2000, 6)]  # each two seconds after it is due
    assert currents(model)[-5:] == lease


def test_limits_are_followed_after_the_reaction_time_each_in_its_turn() -> None:
    model = charging(EvseSpec(reaction_s=5.0))
    model.set_profile(1, profile(1, TX, 16), NOON + 10)
    model.set_profile(1, profile(1, TX, 8), NOON + 12)
    model.advance(NOON + 30)
    jumps = [
        (at, after)
        for (at, before), (later, after) in itertools.pairwise(currents(model))
        if at == later and before != after
    ]
    assert jumps == [(5, 32), (15, 16), (17, 8)]
    assert model.connectors[1].settles_s == 5.0


@pytest.mark.parametrize(
    ("spec", "limit_a", "offered_a"),
    [
        (EvseSpec(), 16.09, 16.0),
        (EvseSpec(step_a=1.0), 16.9, 16.0),
        (EvseSpec(step_a=0.1), 8.1, 8.1),
        (EvseSpec(), 5.9, 0.0),
        (EvseSpec(below_min="round-up"), 0.5, 6.0),
        (EvseSpec(below_min="round-up"), 0.0, 0.0),
        (EvseSpec(below_min="offer"), 5.0, 5.0),
        (EvseSpec(only_a=(6, 8, 10, 13, 16)), 12.9, 10.0),
        (EvseSpec(only_a=(6, 8), min_a=5), 5.5, 0.0),
        (EvseSpec(max_a=20), None, 20.0),
        (EvseSpec(max_a=20), 63.0, 20.0),
    ],
)
def test_hardware_offers_what_it_can_be_set_to(spec, limit_a, offered_a) -> None:
    assert spec.settable_a(limit_a) == offered_a


def test_a_kind_that_rounds_up_draws_more_than_it_was_told() -> None:
    model = charging(EvseSpec(reaction_s=0.0, below_min="round-up"))
    model.set_profile(1, profile(1, TX, 3), NOON)
    assert model.current_a(1) == (6, 6, 6)


def test_connectors_share_the_stations_maximum_and_never_exceed_it() -> None:
    model = charger(EvseSpec(id=1), EvseSpec(id=2), EvseSpec(id=3))
    model.set_profile(0, profile(1, MAX, 40), NOON)
    for evse in (1, 2):
        model.plug(evse, car(max_a=32), NOON)
    model.start(1, "T", NOON)
    model.advance(NOON + 60)
    assert model.current_a(1)[0] == 32
    model.start(2, "U", NOON + 60)
    model.advance(NOON + 120)
    assert [model.current_a(evse)[0] for evse in (1, 2, 3)] == [20, 20, 0]
    model.set_profile(2, profile(2, TX, 8), NOON + 120)
    model.advance(NOON + 180)
    assert [model.current_a(evse)[0] for evse in (1, 2)] == [32, 8]
    one, two = model.draws[1], model.draws[2]
    for at_s in sorted({at_s for draws in (one, two) for at_s, _ in draws.points}):
        assert one.at(at_s)[0] + two.at(at_s)[0] <= 40


@given(st.floats(0, 200), st.dictionaries(st.integers(1, 5), st.floats(0, 80), min_size=1))
def test_a_share_is_fair_and_nothing_is_left_over(total_a, wants_a) -> None:
    shares = share(total_a, wants_a)
    assert sum(shares.values()) == pytest.approx(min(total_a, sum(wants_a.values())))
    most_a = max(shares.values())
    for evse, want_a in wants_a.items():
        assert shares[evse] == want_a or shares[evse] == pytest.approx(most_a)


def test_one_that_disobeys_takes_profiles_and_gives_its_maximum() -> None:
    model = charging(obeys=False)
    assert model.set_profile(1, profile(1, TX, 6), NOON).accepted
    assert model.current_a(1)[0] == 32
    model = charging()
    model.set_profile(1, profile(1, TX, 6), NOON)
    model.disobey(1, 20.0, NOON + 10)
    assert model.current_a(1)[0] == 20
    model.disobey(1, None, NOON + 20)
    assert model.current_a(1)[0] == 6


def test_one_that_forgets_goes_up_in_mid_session() -> None:
    model = charging()
    model.set_profile(1, profile(1, TX, 6), NOON)
    model.forget_profiles(NOON + 10)
    assert model.current_a(1)[0] == 32


@pytest.mark.parametrize(("keeps", "expected_a"), [(True, 6), (False, 32)])
def test_a_boot_keeps_profiles_or_not_as_its_kind_does(keeps, expected_a) -> None:
    model = charging(keeps_profiles=keeps)
    model.set_profile(1, profile(1, DEFAULT, 6), NOON)
    model.boot(NOON + 10, "Watchdog", keep_sessions=True)
    assert StationBooted(NOON + 10, "Watchdog") in model.take_events()
    assert model.session(1) is not None
    assert model.current_a(1)[0] == expected_a


@pytest.mark.parametrize(
    ("after", "runs", "told"), [("end", False, "PowerLoss"), ("resume", True, None), ("lose", False, None)]
)
def test_a_power_loss_opens_the_contactor_and_ends_as_its_kind_does(after, runs, told) -> None:
    model = charging(after_power_loss=after)
    model.set_profile(1, profile(1, TX, 10), NOON)
    model.power_loss(NOON + 100)
    model.advance(NOON + 200)
    assert model.current_a(1) == (0, 0, 0)
    with pytest.raises(Refusal):
        model.start(1, "T", NOON + 200)
    model.take_events()
    model.boot(NOON + 300)
    assert model.current_a(1)[0] == (10 if runs else 0)
    reasons = [event.session.reason for event in model.take_events() if isinstance(event, SessionEnded)]
    assert reasons == ([told] if told else [])
    assert model.draws[1].at(NOON + 250) == (0, 0, 0)
    assert model.draws[1].at(NOON + 50) == (10, 10, 10)


def test_a_reboot_ends_what_runs() -> None:
    model = charging()
    model.boot(NOON + 60, "RemoteReset")
    ended = next(event for event in model.take_events() if isinstance(event, SessionEnded))
    assert ended.session.reason == "Reboot"
    assert model.state(1) is State.FINISHING


def test_a_fault_opens_the_contactor_and_repaired_it_goes_on() -> None:
    model = charging()
    model.fault(1, "GroundFailure", NOON + 10)
    assert model.current_a(1) == (0, 0, 0)
    event = model.take_events()[-1]
    assert event == StateChanged(1, NOON + 10, State.FAULTED, "GroundFailure")
    model.fault(1, None, NOON + 20)
    assert model.current_a(1)[0] == 32


def test_availability_changes_after_the_transaction() -> None:
    model = charging()
    assert model.set_operative(0, NOON + 5, operative=False) is False
    model.unplug(1, NOON + 10)
    assert model.state(1) is State.UNAVAILABLE
    assert model.set_operative(1, NOON + 20, operative=True) is True
    assert model.state(1) is State.AVAILABLE


def test_the_tx_profile_dies_with_its_transaction_and_the_default_holds_for_the_next() -> None:
    model = charging()
    model.set_profile(1, profile(1, DEFAULT, 8), NOON)
    model.set_profile(1, profile(2, TX, 20), NOON)
    model.stop(1, NOON + 10, "Local")
    assert [one.profile.id for one in model.profiles.installed] == [1]
    assert not model.set_profile(1, profile(2, TX, 20), NOON + 15).accepted
    model.start(1, "T", NOON + 20)
    assert model.current_a(1)[0] == 8
    assert [one.profile.id for one in model.clear_profiles(Criteria(), NOON + 30)] == [1]
    assert model.current_a(1)[0] == 32


def test_a_remote_start_brings_its_profile() -> None:
    model = charger()
    model.plug(1, car(), NOON)
    model.start(1, "T", NOON, profile=profile(1, TX, 12), remote_start_id=5)
    assert model.current_a(1)[0] == 12


def test_a_2_0_1_station_names_its_transactions_and_bows_to_a_local_limit() -> None:
    names = iter(["a", "b"])
    spec = ChargerSpec(id="C1", evses=(EvseSpec(reaction_s=0.0),), rules=ProfileRules(version=Version.V201))
    model = ChargerModel(spec, NOON, new_transaction=lambda: next(names))
    model.plug(1, car(), NOON)
    assert model.start(1, "T", NOON).transaction == "a"
    assert model.set_profile(1, profile(2, TX, 20, transaction="a"), NOON).accepted
    model.set_external(0, profile(9, EXTERNAL, 8), NOON)
    assert model.current_a(1)[0] == 8
    composite = model.composite(1, 60)
    assert composite is not None
    assert composite.periods[0].limit == 8


def test_a_station_that_switches_phases_charges_on_fewer() -> None:
    model = charging(rules=ProfileRules(switches_phases=True))
    model.set_profile(1, profile(1, TX, 3680, unit="W", phases=1), NOON)
    model.advance(NOON + 1)
    assert model.current_a(1) == (16, 0, 0)


def test_time_never_goes_back() -> None:
    model = charging()
    model.advance(NOON + 100)
    assert model.advance(NOON + 50) == NOON + 100
    model.stop(1, NOON + 60, "Local")
    session = model.take_events()
    assert any(isinstance(event, SessionEnded) and event.at_s == NOON + 100 for event in session)


def test_it_says_when_something_happens_next() -> None:
    model = charger()
    assert model.next_event_s() == math.inf
    model.set_profile(1, profile(1, DEFAULT, (0, 16), (60, 10)), NOON)
    assert model.next_event_s() == NOON + 60
    model.plug(1, car(wants_wh=16 * V * 3 / 120), NOON)
    model.start(1, "T", NOON)
    assert model.next_event_s() == pytest.approx(NOON + 30)
    model.advance(NOON + 31)
    assert model.state(1) is State.SUSPENDED_EV


def test_a_reading_shows_the_battery_and_the_offer() -> None:
    model = charging(EvseSpec(reaction_s=0.0, register_wh=500), vehicle=car(soc=0.5, pack_wh=100_000))
    model.advance(NOON + 3600)
    reading = model.reading(1)
    assert reading.energy_wh == 500 + int(32 * V * 3)
    assert reading.power_w == pytest.approx(32 * V * 3)
    assert reading.offered_a == 32
    assert reading.soc == pytest.approx(0.5 + 32 * V * 3 / 100_000)


def test_a_token_that_waits_starts_nothing_without_power() -> None:
    model = charger()
    model.accept(1, "T", NOON)
    model.power_loss(NOON + 1)
    model.plug(1, car(), NOON + 2)
    assert model.session(1) is None
