"""The tables of all functional blocks, put together as the 2.0.1 dialect."""

from __future__ import annotations

from collections import ChainMap
from typing import Any

from csms.domain.commands import CommandResult
from csms.domain.control import EffectStage, OrderOutcome, OrderVerdict, StationOrder
from csms.domain.errors import Invalid
from csms.ocpp.dialect import Dialect
from csms.ocpp.rpc.errors import ERROR_CODES_V2
from csms.ocpp.tables import Control, Inbound, Outbound, TableDialect
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


def _shape(_order: StationOrder) -> tuple[str, Any]:
    raise Invalid("the balancing gives no orders to chargers of OCPP 2.0.1 yet")


def _read_outcome(_order: StationOrder, _result: CommandResult) -> OrderOutcome:
    return OrderOutcome(verdict=OrderVerdict.UNKNOWN)


def _effect_stage(_action: str, _payload: bytes, _result: CommandResult) -> EffectStage:
    return EffectStage.UNKNOWN


DIALECT: Dialect = TableDialect(
    version="2.0.1",
    subprotocol="ocpp2.0.1",
    package="v201",
    error_codes=ERROR_CODES_V2,
    inbound=INBOUND,
    outbound=OUTBOUND,
    repairs=REPAIRS,
    control=Control(shape=_shape, read_outcome=_read_outcome, effects={}, effect_stage=_effect_stage),
)
