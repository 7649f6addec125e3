"""Functional block I, Tariff and Cost; only a central system speaks first in it."""

from __future__ import annotations

from typing import Any

from csms.ocpp.tables import Inbound, Outbound
from csms.ocpp.v201 import messages as m

INBOUND: dict[str, Inbound[Any, Any]] = {}

OUTBOUND: dict[str, Outbound] = {
    "CostUpdated": Outbound(m.CostUpdatedRequest, m.CostUpdatedResponse),
}
