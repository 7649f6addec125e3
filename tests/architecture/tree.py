"""The repository as the architecture tests see it: its files without what was made on this machine."""

from __future__ import annotations

import ast
import functools
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

_MADE = {"__pycache__", "build", "dist", "htmlcov", "node_modules"}
_MADE_ENDINGS = (".egg-info", ".sqlite3", ".sqlite3-shm", ".sqlite3-wal", ".secret", ".pyc")


def is_made(path: Path) -> bool:
    """Whether it is made on this machine and no part of the project."""
    hidden = path.name.startswith(".") and path.name not in {".ci", ".gitignore"}
    return hidden or path.name in _MADE or path.name.endswith(_MADE_ENDINGS)


def files(folder: Path = ROOT) -> Iterator[Path]:
    """All files of the project below `folder`."""
    for path in sorted(folder.iterdir()):
        if is_made(path):
            continue
        if path.is_dir():
            yield from files(path)
        else:
            yield path


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def modules(package: str) -> Iterator[tuple[str, ast.Module]]:
    """Each Python file of a shipped package, parsed, by its path."""
    for path in files(ROOT / package):
        if path.suffix == ".py":
            yield relative(path), ast.parse(path.read_text("utf-8"))


@functools.cache
def configuration() -> dict[str, Any]:
    """pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def packages() -> list[str]:
    """The packages that are shipped."""
    return list(configuration()["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])
