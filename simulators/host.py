"""What the parts of a station may ask of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from simulators.charger import ChargerModel
from simulators.dialect import Dialect
from simulators.faults import FaultSource
from simulators.journal import Journal
from simulators.messenger import Messenger
from simulators.station_spec import StationSpec


class Host(Protocol):
    """A station, to its parts."""

    spec: StationSpec
    model: ChargerModel
    dialect: Dialect
    messenger: Messenger
    faults: FaultSource
    journal: Journal

    # Time

    def catch_up(self) -> float:
        """Let all happen that is due, and return what time it is."""
        ...

    def touched(self) -> None:
        """Tell what has happened, after each change of the model."""
        ...

    def at(self, at_s: float, work: Callable[[float], None]) -> None:
        """Have something done at a moment, of which it is told; the model has been advanced to it."""
        ...

    def stamp(self, at_s: float) -> str:
        """Return what the station's clock showed at a moment, as a timestamp."""
        ...

    # What may be done to it

    def stop(self, evse: int, reason: str) -> None:
        """End an EVSE's transaction, if there is one."""
        ...

    def settings_changed(self) -> None:
        """Look at the intervals anew."""
        ...

    def reset(self, reason: str, *, boot_reason: str) -> None:
        """End all transactions for `reason` and boot."""
        ...

    def reboot(self, reason: str, *, keeps_sessions: bool = False) -> None:
        """Boot."""
        ...

    def lose_power(self, for_s: float) -> None:
        """Lose the supply for so long, and boot."""
        ...

    def lose_line(self, for_s: float) -> None:
        """Lose the connection for at least so long."""
        ...

    # What its line says

    def heard(self, text: str, answer: str | None) -> None:
        """Note a frame that came in and is no answer, and the answer that it got."""
        ...

    def think_s(self, action: str) -> float | None:
        """Return how long an action's answer is held back, in this machine's seconds; None: for ever."""
        ...
