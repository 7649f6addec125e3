"""When a station reads its meters for the central system: in each session's rhythm, and when the clock strikes."""

from __future__ import annotations

import math

from simulators.host import Host

_LOOK_AGAIN_S = 60.0
"""Where there is no interval now."""
_ALL = 0


class Sampling:
    """The meter readings of one station."""

    def __init__(self, station: Host) -> None:
        self._station = station
        self._turns: dict[int, object] = {}
        """What each EVSE's next reading was arranged by; another one makes it void. 0: the clock's."""

    def begin(self, evse: int, now_s: float) -> None:
        """Read an EVSE's meter every so often from now on."""
        turn = self._turns[evse] = object()
        interval_s = self._station.dialect.sample_interval_s or _LOOK_AGAIN_S
        self._station.at(now_s + interval_s, lambda at_s: self._sample(evse, turn, at_s))

    def end(self, evse: int) -> None:
        """Read it no more."""
        self._turns.pop(evse, None)

    def align(self, now_s: float) -> None:
        """Wait for the next strike of the clock."""
        turn = self._turns[_ALL] = object()
        interval_s = self._station.dialect.aligned_interval_s
        if interval_s > 0:
            strike_s = (math.floor(now_s / interval_s) + 1) * interval_s
            self._station.at(strike_s, lambda at_s: self._strike(turn, at_s))

    def begin_anew(self, now_s: float) -> None:
        """Look at the intervals anew."""
        for evse in [evse for evse in self._turns if evse != _ALL]:
            self.begin(evse, now_s)
        self.align(now_s)

    def _sample(self, evse: int, turn: object, now_s: float) -> None:
        if self._turns.get(evse) is not turn:
            return
        if self._station.dialect.sample_interval_s > 0 and self._station.model.powered:
            self._station.dialect.sample(evse)
        self.begin(evse, now_s)

    def _strike(self, turn: object, now_s: float) -> None:
        if self._turns[_ALL] is not turn:
            return
        if self._station.model.powered:
            for evse in self._station.model.connectors:
                self._station.dialect.sample(evse, aligned=True)
        self.align(now_s)
