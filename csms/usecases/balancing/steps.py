"""What a site's loop hands out in one step, and what it goes by."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct, field

from balancer.settings import Settings
from csms.domain.commands import Priority
from csms.domain.control import StationOrder
from csms.domain.records import Record
from csms.usecases.balancing.view import AlarmView, SiteState

WANTED_MEASURANDS = (
    "Energy.Active.Import.Register",
    "Power.Active.Import",
    "Current.Import",
    "Voltage",
    "SoC",
)


class LoopOptions(Struct, frozen=True, kw_only=True):
    """What a site's loop goes by; times in machine seconds but for `settings` and the sample interval."""

    settings: Settings = field(default_factory=Settings)
    """The controller's, as for a site clock of speed 1; the loop scales what hangs on the network."""
    speed: float = 1.0
    """Site seconds in a machine second."""
    settle_s: float = 2.0
    """How long after a boot or a connection a station is left alone."""
    order_timeout_s: float = 10.0
    """How long an answer may take."""
    measurands: tuple[str, ...] = WANTED_MEASURANDS
    """What managed stations are asked to sample."""
    sample_interval_s: int = 10
    """How often, in site seconds; a station that samples more often is left at that."""


class Outgoing(Struct, frozen=True, kw_only=True):
    """An order to send with `StationLink.order`; how it ended comes back to `SiteLoop.ended`, exactly once."""

    id: int
    """Unique in the life of the loop."""
    station_id: str
    order: StationOrder
    priority: Priority
    timeout_s: float
    """Machine seconds."""
    after_records: bool
    """True: it must not leave before `Step.records` of the same step are durable."""


class Step(Struct, kw_only=True):
    """What to do now."""

    outgoing: tuple[Outgoing, ...]
    """In the order in which to send them."""
    withdrawn: tuple[int, ...]
    """Outgoing ids to take back if they have not left: those end as NOT_SENT; the others go on as if nothing was."""
    records: tuple[Record, ...]
    """To be submitted as one unit, also where nothing goes out; order matters."""
    wake_at_us: int | None
    """When to step again if nothing happens; None: never."""
    alarms: tuple[AlarmView, ...]
    """What went wrong; each is among the records as an event too."""
    view: Callable[[], SiteState]
    starts: tuple[str, ...] = ()
    """Stations at which whoever waits may start, once `records` are durable."""
    gated: frozenset[str] = frozenset()
    """Stations at which nobody is to start unasked."""
    held: frozenset[str] = frozenset()
    """Stations that left the site, from which our profiles must not be taken before there is room for that."""

    @property
    def state(self) -> SiteState:
        """The site as of the loop's newest step; made when asked for."""
        return self.view()
