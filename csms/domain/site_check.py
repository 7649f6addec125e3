"""What reading and checking a site found; the REST contract shows a `SiteCheck` as it stands here."""

from __future__ import annotations

from typing import NamedTuple

from msgspec import Struct

from csms.domain.errors import FieldProblem

ByPhase = dict[str, float]
"""Amperes by the site's phase: L1, L2, L3."""


class SiteRead(NamedTuple):
    """What became of a site's description."""

    id: str | None
    config: bytes | None
    """JSON of the REST contract's "Site", every member said; None where there are problems."""
    problems: tuple[FieldProblem, ...]


class Finding(Struct, frozen=True):
    """Something about a site that is wrong, or hardly meant: where, and what to do about it."""

    path: str
    message: str


class NodeCheck(Struct, frozen=True, kw_only=True):
    """The worst case of a circuit when nobody steers: currents by phase."""

    id: str
    rating_a: ByPhase
    base_a: ByPhase
    """What others draw at worst."""
    failsafe_a: ByPhase
    """The sum of the failsafes below."""
    left_a: ByPhase
    """Below 0: the rule is broken."""
    max_power_w: float | None
    left_w: float | None


class EvseCheck(Struct, frozen=True, kw_only=True):
    """What an EVSE keeps when nobody steers it, per phase."""

    station: str
    evse: int
    node: str
    failsafe_a: float
    """As it is configured."""
    proposed_a: float
    """What it may keep, the highest priority served first; 0: nothing at which a car charges."""
    may_keep: bool
    """Whether it may keep 6 A or more."""
    registered: bool
    managed: bool


class SiteCheck(Struct, frozen=True, kw_only=True):
    """What the check of a site found."""

    site_id: str
    ok: bool
    """No problem: it can be enforced."""
    problems: tuple[Finding, ...]
    """Each rule that is broken, with its remedy."""
    warnings: tuple[Finding, ...]
    """What is allowed and hardly meant."""
    nodes: tuple[NodeCheck, ...] = ()
    evses: tuple[EvseCheck, ...] = ()
