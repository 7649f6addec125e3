"""Site time may run fast; machine time never does."""

from __future__ import annotations

from csms.clock import SystemClock

START_US = 1_800_000_000_000_000


def test_site_time_begins_where_it_is_told_and_runs_on():
    clock = SystemClock(speed=60, start_us=START_US)
    assert START_US <= clock.now_us() < START_US + 3_600_000_000


def test_the_way_to_a_moment_is_shorter_by_the_speed():
    clock = SystemClock(speed=60, start_us=START_US)
    assert 50 < clock.seconds_until(START_US + 3_600_000_000) <= 60


def test_a_moment_that_has_passed_is_below_zero():
    assert SystemClock().seconds_until(START_US - 10**15) < 0


def test_clocks_of_one_anchor_agree_whenever_they_are_made():
    anchor_us = SystemClock().now_us() - 10_000_000
    clocks = [SystemClock(speed=60, start_us=START_US, anchor_us=anchor_us) for _ in range(2)]
    first_us, second_us = (clock.now_us() for clock in clocks)
    assert first_us >= START_US + 600_000_000
    assert 0 <= second_us - first_us < 60_000_000


def test_before_its_anchor_a_clock_shows_what_came_before_its_start():
    anchor_us = SystemClock().now_us() + 3_600_000_000
    assert SystemClock(speed=60, start_us=START_US, anchor_us=anchor_us).now_us() < START_US
