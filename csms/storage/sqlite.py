"""The store in a SQLite file: opens it and joins its parts."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from pathlib import Path
from typing import Any

from msgspec import Struct, field
from sqlalchemy import URL, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from csms.domain.errors import ConfigurationError
from csms.ports import Clock
from csms.storage.messages import MessageLogLimits, SqliteMessageLog
from csms.storage.migrate import migrate, remedy
from csms.storage.retention import DAY_US, Retention, Sweep
from csms.storage.secrets import fingerprint
from csms.storage.sqlite_commit import BUSY_S, SqliteCommitter, connect
from csms.storage.sqlite_read import SqliteReads
from csms.storage.store import Parts, Store
from csms.storage.token_index import TokenIndex
from csms.storage.writer import Chore, Writer, WriterLimits

_FINGERPRINT = "secret-fingerprint"
_HAS_KEYS = (
    "SELECT EXISTS (SELECT 1 FROM stations WHERE key_hmac IS NOT NULL OR previous_key_hmac IS NOT NULL) "
    "OR EXISTS (SELECT 1 FROM tokens)"
)


class StoreOptions(Struct, frozen=True, kw_only=True):
    """How much is kept, and how the store behaves under load."""

    samples_keep_days: int = 90
    decisions_keep_days: int = 30
    events_keep_days: int = 90
    message_log: MessageLogLimits = field(default_factory=MessageLogLimits)
    writer: WriterLimits = field(default_factory=WriterLimits)
    busy_s: float = BUSY_S
    """How long a lock held by another process is waited for."""


class SqliteStorage(Store):
    """The store in a SQLite file."""


async def open_storage(
    database_url: str,
    *,
    clock: Clock,
    secret: bytes,
    serving: bool = True,
    options: StoreOptions | None = None,
) -> SqliteStorage:
    """Open the store, making it or bringing it to the newest schema first, and start its writer.

    Commands that only look or register something say `serving=False`: they reserve no ids and delete nothing.
    Raises `ConfigurationError` where the file can't be used or belongs to another secret.
    """
    options = StoreOptions() if options is None else options
    path = path_of(database_url)
    await asyncio.to_thread(_make_ready, path, secret)
    tokens = TokenIndex()
    try:
        committer = SqliteCommitter(
            lambda: connect(path, busy_s=options.busy_s), tokens_seen=lambda: tokens.seen
        )
    except sqlite3.Error as error:
        raise ConfigurationError(f"{path}: the store can't be opened ({error})") from error
    message_log = SqliteMessageLog(message_log_path(path), clock, options.message_log)
    chores: tuple[Chore, ...] = ()
    if serving:
        sweeps = (
            Sweep("samples", "received_at_us", options.samples_keep_days * DAY_US),
            Sweep("transaction_events", "received_at_us", options.samples_keep_days * DAY_US),
            Sweep("decisions", "at_us", options.decisions_keep_days * DAY_US),
            Sweep("events", "at_us", options.events_keep_days * DAY_US, keep_newest=True),
            Sweep("kept_answers", "at_us", DAY_US),
        )
        chores = (message_log, Retention(committer.connection, clock, sweeps))
    writer = Writer(committer, chores=chores, tokens_changed=tokens.apply, limits=options.writer)
    parts = Parts(
        writer=writer,
        reads=SqliteReads(path, busy_s=options.busy_s),
        engine=_engine(path, options.busy_s),
        tokens=tokens,
        message_log=message_log,
    )
    storage = SqliteStorage(parts, clock=clock, secret=secret)
    try:
        await storage.prepare(serving=serving)
    except BaseException:
        await storage.close()
        raise
    return storage


def store_has_keys(database_url: str) -> bool:
    """Tell whether the store holds anything that depends on its secret; False where there is none yet.

    Raises `ConfigurationError` where the file can't be read.
    """
    path = path_of(database_url)
    if not path.exists():
        return False
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=BUSY_S)) as connection:
            made = connection.execute(
                "SELECT count(*) FROM sqlite_master WHERE name IN ('stations', 'tokens')"
            )
            return made.fetchone() == (2,) and bool(connection.execute(_HAS_KEYS).fetchone()[0])
    except sqlite3.Error as error:
        raise ConfigurationError(f"{path}: the store can't be read ({error}); {remedy(error)}") from error


def path_of(database_url: str) -> Path:
    """Return the file that a database URL names. Raises `ConfigurationError` where it names none."""
    try:
        url = make_url(database_url)
    except ArgumentError as error:
        raise ConfigurationError(f"database_url {database_url!r} is no URL: write sqlite:///FILE") from error
    if url.drivername not in {"sqlite", "sqlite+aiosqlite"}:
        raise ConfigurationError(
            f"database_url: there is no engine {url.drivername} yet; write sqlite:///FILE"
        )
    if not url.database or url.database.startswith((":memory:", "file:")) or url.query:
        raise ConfigurationError("database_url must name a file, without options: sqlite:///FILE")
    return Path(url.database)


def message_log_path(path: Path) -> Path:
    """Return where the message log of a store lies: in a file beside it."""
    return path.with_name(f"{path.stem}-messages.sqlite3")


def _make_ready(path: Path, secret: bytes) -> None:
    migrate(path)
    own = fingerprint(secret)
    with contextlib.closing(sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
            known = connection.execute("SELECT value FROM meta WHERE name = ?", (_FINGERPRINT,)).fetchone()
            if known is not None and known != (own,) and connection.execute(_HAS_KEYS).fetchone()[0]:
                raise ConfigurationError(
                    f"{path}: this store was made with another secret, and its keys and tokens depend on that. "
                    "Bring back the secret file that belongs to it, or let database_url name another store."
                )
            if known != (own,):
                connection.execute("REPLACE INTO meta (name, value) VALUES (?, ?)", (_FINGERPRINT, own))
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise ConfigurationError(
                f"{path}: the store can't be written ({error}); {remedy(error)}"
            ) from error


def _engine(path: Path, busy_s: float) -> AsyncEngine:
    engine = create_async_engine(
        URL.create("sqlite+aiosqlite", database=str(path)),
        # Each read is a statement of its own: there is no transaction to end when a connection is given back.
        isolation_level="AUTOCOMMIT",
        pool_reset_on_return=None,
        connect_args={"timeout": busy_s},
    )
    event.listen(engine.sync_engine, "connect", _read_only)
    return engine


def _read_only(connection: Any, _: object) -> None:  # noqa: ANN401 - SQLAlchemy's adapter has no public type
    connection.execute("PRAGMA query_only = ON")
