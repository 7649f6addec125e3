"""Where log lines go and what may stand in them: one stream for ours and the libraries', no secrets, no control characters."""

from __future__ import annotations

import datetime as dt
import logging
import sys
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from typing import Any, Literal, TextIO, cast

import msgspec
import structlog

LogFormat = Literal["json", "console", "auto"]
LogLevel = Literal["debug", "info", "warning", "error"]
EventDict = MutableMapping[str, Any]

HIDDEN = "…"
TEXT_MAX = 500
"""Characters of one value; charger-supplied text is unbounded otherwise."""
TRACEBACK_MAX = 20_000
"""Characters; the newest frames stand at the end, which is what is kept."""
_DEPTH_MAX = 6

_SECRET_KEYS = frozenset(
    {
        "api_token",
        "authorization",
        "id_tag",
        "idtag",
        "key",
        "parent_id_tag",
        "password",
        "secret",
        "token",
        "uid",
    }
)
_SECRET_ENDINGS = ("_key", "_password", "_secret", "_token", "_uid")
_MULTILINE_KEYS = ("exception", "stack")
_FIRST_KEYS = ("at", "level", "logger", "event")

# Below warning these write what passes through them: headers with credentials, SQL with its values.
_TALKATIVE = ("aiosqlite", "alembic", "asyncio", "sqlalchemy", "uvicorn", "websockets")


def configure(
    *, log_format: LogFormat, level: LogLevel, now_us: Callable[[], int], stream: TextIO | None = None
) -> None:
    """Send all log lines of this process to `stream` (default: stderr), stamped with site time.

    `auto` is console on a terminal and JSON, one object a line, elsewhere.
    """
    target = sys.stderr if stream is None else stream
    threshold = logging.getLevelNamesMapping()[level.upper()]
    prepare: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        _stamp(now_us),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        cleaned,
    ]
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=prepare,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _renderer(log_format, target),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(threshold)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(threshold, logging.WARNING))
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[*prepare, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def cleaned(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Return the event with its leading keys in order, secrets hidden by key, and all text printable and bounded."""
    ordered = {key: event[key] for key in _FIRST_KEYS if key in event}
    for key, value in {**ordered, **event}.items():
        if key.startswith("_"):  # structlog's own luggage
            ordered[key] = value
        elif key in _MULTILINE_KEYS:
            ordered[key] = "\n".join(printable(line) for line in str(value)[-TRACEBACK_MAX:].split("\n"))
        else:
            ordered[printable(key)] = _clean(key, value, _DEPTH_MAX)
    return ordered


def printable(text: str, *, longest: int = TEXT_MAX) -> str:
    """Return `text` on one line: control, format and unpaired surrogate characters replaced, the end cut off."""
    if len(text) > longest:
        text = f"{text[:longest]}… ({len(text)} characters)"
    return text if text.isprintable() else "".join(letter if letter.isprintable() else "�" for letter in text)


def _clean(key: str, value: object, depth: int) -> object:
    if value is None or isinstance(value, bool | int | float):
        return HIDDEN if value is not None and _is_secret(key) else value
    if _is_secret(key) or depth == 0:
        return HIDDEN
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, Mapping):
        members = cast("Mapping[object, object]", value)
        return {
            printable(str(name)): _clean(str(name), member, depth - 1) for name, member in members.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        items = list(cast("Iterable[object]", value))
        return [_clean("", item, depth - 1) for item in items[:TEXT_MAX]]
    return printable(str(value))


def _is_secret(key: str) -> bool:
    name = key.lower()
    return name in _SECRET_KEYS or name.endswith(_SECRET_ENDINGS)


def _stamp(now_us: Callable[[], int]) -> structlog.typing.Processor:
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

    def stamp(_logger: object, _method: str, event: EventDict) -> EventDict:
        at = epoch + dt.timedelta(microseconds=now_us())
        event["at"] = at.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"
        return event

    return stamp


def _renderer(log_format: LogFormat, stream: TextIO) -> structlog.typing.Processor:
    if log_format == "console" or (log_format == "auto" and stream.isatty()):
        return structlog.dev.ConsoleRenderer(
            colors=stream.isatty(),
            timestamp_key="at",
            exception_formatter=structlog.dev.plain_traceback,  # rich's shows local variables, secrets among them
        )
    return structlog.processors.JSONRenderer(serializer=_as_json)


def _as_json(event: object, **_options: object) -> str:
    return msgspec.json.encode(event, enc_hook=str).decode()
