"""What the tables are made of: columns that hold integers, reals, text and blobs, and nothing else."""

from __future__ import annotations

from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy import MetaData
from sqlalchemy.types import TypeEngine
from sqlmodel import Field, SQLModel

# ruff: noqa: ANN401 - what makes a field stands where a value of the field's type is expected

_INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_REAL: TypeEngine[float] = sa.Double[float]().with_variant(sa.REAL(), "sqlite")
STRICT = {"sqlite_strict": True}
"""Options of an ordinary table."""


def _column(kind: TypeEngine[Any], *, null: bool = False, key: bool = False, default: object = None) -> Any:
    # The server's default is what statements rely on that don't name the column.
    server_default = None if default is None else sa.text(repr(default))
    column = sa.Column[Any](kind, primary_key=key, nullable=null, server_default=server_default)
    return Field(default, sa_column=column)


def integer_column(*, null: bool = False, key: bool = False, default: int | None = None) -> Any:
    """Return a column of integers: numbers, times in microseconds, truth values."""
    return _column(_INTEGER, null=null, key=key, default=default)


def real_column(*, null: bool = False) -> Any:
    """Return a column of floating-point numbers."""
    return _column(_REAL, null=null)


def text_column(*, null: bool = False, key: bool = False, default: str | None = None) -> Any:
    """Return a column of text."""
    return _column(sa.Text(), null=null, key=key, default=default)


def blob_column(*, null: bool = False) -> Any:
    """Return a column of bytes."""
    return _column(sa.LargeBinary(), null=null)


class Row(SQLModel):
    """Base of the store's tables, with a catalogue of its own."""

    __tablename__: ClassVar[str]  # pyright: ignore[reportIncompatibleVariableOverride] - said plainly by each table
    metadata = MetaData()
