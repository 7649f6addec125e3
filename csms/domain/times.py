"""Which clock to believe: the station's while it is plausible, ours otherwise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

EARLIEST_PLAUSIBLE_US = 1_577_836_800_000_000
"""2020-01-01: stations whose clock was never set say 1970 or 2000."""


def trusted_at(device_at_us: int | None, received_at_us: int) -> tuple[int, bool]:
    """Return the moment to go by, in UTC microseconds, and whether the device's clock gave it.

    A device may be late by any time since 2020 (offline queues), never early: a clock that runs
    ahead would make everything after it look old.
    """
    if device_at_us is None or not EARLIEST_PLAUSIBLE_US <= device_at_us <= received_at_us:
        return received_at_us, False
    return device_at_us, True


def format_utc(at_us: int) -> str:
    """Write UTC microseconds as ISO 8601 with milliseconds and `Z`; later ones are cut off, never rounded up."""
    text = (_EPOCH + timedelta(microseconds=at_us)).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
