"""Settings as people write and read them: the file with its lines, values as TOML, and broken rules in plain words."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, cast

from msgspec import Struct
from pydantic_core import ErrorDetails

from csms.domain.errors import ConfigurationError

_VALUE_SHOWN_MAX = 60


class SettingsFile(Struct, frozen=True):
    """A settings file, kept for finding the line of a key."""

    path: Path | None
    """None: there is none, and nothing in it."""
    text: str
    values: dict[str, Any]

    @classmethod
    def of(cls, path: Path | None) -> SettingsFile:
        """Read the file at `path`. Raises `ConfigurationError`."""
        if path is None:
            return cls(None, "", {})
        try:
            text = path.read_text(encoding="utf-8-sig")
        except OSError as error:
            raise ConfigurationError(f"{path}: can't be read ({error.strerror or error})") from error
        except UnicodeDecodeError as error:
            raise ConfigurationError(
                f"{path}: is not UTF-8 (byte {error.start}); save it as UTF-8"
            ) from error
        try:
            return cls(path, text, tomllib.loads(text))
        except tomllib.TOMLDecodeError as error:
            raise ConfigurationError(f"{path}: is not TOML: {error}. A line reads: name = value") from error

    def place(self, key: str) -> str:
        """Return where a top-level key stands, in words."""
        return f"{self.path}, line {_line_of(self.text, key)}"


def _line_of(text: str, key: str) -> int:
    """Return the line on which a top-level key begins: the one after the longest readable beginning without it."""
    lines = text.splitlines()
    begins = 1
    for count in range(1, len(lines) + 1):
        try:
            known = tomllib.loads("\n".join(lines[:count]))
        except tomllib.TOMLDecodeError:
            continue
        if key in known:
            break
        begins = count + 1
    return begins


def shown(name: str, value: object) -> str:
    """Return a setting's value for people, in bounds and without secrets."""
    if name == "api_token":
        return "(hidden)"
    text = without_password(as_toml(value))
    return text if len(text) <= _VALUE_SHOWN_MAX else text[:_VALUE_SHOWN_MAX] + "…"


def without_password(url: str) -> str:
    """Return a text without the password of a URL in it."""
    return re.sub(r"(://[^:/@]*:)[^@/]*@", r"\1…@", url)


def as_toml(value: object) -> str:
    """Return a value as TOML writes it."""
    if value is None:
        return "(not set)"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(as_toml(item) for item in cast('list[object] | tuple[object, ...]', value))}]"
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(letter if letter.isprintable() else "�" for letter in text) + '"'


_RULES = {
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "finite_number": "must be a finite number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
    "path_type": "must be a path in quotes",
    "string_type": "must be text in quotes",
}
"""pydantic's kinds of error in the words of somebody who edits a file; all others keep pydantic's."""


def rule_of(detail: ErrorDetails) -> str:
    """Return which rule a value breaks."""
    rule = _RULES.get(detail["type"])
    return detail["msg"] if rule is None else rule.format(**detail.get("ctx", {}))
