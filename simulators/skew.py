"""A station's clock against the true one: off by a constant, and gaining or losing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Skew:
    """How wrong a clock is; the default is right."""

    offset_s: float = 0.0
    """The station's time less the true one at `since_s`."""
    drift: float = 0.0
    """Seconds that it gains in each true second; above -1."""
    since_s: float = 0.0

    def station_s(self, site_s: float) -> float:
        """Return what the station takes for the time at a true moment."""
        return site_s + self.offset_s + self.drift * (site_s - self.since_s)

    def site_s(self, station_s: float) -> float:
        """Return the true moment at which the station takes that for the time."""
        return self.since_s + (station_s - self.offset_s - self.since_s) / (1 + self.drift)


RIGHT = Skew()
