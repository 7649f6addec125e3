"""What HTTP must not forget: how it answered, and which logins are over."""

from __future__ import annotations

from sqlalchemy import Index

from csms.storage.tables.columns import STRICT, Row, blob_column, integer_column, text_column


class KeptAnswerRow(Row, table=True):
    """How the request with an `Idempotency-Key` was answered; status 0: it was begun."""

    __tablename__ = "kept_answers"
    __table_args__ = (Index("kept_answers_by_key", "key", unique=True), STRICT)

    number: int | None = integer_column(key=True)
    key: str = text_column()
    request: bytes = blob_column()
    at_us: int = integer_column()
    status: int = integer_column()
    headers: bytes = blob_column()
    body: bytes = blob_column()


class EndedSessionRow(Row, table=True):
    """A login that was ended before its time."""

    __tablename__ = "ended_sessions"
    __table_args__ = (STRICT,)

    id: str = text_column(key=True)
    until_us: int = integer_column()
