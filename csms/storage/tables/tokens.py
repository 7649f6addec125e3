"""Tokens, and which of them changed."""

from __future__ import annotations

from sqlalchemy import DDL, Index, event

from csms.storage.tables.columns import STRICT, Row, blob_column, integer_column, text_column


class TokenRow(Row, table=True):
    """A token; the only place where its uid stands."""

    __tablename__ = "tokens"
    __table_args__ = (
        Index("tokens_by_hmac", "hmac", unique=True),
        Index("tokens_by_creation", "created_at_us", "id"),
        STRICT,
    )

    id: str = text_column(key=True)
    uid: str = text_column()
    type: str = text_column()
    hmac: bytes = blob_column()
    status: str = text_column()
    expires_at_us: int | None = integer_column(null=True)
    group_name: str | None = text_column(null=True)
    max_concurrent: int | None = integer_column(null=True)
    note: str | None = text_column(null=True)
    created_at_us: int = integer_column()


class TokenChangeRow(Row, table=True):
    """The number of each token's last change, deletion included; triggers keep it, whoever writes."""

    __tablename__ = "token_changes"
    __table_args__ = (
        Index("token_changes_by_hmac", "hmac", unique=True),
        {"sqlite_strict": True, "sqlite_autoincrement": True},
    )

    number: int = integer_column(key=True)
    hmac: bytes = blob_column()


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
