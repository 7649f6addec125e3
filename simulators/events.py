"""What happens at a station, in the trade's words; a dialect turns it into messages of its version."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from simulators.meter import Reading


class State(enum.Enum):
    """Of a connector, in the words of 1.6 §4.9; 2.0.1 says Occupied for all between Preparing and Finishing."""

    AVAILABLE = "Available"
    PREPARING = "Preparing"
    CHARGING = "Charging"
    SUSPENDED_EV = "SuspendedEV"
    SUSPENDED_EVSE = "SuspendedEVSE"
    FINISHING = "Finishing"
    UNAVAILABLE = "Unavailable"
    FAULTED = "Faulted"


@dataclass(slots=True, kw_only=True)
class Session:
    """A transaction as its station knows it."""

    evse: int
    token: str
    started_s: float
    meter_start_wh: int
    number: int
    """Its own count of transactions, never given twice."""
    transaction: str | None = None
    """1.6: told by the central system; 2.0.1: made by the station."""
    remote_start_id: int | None = None
    offline: bool = False
    sequence: int = 0
    """2.0.1: seqNo of the next TransactionEvent."""
    ended_s: float | None = None
    meter_stop_wh: int | None = None
    reason: str | None = None
    """Why it ended, in the words of 1.6 §7.36 where it has one."""


@dataclass(frozen=True, slots=True)
class StateChanged:
    """A connector's state is another."""

    evse: int
    at_s: float
    state: State
    error: str = "NoError"


@dataclass(frozen=True, slots=True)
class CablePlugged:
    """A car is connected."""

    evse: int
    at_s: float


@dataclass(frozen=True, slots=True)
class CableUnplugged:
    """It is gone."""

    evse: int
    at_s: float


@dataclass(frozen=True, slots=True)
class TokenPresented:
    """Somebody wants to start (or stop) with a token; nobody has judged it yet."""

    evse: int
    at_s: float
    token: str


@dataclass(frozen=True, slots=True)
class SessionStarted:
    """A transaction has begun."""

    evse: int
    at_s: float
    session: Session
    reading: Reading


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """It has ended."""

    evse: int
    at_s: float
    session: Session
    reading: Reading


@dataclass(frozen=True, slots=True)
class StationBooted:
    """The station has started anew."""

    at_s: float
    reason: str


Event = (
    StateChanged
    | CablePlugged
    | CableUnplugged
    | TokenPresented
    | SessionStarted
    | SessionEnded
    | StationBooted
)
