"""Our charging profiles at a station, as far as all OCPP versions have them alike: ids, limits and leases."""

from __future__ import annotations

import math

from csms.domain.control import OWN_PROFILE_IDS, FailsafeOrder, LimitOrder, Placement
from csms.domain.errors import Invalid
from csms.ocpp.values import LARGEST_PLACE

DEFAULT_ID = OWN_PROFILE_IDS.start
TRANSACTION_ID = DEFAULT_ID + 500_000
"""Plus the EVSE's number; so each profile has an id of its own at its station."""
STATION_ID = DEFAULT_ID + 900_000

LARGEST_LIMIT = 10_000_000.0
"""Ampere or watts; beyond it somebody has miscalculated."""

_ARTEFACT = 1e-6
"""What a limit may be short of a tenth, in tenths, and still mean it: 6 A less a rounding error is 6 A."""


# --- where each stands


def stand(evse: int, placement: Placement) -> tuple[int, int]:
    """Return EVSE (0: the station; 1.6: connector) and id of our profile for an EVSE; raises `Invalid`."""
    if not 1 <= evse <= LARGEST_PLACE:
        raise Invalid(f"evse: must be from 1 to {LARGEST_PLACE}, not {evse}")
    if placement is Placement.STATION:
        return 0, STATION_ID
    if placement is Placement.DEFAULT:
        return evse, DEFAULT_ID + evse
    # An EVSE has one transaction at a time, and a TxProfile goes with its own: then the id is free again.
    # 2.0.1 K01.FR.39: as long as it runs, all its profiles have this one id, so that each takes the last one's place.
    return evse, TRANSACTION_ID + evse


def owner_of(profile_id: int) -> int | None:
    """Return the EVSE whose profile of ours has this id, 0: the station's or nobody knows; None: it is not ours."""
    if profile_id not in OWN_PROFILE_IDS:
        return None
    for first in (TRANSACTION_ID, DEFAULT_ID):
        if 1 <= profile_id - first <= LARGEST_PLACE:
            return profile_id - first
    return 0


# --- what each says


def periods_of(order: FailsafeOrder | LimitOrder) -> tuple[tuple[int, float], ...]:
    """Return the schedule's periods, each with its start in seconds and its limit; raises `Invalid`.

    A lease's end is a step down inside the schedule: at a whole second, none too late.
    """
    first = (0, rounded_down(order.limit))
    if isinstance(order, FailsafeOrder) or order.lease_s is None:
        return (first,)
    if order.form.periods_max == 1:
        raise Invalid("lease_s: this station takes one period, so its limits have no lease")
    if not 1 <= order.lease_s <= 2**31 - 1:
        raise Invalid(f"lease_s: must be at least 1 s, not {order.lease_s}")
    return (first, (math.floor(order.lease_s), rounded_down(order.failsafe)))


def rounded_down(limit: float) -> float:
    """Return a limit with the one decimal that there is (1.6 §7.14); raises `Invalid` for what is none."""
    if not 0 <= limit <= LARGEST_LIMIT:
        raise Invalid(f"limit: must be from 0 to {LARGEST_LIMIT:.0f}, not {limit}")
    return math.floor(limit * 10 + _ARTEFACT) / 10
