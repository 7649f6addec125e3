"""What a controller asks for: limits for EVSEs, and what must be durable before they leave."""

from __future__ import annotations

from dataclasses import dataclass

from balancer.site import EvseKey


@dataclass(frozen=True, slots=True)
class InstallFailsafe:
    """Make sure that an EVSE draws at most `limit_a` per phase whenever no running limit applies.

    In watts that is `limit_a` times the voltage, once: then no phase can draw more, whichever the car uses.
    """

    id: int
    evse: EvseKey
    limit_a: float
    raises: bool = False
    """True: more than it may draw by what is durable: its ledger row must be durable before it leaves."""


@dataclass(frozen=True, slots=True)
class SetLimit:
    """Set the running limit of a transaction, with the lease's step down to the failsafe inside."""

    id: int
    evse: EvseKey
    transaction: str
    limit_a: float
    """Per phase; 0 pauses."""
    failsafe_a: float
    """From `lease_s` on."""
    lease_s: float | None
    """Site seconds from `start_s`; None: this station takes no second period."""
    start_s: float
    """When the schedule begins (in the past)."""
    raises: bool
    """True: a first limit, an increase or a renewal: its ledger row must be durable before it leaves."""
    total_a: float | None = None
    """For a station that takes watts: send this times the voltage; None: send `limit_a`.

    It is `limit_a` on each phase that the car is known to use. The failsafe is once `failsafe_a`, as there.
    """


Order = InstallFailsafe | SetLimit


@dataclass(frozen=True, slots=True)
class ExposureRow:
    """What must be kept of an EVSE so that a restart can't count it too low.

    After a restart the EVSE counts at `worst_a` until `worst_until_s` (None: for good, or until something
    newer is confirmed), then at `after_a`; amperes per phase.
    """

    evse: EvseKey
    transaction: str | None
    worst_a: float
    worst_until_s: float | None
    after_a: float
    total_a: float | None = None
    """Where the limit was set in watts: amperes over all phases together; None: it was in amperes."""
