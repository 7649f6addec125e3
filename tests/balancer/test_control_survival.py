"""What outlasts connections, profiles and the server itself: leases, the ledger's rows, and other people's profiles."""

from __future__ import annotations

from collections import deque
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balancer.observations import Capability
from balancer.orders import SetLimit
from tests.balancer.virtual.charger import Foreign
from tests.balancer.virtual.network import Fate
from tests.balancer.virtual.sites import alike, one_fuse
from tests.balancer.virtual.stories import HUNGRY, ROUND_S, charging, key, limits, raises_since
from tests.balancer.virtual.world import World

# --- leases


def test_a_dead_server_lets_all_leases_run_out_to_the_failsafe():
    world = charging(2, 60.0)
    world.crash(down_s=3000.0)
    world.run(world.settings.lease_s + 1.0)
    assert [charger.draw_a for charger in world.chargers()] == [0.0, 0.0]
    world.run(3000.0)
    assert [charger.draw_a for charger in world.chargers()] == pytest.approx([30.0, 30.0])


def test_a_vanished_station_keeps_its_share_until_its_lease_is_surely_over_and_then_leaves_it_to_the_others():
    world = charging(2, 40.0)
    gone_s = world.now_s
    world.disconnect("CP-1")
    world.run(300.0)
    assert world.charger(key(2)).draw_a == pytest.approx(20.0)
    world.run(world.settings.lease_s)
    assert world.charger(key(1)).draw_a == 0.0
    assert world.charger(key(2)).draw_a == pytest.approx(32.0)
    ends_s = max(
        order.start_s + (order.lease_s or 0)
        for _, order in world.orders
        if isinstance(order, SetLimit) and order.evse == key(1)
    )
    raised = raises_since(world, gone_s)
    assert raised
    assert raised[0][0] >= ends_s + world.settings.lease_margin_s


def test_a_station_without_leases_holds_its_share_until_its_transaction_ends():
    world = World(one_fuse(2, 40.0), capabilities={key(1): Capability(key(1), leases=False)})
    world.start()
    world.plug(key(1), HUNGRY)
    world.plug(key(2), HUNGRY)
    world.run(120.0)
    world.disconnect("CP-1")
    world.run(4000.0)
    assert [charger.draw_a for charger in world.chargers()] == pytest.approx([20.0, 20.0])
    world.unplug(key(1))
    world.reconnect("CP-1")
    world.run(ROUND_S * 2)
    assert world.charger(key(2)).draw_a == pytest.approx(32.0)


def test_a_limit_is_counted_until_the_lease_has_ended_by_a_clock_that_is_late():
    world = World(one_fuse(2, 40.0), capabilities={key(1): Capability(key(1), clock_error_s=20.0)})
    world.charger(key(1)).clock_error_s = -20.0
    world.start()
    world.plug(key(1), HUNGRY)
    world.plug(key(2), HUNGRY)
    world.run(120.0)
    world.disconnect("CP-1")
    world.run(1200.0)
    assert world.charger(key(1)).draw_a == 0.0
    assert world.charger(key(2)).draw_a == pytest.approx(32.0)


# --- other people's profiles and lost ones


def test_a_foreign_profile_that_wins_is_made_room_for():
    world = charging(2, 40.0)
    world.set_foreign(key(1), Foreign(32.0, caps=False))
    world.run(world.settings.decrease_timeout_s + ROUND_S)
    assert [charger.draw_a for charger in world.chargers()] == pytest.approx([32.0, 8.0])
    world.clear_foreign(key(1))
    world.run(3 * ROUND_S)
    assert [charger.draw_a for charger in world.chargers()] == pytest.approx([20.0, 20.0])


def test_after_a_restart_a_foreign_profile_is_not_made_ours():
    """Found by chance: what a restart knows of an EVSE counts the foreign profile, and was ordered again."""
    world = charging(2, 20.0)
    world.set_foreign(key(1), Foreign(32.0, caps=False))
    world.run(60.0)
    world.crash(down_s=1.0)
    world.run(60.0)
    assert limits(world)[key(1)] <= 20.0


def test_a_station_that_forgot_its_profiles_gets_them_back_before_it_charges_much():
    world = charging(2, 40.0)
    world.boot("CP-1", dark_s=10.0, away_s=10.0, forgets=True)
    world.run(12.0)
    assert world.charger(key(1)).default_a == 0.0
    world.plug(key(1), HUNGRY)
    world.run(2 * ROUND_S)
    assert [charger.draw_a for charger in world.chargers()] == pytest.approx([20.0, 20.0])


def test_our_profiles_cleared_by_somebody_are_set_again():
    world = charging(2, 40.0)
    world.clear_ours(key(1))
    world.run(3 * ROUND_S)
    assert [charger.draw_a for charger in world.chargers()] == pytest.approx([20.0, 20.0])


# --- P16: restarts


def test_a_station_that_is_away_over_a_restart_counts_as_before():
    world = charging(2, 40.0)
    world.disconnect("CP-1")
    world.crash(down_s=1.0, back_after_s={"CP-1": 600.0, "CP-2": 1.0}.__getitem__)
    for _ in range(60):
        world.run(5.0)
        assert world.charger(key(2)).draw_a == pytest.approx(20.0)


def test_after_a_restart_what_is_doubtful_is_not_taken_for_a_limit_that_may_be_set():
    """Found by chance: a row that counts a charger at its maximum let that be ordered on a full board."""
    world = World(one_fuse(2, 20.0))
    world.charger(key(1)).reaction_s = 9.5
    world.start()
    world.plug(key(1), HUNGRY)
    world.run(60.0)
    world.boot("CP-2", dark_s=1.0, away_s=1.0, forgets=False)
    world.run(1.03)  # the doubt is durable, and the failsafe not proven yet
    assert world.plug(key(2), HUNGRY)
    world.settle()
    world.crash(down_s=1.0, rows_kept=2)
    world.run(3 * ROUND_S)
    assert world.judge.excused == []
    assert [charger.draw_a for charger in world.chargers()] == pytest.approx([10.0, 10.0])


def test_a_car_that_comes_before_the_first_failsafe_is_proven_waits_for_room_all_the_same():
    fates = deque([Fate()] * 3)
    world = World(one_fuse(2, 20.0), chance=lambda: fates.popleft() if fates else Fate(answer_s=0.5))
    world.charger(key(1)).reaction_s = 9.5
    world.start()
    world.plug(key(1), HUNGRY)
    world.run(60.0)
    world.boot("CP-2", dark_s=1.0, away_s=1.0, forgets=False)
    world.run(1.03)
    world.crash(down_s=1.0, rows_kept=2)
    world.run(2.1)
    assert world.plug(key(2), HUNGRY)
    world.run(4 * ROUND_S)
    assert world.judge.excused == []
    assert [charger.draw_a for charger in world.chargers()] == pytest.approx([10.0, 10.0])


@pytest.mark.soak
def test_nobody_is_paused_because_the_server_restarted(scaled):
    @settings(max_examples=scaled(25, 2000), derandomize=bool(scaled(1, 0)))
    @given(
        seed=st.integers(0, 2**32),
        after_s=st.floats(0.0, 400.0),
        down_s=st.sampled_from([0.01, 5.0, 60.0, 250.0]),
        orders=st.one_of(st.none(), st.integers(0, 2)),
    )
    def prove(seed: int, after_s: float, down_s: float, orders: int | None) -> None:
        random = Random(seed)
        world = _hungry_world(random)
        world.run(60.0 + after_s)
        back_s = {name: random.uniform(0.1, 30.0) for name in world.stations}
        if orders is None:
            world.crash(down_s=down_s, rows_kept=random.randint(0, 3), back_after_s=back_s.__getitem__)
        else:
            world.crash_in_next_decision(
                orders=orders, rows=0, down_s=down_s, back_after_s=back_s.__getitem__
            )
        for _ in range(120):
            world.run(5.0)
            assert min(charger.draw_a for charger in world.chargers()) >= 6.0
        assert world.judge.excused == []
        world.run(120.0)
        free_a = world.limit_a("main")[0] - world.others_a("main")[0]
        together_a = min(32.0 * len(world.chargers()), free_a)
        assert sum(charger.draw_a for charger in world.chargers()) == pytest.approx(together_a, abs=1.0)

    prove()


def _hungry_world(random: Random) -> World:
    """One to four cars that have to share, but not so little that one must wait."""
    count = random.randint(1, 4)
    measures = random.choice([None, "other_loads", "node_total"])
    world = World(one_fuse(count, 10.0 + 8.0 * count, measures=measures, fallback_a=10.0))
    world.start()
    if measures is not None:
        world.load("main", alike(random.choice([0.0, 10.0])))
        world.run(60.0)
    for number in range(1, count + 1):
        world.plug(key(number), HUNGRY)
    return world
