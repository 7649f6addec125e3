"""EVSEs and connectors: the numbers that 2.0.1's schemas leave open."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from csms.ocpp.rpc.errors import ErrorKind
from csms.ocpp.schemas import Fault
from csms.ocpp.tables import Untranslatable
from csms.ocpp.v201.messages import EVSE
from csms.ocpp.values import LARGEST_PLACE


def number(value: int, path: str) -> int:
    """Return the number of an EVSE or connector, where 0 is the station; raises `Untranslatable` for others."""
    if not 0 <= value <= LARGEST_PLACE:
        raise Untranslatable(Fault(ErrorKind.PROPERTY, path, "is no number of an EVSE or connector"))
    return value


def place(evse: EVSE | UnsetType, path: str) -> tuple[int | None, int | None]:
    """Return EVSE and connector, None where they are not said; a number 0 says nothing."""
    if evse is UNSET or not number(evse.id, f"{path}.id"):
        return None, None
    if evse.connectorId is UNSET:
        return evse.id, None
    return evse.id, number(evse.connectorId, f"{path}.connectorId") or None
