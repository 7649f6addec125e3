"""Lists in pages: `{"items": […], "next_cursor": …}` with `?cursor=&limit=`."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field

from csms.domain.errors import FieldProblem
from csms.http.problems import Refused

LIMIT_DEFAULT = 100
LIMIT_MAX = 1000
_CURSOR_LENGTH_MAX = 1024
_MARK = "1:"
"""Which kind of cursor it is; a later kind is another number."""

Item = TypeVar("Item")


class PageQuery(BaseModel):
    """Which part of a list is asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cursor: str | None = Field(
        default=None,
        max_length=_CURSOR_LENGTH_MAX,
        description="The last page's `next_cursor`; none: from the start.",
    )
    limit: int = Field(default=LIMIT_DEFAULT, ge=1, le=LIMIT_MAX, description="How many items at most.")


AskedPage = Annotated[PageQuery, Query()]


class Page(Struct, Generic[Item], frozen=True):
    """One part of a list."""

    items: Sequence[Item]
    next_cursor: str | None
    """None: it was the last one."""


def page_of(items: Sequence[Item], asked: PageQuery, *, key: Callable[[Item], str]) -> Page[Item]:
    """Return the asked part of `items`, which are sorted by `key`; what came and went between pages does no harm."""
    after = None if asked.cursor is None else _decoded(asked.cursor)
    rest = items if after is None else [item for item in items if key(item) > after]
    chosen = rest[: asked.limit]
    more = len(rest) > asked.limit
    return Page(chosen, _encoded(key(chosen[-1])) if more else None)


def _encoded(key: str) -> str:
    return base64.urlsafe_b64encode(f"{_MARK}{key}".encode()).decode().rstrip("=")


def _decoded(cursor: str) -> str:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError, ValueError):
        text = ""
    if not text.startswith(_MARK):
        raise Refused(
            "invalid",
            "cursor: is not a next_cursor of this list",
            errors=[FieldProblem("cursor", "is not a next_cursor of this list; leave it out to begin anew")],
            place="query",
        )
    return text.removeprefix(_MARK)
