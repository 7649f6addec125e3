"""Stations whatever happens to them: energy, limits and time add up."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.charger import ChargerModel, Refusal
from simulators.hardware import EvseSpec
from simulators.schedules import Kind
from tests.simulators.some_chargers import V, car, charger
from tests.simulators.some_profiles import DEFAULT, NOON, TX, profile

actions = st.lists(
    st.tuples(
        st.floats(0.1, 900),
        st.sampled_from(["plug", "start", "stop", "unplug", "limit", "failsafe", "boot", "loss", "pass"]),
        st.integers(1, 2),
        st.integers(0, 40),
    ),
    max_size=30,
)
kinds = st.builds(
    lambda ramp, reaction, phases, keeps: (ramp, reaction, phases, keeps),
    st.sampled_from([math.inf, 4.0]),
    st.sampled_from([0.0, 0.5, 3.0]),
    st.integers(1, 3),
    st.booleans(),
)


def _do(model: ChargerModel, action: str, evse: int, amount: int, now_s: float, kind) -> None:
    ramp, reaction, phases, _ = kind
    number = 10 * evse + amount % 3
    try:
        if action == "plug":
            spec = {"ramp_a_per_s": ramp, "reaction_s": reaction, "phases": phases, "pack_wh": 9_000.0}
            model.plug(evse, car(soc=0.6, **spec), now_s)
        elif action == "start":
            model.start(evse, "T", now_s)
        elif action == "stop":
            model.stop(evse, now_s, "Local")
        elif action == "unplug":
            model.unplug(evse, now_s)
        elif action == "limit":
            model.set_profile(evse, profile(number, TX, (0, amount), (600, 6), kind=Kind.RELATIVE), now_s)
        elif action == "failsafe":
            model.set_profile(evse, profile(number, DEFAULT, amount, level=amount % 3), now_s)
        elif action == "boot":
            model.boot(now_s)
        elif action == "loss":
            model.power_loss(now_s)
        else:
            model.advance(now_s)
    except Refusal:
        pass


def _model(kind) -> ChargerModel:
    reaction, keeps = kind[1], kind[3]
    evses = (EvseSpec(id=1, reaction_s=reaction), EvseSpec(id=2, rotation=(1, 2, 0), reaction_s=reaction))
    return charger(*evses, keeps_profiles=keeps)


@given(kinds, actions)
def test_energy_is_the_integral_of_what_was_drawn_whatever_happens(kind, steps) -> None:
    model, now_s, last_wh = _model(kind), NOON, {1: 0, 2: 0}
    for wait_s, action, evse, amount in steps:
        now_s += wait_s
        _do(model, action, evse, amount, now_s, kind)
        for one, connector in model.connectors.items():
            assert connector.meter.register_wh >= last_wh[one]
            last_wh[one] = connector.meter.register_wh
    model.advance(now_s + 100)
    for connector in model.connectors.values():
        drawn_j = sum(connector.draws.ampere_seconds()) * V
        assert connector.meter.energy_j == pytest.approx(drawn_j, rel=1e-9, abs=1e-3)
        times = [at_s for at_s, _ in connector.draws.points]
        assert times == sorted(times)


@given(kinds, actions)
def test_when_it_has_settled_it_draws_no_more_than_it_may(kind, steps) -> None:
    model, now_s = _model(kind), NOON
    for wait_s, action, evse, amount in steps:
        now_s += wait_s
        _do(model, action, evse, amount, now_s, kind)
        for one, connector in model.connectors.items():
            settled_s = now_s + connector.settles_s + 1e-6
            if model.profiles.next_change_s(now_s) > settled_s:
                model.advance(settled_s)
                limit_a = model.limit_a(one)
                assert max(model.current_a(one)) <= (32 if limit_a is None else limit_a) + 1e-6
        now_s = model.now_s


@given(kinds, actions)
def test_the_same_happens_however_finely_time_is_cut(kind, steps) -> None:
    whole, cut, now_s = _model(kind), _model(kind), NOON
    for wait_s, action, evse, amount in steps:
        for share_ in (0.2, 0.5, 0.9):
            cut.advance(now_s + wait_s * share_)
        now_s += wait_s
        for model in (whole, cut):
            _do(model, action, evse, amount, now_s, kind)
    told = [
        [(type(event), getattr(event, "state", None)) for event in model.take_events()]
        for model in (whole, cut)
    ]
    assert told[0] == told[1]
    for evse, connector in whole.connectors.items():
        assert cut.connectors[evse].meter.energy_j == pytest.approx(
            connector.meter.energy_j, rel=1e-6, abs=10
        )
