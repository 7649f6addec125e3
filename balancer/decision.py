"""What a controller decides in one step: orders, what each EVSE has and why, what must be kept, what went wrong."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from balancer.allocation import Grant
from balancer.orders import ExposureRow, Order
from balancer.site import EvseKey
from balancer.units import Amperes


class AlarmKind(enum.Enum):
    """What went wrong."""

    UNKNOWN_EVSE = "unknown-evse"
    UNKNOWN_METER = "unknown-meter"
    UNKNOWN_NODE = "unknown-node"
    UNKNOWN_ORDER = "unknown-order"
    ABSURD_VALUE = "absurd-value"
    CLOCK_WENT_BACK = "clock-went-back"
    STALE_METER = "stale-meter"
    REJECTED = "rejected"
    LATE = "late"
    DISOBEYS = "disobeys"
    OBEYS_AGAIN = "obeys-again"
    EXPOSED = "exposed"
    STRATEGY_FAILED = "strategy-failed"


@dataclass(frozen=True, slots=True)
class Alarm:
    """One thing that somebody should know of; told once, when it begins."""

    kind: AlarmKind
    message: str
    evse: EvseKey | None = None
    node: str | None = None
    meter: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do now. Make `rows` durable before any order with `raises=True` leaves; the others need not wait."""

    orders: tuple[Order, ...] = ()
    """Decreases first."""
    grants: Mapping[EvseKey, Grant] = field(default_factory=dict[EvseKey, Grant])
    """What each EVSE of the site may draw per phase, and why not more."""
    exposures: Mapping[EvseKey, Amperes] = field(default_factory=dict[EvseKey, Amperes])
    """What each may draw at worst, these orders included."""
    starts: Mapping[EvseKey, bool] = field(default_factory=dict[EvseKey, bool])
    """Of who asked to start, whether there is room for it: consent may be given once `rows` are durable."""
    rows: tuple[ExposureRow, ...] = ()
    wake_at_s: float
    """When to step again if nothing is observed; `inf`: never."""
    alarms: tuple[Alarm, ...] = ()
