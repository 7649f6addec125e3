"""What values mean that the schemas of every version leave open."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

LARGEST_PLACE = 65_535
"""The highest number of an EVSE or connector that anybody can have."""
LARGEST_INTEGER = 2**31 - 1
"""What stations keep."""


def said(value: str | UnsetType) -> str | None:
    """Return a text, None where it is absent or empty."""
    return None if value is UNSET or not value else value


def given_id(value: int | UnsetType) -> int | None:
    """Return an id that we gave (of a reservation, of a remote start), None where there is none.

    What no store can hold is no id of ours.
    """
    return None if value is UNSET or abs(value) > LARGEST_INTEGER else value
