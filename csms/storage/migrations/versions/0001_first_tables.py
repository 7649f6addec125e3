"""The first tables.

Revision ID: 0001
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import TypeEngine

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_REAL = sa.Double[float]().with_variant(sa.REAL(), "sqlite")
_TEXT = sa.Text()
_BLOB = sa.LargeBinary()


def upgrade() -> None:
    """Make every table."""
    _meta()
    _id_blocks()
    _stations()
    _connectors()
    _tokens()
    _token_changes()
    _transactions()
    _samples()
    _signed_values()
    _events()
    _raw_messages()
    _commands()
    if op.get_bind().dialect.name == "sqlite":
        _sqlite_triggers()


def _meta() -> None:
    op.create_table(
        "meta",
        _column("name", _TEXT, key=True),
        _column("value", _BLOB),
        sqlite_strict=True,
        sqlite_with_rowid=True,
        sqlite_autoincrement=False,
    )


def _id_blocks() -> None:
    op.create_table(
        "id_blocks",
        _column("name", _TEXT, key=True),
        _column("first", _INTEGER, key=True),
        _column("size", _INTEGER),
        _column("reserved_at_us", _INTEGER),
        sqlite_strict=True,
        sqlite_with_rowid=True,
        sqlite_autoincrement=False,
    )


def _stations() -> None:
    op.create_table(
        "stations",
        _column("id", _TEXT, key=True),
        _column("site_id", _TEXT, null=True),
        _column("managed", _INTEGER, default="0"),
        _column("registration", _TEXT, default="'Accepted'"),
        _column("message_log", _TEXT, default="'all'"),
        _column("key_hmac", _BLOB, null=True),
        _column("previous_key_hmac", _BLOB, null=True),
        _column("created_at_us", _INTEGER),
        _column("ocpp_version", _TEXT, null=True),
        _column("security_profile", _INTEGER, null=True),
        _column("connected_at_us", _INTEGER, null=True),
        _column("disconnected_at_us", _INTEGER, null=True),
        _column("last_seen_at_us", _INTEGER, null=True),
        _column("vendor", _TEXT, null=True),
        _column("model", _TEXT, null=True),
        _column("serial", _TEXT, null=True),
        _column("firmware", _TEXT, null=True),
        _column("boot_details", _TEXT, null=True),
        _column("boot_status", _TEXT, null=True),
        _column("booted_at_us", _INTEGER, null=True),
        sqlite_strict=True,
        sqlite_with_rowid=True,
        sqlite_autoincrement=False,
    )
    op.create_index("stations_by_folded_id", "stations", [sa.text("lower(id)")], unique=True)


def _connectors() -> None:
    op.create_table(
        "connectors",
        _column("station_id", _TEXT, key=True),
        _column("evse", _INTEGER, key=True),
        _column("connector", _INTEGER, key=True),
        _column("site_id", _TEXT, null=True),
        _column("status", _TEXT),
        _column("error", _TEXT, null=True),
        _column("info", _TEXT, null=True),
        _column("vendor_error", _TEXT, null=True),
        _column("at_us", _INTEGER),
        _column("device_at_us", _INTEGER, null=True),
        _column("received_at_us", _INTEGER),
        sqlite_strict=True,
        sqlite_with_rowid=False,
        sqlite_autoincrement=False,
    )


def _tokens() -> None:
    op.create_table(
        "tokens",
        _column("id", _TEXT, key=True),
        _column("uid", _TEXT),
        _column("type", _TEXT),
        _column("hmac", _BLOB),
        _column("status", _TEXT),
        _column("expires_at_us", _INTEGER, null=True),
        _column("group_name", _TEXT, null=True),
        _column("max_concurrent", _INTEGER, null=True),
        _column("note", _TEXT, null=True),
        _column("created_at_us", _INTEGER),
        sqlite_strict=True,
        sqlite_with_rowid=True,
        sqlite_autoincrement=False,
    )
    op.create_index("tokens_by_hmac", "tokens", ["hmac"], unique=True)


def _token_changes() -> None:
    op.create_table(
        "token_changes",
        _column("number", _INTEGER, key=True),
        _column("hmac", _BLOB),
        sqlite_strict=True,
        sqlite_with_rowid=True,
        sqlite_autoincrement=True,
    )
    op.create_index("token_changes_by_hmac", "token_changes", ["hmac"], unique=True)


def _transactions() -> None:
    op.create_table(
        "transactions",
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
        sqlite_strict=True,
        sqlite_with_rowid=True,
        sqlite_autoincrement=False,
    )
    op.create_index(
        "transactions_by_start",
        "transactions",
        [
            "station_id",
            "device_started_at",
            "evse",
            "connector",
            sa.text("coalesce(token_id, '')"),
            sa.text("coalesce(meter_start_wh, -1)"),
        ],
        unique=True,
        sqlite_where=sa.text("orphan = 0"),
        postgresql_where=sa.text("orphan = 0"),
    )
    op.create_index("transactions_by_ocpp_id", "transactions", ["station_id", "ocpp_id"], unique=False)
    op.create_index("transactions_by_receipt", "transactions", ["station_id", "received_at_us"], unique=False)
    op.create_index(
        "transactions_open_by_token",
        "transactions",
        ["token_id"],
        unique=False,
        sqlite_where=sa.text("ended_at_us IS NULL"),
        postgresql_where=sa.text("ended_at_us IS NULL"),
    )
    op.create_index(
        "transactions_open_by_station",
        "transactions",
        ["station_id"],
        unique=False,
        sqlite_where=sa.text("ended_at_us IS NULL"),
        postgresql_where=sa.text("ended_at_us IS NULL"),
    )


def _samples() -> None:
    op.create_table(
        "samples",
        _column("number", _INTEGER, key=True),
        _column("station_id", _TEXT),
        _column("site_id", _TEXT, null=True),
        _column("evse", _INTEGER),
        _column("connector", _INTEGER),
        _column("transaction_id", _TEXT, null=True),
        _column("at_us", _INTEGER),
        _column("device_at_us", _INTEGER, null=True),
        _column("received_at_us", _INTEGER),
        _column("context", _TEXT),
        _column("energy_wh", _REAL, null=True),
        _column("power_w", _REAL, null=True),
        _column("current_l1_a", _REAL, null=True),
        _column("current_l2_a", _REAL, null=True),
        _column("current_l3_a", _REAL, null=True),
        _column("voltage_l1_v", _REAL, null=True),
        _column("voltage_l2_v", _REAL, null=True),
        _column("voltage_l3_v", _REAL, null=True),
        _column("soc_ratio", _REAL, null=True),
        _column("frequency_hz", _REAL, null=True),
        _column("temperature_c", _REAL, null=True),
        _column("extra", _TEXT),
        _column("quality", _INTEGER),
        _column("digest", _INTEGER),
        sqlite_strict=True,
        sqlite_with_rowid=True,
        sqlite_autoincrement=False,
    )
    op.create_index(
        "samples_natural",
        "samples",
        [sa.text("coalesce(device_at_us, at_us)"), "station_id", "evse", "digest"],
        unique=True,
    )
    op.create_index(
        "samples_by_transaction",
        "samples",
        ["transaction_id", "at_us"],
        unique=False,
        sqlite_where=sa.text("transaction_id IS NOT NULL"),
        postgresql_where=sa.text("transaction_id IS NOT NULL"),
    )


def _signed_values() -> None:
    op.create_table(
        "signed_values",
        _column("number", _INTEGER, key=True),
        _column("station_id", _TEXT),
        _column("site_id", _TEXT, null=True),
        _column("evse", _INTEGER),
        _column("transaction_id", _TEXT, null=True),
        _column("at_us", _INTEGER),
        _column("received_at_us", _INTEGER),
        _column("context", _TEXT),
        _column("measurand", _TEXT),
        _column("encoding", _TEXT),
        _column("data", _BLOB),
        _column("device_at_us", _INTEGER, null=True),
        _column("digest", _INTEGER),
        sqlite_strict=True,
        sqlite_with_rowid=True,
        sqlite_autoincrement=False,
    )
    op.create_index(
        "signed_values_natural",
        "signed_values",
        [sa.text("coalesce(device_at_us, at_us)"), "station_id", "evse", "digest"],
        unique=True,
    )
    op.create_index("signed_values_by_transaction", "signed_values", ["transaction_id"], unique=False)


def _events() -> None:
    op.create_table(
        "events",
        _column("number", _INTEGER, key=True),
        _column("kind", _TEXT),
        _column("station_id", _TEXT, null=True),
        _column("site_id", _TEXT, null=True),
        _column("at_us", _INTEGER),
        _column("data", _BLOB),
        sqlite_strict=True,
        sqlite_with_rowid=True,
        sqlite_autoincrement=True,
    )


def _raw_messages() -> None:
    op.create_table(
        "raw_messages",
        _column("number", _INTEGER, key=True),
        _column("station_id", _TEXT),
        _column("site_id", _TEXT, null=True),
        _column("at_us", _INTEGER),
        _column("action", _TEXT),
        _column("payload", _BLOB),
        _column("problem", _TEXT),
        sqlite_strict=True,
        sqlite_with_rowid=True,
        sqlite_autoincrement=False,
    )


def _commands() -> None:
    op.create_table(
        "commands",
        _column("id", _TEXT, key=True),
        _column("station_id", _TEXT),
        _column("site_id", _TEXT, null=True),
        _column("name", _TEXT),
        _column("action", _TEXT),
        _column("state", _TEXT),
        _column("request", _BLOB),
        _column("response", _BLOB, null=True),
        _column("error", _TEXT, null=True),
        _column("created_at_us", _INTEGER),
        _column("sent_at_us", _INTEGER, null=True),
        _column("final_at_us", _INTEGER, null=True),
        sqlite_strict=True,
        sqlite_with_rowid=True,
        sqlite_autoincrement=False,
    )
    op.create_index("commands_by_station", "commands", ["station_id", "created_at_us"], unique=False)


def _sqlite_triggers() -> None:
    for name, moment, row in (
        ("token_inserted", "INSERT", "new"),
        ("token_updated", "UPDATE", "new"),
        ("token_deleted", "DELETE", "old"),
        ("token_rekeyed", "UPDATE OF hmac", "old"),
    ):
        op.execute(
            f"CREATE TRIGGER {name} AFTER {moment} ON tokens BEGIN "  # noqa: S608 - our own words
            f"DELETE FROM token_changes WHERE hmac = {row}.hmac; "
            f"INSERT INTO token_changes (hmac) VALUES ({row}.hmac); END"
        )


def _column(
    name: str, kind: TypeEngine[Any], *, null: bool = False, key: bool = False, default: str | None = None
) -> sa.Column[Any]:
    server_default = None if default is None else sa.text(default)
    return sa.Column(name, kind, primary_key=key, nullable=null, server_default=server_default)
