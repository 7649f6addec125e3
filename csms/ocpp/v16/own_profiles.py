"""Which charging profiles are ours at an OCPP 1.6 station, and where each stands."""

from __future__ import annotations

from csms.domain.control import OWN_PROFILE_IDS, Placement
from csms.domain.errors import Invalid
from csms.ocpp.v16 import messages as m
from csms.ocpp.values import LARGEST_PLACE

DEFAULT_ID = OWN_PROFILE_IDS.start
TRANSACTION_ID = DEFAULT_ID + 500_000
"""Plus the connector's number; so each profile has an id of its own at its station."""
STATION_ID = DEFAULT_ID + 900_000

PURPOSES: dict[Placement, m.ChargingProfilePurpose] = {
    Placement.TRANSACTION: "TxProfile",
    Placement.DEFAULT: "TxDefaultProfile",
    Placement.STATION: "ChargePointMaxProfile",
}


def stand(evse: int, placement: Placement) -> tuple[int, int]:
    """Return connector and id of our profile for an EVSE; raises `Invalid`."""
    if not 1 <= evse <= LARGEST_PLACE:
        raise Invalid(f"evse: must be from 1 to {LARGEST_PLACE}, not {evse}")
    if placement is Placement.STATION:
        return 0, STATION_ID
    if placement is Placement.DEFAULT:
        return evse, DEFAULT_ID + evse
    # A connector has one transaction at a time, and a TxProfile goes with its own: then the id is free again.
    return evse, TRANSACTION_ID + evse


def owner_of(profile_id: int) -> int | None:
    """Return the EVSE whose profile of ours has this id, 0: the station's or nobody knows; None: it is not ours."""
    if profile_id not in OWN_PROFILE_IDS:
        return None
    for first in (TRANSACTION_ID, DEFAULT_ID):
        if 1 <= profile_id - first <= LARGEST_PLACE:
            return profile_id - first
    return 0
