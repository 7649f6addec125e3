"""Facts about the store itself."""

from __future__ import annotations

from csms.storage.tables.columns import STRICT, Row, blob_column, integer_column, text_column


class MetaRow(Row, table=True):
    """Facts about the store itself, such as the fingerprint of its secret."""

    __tablename__ = "meta"
    __table_args__ = (STRICT,)

    name: str = text_column(key=True)
    value: bytes = blob_column()


class IdBlockRow(Row, table=True):
    """A run of numbers that one process reserved; the next begins where the last one ends."""

    __tablename__ = "id_blocks"
    __table_args__ = (STRICT,)

    name: str = text_column(key=True)
    first: int = integer_column(key=True)
    size: int = integer_column()
    reserved_at_us: int = integer_column()
