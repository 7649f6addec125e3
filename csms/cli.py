"""The commands: what a person types and reads. Text goes to stdout, log lines and complaints to stderr."""

from __future__ import annotations

import asyncio
import datetime as dt
import enum
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from csms import __version__, app, logs
from csms.clock import SystemClock
from csms.domain.errors import CallerError, ConfigurationError, HeadroomError, Invalid
from csms.domain.station import MessageLogPolicy
from csms.domain.times import format_utc
from csms.domain.token import TokenStatus
from csms.settings import CONFIG_VARIABLE, effective, load
from csms.storage import NewStation, NewToken, SqliteStorage

try:
    import uvloop
except ImportError:  # it has no build for every system; asyncio's own loop does the same, more slowly
    uvloop = None

_FAILURE = 1
_USAGE = 2
_WIDTH_OFF_TERMINAL = 200
"""Columns where stdout is no terminal: a table in a pipe must not be cut at 80."""

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

_T = TypeVar("_T")


_cli = typer.Typer(
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
    typer.Option(
        "--config", "-c", envvar=CONFIG_VARIABLE, help="Settings in TOML; without it the built-in ones."
    ),
]


class _Status(str, enum.Enum):
    ACCEPTED = "accepted"
    BLOCKED = "blocked"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command (by default the one that the process was started with) and exit with its code.

    2: the arguments or the configuration were refused. 1: it failed.
    """
    try:
        _cli(arguments)
    except ConfigurationError as error:
        _complain("The configuration is refused:", error)
        sys.exit(_USAGE)
    except CallerError as error:
        _complain("Refused:", error)
        sys.exit(_USAGE)
    except HeadroomError as error:
        _complain("Failed:", error)
        sys.exit(_FAILURE)


def _print_version(asked: bool) -> None:  # noqa: FBT001 - as typer calls it
    if asked:
        _say(f"csms {__version__}")
        raise typer.Exit


@_cli.callback()
def _common(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    del version  # `_print_version` has dealt with it


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
    file: Annotated[
        Path | None, typer.Argument(help="Settings in TOML; without it the environment alone.")
    ] = None,
) -> None:
    """Check settings and print what they amount to, secrets hidden; nothing is started.

    Example: csms check headroom.toml
    """
    settings = load(file)
    _say(f"{file or 'The environment'} is right. In effect, with the environment's overrides:\n")
    for name, value in effective(settings):
        _say(f"{name} = {value}")


@_cli.command(
    add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True}
)
def simulate(context: typer.Context) -> None:
    """Run simulated chargers, cars and a site meter; `csms simulate --help` tells more.

    Example: csms simulate fleet --url ws://127.0.0.1:9000/ocpp/ --scenario first-look
    """
    from simulators.cli import main as simulators_main  # noqa: PLC0415 - the server never loads them

    simulators_main(context.args, name="csms simulate")


@_station.command("add")
def add_station(
    station_id: Annotated[
        str, typer.Argument(metavar="ID", help="1 to 48 characters of A-Z a-z 0-9 * _ = : + | @ . -")
    ],
    site: Annotated[str | None, typer.Option(help="The site that it belongs to.")] = None,
    key: Annotated[str | None, typer.Option(help="Its key; - reads it from standard input.")] = None,
    *,
    no_key: Annotated[bool, typer.Option("--no-key", help="Let it connect without a key.")] = False,
    managed: Annotated[
        bool,
        typer.Option("--managed/--unmanaged", help="Whether Headroom may send it what nobody asked for."),
    ] = True,
    message_log: Annotated[
        MessageLogPolicy, typer.Option(help="Which of its raw messages are kept.")
    ] = MessageLogPolicy.ALL,
    config: _Config = None,
) -> None:
    """Register a charging station. A key is made for it and shown once, unless you give one.

    Example: csms station add CP-1 --site depot
    """
    if no_key and key is not None:
        raise Invalid("--key and --no-key exclude each other; give one of them")
    given = sys.stdin.readline().strip() if key == "-" else key

    async def add(storage: SqliteStorage) -> NewStation:
        return await storage.add_station(
            station_id, site_id=site, key=given, keyless=no_key, managed=managed, message_log=message_log
        )

    station = _with_storage(config, add)
    _say(f"Station {station.id} is registered; it connects to ws://HOST:PORT/ocpp/{station.id}")
    if key is None and station.key is not None:
        _say(f"Its key, shown only now: {station.key}")


@_station.command("list")
def list_stations(config: _Config = None) -> None:
    """List the charging stations.

    Example: csms station list --config headroom.toml
    """
    stations = _with_storage(config, SqliteStorage.list_stations)
    if not stations:
        _say("No stations yet. Add one: csms station add CP-1")
        return
    _table(
        ("id", "site", "managed", "key", "OCPP", "vendor", "model", "firmware", "last seen"),
        (
            (
                station.id,
                station.site_id,
                _yes(station.managed),
                _yes(station.key_hmac is not None),
                station.ocpp_version,
                station.vendor,
                station.model,
                station.firmware,
                _moment(station.last_seen_at_us),
            )
            for station in stations
        ),
    )


@_token.command("add")
def add_token(
    uid: Annotated[
        str, typer.Argument(metavar="UID", help="What the card or tag says, as chargers send it.")
    ],
    kind: Annotated[
        str, typer.Option("--type", help="Its type; chargers of OCPP 1.6 know only this one.")
    ] = "ISO14443",
    status: Annotated[_Status, typer.Option(help="Whether it may charge.")] = _Status.ACCEPTED,
    expires: Annotated[str | None, typer.Option(help="When it ends, as 2027-01-01T00:00:00Z.")] = None,
    group: Annotated[
        str | None, typer.Option(help="Tokens of one group may stop each other's sessions.")
    ] = None,
    max_concurrent: Annotated[
        int | None, typer.Option(min=1, help="Sessions at a time; without it no limit.")
    ] = None,
    note: Annotated[str | None, typer.Option(help="For people.")] = None,
    config: _Config = None,
) -> None:
    """Register a token that may charge.

    Example: csms token add 04A2B3C4 --expires 2027-01-01T00:00:00Z --note "Front desk"
    """
    token = NewToken(
        uid=uid,
        type=kind,
        status=TokenStatus[status.name],
        expires_at_us=None if expires is None else _microseconds(expires),
        group=group,
        max_concurrent=max_concurrent,
        note=note,
    )

    async def add(storage: SqliteStorage) -> None:
        await storage.add_token(token)

    _with_storage(config, add)
    _say("The token is registered; a running server knows it within seconds.")


@_token.command("list")
def list_tokens(config: _Config = None) -> None:
    """List the tokens, those too that chargers showed and nobody registered ("Seen").

    Example: csms token list
    """
    tokens = _with_storage(config, SqliteStorage.list_tokens)
    if not tokens:
        _say("No tokens yet. Add one: csms token add 04A2B3C4")
        return
    _table(
        ("uid", "type", "status", "expires", "group", "at a time", "note", "id"),
        (
            (
                token.uid,
                token.type,
                token.status,
                _moment(token.expires_at_us),
                token.group_name,
                None if token.max_concurrent is None else str(token.max_concurrent),
                token.note,
                token.id,
            )
            for token in tokens
        ),
    )


def _with_storage(config: Path | None, work: Callable[[SqliteStorage], Awaitable[_T]]) -> _T:
    settings = load(config)
    clock = SystemClock()
    logs.configure(log_format=settings.log_format, level="warning", now_us=clock.now_us)

    async def run() -> _T:
        async with app.opened_storage(settings, clock) as (storage, _):
            return await work(storage)

    return _run(run())


def _run(work: Coroutine[Any, Any, _T]) -> _T:
    with asyncio.Runner(loop_factory=None if uvloop is None else uvloop.new_event_loop) as runner:
        return runner.run(work)


def _microseconds(moment: str) -> int:
    try:
        at = dt.datetime.fromisoformat(moment)
    except ValueError:
        raise Invalid(f"--expires {moment}: is no moment; write it as 2027-01-01T00:00:00Z") from None
    if at.tzinfo is None:
        raise Invalid(f"--expires {moment}: say in which zone, as 2027-01-01T00:00:00Z or …+01:00")
    return (at - _EPOCH) // dt.timedelta(microseconds=1)


def _moment(at_us: int | None) -> str | None:
    return None if at_us is None else format_utc(at_us)


def _yes(fact: object) -> str:
    return "yes" if fact else "no"


def _say(line: str) -> None:
    Console(highlight=False, markup=False, soft_wrap=True).print(line)


def _complain(what: str, error: HeadroomError) -> None:
    console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    console.print(what, *str(error).splitlines(), sep="\n  ")


def _table(headings: Sequence[str], rows: Iterable[Sequence[str | None]]) -> None:
    console = Console()
    if not console.is_terminal:
        console.width = _WIDTH_OFF_TERMINAL
    table = Table(*headings, box=None, pad_edge=False)
    for row in rows:
        # What chargers say of themselves is text, never markup, and can't move the cursor.
        table.add_row(*(Text(logs.printable(cell or "")) for cell in row))
    console.print(table)
