"""Charging stations and their connectors."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Index

from csms.storage.tables.columns import STRICT, Row, blob_column, integer_column, text_column


class StationRow(Row, table=True):
    """A charging station: what was decided about it, and what it said of itself."""

    __tablename__ = "stations"
    __table_args__ = (Index("stations_by_folded_id", sa.text("lower(id)"), unique=True), STRICT)

    id: str = text_column(key=True)
    site_id: str | None = text_column(null=True)
    managed: int = integer_column(default=0)
    registration: str = text_column(default="Accepted")
    message_log: str = text_column(default="all")
    key_hmac: bytes | None = blob_column(null=True)
    previous_key_hmac: bytes | None = blob_column(null=True)
    created_at_us: int = integer_column()
    ocpp_version: str | None = text_column(null=True)
    security_profile: int | None = integer_column(null=True)
    connected_at_us: int | None = integer_column(null=True)
    disconnected_at_us: int | None = integer_column(null=True)
    last_seen_at_us: int | None = integer_column(null=True)
    vendor: str | None = text_column(null=True)
    model: str | None = text_column(null=True)
    serial: str | None = text_column(null=True)
    firmware: str | None = text_column(null=True)
    boot_details: str | None = text_column(null=True)
    boot_status: str | None = text_column(null=True)
    booted_at_us: int | None = integer_column(null=True)


class ConnectorRow(Row, table=True):
    """The newest status of each connector; (0, 0) is the station itself."""

    __tablename__ = "connectors"
    __table_args__ = ({"sqlite_strict": True, "sqlite_with_rowid": False},)

    station_id: str = text_column(key=True)
    evse: int = integer_column(key=True)
    connector: int = integer_column(key=True)
    site_id: str | None = text_column(null=True)
    status: str = text_column()
    error: str | None = text_column(null=True)
    info: str | None = text_column(null=True)
    vendor_error: str | None = text_column(null=True)
    at_us: int = integer_column()
    device_at_us: int | None = integer_column(null=True)
    received_at_us: int = integer_column()


class DeviceVariableRow(Row, table=True):
    """The newest report of an attribute of a variable (OCPP 2.x); "" and 0 stand for what was not said."""

    __tablename__ = "device_variables"
    __table_args__ = (
        Index(
            "device_variables_natural",
            "station_id",
            "component",
            "component_instance",
            "evse",
            "connector",
            "variable",
            "variable_instance",
            "attribute",
            unique=True,
        ),
        Index("device_variables_by_age", "station_id", "at_us"),
        STRICT,
    )

    number: int | None = integer_column(key=True)
    station_id: str = text_column()
    component: str = text_column()
    component_instance: str = text_column()
    evse: int = integer_column()
    connector: int = integer_column()
    variable: str = text_column()
    variable_instance: str = text_column()
    attribute: str = text_column()
    value: str | None = text_column(null=True)
    mutability: str | None = text_column(null=True)
    characteristics: str = text_column()
    at_us: int = integer_column()
