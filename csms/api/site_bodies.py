"""What callers send about sites, and how a site is written down."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from csms.api.values import (
    AmperesOrOne,
    Given,
    GivenAmperes,
    GivenLimits,
    GivenMoment,
    LimitA,
    LimitsOrOne,
    LimitW,
    MeasuredW,
)
from csms.sites import NewCap, NewReading

REASON_LENGTH_MAX = 500


class CapBody(Given):
    """A limit on a node; at least one of `limit_a` and `limit_w` is said."""

    limit_a: LimitsOrOne | None = Field(
        default=None, description="A number for all phases, or one for each; null: none."
    )
    limit_w: LimitW | None = Field(default=None, description="Over all phases; null: none.")
    until: GivenMoment | None = Field(default=None, description="When it ends; null: when it is deleted.")
    reason: str | None = Field(default=None, max_length=REASON_LENGTH_MAX, description="For people.")

    @model_validator(mode="after")
    def _limits_something(self) -> CapBody:
        if self.limit_w is None and all(limit is None for limit in self._phases()):
            raise ValueError("says no limit: give limit_a or limit_w")
        return self

    def _phases(self) -> tuple[float | None, float | None, float | None]:
        match self.limit_a:
            case None:
                return (None, None, None)
            case GivenLimits(L1=first, L2=second, L3=third):
                return (first, second, third)
            case number:
                return (number, number, number)

    def cap(self) -> NewCap:
        """Return it in the words of the trade."""
        return NewCap(limit_a=self._phases(), limit_w=self.limit_w, until_us=self.until, reason=self.reason)


class ReadingBody(Given):
    """What a meter read; exactly one of `current_a` and `power_w`."""

    at: GivenMoment | None = Field(default=None, description="When it was read; null: now.")
    current_a: AmperesOrOne | None = Field(
        default=None, description="A number for all phases, or one for each."
    )
    power_w: MeasuredW | None = Field(default=None, description="Over all phases.")

    @model_validator(mode="after")
    def _reads_one_thing(self) -> ReadingBody:
        if (self.current_a is None) == (self.power_w is None):
            raise ValueError("says exactly one of current_a and power_w")
        return self

    def reading(self) -> NewReading:
        """Return it in the words of the trade."""
        match self.current_a:
            case None:
                current_a = None
            case GivenAmperes(L1=first, L2=second, L3=third):
                current_a = (first, second, third)
            case number:
                current_a = (number, number, number)
        return NewReading(at_us=self.at, current_a=current_a, power_w=self.power_w)


# What follows only describes: `balancer.Site` reads sites and says everything that is wrong with one.

_Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9*_=:+|@.-]{1,48}$")]
_Phase = Literal["L1", "L2", "L3"]


class RatedAmperes(Given):
    """Amperes per phase; one that is left out is 0."""

    L1: LimitA = 0.0
    L2: LimitA = 0.0
    L3: LimitA = 0.0


class SiteNode(Given):
    """A circuit: grid connection, transformer, feeder, board or breaker."""

    id: _Id
    parent: _Id | None = Field(default=None, description="Null: a root.")
    rating_a: LimitA | RatedAmperes = Field(description="What its breaker carries for good.")
    max_power_w: LimitW | None = None
    meter: _Id | None = Field(default=None, description="The meter that measures here.")


class SiteMeter(Given):
    """A meter, and what holds when it is silent."""

    id: _Id
    measures: Literal["node_total", "other_loads"] = Field(
        description="`node_total`: the site's own chargers included; `other_loads`: without them."
    )
    max_age_s: float = Field(default=10.0, gt=0, le=86_400, description="Older readings allow no increase.")
    fallback_a: LimitA | RatedAmperes = Field(
        description="The worst load of others, assumed after three times `max_age_s`."
    )


class SiteEvse(Given):
    """An EVSE as it is wired and as its hardware can be set."""

    station: _Id
    evse: int = Field(default=1, ge=1, description="Its number in the station; 1.6: the connector's.")
    node: _Id
    supply: Literal["AC", "DC"] = "AC"
    phases: Literal[1, 2, 3] = 3
    rotation: list[_Phase] | str = Field(
        default=["L1", "L2", "L3"],
        description="The site phases on the charger's L1, L2, L3; `RST` is taken too. Required below three phases.",
    )
    min_a: float = Field(default=6.0, description="AC: 6; DC: 0.")
    max_a: float = Field(default=32.0, description="DC: what follows from `max_power_w`.")
    step_a: float = Field(default=0.1, gt=0)
    failsafe_a: float = Field(default=0.0, description="What it may draw while nobody steers it.")
    priority: int = 0
    weight: float = Field(default=1.0, ge=0.01, le=100)
    exclusive_group: str | None = Field(default=None, description="EVSEs of one group can't charge at once.")
    max_power_w: float | None = Field(default=None, description="DC only, and required there.")
    efficiency: float | None = Field(default=None, description="DC only: output over input power.")


class Site(Given):
    """A charging site."""

    id: _Id
    name: str | None = None
    timezone: str = Field(default="UTC", description="An IANA name.")
    nominal_voltage_v: float = Field(default=230.0, ge=50, le=1000, description="Phase to neutral.")
    mode: Literal["observe", "enforce"] = Field(
        default="observe", description="`observe` computes and shows everything and sends nothing."
    )
    strategy: Literal["fair", "priority", "first_come"] = "fair"
    nodes: list[SiteNode]
    meters: list[SiteMeter] = Field(default=[])
    evses: list[SiteEvse] = Field(default=[])


SITE_EXAMPLE: dict[str, object] = {
    "id": "depot",
    "name": "Depot North",
    "timezone": "Europe/Berlin",
    "mode": "observe",
    "nodes": [{"id": "main", "parent": None, "rating_a": {"L1": 63, "L2": 63, "L3": 63}, "meter": "grid"}],
    "meters": [{"id": "grid", "measures": "node_total", "max_age_s": 10, "fallback_a": 20}],
    "evses": [
        {"station": "CP-1", "evse": 1, "node": "main", "rotation": ["L1", "L2", "L3"]},
        {"station": "CP-2", "evse": 1, "node": "main", "phases": 1, "rotation": ["L2"]},
    ],
}
