"""Log lines: one stream, no secrets, no control characters, bounded."""

from __future__ import annotations

import io
import json
import logging
import warnings

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from csms import logs

NOW_US = 1_700_000_000_123_456


@pytest.fixture
def stream(logging_restored: None) -> io.StringIO:
    """A stream to log into."""
    return io.StringIO()


def lines(stream: io.StringIO) -> list[dict]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def configure(
    stream: io.StringIO, log_format: logs.LogFormat = "json", level: logs.LogLevel = "info"
) -> None:
    logs.configure(log_format=log_format, level=level, now_us=lambda: NOW_US, stream=stream)


def test_a_line_is_one_json_object_with_site_time_level_logger_and_event_first(stream):
    configure(stream)
    structlog.get_logger("csms.gateway").info("station.connected", station="CP-1", ports=[1, 2])
    assert stream.getvalue() == (
        '{"at":"2023-11-14T22:13:20.123456Z","level":"info","logger":"csms.gateway",'
        '"event":"station.connected","station":"CP-1","ports":[1,2]}\n'
    )


def test_lines_below_the_level_are_not_written(stream):
    configure(stream, level="warning")
    structlog.get_logger("csms").info("quiet")
    logging.getLogger("csms").info("quiet")
    structlog.get_logger("csms").warning("loud")
    assert [line["event"] for line in lines(stream)] == ["loud"]


def test_secrets_are_hidden_by_their_key_at_any_depth(stream):
    configure(stream)
    keys = [
        "token",
        "uid",
        "id_tag",
        "idTag",
        "key",
        "password",
        "Authorization",
        "secret",
        "api_token",
        "station_key",
    ]
    structlog.get_logger("csms").info(
        "x",
        **dict.fromkeys(keys, "hunter2"),
        nested={"list": [{"token": "hunter2"}]},
        number_of={"key": 4711},
    )
    text = stream.getvalue()
    assert "hunter2" not in text
    assert "4711" not in text
    assert text.count(logs.HIDDEN) == len(keys) + 2


def test_an_opaque_id_of_a_token_is_no_secret(stream):
    configure(stream)
    structlog.get_logger("csms").info("x", token_id="opaque", token=None)
    (line,) = lines(stream)
    assert (line["token_id"], line["token"]) == ("opaque", None)


def test_text_from_chargers_can_neither_move_the_cursor_nor_start_a_line(stream):
    configure(stream, log_format="console")
    structlog.get_logger("csms").info("boot", vendor="A\x1b[2J\r\n\x9b\u202eB\u2028", **{"k\x1bey": 1})
    text = stream.getvalue()
    assert text.count("\n") == 1
    assert not set("\x1b\r\x9b\u202e\u2028") & set(text)


def test_long_text_is_cut_and_says_how_long_it_was(stream):
    configure(stream)
    structlog.get_logger("csms").info("x", vendor="v" * 10_000)
    (line,) = lines(stream)
    assert line["vendor"].startswith("v" * logs.TEXT_MAX + "…")
    assert line["vendor"].endswith("(10000 characters)")


def test_deep_nesting_ends(stream):
    configure(stream)
    value: object = "bottom"
    for _ in range(100):
        value = [value]
    structlog.get_logger("csms").info("x", value=value)
    assert "bottom" not in stream.getvalue()


def test_a_traceback_is_kept_on_its_lines(stream):
    configure(stream)
    try:
        int("bad\x1bthing")
    except ValueError:
        structlog.get_logger("csms").exception("failed")
    (line,) = lines(stream)
    assert line["exception"].startswith("Traceback (most recent call last):\n")
    assert line["exception"].endswith("'bad\\x1bthing'")


def test_the_console_shows_tracebacks_without_local_variables(stream):
    configure(stream, log_format="console")
    password = "hunter2"
    try:
        assert password
        [].pop()
    except (ValueError, IndexError):
        structlog.get_logger("csms").exception("failed")
    assert "pop from empty list" in stream.getvalue()
    assert "hunter2" not in stream.getvalue()


def test_libraries_write_into_the_same_stream(stream):
    configure(stream)
    logging.getLogger("uvicorn.error").error("no %s\n", "luck")
    assert lines(stream) == [
        {
            "at": "2023-11-14T22:13:20.123456Z",
            "level": "error",
            "logger": "uvicorn.error",
            "event": "no luck�",
        }
    ]


@pytest.mark.parametrize("name", ["websockets.server", "sqlalchemy.engine", "aiosqlite", "uvicorn.access"])
def test_libraries_that_write_what_passes_through_them_are_held_back_even_when_debugging(stream, name):
    configure(stream, level="debug")
    logging.getLogger(name).info("Authorization: Basic c2VjcmV0")
    assert stream.getvalue() == ""


def test_python_warnings_become_log_lines(stream):
    configure(stream)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("careful", stacklevel=1)
    (line,) = lines(stream)
    assert (line["level"], line["logger"]) == ("warning", "py.warnings")


def test_configuring_twice_does_not_double_the_lines(stream):
    configure(stream)
    configure(stream)
    structlog.get_logger("csms").info("once")
    assert len(lines(stream)) == 1


def test_auto_is_json_where_no_terminal_is(stream):
    configure(stream, log_format="auto")
    structlog.get_logger("csms").info("x")
    assert lines(stream)


def test_auto_is_console_on_a_terminal(stream):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    configure(terminal, log_format="auto")
    structlog.get_logger("csms").info("hello")
    assert "hello" in terminal.getvalue()
    assert not terminal.getvalue().startswith("{")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.just(object()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text().filter(lambda key: not key.startswith("_")), values))
def test_any_event_becomes_one_printable_line_of_json(event):
    cleaned = logs.cleaned(None, "info", {"event": "x", **event})
    line = logs.as_json(cleaned)
    assert line.isprintable()
    json.loads(line)


class Broken(io.StringIO):
    """A stream whose disk is full, or whose reader is gone."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error: Exception | None = error

    def write(self, text: str) -> int:
        if self.error is not None:
            raise self.error
        return super().write(text)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), BrokenPipeError(), ValueError()])
def test_a_line_that_cannot_be_written_is_lost_and_stops_nobody(error, logging_restored):
    stream = Broken(error)
    configure(stream)
    structlog.get_logger("csms").error("store.failing")
    logging.getLogger("library").error("failing too")
    stream.error = None
    structlog.get_logger("csms").info("store.works-again")
    assert [line["event"] for line in lines(stream)] == ["store.works-again"]
