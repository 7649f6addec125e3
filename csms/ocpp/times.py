"""Timestamps from the wire, read leniently into UTC microseconds (written by `csms.domain.times.format_utc`)."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST_YEAR = 1970
_LATEST_YEAR = 2099
_LONGEST = 64
"""Characters that are worth a second look, or keeping."""
_DAY_US = 86_400_000_000
_SECOND_US = 1_000_000

_LOOSE = re.compile(
    r"(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})[Tt\s]\s*"
    r"(?P<hour>\d{1,2}):(?P<minute>\d{1,2})(?::(?P<second>\d{1,2})(?:[.,](?P<fraction>\d+))?)?"
    r"\s*(?P<zone>[Zz]|(?P<sign>[+-])(?P<zone_hours>\d{1,2}):?(?P<zone_minutes>\d{2})?)?",
    re.ASCII,
)
"""What real stations write besides ISO 8601: without leading zeros, with blanks, with a leap second."""

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def parse(text: str) -> int | None:
    """Return UTC microseconds of a timestamp, None where it can't be one.

    Any offset and any number of decimals (OCPP 1.6 §3.15), none = UTC, a blank for the T. A year before
    1970 or after 2099 is no time of ours.
    """
    try:
        # Takes the first characters apart quickly; dates alone and ISO weeks are let through as well.
        moment = datetime.fromisoformat(text)
    except ValueError:
        return _parse_loose(text)
    return _microseconds(moment)


def as_said(text: str) -> str:
    """Return a station's timestamp as it is kept beside what it means: cut, for no schema bounds it."""
    return text[:_LONGEST]


def is_date_time(text: str) -> bool:
    """Tell whether `text` is a `date-time` as JSON Schema means it (RFC 3339): complete, with an offset."""
    if _RFC3339.fullmatch(text) is None:
        return False
    # A leap second exists in RFC 3339 and not in datetime.
    second = "59" if text[17:19] == "60" else text[17:19]
    try:
        datetime.fromisoformat(f"{text[:17]}{second}{text[19:]}".upper())
    except ValueError:
        return False
    return True


def _microseconds(moment: datetime) -> int | None:
    if not _EARLIEST_YEAR <= moment.year <= _LATEST_YEAR:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    since = moment - _EPOCH
    return since.days * _DAY_US + since.seconds * _SECOND_US + since.microseconds


def _parse_loose(text: str) -> int | None:
    text = text.strip()
    match = _LOOSE.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        return None
    part = match.groupdict(default="0")
    second = int(part["second"])
    try:
        # A leap second (60) exists in ISO 8601 and not in datetime.
        moment = datetime(
            int(part["year"]),
            int(part["month"]),
            int(part["day"]),
            int(part["hour"]),
            int(part["minute"]),
            min(second, 59) if second <= 60 else second,  # noqa: PLR2004
            int(part["fraction"][:6].ljust(6, "0")),
            tzinfo=UTC,
        )
    except ValueError:
        return None
    at_us = _microseconds(moment)
    if at_us is None:
        return None
    offset_minutes = int(part["zone_hours"]) * 60 + int(part["zone_minutes"])
    if offset_minutes >= 24 * 60:
        return None
    if part["sign"] == "-":
        offset_minutes = -offset_minutes
    return at_us + (_SECOND_US if second == 60 else 0) - offset_minutes * 60 * _SECOND_US  # noqa: PLR2004
