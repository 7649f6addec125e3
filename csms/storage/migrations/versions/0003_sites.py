"""Sites, where stations belong, and what the balancing must not forget.

Revision ID: 0003
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import TypeEngine

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_REAL = sa.Double[float]().with_variant(sa.REAL(), "sqlite")
_TEXT = sa.Text()
_BLOB = sa.LargeBinary()


def upgrade() -> None:
    """Make the tables; stations that were given a site by hand keep it."""
    _sites()
    _placements()
    _caps()
    _exposures()
    _forms()
    _foreign_profiles()
    _decisions()


def _sites() -> None:
    _table(
        "sites",
        _column("id", _TEXT, key=True),
        _column("revision", _INTEGER),
        _column("config", _BLOB),
        _column("created_at_us", _INTEGER),
        _column("updated_at_us", _INTEGER),
    )


def _placements() -> None:
    _table("placements", _column("station_id", _TEXT, key=True), _column("site_id", _TEXT))
    op.create_index("placements_by_site", "placements", ["site_id"], unique=False)


def _caps() -> None:
    _table(
        "caps",
        _column("site_id", _TEXT, key=True),
        _column("node", _TEXT, key=True),
        _column("source", _TEXT, key=True),
        _column("limit_l1_a", _REAL, null=True),
        _column("limit_l2_a", _REAL, null=True),
        _column("limit_l3_a", _REAL, null=True),
        _column("limit_w", _REAL, null=True),
        _column("until_us", _INTEGER, null=True),
        _column("reason", _TEXT, null=True),
        _column("at_us", _INTEGER),
    )


def _exposures() -> None:
    _table(
        "exposures",
        _column("station_id", _TEXT, key=True),
        _column("evse", _INTEGER, key=True),
        _column("site_id", _TEXT),
        _column("transaction_id", _TEXT, null=True),
        _column("worst_a", _REAL),
        _column("worst_until_s", _REAL, null=True),
        _column("after_a", _REAL),
        _column("total_a", _REAL, null=True),
        _column("at_us", _INTEGER),
    )


def _forms() -> None:
    _table(
        "station_forms",
        _column("station_id", _TEXT, key=True),
        _column("data", _BLOB),
        _column("at_us", _INTEGER),
    )
    _table(
        "model_forms",
        _column("vendor", _TEXT, key=True),
        _column("model", _TEXT, key=True),
        _column("firmware", _TEXT, key=True),
        _column("data", _BLOB),
        _column("at_us", _INTEGER),
    )


def _foreign_profiles() -> None:
    _table(
        "foreign_profiles",
        _column("station_id", _TEXT, key=True),
        _column("evse", _INTEGER, key=True),
        _column("profile_id", _INTEGER, key=True),
        _column("limit_a", _REAL, null=True),
        _column("caps", _INTEGER),
        _column("of_transaction", _INTEGER),
        _column("at_us", _INTEGER),
    )


def _decisions() -> None:
    _table(
        "decisions",
        _column("number", _INTEGER, key=True),
        _column("site_id", _TEXT),
        _column("at_us", _INTEGER),
        _column("kind", _TEXT),
        _column("data", _BLOB),
        autoincrement=True,
    )
    op.create_index("decisions_by_site", "decisions", ["site_id", "number"], unique=False)


def _table(name: str, *columns: sa.Column[Any], autoincrement: bool = False) -> None:
    op.create_table(
        name,
        *columns,
        sqlite_strict=True,
        sqlite_with_rowid=True,
        sqlite_autoincrement=autoincrement,
    )


def _column(name: str, kind: TypeEngine[Any], *, null: bool = False, key: bool = False) -> sa.Column[Any]:
    return sa.Column(name, kind, primary_key=key, nullable=null)
