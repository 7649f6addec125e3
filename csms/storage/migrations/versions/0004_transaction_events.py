"""Transactions that events tell of, those events, and device models.

Revision ID: 0004
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import TypeEngine

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_REAL = sa.Double[float]().with_variant(sa.REAL(), "sqlite")
_TEXT = sa.Text()


def upgrade() -> None:
    """Make the tables; transactions move to one with more columns, in the order in which it declares them."""
    _transactions()
    _transaction_events()
    _device_variables()


def _transactions() -> None:
    for name in ("by_start", "by_end", "by_ocpp_id", "by_receipt", "open_by_token", "open_by_station"):
        op.drop_index(f"transactions_{name}", table_name="transactions")
    op.rename_table("transactions", "transactions_before")
    kept = (
        _column("id", _TEXT, key=True),
        _column("ocpp_id", _TEXT),
        _column("station_id", _TEXT),
        _column("site_id", _TEXT, null=True),
        _column("evse", _INTEGER),
        _column("connector", _INTEGER),
        _column("token_id", _TEXT, null=True),
        _column("token_verdict", _TEXT, null=True),
        _column("started_at_us", _INTEGER),
        _column("device_started_at", _TEXT),
        _column("received_at_us", _INTEGER),
        _column("meter_start_wh", _REAL, null=True),
        _column("reservation_id", _INTEGER, null=True),
        _column("orphan", _INTEGER),
        _column("ended_at_us", _INTEGER, null=True),
        _column("device_ended_at", _TEXT, null=True),
        _column("end_received_at_us", _INTEGER, null=True),
        _column("meter_stop_wh", _REAL, null=True),
        _column("stop_reason", _TEXT, null=True),
        _column("stop_token_id", _TEXT, null=True),
        _column("closed_by", _TEXT, null=True),
    )
    names = ", ".join(column.name for column in kept)
    _table(
        "transactions",
        *kept,
        _column("charging_state", _TEXT, null=True),
        _column("phases_used", _INTEGER, null=True),
        _column("remote_start_id", _INTEGER, null=True),
        _column("end_seq_no", _INTEGER, null=True),
        _column("told", _TEXT, null=True),
    )
    op.execute(f"INSERT INTO transactions ({names}) SELECT {names} FROM transactions_before")  # noqa: S608
    op.drop_table("transactions_before")
    _index(
        "transactions_by_start",
        "station_id",
        "device_started_at",
        "evse",
        "connector",
        sa.text("coalesce(token_id, '')"),
        sa.text("coalesce(meter_start_wh, -1)"),
        unique=True,
        where="orphan = 0 AND device_started_at <> '' AND told IS NULL",
    )
    _index("transactions_of_events", "station_id", "ocpp_id", unique=True, where="told IS NOT NULL")
    _index("transactions_by_end", "station_id", "device_ended_at", where="device_ended_at IS NOT NULL")
    _index("transactions_by_ocpp_id", "station_id", "ocpp_id")
    _index("transactions_by_receipt", "station_id", "received_at_us")
    _index("transactions_open_by_token", "token_id", where="ended_at_us IS NULL")
    _index("transactions_open_by_station", "station_id", where="ended_at_us IS NULL")


def _index(name: str, *columns: str | sa.TextClause, unique: bool = False, where: str | None = None) -> None:
    condition = None if where is None else sa.text(where)
    op.create_index(
        name,
        "transactions",
        list(columns),
        unique=unique,
        sqlite_where=condition,
        postgresql_where=condition,
    )


def _transaction_events() -> None:
    _table(
        "transaction_events",
        _column("number", _INTEGER, key=True),
        _column("station_id", _TEXT),
        _column("site_id", _TEXT, null=True),
        _column("ocpp_id", _TEXT),
        _column("seq_no", _INTEGER),
        _column("stage", _TEXT),
        _column("device_at", _TEXT),
        _column("transaction_id", _TEXT),
        _column("trigger", _TEXT),
        _column("offline", _INTEGER),
        _column("charging_state", _TEXT, null=True),
        _column("at_us", _INTEGER),
        _column("received_at_us", _INTEGER),
    )
    op.create_index(
        "transaction_events_natural",
        "transaction_events",
        ["station_id", "ocpp_id", "seq_no", "stage", "device_at"],
        unique=True,
    )


def _device_variables() -> None:
    key = (
        _column("station_id", _TEXT),
        _column("component", _TEXT),
        _column("component_instance", _TEXT),
        _column("evse", _INTEGER),
        _column("connector", _INTEGER),
        _column("variable", _TEXT),
        _column("variable_instance", _TEXT),
        _column("attribute", _TEXT),
    )
    _table(
        "device_variables",
        _column("number", _INTEGER, key=True),
        *key,
        _column("value", _TEXT, null=True),
        _column("mutability", _TEXT, null=True),
        _column("characteristics", _TEXT),
        _column("at_us", _INTEGER),
    )
    op.create_index(
        "device_variables_natural", "device_variables", [column.name for column in key], unique=True
    )
    op.create_index("device_variables_by_age", "device_variables", ["station_id", "at_us"], unique=False)


def _table(name: str, *columns: sa.Column[Any]) -> None:
    op.create_table(name, *columns, sqlite_strict=True, sqlite_with_rowid=True, sqlite_autoincrement=False)


def _column(name: str, kind: TypeEngine[Any], *, null: bool = False, key: bool = False) -> sa.Column[Any]:
    return sa.Column(name, kind, primary_key=key, nullable=null)
