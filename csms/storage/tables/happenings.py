"""What happened and what was asked: events, commands, and messages that could not be read."""

from __future__ import annotations

from sqlalchemy import Index

from csms.storage.tables.columns import STRICT, Row, blob_column, integer_column, text_column


class EventRow(Row, table=True):
    """The log that everybody who watches follows; numbers grow in commit order and are never reused."""

    __tablename__ = "events"
    __table_args__ = ({"sqlite_strict": True, "sqlite_autoincrement": True},)

    number: int | None = integer_column(key=True)
    kind: str = text_column()
    station_id: str | None = text_column(null=True)
    site_id: str | None = text_column(null=True)
    at_us: int = integer_column()
    data: bytes = blob_column()


class RawMessageRow(Row, table=True):
    """A message that could not be read but must not be lost."""

    __tablename__ = "raw_messages"
    __table_args__ = (STRICT,)

    number: int | None = integer_column(key=True)
    station_id: str = text_column()
    site_id: str | None = text_column(null=True)
    at_us: int = integer_column()
    action: str = text_column()
    payload: bytes = blob_column()
    problem: str = text_column()


class CommandRow(Row, table=True):
    """A command to a station, in its newest state."""

    __tablename__ = "commands"
    __table_args__ = (Index("commands_by_station", "station_id", "created_at_us"), STRICT)

    id: str = text_column(key=True)
    station_id: str = text_column()
    site_id: str | None = text_column(null=True)
    name: str = text_column()
    action: str = text_column()
    state: str = text_column()
    request: bytes = blob_column()
    response: bytes | None = blob_column(null=True)
    error: str | None = text_column(null=True)
    created_at_us: int = integer_column()
    sent_at_us: int | None = integer_column(null=True)
    final_at_us: int | None = integer_column(null=True)
    warning: str | None = text_column(null=True)
