"""A charging session as a connection remembers it while it may still change."""

from __future__ import annotations

import enum

from msgspec import Struct

from csms.domain.token import Verdict
from csms.domain.told import Start, Told

MAX_POWER_W = 4_000_000
"""No connector delivers more: the Megawatt Charging System ends at 3.75 MW (1,250 V, 3,000 A)."""

REGISTER_SLACK_WH = 10_000
"""A reading may be this much above what `MAX_POWER_W` explains: registers and clocks are coarse."""


def usable_ocpp_id(ocpp_id: str | None) -> str | None:
    """Return the id if it may name a transaction: stations that were told none say 0, -1, "" or nothing."""
    if not ocpp_id:
        return None
    try:
        number = int(ocpp_id)
    except ValueError:
        return ocpp_id
    return ocpp_id if number > 0 else None


class ClosedBy(str, enum.Enum):
    """What ended a transaction."""

    STATION = "station"
    """The station reported the end."""
    NEXT_START = "next-start"
    """Another transaction began on its connector; its own end never came (it may still)."""
    STATION_REMOVED = "station-removed"
    """Its station was removed while nobody heard of it; its own end never came (it may still)."""


Place = tuple[int, int]
"""EVSE and connector; (0, 0) is the station itself."""


class StartKey(Struct, frozen=True, gc=False):
    """What makes two reports of a start the same start, whatever their message ids."""

    evse: int
    connector: int
    token_hmac: bytes
    device_started_at: str
    """The station's own timestamp, as text, so that a wild clock still tells two starts apart; "": none said."""
    meter_start_wh: float

    @property
    def place(self) -> Place:
        """EVSE and connector."""
        return self.evse, self.connector

    @property
    def says_when(self) -> bool:
        """Whether it names one start for ever; without a time it only tells a resend while that start goes on.

        Many meters count each session from 0, so that nothing else need differ.
        """
        return self.device_started_at != ""


class Transaction(Struct, kw_only=True):
    """The live part of a transaction; the store holds the rest."""

    id: str
    ocpp_id: str
    """As the station names it; 1.6's integers as decimal text."""
    key: StartKey
    started_at_us: int
    last_energy_wh: float | None
    """The last plausible reading of the import register."""
    last_energy_at_us: int | None
    ended_at_us: int | None = None
    meter_stop_wh: float | None = None
    closed_by: ClosedBy | None = None
    device_ended_at: str | None = None
    """The station's own timestamp of the end, as text: what tells a resent stop from another one."""
    verdict: Verdict | None = None
    """What the start was answered, so that its resend gets the same; None where nobody knows."""
    orphan: bool = False
    """Made of a stop whose start never came, or of events whose Started has not come yet."""
    told: Told | None = None
    """What its events told (OCPP 2.x); None: told by a start and a stop."""
    reuse: int = 0
    """How many of its station's earlier transactions had its id: some count anew after a restart (OCPP 2.x)."""

    @property
    def active(self) -> bool:
        """Whether no end is known yet."""
        return self.ended_at_us is None

    @property
    def meter_start_wh(self) -> float | None:
        """The register at its beginning; None where nobody said it."""
        if self.told is None:
            return None if self.orphan else self.key.meter_start_wh
        return None if self.told.meter_start is None else self.told.meter_start.energy_wh

    def learn(self, told: Told) -> None:
        """Become what its events told so far; an end that was only inferred gives way to a told one."""
        self.told = told
        evse, connector = (0, 0) if told.place is None else (told.place.evse, told.place.connector)
        token = b"" if told.token is None else told.token.hmac
        self.key = StartKey(evse, connector, token, told.start.device_at, self.meter_start_wh or 0.0)
        self.started_at_us = told.start.at_us
        self.verdict = None if told.token is None else Verdict(told.token.verdict)
        self.orphan = not told.started
        if told.end is not None:
            stop_wh = self._last_register(told) if told.meter_stop is None else told.meter_stop.energy_wh
            self.end(told.end.at_us, told.end.device_at, stop_wh)

    def is_over_before(self, start: Start) -> bool:
        """Tell whether a Started is another transaction's: it has the number of this one's and is later than its end.

        No transaction has two events of one number, and none starts after its end.
        """
        told = self.told
        return (
            told is not None
            and told.started
            and (start.missing, start.seq_no) == (0, told.start.seq_no)
            and self.ended_at_us is not None
            and start.at_us > self.ended_at_us
        )

    def take_reading(self, energy_wh: float, at_us: int) -> None:
        """Remember the import register where it is plausible; an older, lower or absurdly high one is not."""
        if self._plausible(energy_wh, at_us):
            self.last_energy_wh = energy_wh
            self.last_energy_at_us = at_us

    def infer_end(
        self, next_started_at_us: int, next_meter_start_wh: float | None
    ) -> tuple[int, float | None]:
        """End it because another transaction began on its connector and its own end has not come.

        Returns the time (UTC microseconds) and the register of its end: those of the last reading or,
        where there was none, those of the next start (None: it said no register).
        """
        read_at_us = self.last_energy_at_us
        if self.last_energy_wh is not None and read_at_us is not None and read_at_us > self.started_at_us:
            end_us, stop_wh = min(read_at_us, next_started_at_us), self.last_energy_wh
        elif next_meter_start_wh is not None and self._plausible(next_meter_start_wh, next_started_at_us):
            end_us, stop_wh = next_started_at_us, next_meter_start_wh
        else:
            end_us, stop_wh = next_started_at_us, self.meter_start_wh
        self.ended_at_us, self.meter_stop_wh, self.closed_by = end_us, stop_wh, ClosedBy.NEXT_START
        return end_us, stop_wh

    def give_up(self) -> tuple[int, float | None]:
        """End it at its last reading because its station is no more.

        Returns the time (UTC microseconds) and the register of its end: those of the last reading or, where
        there was none, the time of its start and None.
        """
        end_us = self.started_at_us if self.last_energy_at_us is None else self.last_energy_at_us
        self.ended_at_us, self.meter_stop_wh = end_us, self.last_energy_wh
        self.closed_by = ClosedBy.STATION_REMOVED
        return end_us, self.last_energy_wh

    def end(self, at_us: int, device_ended_at: str, meter_stop_wh: float | None) -> None:
        """End it as its station reports, however odd the values."""
        self.closed_by = ClosedBy.STATION
        self.ended_at_us = at_us
        self.device_ended_at = device_ended_at
        self.meter_stop_wh = meter_stop_wh

    def ended_with(self, device_ended_at: str, meter_stop_wh: float | None) -> bool:
        """Tell whether this very stop has ended it before."""
        return (
            self.closed_by is ClosedBy.STATION
            and self.device_ended_at == device_ended_at
            and self.meter_stop_wh == meter_stop_wh
        )

    def _last_register(self, told: Told) -> float | None:
        """Return the newest plausible register after the first one; readings outside events stand in for none."""
        first = told.meter_start
        if first is None:
            return self.last_energy_wh
        later = [one for one in told.registers if one.at_us > first.at_us]
        if not later:
            read_at_us = self.last_energy_at_us
            return self.last_energy_wh if read_at_us is not None and read_at_us > first.at_us else None
        explained = (
            one.energy_wh
            for one in reversed(later)
            if _explained(one.energy_wh, first.energy_wh, one.at_us - first.at_us)
        )
        return next(explained, None)

    def _plausible(self, energy_wh: float, at_us: int) -> bool:
        base_wh = self.meter_start_wh if self.last_energy_wh is None else self.last_energy_wh
        since_us = self.started_at_us if self.last_energy_at_us is None else self.last_energy_at_us
        return base_wh is None or _explained(energy_wh, base_wh, at_us - since_us)


def _explained(energy_wh: float, base_wh: float, elapsed_us: int) -> bool:
    """Tell whether a register may have got from `base_wh` to `energy_wh` in that time."""
    ceiling_wh = base_wh + REGISTER_SLACK_WH + MAX_POWER_W * elapsed_us / 3_600_000_000
    return elapsed_us >= 0 and base_wh <= energy_wh <= ceiling_wh
