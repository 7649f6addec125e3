"""What a site is made of: circuits, meters, EVSEs, and what can be wrong with them. `balancer.site` joins them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from balancer.units import Amperes, PhaseUse

Supply = Literal["AC", "DC"]
Measures = Literal["node_total", "other_loads"]
Mode = Literal["observe", "enforce"]
StrategyName = Literal["fair", "priority", "first_come"]
"""The strategies that a site may name: the rows of `balancer.strategies.STRATEGIES`."""


class EvseKey(NamedTuple):
    """Which EVSE: the station's id and the EVSE's number in it (from 1)."""

    station: str
    evse: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A circuit: grid connection, transformer, feeder, board or breaker."""

    id: str
    parent: str | None
    """None: a root."""
    rating_a: Amperes
    """What its breaker carries for good, per phase; finite, above 0 on at least one phase."""
    max_power_w: float | None = None
    """A limit on the power over all phases besides."""
    meter: str | None = None
    """The meter that measures here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """What a meter measures, and what holds when it is silent (control.md "Base load")."""

    id: str
    measures: Measures
    """`node_total`: own chargers included. `other_loads`: without them."""
    max_age_s: float = 10.0
    """Older readings allow no increase; thrice as old ones are replaced by `fallback_a`."""
    fallback_a: Amperes
    """The worst load of others, assumed while the meter is silent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evse:
    """One EVSE as it is wired and as its hardware can be set."""

    key: EvseKey
    node: str
    supply: Supply = "AC"
    rotation: tuple[int, ...]
    """The site phase (0 to 2) on the charger's L1, L2, L3; as many as it is wired to."""
    min_a: float = 6.0
    """The least current at which a car charges; 0 for DC."""
    max_a: float = 32.0
    step_a: float = 0.1
    failsafe_a: float = 0.0
    """What it may draw without a running confirmed limit; counted always."""
    priority: int = 0
    """Higher is served first, where the strategy looks at it."""
    weight: float = 1.0
    exclusive_group: str | None = None
    """EVSEs of one group can't charge at once."""
    max_power_w: float | None = None
    """DC: what it can deliver."""
    efficiency: float | None = None
    """DC: output over input power."""

    @property
    def phases(self) -> PhaseUse:
        """Return the site phases that it is wired to."""
        first, second, third = (phase in self.rotation for phase in range(3))
        return (first, second, third)


# No slots: a `Site` keeps what is computed from it once.
@dataclass(frozen=True, kw_only=True)
class Wiring:
    """All that a site consists of, sound or not; `balancer.site.Site` is the sound one."""

    id: str
    name: str
    timezone: str = "UTC"
    """An IANA name; weekly windows are in it."""
    nominal_voltage_v: float = 230.0
    """Phase to neutral."""
    mode: Mode = "observe"
    """`observe` computes and shows everything and sends nothing; `enforce` acts."""
    strategy: StrategyName = "fair"
    nodes: tuple[Node, ...]
    meters: tuple[Meter, ...] = ()
    evses: tuple[Evse, ...] = ()


class Problem(NamedTuple):
    """One thing that is wrong with a site: where, and what to do about it."""

    path: str
    message: str


class SiteError(ValueError):
    """The site can't be; says every reason at once."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Tell all `problems`."""
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{problem.path}: {problem.message}" for problem in self.problems))
