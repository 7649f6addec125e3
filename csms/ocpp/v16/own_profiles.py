"""Under which purpose of OCPP 1.6 each of our charging profiles goes."""

from __future__ import annotations

from csms.domain.control import Placement
from csms.ocpp.v16 import messages as m

PURPOSES: dict[Placement, m.ChargingProfilePurpose] = {
    Placement.TRANSACTION: "TxProfile",
    Placement.DEFAULT: "TxDefaultProfile",
    Placement.STATION: "ChargePointMaxProfile",
}
