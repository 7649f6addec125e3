"""`csms station …`: charging stations that may connect."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from csms.cli.console import moment, say, table, yes
from csms.cli.store import Config, with_storage
from csms.domain.errors import Invalid
from csms.domain.register import NewStation, StationChange
from csms.domain.station import MessageLogPolicy
from csms.storage import SqliteStorage

commands = typer.Typer(no_args_is_help=True, help="Charging stations that may connect.")


@commands.command("add")
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
    config: Config = None,
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

    station = with_storage(config, add)
    say(f"Station {station.id} is registered; it connects to ws://HOST:PORT/ocpp/{station.id}")
    if key is None and station.key is not None:
        say(f"Its key, shown only now: {station.key}")


@commands.command("list")
def list_stations(config: Config = None) -> None:
    """List the charging stations.

    Example: csms station list --config headroom.toml
    """
    stations = with_storage(config, SqliteStorage.list_stations)
    if not stations:
        say("No stations yet. Add one: csms station add CP-1")
        return
    table(
        ("id", "site", "managed", "key", "OCPP", "vendor", "model", "firmware", "last seen"),
        (
            (
                station.id,
                station.site_id,
                yes(station.managed),
                yes(station.key_hmac is not None),
                station.ocpp_version,
                station.vendor,
                station.model,
                station.firmware,
                moment(station.last_seen_at_us),
            )
            for station in stations
        ),
    )


@commands.command("manage")
def manage_station(
    station_id: Annotated[str, typer.Argument(metavar="ID", help="A registered station.")],
    *,
    off: Annotated[bool, typer.Option("--off", help="Send it nothing that nobody asked for.")] = False,
    config: Config = None,
) -> None:
    """Let Headroom send a charging station what nobody asked for, above all limits; --off takes that back.

    Example: csms station manage CP-1
    """

    async def manage(storage: SqliteStorage) -> NewStation:
        return await storage.change_station(station_id, StationChange(managed=not off))

    station = with_storage(config, manage)
    say(
        f"Station {station.id} is {'unmanaged' if off else 'managed'}; "
        "a running server heeds it when the station connects the next time."
    )
