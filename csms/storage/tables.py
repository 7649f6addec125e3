"""The tables as SQLModel sees them; the fast writer fills them with statements of its own.

Every column holds an integer (times are UTC microseconds, truth values 0 or 1), a real, text or a blob, and
on SQLite the tables are STRICT, so that what one way writes the other reads unchanged. A token's uid stands
in `tokens` only. No foreign keys: the hot path would pay for them, and records may outlive what they name.
"""

from __future__ import annotations

from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy import DDL, Index, MetaData, event, text
from sqlalchemy.types import TypeEngine
from sqlmodel import Field, SQLModel

# ruff: noqa: ANN401 - what makes a field stands where a value of the field's type is expected

_INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_REAL: TypeEngine[float] = sa.Double[float]().with_variant(sa.REAL(), "sqlite")
_STRICT = {"sqlite_strict": True}


def _column(kind: TypeEngine[Any], *, null: bool = False, key: bool = False, default: object = None) -> Any:
    # The server's default is what statements rely on that don't name the column.
    server_default = None if default is None else text(repr(default))
    column = sa.Column[Any](kind, primary_key=key, nullable=null, server_default=server_default)
    return Field(default, sa_column=column)


def _integer(*, null: bool = False, key: bool = False, default: int | None = None) -> Any:
    return _column(_INTEGER, null=null, key=key, default=default)


def _real() -> Any:
    return _column(_REAL, null=True)


def _text(*, null: bool = False, key: bool = False, default: str | None = None) -> Any:
    return _column(sa.Text(), null=null, key=key, default=default)


def _blob(*, null: bool = False) -> Any:
    return _column(sa.LargeBinary(), null=null)


class Row(SQLModel):
    """Base of the store's tables, with a catalogue of its own."""

    __tablename__: ClassVar[str]  # pyright: ignore[reportIncompatibleVariableOverride] - said plainly by each table
    metadata = MetaData()


class MetaRow(Row, table=True):
    """Facts about the store itself, such as the fingerprint of its secret."""

    __tablename__ = "meta"
    __table_args__ = (_STRICT,)

    name: str = _text(key=True)
    value: bytes = _blob()


class IdBlockRow(Row, table=True):
    """A run of numbers that one process reserved; the next begins where the last one ends."""

    __tablename__ = "id_blocks"
    __table_args__ = (_STRICT,)

    name: str = _text(key=True)
    first: int = _integer(key=True)
    size: int = _integer()
    reserved_at_us: int = _integer()


class StationRow(Row, table=True):
    """A charging station: what was decided about it, and what it said of itself."""

    __tablename__ = "stations"
    __table_args__ = (Index("stations_by_folded_id", text("lower(id)"), unique=True), _STRICT)

    id: str = _text(key=True)
    site_id: str | None = _text(null=True)
    managed: int = _integer(default=0)
    registration: str = _text(default="Accepted")
    message_log: str = _text(default="all")
    key_hmac: bytes | None = _blob(null=True)
    previous_key_hmac: bytes | None = _blob(null=True)
    created_at_us: int = _integer()
    ocpp_version: str | None = _text(null=True)
    security_profile: int | None = _integer(null=True)
    connected_at_us: int | None = _integer(null=True)
    disconnected_at_us: int | None = _integer(null=True)
    last_seen_at_us: int | None = _integer(null=True)
    vendor: str | None = _text(null=True)
    model: str | None = _text(null=True)
    serial: str | None = _text(null=True)
    firmware: str | None = _text(null=True)
    boot_details: str | None = _text(null=True)
    boot_status: str | None = _text(null=True)
    booted_at_us: int | None = _integer(null=True)


class ConnectorRow(Row, table=True):
    """The newest status of each connector; (0, 0) is the station itself."""

    __tablename__ = "connectors"
    __table_args__ = ({"sqlite_strict": True, "sqlite_with_rowid": False},)

    station_id: str = _text(key=True)
    evse: int = _integer(key=True)
    connector: int = _integer(key=True)
    site_id: str | None = _text(null=True)
    status: str = _text()
    error: str | None = _text(null=True)
    info: str | None = _text(null=True)
    vendor_error: str | None = _text(null=True)
    at_us: int = _integer()
    device_at_us: int | None = _integer(null=True)
    received_at_us: int = _integer()


class TokenRow(Row, table=True):
    """A token; the only place where its uid stands."""

    __tablename__ = "tokens"
    __table_args__ = (Index("tokens_by_hmac", "hmac", unique=True), _STRICT)

    id: str = _text(key=True)
    uid: str = _text()
    type: str = _text()
    hmac: bytes = _blob()
    status: str = _text()
    expires_at_us: int | None = _integer(null=True)
    group_name: str | None = _text(null=True)
    max_concurrent: int | None = _integer(null=True)
    note: str | None = _text(null=True)
    created_at_us: int = _integer()


class TokenChangeRow(Row, table=True):
    """The number of each token's last change, deletion included; triggers keep it, whoever writes."""

    __tablename__ = "token_changes"
    __table_args__ = (
        Index("token_changes_by_hmac", "hmac", unique=True),
        {"sqlite_strict": True, "sqlite_autoincrement": True},
    )

    number: int = _integer(key=True)
    hmac: bytes = _blob()


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
            text("coalesce(token_id, '')"),
            text("coalesce(meter_start_wh, -1)"),
            unique=True,
            # A start that said no time has no key: the next one may say the same.
            sqlite_where=text("orphan = 0 AND device_started_at <> ''"),
            postgresql_where=text("orphan = 0 AND device_started_at <> ''"),
        ),
        Index(
            "transactions_by_end",
            "station_id",
            "device_ended_at",
            sqlite_where=text("device_ended_at IS NOT NULL"),
            postgresql_where=text("device_ended_at IS NOT NULL"),
        ),
        Index("transactions_by_ocpp_id", "station_id", "ocpp_id"),
        Index("transactions_by_receipt", "station_id", "received_at_us"),
        Index(
            "transactions_open_by_token",
            "token_id",
            sqlite_where=text("ended_at_us IS NULL"),
            postgresql_where=text("ended_at_us IS NULL"),
        ),
        Index(
            "transactions_open_by_station",
            "station_id",
            sqlite_where=text("ended_at_us IS NULL"),
            postgresql_where=text("ended_at_us IS NULL"),
        ),
        _STRICT,
    )

    id: str = _text(key=True)
    ocpp_id: str = _text()
    station_id: str = _text()
    site_id: str | None = _text(null=True)
    evse: int = _integer()
    connector: int = _integer()
    token_id: str | None = _text(null=True)
    token_verdict: str | None = _text(null=True)
    started_at_us: int = _integer()
    device_started_at: str = _text()
    received_at_us: int = _integer()
    meter_start_wh: float | None = _real()
    reservation_id: int | None = _integer(null=True)
    orphan: int = _integer()
    ended_at_us: int | None = _integer(null=True)
    device_ended_at: str | None = _text(null=True)
    end_received_at_us: int | None = _integer(null=True)
    meter_stop_wh: float | None = _real()
    stop_reason: str | None = _text(null=True)
    stop_token_id: str | None = _text(null=True)
    closed_by: str | None = _text(null=True)


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
            text("coalesce(device_at_us, at_us)"),
            "station_id",
            "evse",
            "digest",
            unique=True,
        ),
        Index(
            "samples_by_transaction",
            "transaction_id",
            "at_us",
            sqlite_where=text("transaction_id IS NOT NULL"),
            postgresql_where=text("transaction_id IS NOT NULL"),
        ),
        _STRICT,
    )

    number: int | None = _integer(key=True)
    station_id: str = _text()
    site_id: str | None = _text(null=True)
    evse: int = _integer()
    connector: int = _integer()
    transaction_id: str | None = _text(null=True)
    at_us: int = _integer()
    device_at_us: int | None = _integer(null=True)
    received_at_us: int = _integer()
    context: str = _text()
    energy_wh: float | None = _real()
    power_w: float | None = _real()
    current_l1_a: float | None = _real()
    current_l2_a: float | None = _real()
    current_l3_a: float | None = _real()
    voltage_l1_v: float | None = _real()
    voltage_l2_v: float | None = _real()
    voltage_l3_v: float | None = _real()
    soc_ratio: float | None = _real()
    frequency_hz: float | None = _real()
    temperature_c: float | None = _real()
    extra: str = _text()
    quality: int = _integer()
    digest: int = _integer()


class SignedValueRow(Row, table=True):
    """A signed meter value, byte for byte; its natural key is made like that of a sample."""

    __tablename__ = "signed_values"
    __table_args__ = (
        Index(
            "signed_values_natural",
            text("coalesce(device_at_us, at_us)"),
            "station_id",
            "evse",
            "digest",
            unique=True,
        ),
        Index("signed_values_by_transaction", "transaction_id"),
        _STRICT,
    )

    number: int | None = _integer(key=True)
    station_id: str = _text()
    site_id: str | None = _text(null=True)
    evse: int = _integer()
    transaction_id: str | None = _text(null=True)
    at_us: int = _integer()
    received_at_us: int = _integer()
    context: str = _text()
    measurand: str = _text()
    encoding: str = _text()
    data: bytes = _blob()
    device_at_us: int | None = _integer(null=True)
    digest: int = _integer()


class EventRow(Row, table=True):
    """The log that everybody who watches follows; numbers grow in commit order and are never reused."""

    __tablename__ = "events"
    __table_args__ = ({"sqlite_strict": True, "sqlite_autoincrement": True},)

    number: int | None = _integer(key=True)
    kind: str = _text()
    station_id: str | None = _text(null=True)
    site_id: str | None = _text(null=True)
    at_us: int = _integer()
    data: bytes = _blob()


class RawMessageRow(Row, table=True):
    """A message that could not be read but must not be lost."""

    __tablename__ = "raw_messages"
    __table_args__ = (_STRICT,)

    number: int | None = _integer(key=True)
    station_id: str = _text()
    site_id: str | None = _text(null=True)
    at_us: int = _integer()
    action: str = _text()
    payload: bytes = _blob()
    problem: str = _text()


class CommandRow(Row, table=True):
    """A command to a station, in its newest state."""

    __tablename__ = "commands"
    __table_args__ = (Index("commands_by_station", "station_id", "created_at_us"), _STRICT)

    id: str = _text(key=True)
    station_id: str = _text()
    site_id: str | None = _text(null=True)
    name: str = _text()
    action: str = _text()
    state: str = _text()
    request: bytes = _blob()
    response: bytes | None = _blob(null=True)
    error: str | None = _text(null=True)
    created_at_us: int = _integer()
    sent_at_us: int | None = _integer(null=True)
    final_at_us: int | None = _integer(null=True)


def _noting(name: str, moment: str, row: str) -> str:
    # DELETE and INSERT, not REPLACE: a trigger's conflict clause gives way to that of the statement outside.
    return (
        f"CREATE TRIGGER {name} AFTER {moment} ON tokens BEGIN "  # noqa: S608 - our own words
        f"DELETE FROM token_changes WHERE hmac = {row}.hmac; "
        f"INSERT INTO token_changes (hmac) VALUES ({row}.hmac); END"
    )


SQLITE_TRIGGERS = (
    _noting("token_inserted", "INSERT", "new"),
    _noting("token_updated", "UPDATE", "new"),
    _noting("token_deleted", "DELETE", "old"),
    # A token whose HMAC changes leaves its old one.
    _noting("token_rekeyed", "UPDATE OF hmac", "old"),
)

_tokens = Row.metadata.tables["tokens"]
for _trigger in SQLITE_TRIGGERS:
    event.listen(_tokens, "after_create", DDL(_trigger).execute_if(dialect="sqlite"))
