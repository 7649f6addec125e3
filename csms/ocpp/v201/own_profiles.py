"""Under which purpose of OCPP 2.0.1 each of our charging profiles goes."""

from __future__ import annotations

from csms.domain.control import Placement
from csms.ocpp.v201 import messages as m

PURPOSES: dict[Placement, m.ChargingProfilePurposeEnum] = {
    Placement.TRANSACTION: "TxProfile",
    Placement.DEFAULT: "TxDefaultProfile",
    Placement.STATION: "ChargingStationMaxProfile",
}
"""§K 3.2. `ChargingStationExternalConstraints` is nobody's but the station's (K01.FR.22)."""
