"""What callers get to see of sites beside their configuration."""

from __future__ import annotations

from pydantic import Field

from csms.api.site_bodies import Site
from csms.api.values import Amperes, Finite, Moment, PhaseNames, Shown, ShownAmperes, ShownLimits
from csms.domain.records import CapSaved


class SitePage(Shown):
    """A part of the list of sites, by their ids."""

    items: list[Site]
    next_cursor: str | None = Field(description="Null: it was the last part.")


class Cap(Shown):
    """A limit that a source puts on a node."""

    node: str
    source: str
    limit_a: ShownLimits | None
    limit_w: float | None
    until: Moment | None
    reason: str | None
    at: Moment

    @classmethod
    def of(cls, cap: CapSaved) -> Cap:
        """Return it as it is shown."""
        limits = (cap.limit_l1_a, cap.limit_l2_a, cap.limit_l3_a)
        return cls.model_validate(
            {
                "node": cap.node,
                "source": cap.source,
                "limit_a": None if limits == (None, None, None) else limits,
                "limit_w": cap.limit_w,
                "until": cap.until_us,
                "reason": cap.reason,
                "at": cap.at_us,
            }
        )


class Finding(Shown):
    """Something about a site that is wrong, or hardly meant."""

    path: str = Field(description="Where: `nodes[0].rating_a.L1`.")
    message: str = Field(description="What, and the remedy.")


class NodeCheck(Shown):
    """The worst case of a circuit when nobody steers."""

    id: str
    rating_a: Amperes
    base_a: Amperes = Field(description="What others draw at worst.")
    failsafe_a: Amperes = Field(description="The sum of the failsafes below.")
    left_a: Amperes = Field(description="Below 0: the rule is broken.")
    max_power_w: float | None
    left_w: float | None


class EvseCheck(Shown):
    """What an EVSE keeps when nobody steers it, per phase."""

    station: str
    evse: int
    node: str
    failsafe_a: float = Field(description="As it is configured.")
    proposed_a: float = Field(description="What it may keep, the highest priority served first.")
    may_keep: bool = Field(description="Whether it may keep 6 A or more.")
    registered: bool
    managed: bool


class Check(Shown):
    """What the check of a site found."""

    site_id: str
    ok: bool = Field(description="No problem: it can be enforced.")
    problems: list[Finding]
    warnings: list[Finding]
    nodes: list[NodeCheck]
    evses: list[EvseCheck]


class Alarm(Shown):
    """One thing that went wrong."""

    kind: str
    message: str
    at: Moment = Field(validation_alias="at_us")
    station: str | None
    evse: int | None
    node: str | None
    meter: str | None


class Reason(Shown):
    """Why a limit is what it is."""

    kind: str
    text: str = Field(description="The same as a sentence for people.")
    node: str | None
    phase: str | None
    until: Moment | None = Field(validation_alias="until_us")
    source: str | None


class NodeState(Shown):
    """A circuit now."""

    id: str
    parent: str | None
    rating_a: ShownAmperes
    limit_a: ShownAmperes = Field(description="The lowest of its rating and all caps.")
    limit_w: Finite
    cap_source: str | None = Field(description="Who set the lowest cap, where it is below the rating.")
    allocated_a: ShownAmperes = Field(description="What its cars were granted together.")
    exposure_a: ShownAmperes = Field(description="What its chargers may draw at worst.")
    measured_a: ShownAmperes = Field(description="What its chargers drew by their last samples.")
    base_a: ShownAmperes = Field(description="What others draw here, as it is counted.")
    stale: bool = Field(description="A meter that bears on it is silent: nothing is increased here.")


class Pending(Shown):
    """An order that has no answer yet."""

    id: int
    kind: str
    limit_a: Finite
    since: Moment = Field(validation_alias="since_us")
    sent: bool


class EvseState(Shown):
    """An EVSE now; one number is a current per phase."""

    station: str
    evse: int
    node: str
    transaction_id: str | None
    online: bool
    managed: bool
    movable: bool
    grant_a: Finite = Field(description="What it may have.")
    reason: Reason
    target_a: Finite
    believed_a: Finite = Field(description="What it was confirmed to have.")
    ordered_a: Finite = Field(description="The newest limit that it was told.")
    demand_a: Finite = Field(description="What its car can use; null: nobody knows.")
    exposure_a: ShownAmperes = Field(description="What it may draw at worst: its row in the ledger.")
    measured_a: ShownAmperes
    phases: PhaseNames = Field(description="The site phases its car is counted on.")
    doubtful: bool = Field(description="It counts at its hardware's maximum.")
    disobeys: bool
    foreign_profiles: int
    pending: list[Pending]


class StationState(Shown):
    """How a station of the site is spoken with."""

    id: str
    managed: bool
    online: bool
    connected: bool
    form: str
    form_proven: bool
    movable: bool
    clock_error_s: Finite


class Allocation(Shown):
    """A site's balancing as of its newest step."""

    id: str
    revision: int
    at: Moment = Field(validation_alias="at_us")
    mode: str
    strategy: str
    nodes: list[NodeState]
    evses: list[EvseState]
    stations: list[StationState]
    alarms: list[Alarm] = Field(description="The newest ones, newest first.")
