"""Lists in pages: `{"items": […], "next_cursor": …}` with `?cursor=&limit=`."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from typing import Annotated, Generic, NoReturn, TypeVar

from fastapi import Query
from msgspec import Struct
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from csms.domain.errors import FieldProblem
from csms.http.problems import Refused

LIMIT_DEFAULT = 100
LIMIT_MAX = 1000
_CURSOR_LENGTH_MAX = 1024
_MARK = "1:"
"""Which kind of cursor it is; a later kind is another number."""
_DIGITS = re.compile(r"[0-9]{1,9}")
_SEPARATOR = ":"
_NUMBER_MAX = 2**63 - 1

Item = TypeVar("Item")


def _plain_number(value: object) -> object:
    if isinstance(value, str) and not _DIGITS.fullmatch(value):
        raise ValueError("must be a whole number in plain digits")
    return value


class PageQuery(BaseModel):
    """Which part of a list is asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cursor: str | None = Field(
        default=None,
        max_length=_CURSOR_LENGTH_MAX,
        description="The last page's `next_cursor`; none: from the start.",
    )
    limit: Annotated[int, BeforeValidator(_plain_number)] = Field(
        default=LIMIT_DEFAULT, ge=1, le=LIMIT_MAX, description="How many items at most."
    )


AskedPage = Annotated[PageQuery, Query()]


class Page(Struct, Generic[Item], frozen=True):
    """One part of a list."""

    items: Sequence[Item]
    next_cursor: str | None
    """None: it was the last one."""


def page_of(items: Sequence[Item], asked: PageQuery, *, key: Callable[[Item], str]) -> Page[Item]:
    """Return the asked part of `items`, which are sorted by `key`; what came and went between pages does no harm."""
    after = last_seen(asked)
    return first_page(
        items if after is None else [item for item in items if key(item) > after], asked, key=key
    )


def first_page(rest: Sequence[Item], asked: PageQuery, *, key: Callable[[Item], str]) -> Page[Item]:
    """Return the page that begins `rest`: what comes after `last_seen`, one more than asked for where there is more."""
    chosen = rest[: asked.limit]
    return Page(chosen, _encoded(key(chosen[-1])) if len(rest) > asked.limit else None)


def last_seen(asked: PageQuery) -> str | None:
    """Return the key of the last item of the page before; None: there is none. Raises `Refused`."""
    return None if asked.cursor is None else _decoded(asked.cursor)


def numbered(number: int, rest: object) -> str:
    """Return the key of an item that is sorted by a number, and by another value where those are the same."""
    return f"{number}{_SEPARATOR}{rest}"


def last_numbered(asked: PageQuery) -> tuple[int, str] | None:
    """Return what `numbered` made the key of; None: there is none. Raises `Refused`."""
    key = last_seen(asked)
    if key is None:
        return None
    number, separator, rest = key.partition(_SEPARATOR)
    if not separator:
        _refuse()
    return whole(number), rest


def whole(text: str) -> int:
    """Return the number that a part of a cursor is. Raises `Refused`."""
    try:
        number = int(text) if len(text) <= len(str(-_NUMBER_MAX)) else _NUMBER_MAX + 1
    except ValueError:
        _refuse()
    if abs(number) > _NUMBER_MAX:
        _refuse()
    return number


def _encoded(key: str) -> str:
    return base64.urlsafe_b64encode(f"{_MARK}{key}".encode()).decode().rstrip("=")


def _decoded(cursor: str) -> str:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError, ValueError):
        text = ""
    if not text.startswith(_MARK):
        _refuse()
    return text.removeprefix(_MARK)


def _refuse() -> NoReturn:
    raise Refused(
        "invalid",
        "cursor: is not a next_cursor of this list",
        errors=[FieldProblem("cursor", "is not a next_cursor of this list; leave it out to begin anew")],
        place="query",
    )
