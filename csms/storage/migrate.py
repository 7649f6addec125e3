"""Brings a SQLite file to the newest schema, and refuses files that are not this program's or newer than it."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, NullPool, create_engine, event, inspect
from sqlalchemy.exc import DBAPIError

from csms.domain.errors import ConfigurationError
from csms.storage.sqlite_commit import BUSY_S, PRIMARY_CODE

MIGRATIONS = Path(__file__).parent / "migrations"
_VERSION_TABLE = "alembic_version"


def migrate(path: Path, to: str = "head") -> None:
    """Make the file, or bring it to the newest schema (or to an older one); several processes may try at once.

    Raises `ConfigurationError` where the file can't be used, saying what to do.
    """
    try:
        # Made here, so that only its owner can read it: it will hold the uids of tokens.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise ConfigurationError(
            f"{path}: the store can't be opened ({error.strerror or error}); let database_url name a file in a "
            "folder that exists and that the server may write to"
        ) from error
    engine = create_engine("sqlite+pysqlite://", creator=lambda: _connect(path), poolclass=NullPool)
    # The lock is taken before anything is read, so that nobody migrates between the look and the change.
    event.listen(engine, "begin", _begin)
    try:
        with engine.begin() as connection:
            _upgrade(connection, path, to)
    except DBAPIError as error:
        raise ConfigurationError(
            f"{path}: the store can't be used ({error.orig}); {remedy(error.orig)}"
        ) from error
    finally:
        engine.dispose()


def remedy(error: BaseException | None) -> str:
    """Return what to do about a file that SQLite gave `error` for."""
    code = getattr(error, "sqlite_errorcode", 0) & PRIMARY_CODE
    if code == sqlite3.SQLITE_NOTADB:
        return "it is no SQLite file, so let database_url name another one"
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return "another program holds it; try again when that is done"
    if code == sqlite3.SQLITE_FULL:
        return "make room on its disk"
    return "it and its folder must be there and be the server's to read and write"


def head() -> str:
    """Return the newest revision that this program knows."""
    return _scripts(_config(None)).get_current_head() or ""


def _upgrade(connection: Connection, path: Path, to: str) -> None:
    config = _config(connection)
    tables = set(inspect(connection).get_table_names())
    if tables and _VERSION_TABLE not in tables:
        raise ConfigurationError(
            f"{path}: this file holds somebody else's tables ({', '.join(sorted(tables)[:3])}, …); "
            "let database_url name another one"
        )
    known = {script.revision for script in _scripts(config).walk_revisions()}
    found = MigrationContext.configure(connection).get_current_heads()
    if not known.issuperset(found):
        raise ConfigurationError(
            f"{path}: this store was written by a newer version of this program (its schema is "
            f"{', '.join(found)}, the newest known here is {head()}). Run that version, or bring back a backup."
        )
    command.upgrade(config, to)


def _config(connection: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def _scripts(config: Config) -> ScriptDirectory:
    return ScriptDirectory.from_config(config)


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _connect(path: Path) -> sqlite3.Connection:
    # Without an isolation level Python leaves transactions to us; with one, DDL would end them.
    return sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
