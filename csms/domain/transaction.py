"""A charging session as a connection remembers it while it may still change."""

from __future__ import annotations

import enum

from msgspec import Struct

from csms.domain.token import Verdict

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
    """Made of a stop whose start never came."""

    @property
    def active(self) -> bool:
        """Whether no end is known yet."""
        return self.ended_at_us is None

    def take_reading(self, energy_wh: float, at_us: int) -> None:
        """Remember the import register where it is plausible; an older, lower or absurdly high one is not."""
        if self._plausible(energy_wh, at_us):
            self.last_energy_wh = energy_wh
            self.last_energy_at_us = at_us

    def infer_end(self, next_started_at_us: int, next_meter_start_wh: float) -> tuple[int, float]:
        """End it because another transaction began on its connector and its own end has not come.

        Returns the time (UTC microseconds) and the register of its end: those of the last reading or,
        where there was none, those of the next start.
        """
        read_at_us = self.last_energy_at_us
        if self.last_energy_wh is not None and read_at_us is not None and read_at_us > self.started_at_us:
            end_us, stop_wh = min(read_at_us, next_started_at_us), self.last_energy_wh
        elif self._plausible(next_meter_start_wh, next_started_at_us):
            end_us, stop_wh = next_started_at_us, next_meter_start_wh
        else:
            end_us, stop_wh = next_started_at_us, self.key.meter_start_wh
        self.ended_at_us, self.meter_stop_wh, self.closed_by = end_us, stop_wh, ClosedBy.NEXT_START
        return end_us, stop_wh

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

    def _plausible(self, energy_wh: float, at_us: int) -> bool:
        base_wh = self.key.meter_start_wh if self.last_energy_wh is None else self.last_energy_wh
        since_us = self.started_at_us if self.last_energy_at_us is None else self.last_energy_at_us
        elapsed_us = at_us - since_us
        ceiling_wh = base_wh + REGISTER_SLACK_WH + MAX_POWER_W * elapsed_us / 3_600_000_000
        return elapsed_us >= 0 and base_wh <= energy_wh <= ceiling_wh
