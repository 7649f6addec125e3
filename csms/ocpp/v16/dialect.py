"""The tables of all feature profiles, put together as the 1.6 dialect."""

from __future__ import annotations

from collections import ChainMap
from typing import Any

from csms.ocpp.dialect import Dialect
from csms.ocpp.rpc.errors import ERROR_CODES_V16
from csms.ocpp.tables import Inbound, Outbound, TableDialect
from csms.ocpp.v16 import (
    core,
    firmware,
    local_list,
    remote_trigger,
    reservation,
    security,
    smart_charging,
)
from csms.ocpp.v16.commands import word
from csms.ocpp.v16.control import CONTROL
from csms.ocpp.v16.repairs import REPAIRS

PROFILES = (core, firmware, local_list, reservation, smart_charging, remote_trigger, security)
"""In the order of OCPP 1.6 §3.3, the extension last."""

INBOUND: dict[str, Inbound[Any, Any]] = dict(ChainMap(*(profile.INBOUND for profile in PROFILES)))
OUTBOUND: dict[str, Outbound] = dict(ChainMap(*(profile.OUTBOUND for profile in PROFILES)))

DIALECT: Dialect = TableDialect(
    version="1.6",
    subprotocol="ocpp1.6",
    package="v16",
    error_codes=ERROR_CODES_V16,
    inbound=INBOUND,
    outbound=OUTBOUND,
    repairs=REPAIRS,
    control=CONTROL,
    word=word,
)
