"""`csms site …`: sites, their circuits, and the chargers that share them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from csms.cli import site_views
from csms.cli.console import say
from csms.cli.store import Config, with_storage
from csms.clock import SystemClock
from csms.domain.errors import FieldProblem, Invalid, NotFound, Outdated, RecordRefused
from csms.domain.records import Record
from csms.domain.site import KnownStation, StoredSite
from csms.domain.site_check import SiteCheck, SiteRead
from csms.settings import load
from csms.storage import SqliteStorage, path_of
from csms.usecases import site_keeping

_BROKEN = 1

commands = typer.Typer(
    no_args_is_help=True, help="Sites: circuits, meters, and the chargers that share them."
)

_File = Annotated[
    Path, typer.Argument(metavar="FILE", help='JSON or TOML, as the "Site" of the REST interface.')
]
_Id = Annotated[str, typer.Argument(metavar="ID", help="A site's id.")]


@commands.command("add")
def add_site(
    file: _File,
    *,
    replace: Annotated[bool, typer.Option("--replace", help="Take the place of a site of this id.")] = False,
    config: Config = None,
) -> None:
    """Save a site. All that is wrong with it is told at once, and nothing is saved then.

    Example: csms site add depot.toml
    """
    site_id, site, problems = _read(file)
    if site_id is None or site is None:
        _refuse(file, problems)

    async def add(storage: SqliteStorage) -> tuple[SiteCheck, bool]:
        return await _save(storage, file, site_id, site, replace=replace)

    check, changed = with_storage(config, add)
    site_views.notes("But", check.problems)
    site_views.notes("Note", check.warnings)
    if changed:
        say(f"Site {check.site_id} is saved; a running server takes it over within seconds.")
    else:
        say(f"Site {check.site_id} is as {file} says already.")


@commands.command("show")
def show_site(
    site_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="A site's id; without it all are listed.")
    ] = None,
    config: Config = None,
) -> None:
    """List the sites, or draw one: circuits with their ratings, meters, EVSEs, and the caps in force.

    Example: csms site show depot
    """
    if site_id is None:
        site_views.overview(with_storage(config, SqliteStorage.sites))
        return
    wanted = site_id

    async def find(storage: SqliteStorage) -> site_views.Drawn:
        site = await _found(storage, wanted)
        facts = await storage.site_facts(site.id, ())
        return site_views.Drawn(site, facts.caps, await storage.known_stations())

    site_views.drawing(with_storage(config, find), now_us=SystemClock().now_us())


@commands.command("check")
def check_site(
    site: Annotated[str, typer.Argument(metavar="FILE|ID", help="A file, or the id of a saved site.")],
    config: Config = None,
) -> None:
    """Check a site: whether all failsafes fit beside what others draw at worst, and which EVSEs may keep 6 A.

    It ends with code 1 where a rule is broken.

    Example: csms site check depot.toml
    """
    file = Path(site)
    if file.is_file():
        read = _read(file)
        if read.config is None:
            site_views.notes("Broken", read.problems)
            raise typer.Exit(_BROKEN)
        check = _checked(read.config, _known_stations(config))
    else:

        async def find(storage: SqliteStorage) -> tuple[StoredSite, list[KnownStation]]:
            return await _found(storage, site, or_file=True), await storage.known_stations()

        stored, known = with_storage(config, find)
        check = _checked(stored.config, known)
    site_views.findings(check)
    if not check.ok:
        raise typer.Exit(_BROKEN)


@commands.command("remove")
def remove_site(site_id: _Id, config: Config = None) -> None:
    """Remove a site and its caps. Its chargers stay registered; our profiles are cleared there.

    Example: csms site remove depot
    """

    async def remove(storage: SqliteStorage) -> None:
        site = await _found(storage, site_id)
        await _write(storage, site.id, site_keeping.removed(site, await storage.known_stations()))

    with_storage(config, remove)
    say(
        f"Site {site_id} is removed; a running server lets go of it within seconds, and clears its limits at the "
        "chargers as they are connected."
    )


async def _save(
    storage: SqliteStorage, file: Path, site_id: str, site: bytes, *, replace: bool
) -> tuple[SiteCheck, bool]:
    """Save a site unless it is there already; return its check and whether anything changed."""
    before, known = await storage.find_site(site_id), await storage.known_stations()
    if before is not None and not replace:
        raise Invalid(f"there is a site {site_id} already; --replace puts this one in its place")
    twin = site_keeping.twin(site_id, await storage.site_versions()) if before is None else None
    if twin is not None:
        raise Invalid(f"there is a site {twin} already; case tells no sites apart")
    conflicts = tuple(site_keeping.conflicts(site_id, site, known))
    if conflicts:
        _refuse(file, conflicts)
    check = _checked(site, known)
    if not check.ok and site_views.mode_of(site) == "enforce":
        found = [FieldProblem(found.path, found.message) for found in check.problems]
        _refuse(file, found, "Nothing forbids to save it with mode observe, in which nothing is sent.")
    if before is not None and before.config == site:
        return check, False
    records = site_keeping.saved(site_id, site, before=before, known=known, at_us=SystemClock().now_us())
    await _write(storage, site_id, records)
    return check, True


async def _found(storage: SqliteStorage, site_id: str, *, or_file: bool = False) -> StoredSite:
    site = await storage.find_site(site_id)
    if site is None:
        raise NotFound(f"there is no site {site_id}{', nor a file of that name' if or_file else ''}")
    return site


async def _write(storage: SqliteStorage, site_id: str, records: Sequence[Record]) -> None:
    try:
        await storage.write(*records)
    except RecordRefused as error:
        raise Outdated(
            f"the site {site_id}, or where its stations belong, was changed by somebody else just now; try again"
        ) from error


def _read(file: Path) -> SiteRead:
    from csms.usecases.balancing.site_files import read_site  # noqa: PLC0415 - takes long, and few commands need it

    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise Invalid(f"{file}: can't be read ({error.strerror or error})") from error
    except UnicodeDecodeError as error:
        raise Invalid(f"{file}: is not UTF-8 (byte {error.start}); save it as UTF-8") from error
    return read_site(text, file.suffix)


def _checked(config: bytes, known: Sequence[KnownStation]) -> SiteCheck:
    from csms.usecases.balancing import site_files  # noqa: PLC0415 - as above

    return site_files.check_site(config, known)


def _known_stations(config: Path | None) -> Sequence[KnownStation]:
    # Looking at a file makes no store.
    if not path_of(load(config).database_url).exists():
        return ()
    return with_storage(config, SqliteStorage.known_stations)


def _refuse(file: Path, problems: Sequence[FieldProblem], advice: str = "") -> NoReturn:
    lines = [f"{file}: {path}: {message}" for path, message in problems]
    raise Invalid("\n".join([*lines, advice] if advice else lines), problems)
