"""The commands: what a person types and reads. Text goes to stdout, log lines and complaints to stderr."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import enum
import sys
from collections.abc import AsyncGenerator, Coroutine, Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import click
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text
from typer.core import TyperGroup

from csms import __version__, app, logs
from csms.clock import SystemClock
from csms.domain.errors import CallerError, ConfigurationError, HeadroomError, Invalid
from csms.domain.times import format_utc
from csms.domain.token import TokenStatus
from csms.settings import CONFIG_VARIABLE, Settings, effective, load
from csms.storage import SqliteStorage

try:
    import uvloop
except ImportError:  # it has no build for every system; asyncio's own loop does the same, more slowly
    _NEW_LOOP = None
else:
    _NEW_LOOP = uvloop.new_event_loop

_FAILURE = 1
_USAGE = 2
_WIDTH_OFF_TERMINAL = 200
"""Columns where stdout is no terminal: a table in a pipe must not be cut at 80."""

_T = TypeVar("_T")


class _Root(TyperGroup):
    """Says our errors in one place, each with the exit code it deserves."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - as click has it
        try:
            return super().invoke(ctx)
        except ConfigurationError as error:
            _complain("The configuration is refused:", error)
            raise typer.Exit(_USAGE) from error
        except CallerError as error:
            _complain("Refused:", error)
            raise typer.Exit(_USAGE) from error
        except HeadroomError as error:
            _complain("Failed:", error)
            raise typer.Exit(_FAILURE) from error


_cli = typer.Typer(
    cls=_Root,
    help="Headroom, a central system for charging stations.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_station = typer.Typer(no_args_is_help=True, help="Charging stations that may connect.")
_token = typer.Typer(no_args_is_help=True, help="Tokens (cards and tags) that may charge.")
_cli.add_typer(_station, name="station")
_cli.add_typer(_token, name="token")

_Config = Annotated[
    Path | None,
    typer.Option("--config", "-c", envvar=CONFIG_VARIABLE, help="Settings in TOML; without it the built-in ones."),
]


class _Status(str, enum.Enum):
    ACCEPTED = "accepted"
    BLOCKED = "blocked"


def main() -> None:
    """Run the command that the process was started with."""
    _cli()


@_cli.callback()
def _common(
    version: Annotated[bool, typer.Option("--version", is_eager=True, help="Print the version and exit.")] = False,  # noqa: FBT002
) -> None:
    ...


@_cli.command()
def serve(config: _Config = None) -> None:
    """Run the server until SIGTERM or Ctrl-C; what is under way is finished first.

    Example: csms serve --config headroom.toml
    """
    settings = load(config)
    logs.configure(log_format=settings.log_format, level=settings.log_level, now_us=SystemClock().now_us)
    raise typer.Exit(_run(app.serve(settings)))


@_cli.command()
def check(
    file: Annotated[Path | None, typer.Argument(help="Settings in TOML; without it the environment alone.")] = None,
) -> None:
    """Check settings and print what they amount to, secrets hidden; nothing is started.

    Example: csms check headroom.toml
    """
    settings = load(file)
    _say(f"{file or 'The environment'} is right. In effect, with the environment's overrides:\n")
    for name, value in effective(settings):
        _say(f"{name} = {value}")


@_station.command("add")
def add_station(
    station_id: Annotated[str, typer.Argument(metavar="ID", help="1 to 48 of A-Z a-z 0-9 * _ = : + | @ . -")],
    site: Annotated[str | None, typer.Option(help="The site that it belongs to.")] = None,
    key: Annotated[str | None, typer.Option(help="Its key; - reads it from standard input.")] = None,
    no_key: Annotated[bool, typer.Option("--no-key", help="Let it connect without a key.")] = False,
    managed: Annotated[bool, typer.Option(help="Whether Headroom may configure it by itself.")] = True,
    config: _Config = None,
) -> None:
    """Register a charging station; a key is made for it and shown once.

    Example: csms station add CP-1 --site depot
    """


@_station.command("list")
def list_stations(config: _Config = None) -> None:
    """List the charging stations.

    Example: csms station list
    """


@_token.command("add")
def add_token() -> None:
    ...
