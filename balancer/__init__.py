"""Shares what a site's circuits leave among the cars: pure, without I/O, clock, OCPP or logging."""

from __future__ import annotations

from balancer.allocation import Allocation, Grant, Reason, ReasonKind, allocate
from balancer.limits import (
    FailsafeCheck,
    Headroom,
    Violation,
    failsafe_check,
    headroom,
    violations,
    worst_base,
)
from balancer.rotation import RotationRules, next_turn
from balancer.site import Evse, EvseKey, Meter, Node, Problem, Site, SiteError
from balancer.snapshot import Session, Snapshot, Turn
from balancer.strategies import STRATEGIES
from balancer.units import PHASES, Amperes, PhaseUse

__all__ = [
    "PHASES",
    "STRATEGIES",
    "Allocation",
    "Amperes",
    "Evse",
    "EvseKey",
    "FailsafeCheck",
    "Grant",
    "Headroom",
    "Meter",
    "Node",
    "PhaseUse",
    "Problem",
    "Reason",
    "ReasonKind",
    "RotationRules",
    "Session",
    "Site",
    "SiteError",
    "Snapshot",
    "Turn",
    "Violation",
    "allocate",
    "failsafe_check",
    "headroom",
    "next_turn",
    "violations",
    "worst_base",
]
