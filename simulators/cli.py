"""The simulators' commands. Results go to stdout or files, progress and complaints to stderr."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from simulators import scenario as scenarios
from simulators.run import Run
from simulators.scenario import ScenarioError
from simulators.site_meter import Http, Lines, Sink

try:
    import uvloop
except ImportError:  # it has no build for every system; asyncio's own loop does the same, more slowly
    uvloop = None

_USAGE = 2

_cli = typer.Typer(
    help="Charging stations, cars and a site meter that behave, and misbehave, as real ones do.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_Url = Annotated[
    str, typer.Option("--url", "-u", help="Where stations connect; each appends its id.", metavar="ws://…/")
]
_OwnClock = Annotated[
    bool,
    typer.Option(
        "--own-clock",
        help="Don't go by the server's time: begin with this machine's and run on alone. "
        "For a --speed that the server doesn't keep up with.",
    ),
]
_Behind = Annotated[
    float,
    typer.Option(min=0, help="With --own-clock: begin so many hours ago, so that fast time stays past."),
]
_Journal = Annotated[
    Path | None, typer.Option(help="Write every message and its answer to this file, as JSON lines.")
]
_Report = Annotated[
    Path | None,
    typer.Option("--report", help="Write what truly happened to this file, as JSON; - is stdout."),
]


class _Version(str, Enum):
    V16 = "1.6"
    V201 = "2.0.1"


def main(arguments: Sequence[str] | None = None, *, name: str = "python -m simulators") -> None:
    """Run a command and exit with its code.

    0: it ran to its end. 1: something that happened was not acknowledged. 2: the arguments were refused.
    130: Ctrl-C.
    """
    try:
        _cli(arguments, prog_name=name)
    except ScenarioError as error:
        typer.echo(f"Refused: {error}", err=True)
        sys.exit(_USAGE)


@_cli.command("scenarios")
def list_scenarios() -> None:
    """List the scenarios that come with the package.

    Example: python -m simulators scenarios
    """
    for known in scenarios.names():
        typer.echo(f"{known:20} {scenarios.load(known).title}")


@_cli.command()
def station(
    url: _Url,
    station_id: Annotated[str, typer.Option("--id", help="The station's id.")] = "SIM-1",
    *,
    key: Annotated[str | None, typer.Option(help="Its key, for HTTP basic authentication.")] = None,
    version: Annotated[_Version, typer.Option(help="The OCPP version that it speaks.")] = _Version.V16,
    connectors: Annotated[int, typer.Option(min=1, max=20, help="How many cars it has room for.")] = 1,
    phases: Annotated[int, typer.Option(min=1, max=3, help="To how many it is wired.")] = 3,
    max_a: Annotated[float, typer.Option(min=1, help="The most that it offers, per phase.")] = 32.0,
    speed: Annotated[float, typer.Option(min=0.001, help="Seconds at the site in one here.")] = 1.0,
    own_clock: _OwnClock = False,
    behind_h: _Behind = 0.0,
    journal: _Journal = None,
    report: _Report = None,
) -> None:
    r"""Run one station by hand: type `plug`, `card TAG`, `show`, `unplug`, `quit`; `help` lists what there is.

    Example: python -m simulators station --url ws://127.0.0.1:9000/ocpp/ --id CP-1 --key SECRET

    A whole session without a person: printf 'plug\ncard TAG\nwait 60\nunplug\n' | python -m simulators
    station --url ws://127.0.0.1:9000/ocpp/ --id CP-1
    """
    one = {
        "id": station_id.replace("{", "{{").replace("}", "}}"),
        "key": key,
        "version": version.value,
        "connectors": connectors,
        "phases": phases,
        "max_a": max_a,
        "rotation": "RST",
    }
    scenario = scenarios.convert(
        {
            "title": f"{station_id} by hand",
            "speed": speed,
            "lasts_s": 1e9,
            "boot_spread_s": 0,
            "stations": [one],
        }
    )
    _run(
        Run(
            scenario=scenario,
            url=url,
            own_clock=own_clock,
            behind_h=behind_h,
            journal=journal,
            report_to=report,
            by_hand=True,
        )
    )


@_cli.command()
def fleet(
    url: _Url,
    scenario: Annotated[
        str, typer.Option("--scenario", "-s", help="A file, or the name of one that comes with the package.")
    ],
    *,
    speed: Annotated[float | None, typer.Option(min=0.001, help="Seconds at the site in one here.")] = None,
    seed: Annotated[int | None, typer.Option(help="For all chance.")] = None,
    lasts_s: Annotated[float | None, typer.Option("--for", min=1, help="Seconds of site time.")] = None,
    own_clock: _OwnClock = False,
    behind_h: _Behind = 0.0,
    traces: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="The folder with a scenario's traces.")
    ] = None,
    meter_url: Annotated[str | None, typer.Option(help="POST the site meter's readings there.")] = None,
    meter_token: Annotated[
        str | None, typer.Option(help="The bearer token for that.", envvar="SIMULATORS_METER_TOKEN")
    ] = None,
    meter_lines: Annotated[
        bool, typer.Option("--meter-lines", help="Write the site meter's readings to stdout.")
    ] = False,
    unchecked: Annotated[
        bool, typer.Option("--unchecked", help="Don't hold messages against the schemas, to save time.")
    ] = False,
    draws: Annotated[
        bool, typer.Option("--draws", help="Put every current that flowed into the report.")
    ] = False,
    journal: _Journal = None,
    report: _Report = None,
) -> None:
    """Play a scenario with many stations.

    Example: python -m simulators fleet --url ws://127.0.0.1:9000/ocpp/ --scenario first-look

    Fast, at a server whose time is not: python -m simulators fleet -u ws://127.0.0.1:9000/ocpp/ -s
    twenty-in-trouble --own-clock --behind-h 24 --journal journal.jsonl --report report.json
    """
    _run(
        Run(
            scenario=scenarios.changed(scenarios.load(scenario), speed=speed, seed=seed, lasts_s=lasts_s),
            url=url,
            own_clock=own_clock,
            behind_h=behind_h,
            journal=journal,
            report_to=report,
            traces=traces,
            sink=_sink(meter_url, meter_token, lines=meter_lines),
            checked=not unchecked,
            draws=draws,
        )
    )


def _sink(url: str | None, token: str | None, *, lines: bool) -> Sink | None:
    if url is None:
        return Lines(sys.stdout) if lines else None
    try:
        return Http(url, token=token)
    except ValueError as error:
        raise ScenarioError(f"--meter-url {error}") from error


def _run(run: Run) -> None:
    with (
        contextlib.nullcontext() if run.sink is None else contextlib.closing(run.sink),
        asyncio.Runner(loop_factory=None if uvloop is None else uvloop.new_event_loop) as runner,
    ):
        code = runner.run(run.run())
    raise typer.Exit(code)
