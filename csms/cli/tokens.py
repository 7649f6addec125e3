"""`csms token …`: tokens (cards and tags) that may charge."""

from __future__ import annotations

import datetime as dt
import enum
from typing import Annotated

import typer

from csms.cli.console import moment, say, table
from csms.cli.store import Config, with_storage
from csms.domain.errors import Invalid
from csms.domain.token import TokenStatus
from csms.storage import NewToken, SqliteStorage

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

commands = typer.Typer(no_args_is_help=True, help="Tokens (cards and tags) that may charge.")


class _Status(str, enum.Enum):
    ACCEPTED = "accepted"
    BLOCKED = "blocked"


@commands.command("add")
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
    config: Config = None,
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

    with_storage(config, add)
    say("The token is registered; a running server knows it within seconds.")


@commands.command("list")
def list_tokens(config: Config = None) -> None:
    """List the tokens, those too that chargers showed and nobody registered ("Seen").

    Example: csms token list
    """
    tokens = with_storage(config, SqliteStorage.list_tokens)
    if not tokens:
        say("No tokens yet. Add one: csms token add 04A2B3C4")
        return
    table(
        ("uid", "type", "status", "expires", "group", "at a time", "note", "id"),
        (
            (
                token.uid,
                token.type,
                token.status,
                moment(token.expires_at_us),
                token.group_name,
                None if token.max_concurrent is None else str(token.max_concurrent),
                token.note,
                token.id,
            )
            for token in tokens
        ),
    )


def _microseconds(text: str) -> int:
    try:
        at = dt.datetime.fromisoformat(text)
    except ValueError:
        raise Invalid(f"--expires {text}: is no moment; write it as 2027-01-01T00:00:00Z") from None
    if at.tzinfo is None:
        raise Invalid(f"--expires {text}: say in which zone, as 2027-01-01T00:00:00Z or …+01:00")
    return (at - _EPOCH) // dt.timedelta(microseconds=1)
