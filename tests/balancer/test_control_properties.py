"""The controller against chargers, cars and a network on virtual time, judged by physics (`virtual/judge.py`).

The usual run tries the same examples each time; the search for new ones is that of `make soak`.
"""

from __future__ import annotations

from collections import deque
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from balancer.observations import CapSet
from tests.balancer.virtual.chaos import CALM, WILD, Chaos, Faults, random_world
from tests.balancer.virtual.charger import Car, Foreign
from tests.balancer.virtual.network import Fate
from tests.balancer.virtual.sites import alike, random_site
from tests.balancer.virtual.world import World

METERS = st.sampled_from([None, "other_loads", "node_total"])
SEEDS = st.integers(0, 2**32)


def _run(seed: int, measures: Any, faults: Faults, events: int) -> World:
    random = Random(seed)
    world = random_world(random, random_site(random, measures=measures), faults)
    world.start()
    Chaos(random, world, faults).run(events)
    return world


@pytest.mark.soak
def test_faults_of_messages_stations_and_the_server_never_overload_anything(scaled):
    """P1 without any excuse, P2 and P16: whatever is lost, late, doubled, offline, booting or crashing."""

    @settings(max_examples=scaled(25, 3000), derandomize=bool(scaled(1, 0)))
    @given(seed=SEEDS, measures=METERS)
    def prove(seed: int, measures: Any) -> None:
        world = _run(seed, measures, CALM, scaled(40, 200))
        assert world.judge.excused == []

    prove()


@pytest.mark.soak
def test_steps_of_loads_caps_and_people_are_answered_within_the_declared_time(scaled):
    """P1 within the declared reaction, P2 and P16, with everything that can happen."""

    @settings(max_examples=scaled(25, 3000), derandomize=bool(scaled(1, 0)))
    @given(seed=SEEDS, measures=METERS)
    def prove(seed: int, measures: Any) -> None:
        _run(seed, measures, WILD, scaled(40, 200))

    prove()


FATES = st.lists(
    st.builds(
        Fate,
        request_s=st.sampled_from([0.0, 0.2, 4.0, 25.0]),
        request_lost=st.booleans(),
        answer_s=st.sampled_from([0.0, 0.2, 4.0, 12.0]),
        answer_lost=st.booleans(),
        twice=st.booleans(),
    ),
    max_size=3,
)
CARS = st.builds(
    Car,
    phases=st.integers(1, 3),
    plan=st.lists(st.tuples(st.floats(1, 600), st.sampled_from([0.0, 5.0, 16.0, 32.0])), max_size=3).map(
        lambda steps: ((0.0, 32.0), *sorted(steps))
    ),
    sleeps_after_pause_s=st.sampled_from([0.0, 60.0]),
)
WHICH = st.integers(0, 5)
LAGS_S = st.sampled_from([0.0, 0.0, 0.1, 3.1, 11.0, 35.0, 200.0])
"""How long after an event the next one comes."""


class Interleavings(RuleBasedStateMachine):
    """Every order of events, shrunk to the shortest that breaks something."""

    def __init__(self) -> None:
        super().__init__()
        self.fates: deque[Fate] = deque()
        self.world: World

    @initialize(seed=st.integers(0, 500), measures=METERS)
    def build(self, seed: int, measures: Any) -> None:
        random = Random(seed)
        self.world = random_world(random, random_site(random, measures=measures), WILD)
        self.world.chance = lambda: self.fates.popleft() if self.fates else Fate()
        self.world.start()

    def _key(self, which: int):
        evses = self.world.site.evses
        return evses[which % len(evses)].key

    @rule(seconds=st.sampled_from([0.01, 0.1, 1.0, 2.9, 3.1, 11.0, 35.0, 70.0, 290.0, 1000.0]))
    def wait(self, seconds: float) -> None:
        self.world.run(seconds)

    @rule(fates=FATES)
    def disturb_the_next_calls(self, fates: list[Fate]) -> None:
        self.fates = deque(fates)

    @rule(lag_s=LAGS_S, which=WHICH, car=CARS)
    def plug(self, lag_s: float, which: int, car: Car) -> None:
        self.world.plug(self._key(which), car)
        self.world.run(lag_s)

    @rule(lag_s=LAGS_S, which=WHICH)
    def unplug(self, lag_s: float, which: int) -> None:
        self.world.unplug(self._key(which))
        self.world.run(lag_s)

    @rule(lag_s=LAGS_S, which=WHICH, noticed_after_s=st.sampled_from([0.0, 20.0]))
    def disconnect(self, lag_s: float, which: int, noticed_after_s: float) -> None:
        self.world.disconnect(self._key(which).station, noticed_after_s=noticed_after_s)
        self.world.run(lag_s)

    @rule(lag_s=LAGS_S, which=WHICH)
    def reconnect(self, lag_s: float, which: int) -> None:
        self.world.reconnect(self._key(which).station)
        self.world.run(lag_s)

    @rule(lag_s=LAGS_S, which=WHICH, dark_s=st.sampled_from([1.0, 20.0]), forgets=st.booleans())
    def boot(self, lag_s: float, which: int, dark_s: float, forgets: bool) -> None:
        self.world.boot(self._key(which).station, dark_s=dark_s, away_s=dark_s, forgets=forgets)
        self.world.run(lag_s)

    @precondition(lambda self: self.world.host.controller is not None)
    @rule(lag_s=LAGS_S, down_s=st.sampled_from([0.01, 30.0, 1200.0]), rows=st.integers(0, 3))
    def crash(self, lag_s: float, down_s: float, rows: int) -> None:
        self.world.crash(down_s=down_s, rows_kept=rows)
        self.world.run(lag_s)

    @precondition(lambda self: self.world.host.controller is not None)
    @rule(orders=st.integers(0, 2), rows=st.integers(0, 3), down_s=st.sampled_from([0.01, 30.0, 1200.0]))
    def crash_in_the_next_decision(self, orders: int, rows: int, down_s: float) -> None:
        self.world.crash_in_next_decision(orders=orders, rows=rows, down_s=down_s)

    @precondition(lambda self: self.world.site.meters)
    @rule(lag_s=LAGS_S, shares=st.tuples(*[st.sampled_from([0.0, 0.5, 1.0])] * 3))
    def load(self, lag_s: float, shares: tuple[float, float, float]) -> None:
        worst_a = self.world.site.meters[0].fallback_a
        self.world.load("main", (shares[0] * worst_a[0], shares[1] * worst_a[1], shares[2] * worst_a[2]))
        self.world.run(lag_s)

    @precondition(lambda self: self.world.site.meters)
    @rule(speaks=st.booleans())
    def meter(self, speaks: bool) -> None:
        if speaks:
            self.world.measuring.unsilence("grid")
        else:
            self.world.measuring.silence("grid")

    @rule(
        lag_s=LAGS_S,
        which=WHICH,
        share=st.sampled_from([0.3, 0.8]),
        lasts_s=st.sampled_from([None, 5.0, 100.0]),
    )
    def cap(self, lag_s: float, which: int, share: float, lasts_s: float | None) -> None:
        node = self.world.site.nodes[which % len(self.world.site.nodes)]
        until_s = None if lasts_s is None else self.world.now_s + lasts_s
        limit_a = alike(min(node.rating_a) * share)
        self.world.cap(CapSet(node.id, "operator", limit_a, None, self.world.now_s, until_s))
        self.world.run(lag_s)

    @rule(lag_s=LAGS_S, which=WHICH)
    def uncap(self, lag_s: float, which: int) -> None:
        self.world.uncap(self.world.site.nodes[which % len(self.world.site.nodes)].id, "operator")
        self.world.run(lag_s)

    @rule(lag_s=LAGS_S, which=WHICH, limit_a=st.sampled_from([6.0, 32.0]), caps=st.booleans())
    def set_foreign(self, lag_s: float, which: int, limit_a: float, caps: bool) -> None:
        if self.world.can_send(self._key(which)) and self.world.charger(self._key(which)).foreign is None:
            self.world.set_foreign(self._key(which), Foreign(limit_a, caps))
            self.world.run(0.5 + lag_s)

    @rule(lag_s=LAGS_S, which=WHICH, ours=st.booleans())
    def clear_profiles(self, lag_s: float, which: int, ours: bool) -> None:
        if not self.world.can_send(self._key(which)):
            return
        if ours:
            self.world.clear_ours(self._key(which))
        elif self.world.charger(self._key(which)).foreign is not None:
            self.world.clear_foreign(self._key(which))
        self.world.run(0.5 + lag_s)

    @rule(lag_s=LAGS_S, which=WHICH, disobeys=st.booleans())
    def disobey(self, lag_s: float, which: int, disobeys: bool) -> None:
        self.world.disobey(self._key(which), disobeys=disobeys)
        self.world.run(lag_s)


@pytest.mark.soak
def test_no_interleaving_overloads_or_understates(scaled):
    run_state_machine_as_test(
        Interleavings,
        settings=settings(
            max_examples=scaled(100, 5000),
            stateful_step_count=scaled(40, 80),
            derandomize=bool(scaled(1, 0)),
            suppress_health_check=list(HealthCheck),
        ),
    )
