"""What must be durable of what only stations of OCPP 2.x tell; `csms.domain.records` has the rules for all records."""

from __future__ import annotations

from msgspec import Struct


class TransactionUpdated(Struct, frozen=True, gc=False):
    """What is known by now of a transaction that events tell of, but for its end."""

    evse: int
    """0: not known yet."""
    connector: int
    token_hmac: bytes | None
    token_verdict: str | None
    started_at_us: int
    device_started_at: str
    meter_start_wh: float | None
    reservation_id: int | None
    orphan: int
    """1: its Started has not come yet."""
    charging_state: str | None
    phases_used: int | None
    remote_start_id: int | None
    told: str
    id: str
    station_id: str
    """From here on for followers: the row has it already."""
    ocpp_id: str
    active: int
    """0: its end is known."""


class TransactionEventRecorded(Struct, frozen=True, gc=False):
    """An event of a transaction, once however often it comes (OCPP 2.x).

    Its key is its number; the stage and the station's own timestamp beside it keep what a station tells that
    counts wrongly.
    """

    station_id: str
    site_id: str | None
    ocpp_id: str
    seq_no: int
    stage: str
    device_at: str
    transaction_id: str
    trigger: str
    offline: int
    charging_state: str | None
    at_us: int
    received_at_us: int


class DeviceVariableReported(Struct, frozen=True, gc=False):
    """The newest report of a variable's attribute; "" and 0 stand for what was not said.

    Mutability and characteristics (JSON) stay as they were where a report leaves them out.
    """

    station_id: str
    component: str
    component_instance: str
    evse: int
    connector: int
    variable: str
    variable_instance: str
    attribute: str
    value: str | None
    mutability: str | None
    characteristics: str
    at_us: int


class DeviceModelBounded(Struct, frozen=True, gc=False):
    """Of a station's reported variables only the newest `kept` stay."""

    station_id: str
    kept: int
