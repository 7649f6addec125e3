"""P10: who waits, how long, and that nobody is switched on and off in haste; on simulated time, tick by tick."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import assume, event, given
from hypothesis import strategies as st

from balancer.allocation import allocate
from balancer.rotation import DEFAULT_RULES, next_turn
from balancer.site import Evse, EvseKey, Node, Site
from balancer.snapshot import Session, Snapshot
from tests.balancer.generators import NOW_S, VOLTS, crowds, snapshots
from tests.balancer.judge import clearly_fits, least_a, rows, wants

pytestmark = pytest.mark.soak
RULES = DEFAULT_RULES
TAKING_TURNS = ["fair", "priority"]
"""The strategies under which cars of one class take turns; under `first_come` whoever came later waits."""


@dataclass(slots=True)
class Stint:
    """A stretch of time in which a car charged, or wanted to and did not."""

    charging: bool
    from_s: float
    to_s: float
    whole: bool = False
    """Its beginning and its end were seen."""

    @property
    def lasts_s(self) -> float:
        return self.to_s - self.from_s


def lived(
    snapshot: Snapshot, strategy: str, ticks_s: Sequence[float], horizon_s: float
) -> dict[EvseKey, list[Stint]]:
    """Let `horizon_s` pass, `ticks_s` in turn from one allocation to the next, and tell each car's stints."""
    end_s = snapshot.now_s + horizon_s
    stints: dict[EvseKey, list[Stint]] = {session.evse: [] for session in snapshot.sessions}
    tick = 0
    while snapshot.now_s < end_s:
        grants = allocate(snapshot, strategy).grants
        now_s = snapshot.now_s
        after_s = now_s + ticks_s[tick % len(ticks_s)]
        tick += 1
        cars: list[Session] = []
        for session in snapshot.sessions:
            charging = grants[session.evse].limit_a > 0.0
            own = stints[session.evse]
            if own and own[-1].charging == charging:
                own[-1].to_s = after_s
            else:
                if len(own) > 1:
                    own[-1].whole = True
                own.append(Stint(charging, now_s, after_s))
            cars.append(dataclasses.replace(session, turn=next_turn(session, charging, now_s)))
        snapshot = dataclasses.replace(snapshot, now_s=after_s, sessions=tuple(cars))
    return stints


def equal_cars(count: int, places: int) -> Snapshot:
    """`count` cars on a fuse that carries the minimum of `places` of them and a bit."""
    evses = tuple(
        Evse(key=EvseKey(f"cp{number}", 1), node="main", rotation=(0, 1, 2)) for number in range(count)
    )
    rating_a = places * 6.0 + 3.0
    site = Site(
        id="site",
        name="A fuse",
        timezone="UTC",
        nominal_voltage_v=VOLTS,
        mode="enforce",
        strategy="fair",
        nodes=(Node(id="main", parent=None, rating_a=(rating_a, rating_a, rating_a)),),
        meters=(),
        evses=evses,
    )
    cars = tuple(
        Session(evse=evse.key, transaction=evse.key.station, started_s=NOW_S, phases=(True, True, True))
        for evse in evses
    )
    return Snapshot(site=site, now_s=NOW_S, sessions=cars, free_a={}, free_w={})


def longest_wait_s(stints: Sequence[Stint]) -> float:
    return max((stint.lasts_s for stint in stints if not stint.charging), default=0.0)


ticks = st.lists(st.sampled_from([150.0, 300.0, 75.0, 110.0, 225.0]), min_size=1, max_size=4)


@pytest.mark.parametrize("strategy", TAKING_TURNS)
@given(count=st.integers(2, 7), places=st.integers(1, 6), ticks_s=ticks)
def test_nobody_waits_longer_than_n_over_k_quanta(
    strategy: str, count: int, places: int, ticks_s: list[float]
):
    assume(places < count)
    turns = math.ceil(count / places)
    stints = lived(equal_cars(count, places), strategy, ticks_s, (2 * turns + 1) * RULES.quantum_s)
    # Nobody looks more often than a tick: each turn on the way may begin that much late.
    bound_s = turns * (RULES.quantum_s + max(ticks_s))
    assert max(map(longest_wait_s, stints.values())) <= bound_s


@pytest.mark.parametrize("strategy", TAKING_TURNS)
def test_turns_share_the_time_out_evenly(strategy: str):
    # Half the capacity that all minima need, for a working day.
    stints = lived(equal_cars(12, 6), strategy, [60.0], 8 * 3600.0)
    times_s = [sum(stint.lasts_s for stint in own if stint.charging) for own in stints.values()]
    jain = sum(times_s) ** 2 / (len(times_s) * sum(time_s**2 for time_s in times_s))
    assert jain >= 0.98
    waits_s = [longest_wait_s(own) for own in stints.values()]
    assert max(waits_s) <= 1.1 * RULES.quantum_s


@given(snapshot=crowds() | snapshots(rotating=False), ticks_s=ticks)
def test_where_nothing_changes_nobody_is_switched_in_haste(snapshot: Snapshot, ticks_s: list[float]):
    stints = lived(snapshot, "fair", ticks_s, 6 * RULES.quantum_s)
    for session in snapshot.sessions:
        if session.min_a == 0.0:
            continue  # may be given 0 A as its share, which is no pause
        for stint in stints[session.evse]:
            if stint.whole:
                event("charged" if stint.charging else "paused")
                assert stint.lasts_s >= (RULES.min_on_s if stint.charging else RULES.min_off_s), session.evse


@given(
    snapshot=crowds() | snapshots(evses_max=6, rotating=False),
    ticks_s=st.lists(st.sampled_from([150.0, 60.0, 300.0]), min_size=1),
)
def test_everybody_who_could_charge_alone_does_in_the_end(snapshot: Snapshot, ticks_s: list[float]):
    # Cars that differ may not fit together, and one may have to wait until several others have had their turns:
    # as many turns as there are others, and each may begin late by the minimum on time of one that it overlaps.
    bounds = rows(snapshot)
    nothing = {session.evse: 0.0 for session in snapshot.sessions}
    able = [
        session
        for session in snapshot.sessions
        if wants(session)
        and least_a(snapshot, session) > 0.0
        and clearly_fits(bounds, {**nothing, session.evse: least_a(snapshot, session)})
    ]
    longest_s = len(snapshot.sessions) * (RULES.quantum_s + RULES.min_on_s + max(ticks_s))
    stints = lived(snapshot, "fair", ticks_s, longest_s + 2 * RULES.quantum_s)
    for session in able:
        assert longest_wait_s(stints[session.evse]) <= longest_s, session.evse
        event(f"turns: {sum(stint.charging for stint in stints[session.evse])}")


def test_under_first_come_the_first_keep_their_places():
    moment = equal_cars(3, 2)
    first, second, third = moment.sessions
    arrivals = (dataclasses.replace(first, started_s=NOW_S + 1), second, third)
    stints = lived(dataclasses.replace(moment, sessions=arrivals), "first_come", [60.0], 3 * RULES.quantum_s)
    assert [[stint.charging for stint in stints[car.evse]] for car in arrivals] == [[False], [True], [True]]
