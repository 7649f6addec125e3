"""Commands carry a warning; answers to keyed requests and ended logins outlive a restart.

Revision ID: 0007
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import TypeEngine

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TEXT = sa.Text()
_BLOB = sa.LargeBinary()
_COMMANDS = "id, station_id, site_id, name, action, state, request, response, error, created_at_us, sent_at_us, final_at_us"


def upgrade() -> None:
    """Make `commands` anew, for a column added by SQLite stands elsewhere than a declared one; add the others."""
    op.drop_index("commands_by_station", table_name="commands")
    op.rename_table("commands", "commands_before")
    _table(
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
        _column("warning", _TEXT, null=True),
    )
    op.execute(f"INSERT INTO commands ({_COMMANDS}) SELECT {_COMMANDS} FROM commands_before")  # noqa: S608
    op.drop_table("commands_before")
    op.create_index("commands_by_station", "commands", ["station_id", "created_at_us"], unique=False)
    _table(
        "kept_answers",
        _column("number", _INTEGER, key=True),
        _column("key", _TEXT),
        _column("request", _BLOB),
        _column("at_us", _INTEGER),
        _column("status", _INTEGER),
        _column("headers", _BLOB),
        _column("body", _BLOB),
    )
    op.create_index("kept_answers_by_key", "kept_answers", ["key"], unique=True)
    _table("ended_sessions", _column("id", _TEXT, key=True), _column("until_us", _INTEGER))


def _table(name: str, *columns: sa.Column[Any]) -> None:
    op.create_table(name, *columns, sqlite_strict=True, sqlite_with_rowid=True)


def _column(name: str, kind: TypeEngine[Any], *, null: bool = False, key: bool = False) -> sa.Column[Any]:
    return sa.Column(name, kind, primary_key=key, nullable=null)
