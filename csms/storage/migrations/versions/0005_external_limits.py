"""Limits of others may be in watts.

Revision ID: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; what is stored so far was said in amperes, or is unknown."""
    kind = sa.Double[float]().with_variant(sa.REAL(), "sqlite")
    op.add_column("foreign_profiles", sa.Column("limit_w", kind, nullable=True))
