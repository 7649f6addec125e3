"""What those who follow events read back, as plain functions over SQL that every engine understands."""

from __future__ import annotations

from collections.abc import Collection

from csms.domain.logged import LoggedEvent, MeterStart
from csms.storage.queries import Rows

LINES_MAX = 256
BYTES_MAX = 256 * 1024
"""Of one reading, unless its first line alone is larger."""

_NEWEST = "SELECT coalesce(max(number), 0) FROM events"
_SIZES = "SELECT number, length(data) FROM events WHERE number > :after ORDER BY number LIMIT :lines_max"
_LINES = (
    "SELECT number, kind, station_id, site_id, at_us, data FROM events "
    "WHERE number > :after AND number <= :last ORDER BY number"
)
_METER_STARTS = "SELECT id, evse, meter_start_wh FROM transactions WHERE id IN ({ids})"


def newest(rows: Rows) -> int:
    """Return the number of the newest line; 0 before the first."""
    return rows(_NEWEST, {})[0][0]


def lines_after(rows: Rows, number: int) -> list[LoggedEvent]:
    """Return the first lines above `number`, as many as are taken in one go; none: there are no more yet."""
    last, size = number, 0
    for line_number, line_bytes in rows(_SIZES, {"after": number, "lines_max": LINES_MAX}):
        size += line_bytes
        if size > BYTES_MAX and last > number:
            break
        last = line_number
    return [LoggedEvent(*row) for row in rows(_LINES, {"after": number, "last": last})]


def meter_starts(rows: Rows, transaction_ids: Collection[str]) -> dict[str, MeterStart]:
    """Return how these transactions began, by id; at most some hundred at once."""
    names = {f"t{number}": transaction_id for number, transaction_id in enumerate(transaction_ids)}
    statement = _METER_STARTS.format(ids=", ".join(f":{name}" for name in names))
    return {found: MeterStart(evse, start_wh) for found, evse, start_wh in rows(statement, names)}
