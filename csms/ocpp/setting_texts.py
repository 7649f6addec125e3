"""Lists, numbers, truths and rate units as stations write them among their settings, read leniently."""

from __future__ import annotations

import re
from collections.abc import Iterable

from csms.domain.control import RateUnit
from csms.ocpp.repair import squashed

_UNITS = {
    **dict.fromkeys(("a", "amp", "amps", "ampere", "amperes", "current"), RateUnit.AMPERE),
    **dict.fromkeys(("w", "watt", "watts", "power"), RateUnit.WATT),
}
"""1.6 §9.4.2 says Current and Power, 2.0.1 A and W; stations write what they like."""

_NUMBER = re.compile(r"[\s'\"]*(\d{1,9})(?:[.,]0*)?[\s'\"]*", re.ASCII)


def listed(text: str) -> tuple[str, ...]:
    """Take a list apart, whatever parts and quotes its elements."""
    return tuple(word for piece in re.split(r"[,;]", text) if (word := piece.strip(" \t\r\n'\"[]")))


def number(text: str, least: int) -> int | None:
    """Return a whole number from `least` on; None for what is none."""
    found = _NUMBER.fullmatch(text)
    return int(found[1]) if found and int(found[1]) >= least else None


def rate_units(words: Iterable[str]) -> tuple[RateUnit, ...]:
    """Return the units that are named, each once, in the station's order."""
    units = (_UNITS.get(squashed(word)) for word in words)
    return tuple(dict.fromkeys(unit for unit in units if unit))
