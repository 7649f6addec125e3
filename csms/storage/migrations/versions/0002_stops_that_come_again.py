"""A stop is found again by what it says, and starts that say no time are not taken for one another.

Revision ID: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Index the ends, and let the natural key of a start ask for a time."""
    op.create_index(
        "transactions_by_end",
        "transactions",
        ["station_id", "device_ended_at"],
        unique=False,
        sqlite_where=sa.text("device_ended_at IS NOT NULL"),
        postgresql_where=sa.text("device_ended_at IS NOT NULL"),
    )
    op.drop_index("transactions_by_start", table_name="transactions")
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
        sqlite_where=sa.text("orphan = 0 AND device_started_at <> ''"),
        postgresql_where=sa.text("orphan = 0 AND device_started_at <> ''"),
    )
