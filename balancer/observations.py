"""What a controller is told: facts from stations, meters and people, each with the time it holds for.

Times are seconds of site time (any epoch, the same everywhere); currents are per site phase.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from balancer.site import EvseKey, Site
from balancer.units import Amperes


class Verdict(enum.Enum):
    """How a command of ours ended."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    """The station said no (Rejected, NotSupported, a CALLERROR): it keeps what it had."""
    UNKNOWN = "unknown"
    """It left and no answer came (time-out, connection lost): it may count or not."""
    NOT_SENT = "not-sent"
    """It never left."""


@dataclass(frozen=True, slots=True)
class StationOnline:
    """A station's connection is up, accepted and settled; nothing of its profiles is verified by that."""

    station: str
    at_s: float


@dataclass(frozen=True, slots=True)
class StationOffline:
    """A station's connection is gone; what it was told stays in force as the ledger counts it."""

    station: str
    at_s: float


@dataclass(frozen=True, slots=True)
class StationBooted:
    """A station started anew: profiles may be gone (OCPP 1.6 keeps none by duty)."""

    station: str
    at_s: float


@dataclass(frozen=True, slots=True)
class Capability:
    """What an EVSE can be told; holds until the next one. Without any an EVSE counts as movable with leases."""

    evse: EvseKey
    movable: bool = True
    """False: no limit can be set; its failsafe (or hardware maximum) is reserved for good."""
    leases: bool = True
    """False: its limit has no step down inside; it stays in the ledger until the transaction's end."""
    clock_error_s: float = 0.0
    """How far its clock may be off; above 30 s it has no lease."""
    obeys_within_s: float = 10.0
    """Its settle time: how long after its answer it may still draw the old limit."""
    in_watts: bool = False
    """True: it takes limits in watts only, and nobody knows how it shares them among its phases."""
    failsafe_at_least_a: float = 0.0
    """The least failsafe that it takes; reserved for it even where the site wants less."""
    gated: bool = False
    """True: nobody starts there without our consent, so that without a session it counts at 0 A."""
    starts_within_s: float | None = None
    """How long after our consent a session begins at the latest; None: within `Settings.start_hold_s`."""


@dataclass(frozen=True, slots=True)
class SessionBegan:
    """A transaction began on an EVSE."""

    evse: EvseKey
    transaction: str
    at_s: float
    priority: int | None = None
    weight: float | None = None


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """It ended; with it, its running limit."""

    evse: EvseKey
    transaction: str
    at_s: float


@dataclass(frozen=True, slots=True)
class StartAsked:
    """Somebody wants to start a session at a gated EVSE, and waits for our consent."""

    evse: EvseKey
    at_s: float


@dataclass(frozen=True, slots=True)
class StartOver:
    """He waits no more, or was let start and never did."""

    evse: EvseKey
    at_s: float


@dataclass(frozen=True, slots=True)
class Measured:
    """What an EVSE really drew."""

    evse: EvseKey
    at_s: float
    current_a: Amperes
    wants: bool | None = None
    """False: the car pauses by itself (SuspendedEV); None: nobody said."""


@dataclass(frozen=True, slots=True)
class MeterRead:
    """What a site meter read."""

    meter: str
    at_s: float
    current_a: Amperes


@dataclass(frozen=True, slots=True)
class CapSet:
    """A source limits a node; a newer one of the same source replaces it."""

    node: str
    source: str
    limit_a: Amperes | None
    limit_w: float | None
    at_s: float
    until_s: float | None = None


@dataclass(frozen=True, slots=True)
class CapCleared:
    """A source limits the node no more."""

    node: str
    source: str
    at_s: float


@dataclass(frozen=True, slots=True)
class Answered:
    """A command of ours ended."""

    command_id: int
    verdict: Verdict
    at_s: float


@dataclass(frozen=True, slots=True)
class ForeignProfile:
    """Somebody else set (or sent, unanswered) a profile on an EVSE; it may raise what the EVSE draws, or cap it."""

    evse: EvseKey
    limit_a: float | None
    """The highest limit in it, per phase; None: unknown, so the hardware maximum."""
    caps: bool
    """True: it can only lower (a maximum or external constraint), never raise above what we set."""
    at_s: float


@dataclass(frozen=True, slots=True)
class ForeignCleared:
    """The foreign profiles on an EVSE are gone."""

    evse: EvseKey
    at_s: float


@dataclass(frozen=True, slots=True)
class OursCleared:
    """Our profiles on an EVSE were cleared by somebody: it counts at its hardware maximum until reinstalled."""

    evse: EvseKey
    at_s: float


@dataclass(frozen=True, slots=True)
class SiteChanged:
    """The site is wired or configured differently from now on."""

    site: Site
    at_s: float


Observation = (
    StationOnline
    | StationOffline
    | StationBooted
    | Capability
    | SessionBegan
    | SessionEnded
    | StartAsked
    | StartOver
    | Measured
    | MeterRead
    | CapSet
    | CapCleared
    | Answered
    | ForeignProfile
    | ForeignCleared
    | OursCleared
    | SiteChanged
)
