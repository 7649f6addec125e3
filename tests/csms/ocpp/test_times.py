from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.times import format_utc
from csms.ocpp.times import is_date_time, parse

NOON_US = 1_714_564_800_000_000
"""2024-05-01T12:00:00Z."""

READABLE = [
    ("2024-05-01T12:00:00Z", 0),
    ("2024-05-01T12:00:00z", 0),
    ("2024-05-01t12:00:00Z", 0),
    ("2024-05-01T12:00:00", 0),
    ("2024-05-01 12:00:00", 0),
    ("2024-05-01T12:00:00+00:00", 0),
    ("2024-05-01T14:00:00+02:00", 0),
    ("2024-05-01T14:00:00+0200", 0),
    ("2024-05-01T14:00:00+02", 0),
    ("2024-05-01T06:30:00-05:30", 0),
    ("2024-05-01T12:00:00.5Z", 500_000),
    ("2024-05-01T12:00:00,5Z", 500_000),
    ("2024-05-01T12:00:00.123456789Z", 123_456),
    ("2024-05-01T12:00:00." + "1" * 200 + "Z", 111_111),
    ("2024-05-01T12:00Z", 0),
    ("20240501T120000Z", 0),
    # Outside of ISO 8601, and plain all the same.
    ("2024-5-1T12:0:0Z", 0),
    ("2024/05/01 12:00:00", 0),
    ("2024-05-01T12:00:00 Z", 0),
    (" 2024-05-01T12:00:00Z ", 0),
    ("2024-05-01T14:00:00 +2:00", 0),
    ("2024-05-01T06:00:00.25 -6:00", 250_000),
    ("2024-05-01T11:59:60Z", 0),
]


@pytest.mark.parametrize(("text", "after_noon_us"), READABLE)
def test_a_timestamp_is_read_however_it_is_written(text, after_noon_us):
    assert parse(text) == NOON_US + after_noon_us


UNREADABLE = [
    "2024-05-01T12:00:00" + " " * 1_000_000 + "x",
    *(
        "",
        " ",
        "garbage",
        "null",
        "12:00:00",
        "0",
        "1714564800",
        "-",
        "T",
        "Z",
        "\x00",
        "\ud800",
        "x" * 100_000,
    ),
    *("2024-13-01T12:00:00Z", "2024-02-30T12:00:00Z", "2024-05-01T25:00:00Z", "2024-05-01T12:61:00Z"),
    *(
        "2024-05-01T12:00:61Z",
        "2024-05-01T12:00:00 +99:00",
        "2024-05-01T12:00:00+25:00",
        "24-05-01T12:00:00Z",
    ),
    # A clock that tells such a year tells nothing.
    *("0001-01-01T00:00:00Z", "1899-12-30T00:00:00Z", "1969-12-31T23:59:59Z", "2100-01-01T00:00:00Z"),
    *("9999-12-31T23:59:59Z", "1900-1-1T0:0:0Z", "12024-05-01T12:00:00Z", "٢٠٢٤-05-01T12:00:00Z"),
]


@pytest.mark.parametrize("text", UNREADABLE)
def test_what_is_no_timestamp_is_none(text):
    assert parse(text) is None


@given(
    st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(2099, 12, 30)),  # noqa: DTZ001
    st.integers(-14 * 60, 14 * 60),
)
def test_any_moment_in_any_zone_is_read_exactly(moment, offset_minutes):
    zoned = moment.replace(tzinfo=timezone(timedelta(minutes=offset_minutes)))
    exact = (zoned - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert parse(zoned.isoformat()) == exact
    assert parse(zoned.isoformat(sep=" ")) == exact


@given(st.integers(0, 4_000_000_000_000))
def test_what_we_write_we_read(milliseconds):
    assert parse(format_utc(milliseconds * 1000)) == milliseconds * 1000
    assert is_date_time(format_utc(milliseconds * 1000))


@given(st.text())
def test_no_text_makes_reading_fail(text):
    assert parse(text) is None or isinstance(parse(text), int)
    assert isinstance(is_date_time(text), bool)


@pytest.mark.parametrize(
    "text",
    [
        "2024-05-01T12:00:00Z",
        "2024-05-01t12:00:00.1+02:00",
        "2024-12-31T23:59:60Z",
        "9999-12-31T23:59:59Z",
        "0001-01-01T00:00:00-00:00",
    ],
)
def test_a_complete_date_time_may_be_sent(text):
    assert is_date_time(text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "2024-05-01T12:00:00",
            "2024-05-01 12:00:00Z",
            "2024-05-01",
            "2024-05-01T12:00Z",
            "20240501T120000Z",
        ),
        *(
            "2024-02-30T12:00:00Z",
            "2024-05-01T12:60:00Z",
            "2024-05-01T12:00:61Z",
            "2024-05-01T12:00:00+24:00",
            "",
        ),
    ],
)
def test_anything_less_may_not(text):
    assert not is_date_time(text)
