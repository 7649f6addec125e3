"""Lists of transactions and tokens, and what is wished for a transaction.

Revision ID: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_REAL = sa.Double[float]().with_variant(sa.REAL(), "sqlite")


def upgrade() -> None:
    """Make the table, and the indexes that lists are read along."""
    op.create_table(
        "wishes",
        sa.Column("transaction_id", sa.Text(), primary_key=True, nullable=False),
        sa.Column("revision", _INTEGER, nullable=False),
        sa.Column("departure_at_us", _INTEGER, nullable=True),
        sa.Column("energy_needed_wh", _REAL, nullable=True),
        sa.Column("priority", _INTEGER, nullable=True),
        sqlite_strict=True,
        sqlite_with_rowid=True,
        sqlite_autoincrement=False,
    )
    op.create_index("tokens_by_creation", "tokens", ["created_at_us", "id"], unique=False)
    _index("by_begin", "started_at_us", "id")
    _index("by_station_and_begin", "station_id", "started_at_us", "id")
    _index("by_token", "token_id", "started_at_us", "id", where="token_id IS NOT NULL")
    _index("by_stop_token", "stop_token_id", where="stop_token_id IS NOT NULL")
    _index("open_by_begin", "started_at_us", "id", where="ended_at_us IS NULL")


def _index(name: str, *columns: str, where: str | None = None) -> None:
    condition = None if where is None else sa.text(where)
    op.create_index(
        f"transactions_{name}",
        "transactions",
        list(columns),
        unique=False,
        sqlite_where=condition,
        postgresql_where=condition,
    )
