"""Which clock is believed, and how a moment is written."""

from __future__ import annotations

import pytest

from csms.domain.times import EARLIEST_PLAUSIBLE_US, format_utc, trusted_at

NOW_US = 1_780_000_000_000_000


@pytest.mark.parametrize("device_us", [EARLIEST_PLAUSIBLE_US, NOW_US - 1, NOW_US])
def test_a_device_may_be_late_by_any_time_since_2020(device_us: int) -> None:
    assert trusted_at(device_us, NOW_US) == (device_us, True)


@pytest.mark.parametrize("device_us", [None, 0, EARLIEST_PLAUSIBLE_US - 1, NOW_US + 1])
def test_a_device_that_is_early_or_never_set_or_silent_gets_the_time_of_receipt(
    device_us: int | None,
) -> None:
    assert trusted_at(device_us, NOW_US) == (NOW_US, False)


@pytest.mark.parametrize(
    ("at_us", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_780_000_000_123_999, "2026-05-28T20:26:40.123Z"),
        (1_577_836_799_999_999, "2019-12-31T23:59:59.999Z"),
    ],
)
def test_a_moment_is_written_in_utc_to_the_millisecond_and_never_rounded_up(at_us: int, text: str) -> None:
    assert format_utc(at_us) == text
