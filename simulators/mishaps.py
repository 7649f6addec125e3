"""A station's scheduled faults, as they come due."""

from __future__ import annotations

import math

from simulators.faults import Disobedience, Forgetting, Outage, Reboot, Scheduled
from simulators.host import Host


class Mishaps:
    """What goes wrong with one station at set times."""

    def __init__(self, station: Host) -> None:
        self._station = station
        self._plan(-math.inf)

    def _plan(self, now_s: float) -> None:
        next_s = self._station.faults.next_s(now_s)
        if next_s < math.inf:
            self._station.at(next_s, self._happen)

    def _happen(self, now_s: float) -> None:
        for fault, begins in self._station.faults.due(now_s):
            self._station.journal.note("fault", now_s, fault=str(fault), begins=begins)
            self._make(fault, now_s, begins=begins)
        self._plan(now_s)

    def _make(self, fault: Scheduled, now_s: float, *, begins: bool) -> None:
        station = self._station
        match fault:
            case Disobedience():
                station.model.disobey(fault.evse, fault.offered_a if begins else None, now_s)
            case Forgetting():
                station.model.forget_profiles(now_s)
            case Reboot():
                if not fault.keeps_profiles:
                    station.model.forget_profiles(now_s)
                station.reboot(fault.reason, keeps_sessions=fault.keeps_sessions)
            case Outage():
                if not begins:
                    return  # its end was arranged with its beginning
                if fault.kind == "power":
                    station.lose_power(fault.until_s - now_s)
                else:
                    station.lose_line(fault.until_s - now_s)
