"""Cars that come to a station and go, with people who hold a token to its reader."""

from __future__ import annotations

from dataclasses import dataclass, field

from simulators.host import Host
from simulators.vehicle import Vehicle, VehicleSpec

_UNPLUG_AFTER_S = 10.0
"""From holding the token to the reader until the plug is out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A car that comes and goes; moments in site time."""

    evse: int = 1
    arrives_s: float
    departs_s: float
    vehicle: VehicleSpec = field(default_factory=VehicleSpec)
    soc: float = 0.5
    token: str | None = "SIM"  # noqa: S105 - what stands on a card
    """None: nobody presents one; the car waits for a remote start."""
    stops_first: bool = False
    """The session is ended with the token before the plug is taken out."""


class Visits:
    """The visits to one station."""

    def __init__(self, station: Host) -> None:
        self._station = station
        self.planned = 0
        self.turned_away = 0
        """The plug was taken."""
        self.left = 0

    @property
    def over(self) -> bool:
        """Return whether all that were planned have come and gone."""
        return self.planned == self.turned_away + self.left

    def plan(self, visit: Visit) -> None:
        """Let a car come and go."""
        self.planned += 1
        self._station.at(visit.arrives_s, lambda now_s: self._arrive(visit, now_s))

    def _arrive(self, visit: Visit, now_s: float) -> None:
        model = self._station.model
        connector = model.connectors[visit.evse]
        if connector.vehicle is not None:
            self.turned_away += 1
            return
        vehicle = Vehicle(visit.vehicle, soc=visit.soc)
        model.plug(visit.evse, vehicle, now_s)
        if connector.session is None and visit.token is not None:
            model.present(visit.evse, visit.token, now_s)
        self._station.at(visit.departs_s, lambda at_s: self._depart(visit, vehicle, at_s))

    def _depart(self, visit: Visit, vehicle: Vehicle, now_s: float) -> None:
        session = self._station.model.session(visit.evse)
        if visit.stops_first and session is not None and session.token == visit.token:
            self._station.model.stop(visit.evse, now_s, "Local")
            self._station.at(now_s + _UNPLUG_AFTER_S, lambda at_s: self._leave(visit.evse, vehicle, at_s))
        else:
            self._leave(visit.evse, vehicle, now_s)

    def _leave(self, evse: int, vehicle: Vehicle, now_s: float) -> None:
        self.left += 1
        if self._station.model.connectors[evse].vehicle is vehicle:
            self._station.model.unplug(evse, now_s)
