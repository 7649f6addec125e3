"""The commands: what a person types and reads. Text goes to stdout, log lines and complaints to stderr."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from csms import __version__, logs
from csms.cli import sites, stations, tokens
from csms.cli.console import complain, say
from csms.cli.store import Config, run
from csms.clock import SystemClock
from csms.domain.errors import CallerError, ConfigurationError, HeadroomError
from csms.settings import effective, load

_FAILURE = 1
_USAGE = 2

_cli = typer.Typer(
    help="Headroom, a central system for charging stations.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_cli.add_typer(stations.commands, name="station")
_cli.add_typer(sites.commands, name="site")
_cli.add_typer(tokens.commands, name="token")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command (by default the one that the process was started with) and exit with its code.

    2: the arguments or the configuration were refused. 1: it failed.
    """
    try:
        _cli(arguments)
    except ConfigurationError as error:
        complain("The configuration is refused:", error)
        sys.exit(_USAGE)
    except CallerError as error:
        complain("Refused:", error)
        sys.exit(_USAGE)
    except HeadroomError as error:
        complain("Failed:", error)
        sys.exit(_FAILURE)


def _print_version(asked: bool) -> None:  # noqa: FBT001 - as typer calls it
    if asked:
        say(f"csms {__version__}")
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
def serve(config: Config = None) -> None:
    """Run the server until SIGTERM or Ctrl-C; what is under way is finished first.

    Example: csms serve --config headroom.toml
    """
    from csms import app  # noqa: PLC0415 - help and complaints come quickly without the server's parts

    settings = load(config)
    logs.configure(log_format=settings.log_format, level=settings.log_level, now_us=SystemClock().now_us)
    raise typer.Exit(run(app.serve(settings)))


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
    say(f"{file or 'The environment'} is right. In effect, with the environment's overrides:\n")
    for name, value in effective(settings):
        say(f"{name} = {value}")


@_cli.command(
    add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True}
)
def simulate(context: typer.Context) -> None:
    """Run simulated chargers, cars and a site meter; `csms simulate --help` tells more.

    Example: csms simulate fleet --url ws://127.0.0.1:9000/ocpp/ --scenario first-look
    """
    from simulators.cli import main as simulators_main  # noqa: PLC0415 - the server never loads them

    simulators_main(context.args, name="csms simulate")
