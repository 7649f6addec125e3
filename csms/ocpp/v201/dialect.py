"""The tables of all functional blocks, put together as the 2.0.1 dialect."""

from __future__ import annotations

from collections import ChainMap
from typing import Any

from csms.ocpp.dialect import Dialect
from csms.ocpp.rpc.errors import ERROR_CODES_V2
from csms.ocpp.tables import Inbound, Outbound, TableDialect
from csms.ocpp.v201 import (
    authorization,
    availability,
    certificates,
    data_transfer,
    diagnostics,
    display,
    firmware,
    local_list,
    meter_values,
    provisioning,
    remote_control,
    reservation,
    security,
    smart_charging,
    tariff_and_cost,
    transactions,
)
from csms.ocpp.v201.commands import word
from csms.ocpp.v201.control import CONTROL
from csms.ocpp.v201.repairs import REPAIRS

BLOCKS = (
    security,
    provisioning,
    authorization,
    local_list,
    transactions,
    remote_control,
    availability,
    reservation,
    tariff_and_cost,
    meter_values,
    smart_charging,
    firmware,
    certificates,
    diagnostics,
    display,
    data_transfer,
)
"""In the order of the standard, A to P."""

INBOUND: dict[str, Inbound[Any, Any]] = dict(ChainMap(*(block.INBOUND for block in BLOCKS)))
OUTBOUND: dict[str, Outbound] = dict(ChainMap(*(block.OUTBOUND for block in BLOCKS)))


DIALECT: Dialect = TableDialect(
    version="2.0.1",
    subprotocol="ocpp2.0.1",
    package="v201",
    error_codes=ERROR_CODES_V2,
    inbound=INBOUND,
    outbound=OUTBOUND,
    repairs=REPAIRS,
    control=CONTROL,
    word=word,
)
