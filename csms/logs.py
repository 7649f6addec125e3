"""Where log lines go and what may stand in them: one stream for ours and the libraries', no secrets, no control characters."""

from __future__ import annotations

import datetime as dt
import functools
import logging
import sys
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
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
    threshold = logging.getLevelNamesMapping()[level.upper()]
    processors: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        _stamp(now_us),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        cleaned,
        _renderer(log_format, sys.stderr if stream is None else stream),
    ]
    # Ours goes to the stream directly, not through the standard library: that is half the cost of a line.
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=lambda *name: _Lines(stream, *name),
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers[:] = [_Libraries(processors, stream)]
    root.setLevel(threshold)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(threshold, logging.WARNING))
    logging.captureWarnings(capture=True)


class _Lines:
    """What structlog calls with a finished line."""

    def __init__(self, stream: TextIO | None, name: str = "csms") -> None:
        self._stream = stream
        self.name = name

    def write(self, line: str) -> None:
        stream = sys.stderr if self._stream is None else self._stream
        try:
            stream.write(line + "\n")
            stream.flush()
        except (OSError, ValueError):
            # The disk is full, or who read the stream is gone. That must not keep the caller, who may be on
            # the way to hundreds of stations' answers, from going on: the line is lost.
            return

    debug = info = warning = error = critical = exception = write


class _Libraries(logging.Handler):
    """Takes what libraries log in the standard way along the same path."""

    def __init__(self, processors: Sequence[structlog.typing.Processor], stream: TextIO | None) -> None:
        super().__init__()
        self._processors = processors
        self._stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        try:
            lines = _Lines(self._stream, record.name)
            event: Any = {"event": record.getMessage(), "exc_info": record.exc_info}
            for process in self._processors:
                event = process(lines, record.levelname.lower(), event)
            lines.write(event)
        except Exception:  # noqa: BLE001 - a library's faulty log call must not break what it was doing
            self.handleError(record)


def cleaned(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Return the event with its leading keys in order, secrets hidden by key, and all text printable and bounded."""
    ordered = {key: event[key] for key in _FIRST_KEYS if key in event}
    for key, value in event.items():
        name, secret = _name_of(key)
        if secret or not isinstance(value, str):
            ordered[name] = _clean(key, value, _DEPTH_MAX)
        elif key in _MULTILINE_KEYS:
            ordered[name] = "\n".join(printable(line) for line in value[-TRACEBACK_MAX:].split("\n"))
        else:
            ordered[name] = printable(value)
    return ordered


def printable(text: str, *, longest: int = TEXT_MAX) -> str:
    """Return `text` on one line: control, format and unpaired surrogate characters replaced, the end cut off."""
    if len(text) > longest:
        text = f"{text[:longest]}… ({len(text)} characters)"
    return text if text.isprintable() else "".join(letter if letter.isprintable() else "�" for letter in text)


def _clean(key: str, value: object, depth: int) -> object:
    if value is None:
        return None
    if depth == 0 or _name_of(key)[1]:
        return HIDDEN
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        members = cast("Mapping[object, object]", value)
        return {
            _name_of(str(name))[0]: _clean(str(name), member, depth - 1) for name, member in members.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        items = list(cast("Iterable[object]", value))
        return [_clean("", item, depth - 1) for item in items[:TEXT_MAX]]
    return printable(str(value))


@functools.lru_cache(maxsize=1024)
def _name_of(key: str) -> tuple[str, bool]:
    """Return the key as it may be written, and whether what it names is secret."""
    name = key.lower()
    return printable(key), name in _SECRET_KEYS or name.endswith(_SECRET_ENDINGS)


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
    return structlog.processors.JSONRenderer(serializer=as_json)


def as_json(event: object, **_options: object) -> str:
    """Return one line of JSON; what has no JSON form becomes text, NaN becomes null."""
    return msgspec.json.encode(event, enc_hook=str).decode()
