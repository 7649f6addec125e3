"""Which of our profiles are to be taken off a station: asked again, ever more rarely, until they are gone."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct, structs

from csms.domain.control import ClearOwnProfiles, OrderVerdict, ProfileForm
from csms.usecases.balancing.forms import KnownForm

FIRST_S, LONGEST_S = 10.0, 3600.0
"""After a refusal it is asked again so much later, twice as much with each in a row (site time)."""


class _Asked(Struct):
    again_us: int = 0
    failures: int = 0


def retry_s(failures: int) -> float:
    """Return how long to wait after so many refusals in a row."""
    return min(LONGEST_S, FIRST_S * 2.0 ** min(failures - 1, 20))


class Clearings:
    """What is to be cleared at one station, until it has said that it is."""

    def __init__(self) -> None:
        """Have nothing to clear."""
        self._asked: dict[ClearOwnProfiles, _Asked] = {}

    def want(self, evse: int, form: ProfileForm) -> None:
        """Let what was set on an EVSE in `form` be cleared; what is asked already stays as it is."""
        self._asked.setdefault(ClearOwnProfiles(evse, form), _Asked())

    def forget(self, evse: int) -> None:
        """Leave an EVSE as it is."""
        self._asked = {order: asked for order, asked in self._asked.items() if order.evse != evse}

    def again(self) -> None:
        """Ask for everything at once: the station has connected anew, or booted."""
        self._asked = {order: _Asked() for order in self._asked}

    def due(self, now_us: int) -> Iterator[ClearOwnProfiles]:
        """Yield what may be asked now."""
        return (order for order, asked in self._asked.items() if asked.again_us <= now_us)

    def times_us(self) -> Iterator[int]:
        """Yield when something is due."""
        return (asked.again_us for asked in self._asked.values())

    def ended(self, order: ClearOwnProfiles, verdict: OrderVerdict, now_us: int) -> bool:
        """Take in how it ended; tell whether that is the first refusal in a row."""
        if verdict is OrderVerdict.ACCEPTED:
            self._asked.pop(order, None)
            return False
        asked = self._asked.get(order)
        if asked is None:
            return False
        asked.failures += verdict is not OrderVerdict.NOT_SENT
        asked.again_us = now_us + int(retry_s(max(asked.failures, 1)) * 1e6)
        return asked.failures == 1 and verdict is not OrderVerdict.NOT_SENT


def to_release(form: bytes | None) -> list[ClearOwnProfiles]:
    """Return what takes our profiles off a station of which `form` is stored."""
    known = KnownForm.read(form)
    return [] if known is None else [ClearOwnProfiles(evse, known.form) for evse in known.installed]


def released(form: bytes, evse: int) -> bytes:
    """Return what to store of a station from whose EVSE our profiles are gone."""
    known = KnownForm.read(form)
    if known is None:
        return form
    return structs.replace(known, installed=tuple(one for one in known.installed if one != evse)).written()
