"""Limits that somebody beside the central system sets at a station: a local energy manager, the grid operator."""

from __future__ import annotations

from simulators.host import Host
from simulators.profile_rules import LimitSource
from simulators.schedules import Kind, Period, Profile, Purpose, Schedule

_FIRST_ID = 9_000_000
"""Far from what a central system numbers its profiles with."""


class External:
    """The limits of others at one station; the dialect tells of them where its version does so (2.0.1 K11 to K13)."""

    def __init__(self, station: Host) -> None:
        self._station = station

    def limit(self, evse: int, limit_a: float, source: LimitSource = "EMS") -> None:
        """Limit an EVSE's phases (0: the station's) from now on."""
        now_s = self._station.catch_up()
        schedule = Schedule(
            unit="A",
            periods=(Period(0.0, limit_a),),
            start_s=self._station.model.skew.station_s(now_s),
            id=_FIRST_ID + evse,
        )
        profile = Profile(
            id=_FIRST_ID + evse,
            purpose=Purpose.EXTERNAL,
            stack_level=0,
            kind=Kind.ABSOLUTE,
            schedules=(schedule,),
        )
        self._station.model.set_external(evse, profile, now_s, source)
        self._station.touched()
        self._station.dialect.limited(evse, schedule, source)

    def lift(self, evse: int, source: LimitSource = "EMS") -> None:
        """Let the limit end."""
        self._station.model.clear_external(_FIRST_ID + evse, self._station.catch_up())
        self._station.touched()
        self._station.dialect.limited(evse, None, source)
