"""A site's balancing as it is shown: limits, what flows and may flow, who has what and why."""

from __future__ import annotations

from msgspec import Struct

PhaseAmperes = tuple[float, float, float]
"""On the site's L1, L2, L3."""


class AlarmView(Struct, frozen=True, kw_only=True):
    """One thing that went wrong."""

    kind: str
    """As `balancer.decision.AlarmKind` has it, or one of the loop's own: `form-changed`, `not-movable`, …"""
    message: str
    at_us: int
    station: str | None = None
    evse: int | None = None
    node: str | None = None
    meter: str | None = None


class ReasonView(Struct, frozen=True, kw_only=True):
    """Why a limit is what it is."""

    kind: str
    """`demand-met`, `maximum`, `node`, `power`, `waiting`, …: `balancer.allocation.ReasonKind`."""
    text: str
    """The same as a sentence for people."""
    node: str | None = None
    phase: str | None = None
    """`L1`, `L2` or `L3` of the site."""
    until_us: int | None = None
    source: str | None = None


class NodeView(Struct, frozen=True, kw_only=True):
    """A circuit now; currents in amperes per site phase."""

    id: str
    parent: str | None
    rating_a: PhaseAmperes
    limit_a: PhaseAmperes
    """The lowest of its rating and all caps."""
    limit_w: float | None
    cap_source: str | None
    """Who set the lowest cap, where it is below the rating."""
    allocated_a: PhaseAmperes
    """What its cars were granted together."""
    exposure_a: PhaseAmperes
    """What its chargers may draw at worst."""
    measured_a: PhaseAmperes
    """What its chargers drew by their last samples."""
    base_a: PhaseAmperes
    """What others draw here, as it is counted."""
    stale: bool
    """A meter that bears on it is silent: nothing is increased here."""


class PendingView(Struct, frozen=True, kw_only=True):
    """An order that has no answer yet."""

    id: int
    kind: str
    """`limit` or `failsafe`."""
    limit_a: float
    since_us: int
    sent: bool
    """False: it still waits in the loop."""


class EvseView(Struct, frozen=True, kw_only=True):
    """An EVSE now; currents in amperes per phase unless they are tuples."""

    station: str
    evse: int
    node: str
    transaction_id: str | None
    online: bool
    managed: bool
    movable: bool
    grant_a: float
    """What it may have."""
    reason: ReasonView
    target_a: float
    believed_a: float
    """What it was confirmed to have."""
    ordered_a: float
    """The newest limit that it was told."""
    demand_a: float
    exposure_a: PhaseAmperes
    measured_a: PhaseAmperes
    phases: tuple[bool, bool, bool]
    """The site phases its car is counted on."""
    doubtful: bool
    """It counts at its hardware's maximum."""
    disobeys: bool
    foreign_profiles: int
    """How many of somebody else's profiles are, or may be, on it."""
    pending: tuple[PendingView, ...]


class StationView(Struct, frozen=True, kw_only=True):
    """How a station of the site is spoken with."""

    id: str
    managed: bool
    online: bool
    """Told limits now: connected, booted and settled."""
    connected: bool
    form: str
    """How it takes limits, in words; "unknown" before anything was tried."""
    form_proven: bool
    """Measured current followed limits in this form."""
    movable: bool
    clock_error_s: float


class SiteState(Struct, frozen=True, kw_only=True):
    """A site's balancing as of its newest step."""

    id: str
    revision: int
    at_us: int
    mode: str
    strategy: str
    nodes: tuple[NodeView, ...]
    evses: tuple[EvseView, ...]
    stations: tuple[StationView, ...]
    alarms: tuple[AlarmView, ...]
    """The newest ones, newest first; at most 50."""
