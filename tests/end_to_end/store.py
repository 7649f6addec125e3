"""Reads the server's SQLite file from outside, with nothing but `sqlite3`."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.end_to_end.server import STORE_FILE, Server

Row = dict[str, Any]


def query(server: Server, statement: str, *arguments: object) -> list[Row]:
    """Ask the store of a server, running or not, and change nothing in it."""
    return _query(f"file:{server.folder / STORE_FILE}?mode=ro", statement, arguments)


def query_copy(folder: Path, statement: str, *arguments: object) -> list[Row]:
    """Ask a copy that `copy_of` made; opening it replays the write-ahead log as a restart would."""
    return _query(f"file:{folder / STORE_FILE}", statement, arguments)


def copy_of(server: Server, folder: Path) -> Path:
    """Copy what a killed server left behind, write-ahead log included, and return the copy's folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for suffix in ("", "-wal"):
        file = server.folder / (STORE_FILE + suffix)
        if file.exists():
            shutil.copy(file, folder)
    return folder


def places_of(folder: Path, needle: str) -> set[str]:
    """Return each column, as file.table.column, of each SQLite file in a folder that holds a text or bytes."""
    found: set[str] = set()
    for file in folder.glob("*.sqlite3"):
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
            tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            for (table,) in tables:
                for (column,) in connection.execute(
                    "SELECT name FROM pragma_table_info(?)", (table,)
                ).fetchall():
                    holds = f'SELECT 1 FROM "{table}" WHERE instr(CAST("{column}" AS BLOB), ?) LIMIT 1'  # noqa: S608
                    if connection.execute(holds, (needle.encode(),)).fetchone():
                        found.add(f"{file.stem}.{table}.{column}")
    return found


def in_us(device_time: str) -> int:
    """Return a station's timestamp in UTC microseconds."""
    moment = datetime.fromisoformat(device_time)
    return round(moment.timestamp() * 1e6)


def by(rows: Iterable[Row], *names: str) -> dict[Any, list[Row]]:
    """Group rows by the values of some columns."""
    groups: dict[Any, list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in names), []).append(row)
    return groups


def _query(uri: str, statement: str, arguments: Iterable[object]) -> list[Row]:
    with closing(sqlite3.connect(uri, uri=True, timeout=30)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(statement, tuple(arguments))]
