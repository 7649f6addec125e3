"""Charging sessions and what was measured in them."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Index

from csms.storage.tables.columns import STRICT, Row, blob_column, integer_column, real_column, text_column


class TransactionRow(Row, table=True):
    """A charging session, from its start or (an orphan) from its end alone."""

    __tablename__ = "transactions"
    __table_args__ = (
        # The natural key of a start; -1 stands for "none", since NULLs differ from each other.
        Index(
            "transactions_by_start",
            "station_id",
            "device_started_at",
            "evse",
            "connector",
            sa.text("coalesce(token_id, '')"),
            sa.text("coalesce(meter_start_wh, -1)"),
            unique=True,
            # A start that said no time has no key: the next one may say the same. Nor has one that events tell of.
            sqlite_where=sa.text("orphan = 0 AND device_started_at <> '' AND told IS NULL"),
            postgresql_where=sa.text("orphan = 0 AND device_started_at <> '' AND told IS NULL"),
        ),
        Index(
            "transactions_of_events",
            "station_id",
            "ocpp_id",
            "reuse",
            unique=True,
            sqlite_where=sa.text("told IS NOT NULL"),
            postgresql_where=sa.text("told IS NOT NULL"),
        ),
        Index(
            "transactions_by_end",
            "station_id",
            "device_ended_at",
            sqlite_where=sa.text("device_ended_at IS NOT NULL"),
            postgresql_where=sa.text("device_ended_at IS NOT NULL"),
        ),
        Index("transactions_by_ocpp_id", "station_id", "ocpp_id"),
        Index("transactions_by_receipt", "station_id", "received_at_us"),
        Index(
            "transactions_open_by_token",
            "token_id",
            sqlite_where=sa.text("ended_at_us IS NULL"),
            postgresql_where=sa.text("ended_at_us IS NULL"),
        ),
        Index(
            "transactions_open_by_station",
            "station_id",
            sqlite_where=sa.text("ended_at_us IS NULL"),
            postgresql_where=sa.text("ended_at_us IS NULL"),
        ),
        Index("transactions_by_begin", "started_at_us", "id"),
        Index("transactions_by_station_and_begin", "station_id", "started_at_us", "id"),
        Index(
            "transactions_by_token",
            "token_id",
            "started_at_us",
            "id",
            sqlite_where=sa.text("token_id IS NOT NULL"),
            postgresql_where=sa.text("token_id IS NOT NULL"),
        ),
        Index(
            "transactions_by_stop_token",
            "stop_token_id",
            sqlite_where=sa.text("stop_token_id IS NOT NULL"),
            postgresql_where=sa.text("stop_token_id IS NOT NULL"),
        ),
        Index(
            "transactions_open_by_begin",
            "started_at_us",
            "id",
            sqlite_where=sa.text("ended_at_us IS NULL"),
            postgresql_where=sa.text("ended_at_us IS NULL"),
        ),
        STRICT,
    )

    id: str = text_column(key=True)
    ocpp_id: str = text_column()
    station_id: str = text_column()
    site_id: str | None = text_column(null=True)
    evse: int = integer_column()
    connector: int = integer_column()
    token_id: str | None = text_column(null=True)
    token_verdict: str | None = text_column(null=True)
    started_at_us: int = integer_column()
    device_started_at: str = text_column()
    received_at_us: int = integer_column()
    meter_start_wh: float | None = real_column(null=True)
    reservation_id: int | None = integer_column(null=True)
    orphan: int = integer_column()
    ended_at_us: int | None = integer_column(null=True)
    device_ended_at: str | None = text_column(null=True)
    end_received_at_us: int | None = integer_column(null=True)
    meter_stop_wh: float | None = real_column(null=True)
    stop_reason: str | None = text_column(null=True)
    stop_token_id: str | None = text_column(null=True)
    closed_by: str | None = text_column(null=True)
    charging_state: str | None = text_column(null=True)
    phases_used: int | None = integer_column(null=True)
    remote_start_id: int | None = integer_column(null=True)
    end_seq_no: int | None = integer_column(null=True)
    told: str | None = text_column(null=True)
    reuse: int = integer_column(default=0)


class TransactionEventRow(Row, table=True):
    """An event of a transaction (OCPP 2.x); the numbers show which ones are missing."""

    __tablename__ = "transaction_events"
    __table_args__ = (
        Index(
            "transaction_events_natural",
            "station_id",
            "ocpp_id",
            "seq_no",
            "stage",
            "device_at",
            unique=True,
        ),
        STRICT,
    )

    number: int | None = integer_column(key=True)
    station_id: str = text_column()
    site_id: str | None = text_column(null=True)
    ocpp_id: str = text_column()
    seq_no: int = integer_column()
    stage: str = text_column()
    device_at: str = text_column()
    transaction_id: str = text_column()
    trigger: str = text_column()
    offline: int = integer_column()
    charging_state: str | None = text_column(null=True)
    at_us: int = integer_column()
    received_at_us: int = integer_column()


class WishesRow(Row, table=True):
    """What is wished for a transaction; apart from it, since hardly any has some."""

    __tablename__ = "wishes"
    __table_args__ = (STRICT,)

    transaction_id: str = text_column(key=True)
    revision: int = integer_column()
    departure_at_us: int | None = integer_column(null=True)
    energy_needed_wh: float | None = real_column(null=True)
    priority: int | None = integer_column(null=True)


class SampleRow(Row, table=True):
    """One wide meter sample.

    A resent message must not double it, and not every sample has a transaction or a unique moment: two
    messages of one second may carry different values. So its natural key is the station, the EVSE, the
    device's own time and a digest of the values; not the time gone by, the transaction or the quality, which
    may be judged otherwise when the same message comes again. The index begins with the time, so that rows
    are added at its end: beginning with the station it costs twice as much (a leaf for every station).
    """

    __tablename__ = "samples"
    __table_args__ = (
        Index(
            "samples_natural",
            sa.text("coalesce(device_at_us, at_us)"),
            "station_id",
            "evse",
            "digest",
            unique=True,
        ),
        Index(
            "samples_by_transaction",
            "transaction_id",
            "at_us",
            sqlite_where=sa.text("transaction_id IS NOT NULL"),
            postgresql_where=sa.text("transaction_id IS NOT NULL"),
        ),
        STRICT,
    )

    number: int | None = integer_column(key=True)
    station_id: str = text_column()
    site_id: str | None = text_column(null=True)
    evse: int = integer_column()
    connector: int = integer_column()
    transaction_id: str | None = text_column(null=True)
    at_us: int = integer_column()
    device_at_us: int | None = integer_column(null=True)
    received_at_us: int = integer_column()
    context: str = text_column()
    energy_wh: float | None = real_column(null=True)
    power_w: float | None = real_column(null=True)
    current_l1_a: float | None = real_column(null=True)
    current_l2_a: float | None = real_column(null=True)
    current_l3_a: float | None = real_column(null=True)
    voltage_l1_v: float | None = real_column(null=True)
    voltage_l2_v: float | None = real_column(null=True)
    voltage_l3_v: float | None = real_column(null=True)
    soc_ratio: float | None = real_column(null=True)
    frequency_hz: float | None = real_column(null=True)
    temperature_c: float | None = real_column(null=True)
    extra: str = text_column()
    quality: int = integer_column()
    digest: int = integer_column()


class SignedValueRow(Row, table=True):
    """A signed meter value, byte for byte; its natural key is made like that of a sample."""

    __tablename__ = "signed_values"
    __table_args__ = (
        Index(
            "signed_values_natural",
            sa.text("coalesce(device_at_us, at_us)"),
            "station_id",
            "evse",
            "digest",
            unique=True,
        ),
        Index("signed_values_by_transaction", "transaction_id"),
        STRICT,
    )

    number: int | None = integer_column(key=True)
    station_id: str = text_column()
    site_id: str | None = text_column(null=True)
    evse: int = integer_column()
    transaction_id: str | None = text_column(null=True)
    at_us: int = integer_column()
    received_at_us: int = integer_column()
    context: str = text_column()
    measurand: str = text_column()
    encoding: str = text_column()
    data: bytes = blob_column()
    device_at_us: int | None = integer_column(null=True)
    digest: int = integer_column()
