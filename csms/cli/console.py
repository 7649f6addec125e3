"""How commands speak: text to stdout, complaints to stderr; what others said of themselves is text, never markup."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from csms import logs
from csms.domain.errors import HeadroomError
from csms.domain.times import format_utc

_WIDTH_OFF_TERMINAL = 200
"""Columns where stdout is no terminal: a table in a pipe must not be cut at 80."""


def say(line: str) -> None:
    """Print a line as it is, never broken."""
    Console(highlight=False, markup=False, soft_wrap=True).print(line)


def complain(what: str, error: HeadroomError) -> None:
    """Tell on stderr what went wrong, each of the error's lines on its own."""
    console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    console.print(what, *str(error).splitlines(), sep="\n  ")


def table(headings: Sequence[str], rows: Iterable[Sequence[str | None]]) -> None:
    """Print rows under headings; None is an empty cell."""
    found = Table(*headings, box=None, pad_edge=False)
    for row in rows:
        found.add_row(*(plain(cell or "") for cell in row))
    _console().print(found)


def tree(root: Tree) -> None:
    """Print a tree; make its labels with `plain`."""
    _console().print(root)


def plain(text: str) -> Text:
    """Return text that is never read as markup and can't move the cursor."""
    return Text(logs.printable(text))


def moment(at_us: int | None) -> str | None:
    """Return a moment as people and programs read it."""
    return None if at_us is None else format_utc(at_us)


def yes(fact: object) -> str:
    """Return yes or no."""
    return "yes" if fact else "no"


def _console() -> Console:
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _WIDTH_OFF_TERMINAL
    return console
