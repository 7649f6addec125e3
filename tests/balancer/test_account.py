"""The account of one EVSE on its own: corners that a whole controller seldom comes to."""

from __future__ import annotations

import math

import pytest

from balancer.account import Account
from balancer.attempts import Attempts
from balancer.claims import Claim, claim_of, either
from balancer.evidence import Obedience, Settling
from balancer.keeping import restore, row_of
from balancer.observations import Capability, Verdict
from balancer.orders import ExposureRow, InstallFailsafe, SetLimit
from balancer.settings import Settings
from tests.balancer.desk import alike, evse, key

SETTINGS = Settings()


def account(**others: float) -> Account:
    """An account of a connected EVSE with a proven failsafe."""
    place = evse(1, **others)
    found = Account(
        evse=place,
        settings=SETTINGS,
        full_a=place.max_a,
        created_s=0.0,
        phases=place.phases,
        capability=Capability(key(1)),
    )
    found.connected()
    found.hand_out(InstallFailsafe(1, key(1), place.failsafe_a))
    found.answered(1, Verdict.ACCEPTED, 0.0)
    return found


def limit(order_id: int, limit_a: float, *, start_s: float = 0.0, transaction: str = "tx") -> SetLimit:
    return SetLimit(order_id, key(1), transaction, limit_a, 0.0, 900.0, start_s, raises=True)


def running(limit_a: float) -> Account:
    found = account()
    found.began("tx", 0.0)
    found.hand_out(limit(2, limit_a))
    found.answered(2, Verdict.ACCEPTED, 0.0)
    return found


def test_an_order_that_is_not_open_can_not_be_answered():
    with pytest.raises(KeyError):
        account().answered(7, Verdict.ACCEPTED, 0.0)


@pytest.mark.parametrize(
    ("verdict", "exposure_a"), [(Verdict.NOT_SENT, 0.0), (Verdict.UNKNOWN, 6.0), (Verdict.REJECTED, 32.0)]
)
def test_a_failsafe_that_was_not_confirmed_counts_as_far_as_it_may_be_there(verdict, exposure_a):
    found = account()
    found.hand_out(InstallFailsafe(2, key(1), 6.0))
    assert found.exposure(0.0) == alike(6.0)
    found.answered(2, verdict, 1.0)
    assert found.exposure(1.0) == alike(exposure_a)


def test_a_transaction_that_is_told_again_changes_nothing():
    found = running(16.0)
    found.began("tx", 5.0)
    assert found.exposure(5.0) == alike(16.0)


def test_the_end_of_another_transaction_is_not_the_end_of_this_one():
    found = running(16.0)
    found.ended("tx-before")
    assert found.exposure(5.0) == alike(16.0)


def test_several_orders_without_an_answer_count_with_the_highest_and_the_longest():
    found = running(10.0)
    for order_id, limit_a, start_s in [(3, 16.0, 50.0), (4, 12.0, 100.0)]:
        found.hand_out(limit(order_id, limit_a, start_s=start_s))
        found.answered(order_id, Verdict.UNKNOWN, start_s)
    assert found.exposure(1000.0) == alike(16.0)
    assert found.exposure(1030.0) == alike(0.0)


def test_a_clock_error_that_becomes_known_prolongs_what_had_no_answer_too():
    found = running(10.0)
    found.hand_out(limit(3, 16.0))
    found.answered(3, Verdict.UNKNOWN, 0.0)
    found.learn(Capability(key(1), clock_error_s=25.0))
    assert found.exposure(950.0) == alike(16.0)
    assert found.exposure(955.0) == alike(0.0)


def test_a_row_of_an_idle_evse_restores_its_failsafe():
    found = account(failsafe_a=6.0)
    row = row_of(found, 0.0)
    assert row == ExposureRow(key(1), None, 6.0, None, 6.0)
    restored = account()
    restore(restored, row)
    assert restored.running is None
    assert restored.exposure(0.0) == alike(6.0)


def test_a_row_covers_what_still_settles_when_nothing_else_is_left():
    found = running(16.0)
    found.foreign_set(20.0, caps=False)
    found.foreign_cleared(1000.0)
    row = row_of(found, 1000.0)
    assert (row.worst_a, row.worst_until_s, row.after_a) == (20.0, 1010.0, 0.0)


def test_what_settles_is_held_longer_while_it_is_seen_not_to():
    found = running(32.0)
    found.measured(1.0, alike(32.0))
    found.hand_out(limit(3, 10.0))
    found.answered(3, Verdict.ACCEPTED, 2.0)
    found.measured(9.0, alike(32.0))
    found.settle(12.0)
    assert found.exposure(12.0) == alike(32.0)
    found.obedience.over_since_s = None
    found.settle(69.5)
    assert found.exposure(69.5) == alike(10.0)
    assert found.next_s(69.5) == 900.0


def test_a_sample_from_before_the_confirmation_proves_nothing():
    settling = Settling(alike(32.0), 10.0, 20.0, alike(16.0), seen_above=True)
    assert not settling.is_proven(10.0, alike(5.0), SETTINGS)
    assert settling.is_proven(10.1, alike(5.0), SETTINGS)


def test_a_sample_within_the_tolerance_lowers_what_is_counted_to_what_was_seen():
    settling = Settling(alike(32.0), 10.0, 20.0, alike(16.0), seen_above=True)
    assert not settling.is_proven(11.0, alike(16.4), SETTINGS)
    assert settling.exposure_a == alike(16.4)


def test_being_below_proves_nothing_of_a_car_that_was_never_above():
    settling = Settling(alike(32.0), 10.0, 20.0, alike(16.0), seen_above=False)
    assert not settling.is_proven(11.0, alike(5.0), SETTINGS)
    assert not settling.is_proven(12.0, alike(20.0), SETTINGS)
    assert settling.is_proven(13.0, alike(5.0), SETTINGS)


def test_quarantine_counts_from_the_confirmation_of_the_limit_that_is_broken():
    seen = Obedience(SETTINGS)
    assert not seen.sample(0.0, alike(20.0), over=True, confirmed_s=5.0, settle_s=10.0)
    assert not seen.sample(14.0, alike(20.0), over=True, confirmed_s=5.0, settle_s=10.0)
    assert seen.sample(15.0, alike(20.0), over=True, confirmed_s=5.0, settle_s=10.0)
    assert not seen.sample(16.0, alike(20.0), over=True, confirmed_s=5.0, settle_s=10.0)


def test_an_answer_that_comes_after_our_profiles_were_cleared_proves_nothing():
    found = running(16.0)
    found.hand_out(limit(3, 10.0))
    found.lost_profiles()
    found.hand_out(InstallFailsafe(4, key(1), 0.0))
    found.answered(4, Verdict.ACCEPTED, 1.0)
    found.answered(3, Verdict.ACCEPTED, 2.0)
    found.settle(100.0)
    assert found.exposure(100.0) == alike(32.0)


def test_a_claim_without_a_lease_never_ends():
    claim = claim_of(SetLimit(1, key(1), "tx", 10.0, 6.0, None, 0.0, raises=True), 30.0)
    assert claim.at(1e9) == claim.in_force_a(1e9) == 10.0
    assert either(Claim(5.0, 0.0, 10.0, 40.0), claim).until_s is None


def test_a_claim_counts_what_follows_its_lease_before_it_too():
    claim = claim_of(SetLimit(1, key(1), "tx", 0.0, 6.0, 900.0, 0.0, raises=True), 30.0)
    assert [claim.at(0.0), claim.in_force_a(899.0), claim.in_force_a(900.0)] == [6.0, 0.0, 6.0]


def test_of_watts_and_amperes_without_an_answer_the_higher_counts():
    amperes = Claim(10.0, 0.0, 10.0, 40.0)
    watts = Claim(6.0, 0.0, 10.0, 40.0, total_a=18.0)
    assert either(amperes, watts).total_a == 30.0
    assert either(watts, watts).total_a == 18.0


def test_attempts_wait_ever_longer_until_one_succeeds():
    attempts = Attempts()
    for wait_s in (2.0, 4.0, 8.0):
        attempts.failed(100.0, SETTINGS)
        assert attempts.again_s == 100.0 + wait_s
    attempts.reset()
    assert (attempts.failures, attempts.again_s) == (0, -math.inf)
