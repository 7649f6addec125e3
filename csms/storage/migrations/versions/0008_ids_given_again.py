"""Stations may give the id of an ended transaction to another one.

Revision ID: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the column; of what is stored so far no station has two transactions with one id."""
    zero = sa.text("0")
    op.add_column("transactions", sa.Column("reuse", _INTEGER, nullable=False, server_default=zero))
    op.drop_index("transactions_of_events", table_name="transactions")
    op.create_index(
        "transactions_of_events",
        "transactions",
        ["station_id", "ocpp_id", "reuse"],
        unique=True,
        sqlite_where=sa.text("told IS NOT NULL"),
        postgresql_where=sa.text("told IS NOT NULL"),
    )
