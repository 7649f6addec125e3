"""A station's clock against ours, and when a sample was taken."""

from __future__ import annotations

import pytest

from csms.domain.metering import Quality
from csms.usecases.balancing.clocks import StationClock
from tests.csms.usecases.balancing.scripted import START_US, sample

S = 1_000_000


def clock_of(*lags_s: float) -> StationClock:
    clock = StationClock()
    for index, lag_s in enumerate(lags_s):
        clock.seen(sample("CP-1", "t", START_US + index * S, lag_s=lag_s))
    return clock


@pytest.mark.parametrize(
    ("lags_s", "error_s"),
    [((), 0), ((40,), 40), ((40, 41, 900), 41), ((-70, -70, 0), 70), ((0.2, 0.1, 3), 0.2)],
)
def test_the_error_is_the_median_of_what_was_seen(lags_s, error_s):
    assert clock_of(*lags_s).error_s == pytest.approx(error_s)


def test_a_replayed_queue_says_nothing_of_the_clock():
    clock = StationClock()
    clock.connected(START_US, 60.0)
    clock.seen(sample("CP-1", "t", START_US + 10 * S, lag_s=3600))
    assert clock.error_s == 0
    clock.seen(sample("CP-1", "t", START_US + 61 * S, lag_s=1))
    assert clock.error_s == 1


def test_of_several_moments_in_one_message_the_newest_tells():
    clock = StationClock()
    for lag_s in (60, 30, 1):
        clock.seen(sample("CP-1", "t", START_US, lag_s=lag_s))
    assert clock.error_s == 1


def test_the_register_at_begin_or_end_says_nothing_of_the_clock():
    clock = StationClock()
    clock.seen(sample("CP-1", "t", START_US, lag_s=500, context="Transaction.Begin"))
    assert clock.error_s == 0


def test_a_late_clock_is_corrected():
    clock = clock_of(120, 120, 120)
    assert clock.measured_at_us(sample("CP-1", "t", START_US, lag_s=121)) == START_US - S
    assert clock_of(1).measured_at_us(sample("CP-1", "t", START_US, lag_s=2)) == START_US - 2 * S


def test_a_time_of_receipt_counts_unless_a_queue_may_be_replayed():
    clock = StationClock()
    ahead = sample("CP-1", "t", START_US, lag_s=-3)
    wild = sample("CP-1", "t", START_US, lag_s=1e9, quality=Quality.RECEIVE_TIME)
    assert clock.measured_at_us(ahead) == clock.measured_at_us(wild) == START_US
    clock.connected(START_US - S, 60.0)
    assert clock.measured_at_us(ahead) == START_US
    assert clock.measured_at_us(wild) is None
