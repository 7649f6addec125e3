from __future__ import annotations

import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine

from csms.domain.errors import ConfigurationError
from csms.storage.migrate import MIGRATIONS, head, migrate
from csms.storage.tables import Row


def schema(path: Path) -> dict[str, str]:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        return {name: " ".join(sql.split()) for name, sql in rows if name != "alembic_version"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite3"


def test_the_migrations_lead_to_the_tables_as_they_are_declared(path: Path, tmp_path: Path):
    migrate(path)
    engine = create_engine(f"sqlite:///{tmp_path / 'declared.sqlite3'}")
    Row.metadata.create_all(engine)
    engine.dispose()

    # Word for word, so that triggers, conditions of indexes and STRICT are compared too.
    assert schema(path) == schema(tmp_path / "declared.sqlite3")


@pytest.mark.filterwarnings("ignore:.*expression-based index")
def test_alembic_finds_nothing_to_change_either(path: Path):
    migrate(path)
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        changes = compare_metadata(MigrationContext.configure(connection), Row.metadata)
    engine.dispose()

    assert changes == []


def test_migrating_again_changes_nothing(path: Path):
    migrate(path)
    before = path.read_bytes()

    migrate(path)

    assert path.read_bytes() == before


def test_a_store_of_the_first_version_is_brought_to_the_newest(path: Path, tmp_path: Path):
    migrate(path, "0001")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "INSERT INTO transactions (id, ocpp_id, station_id, evse, connector, started_at_us, device_started_at, "
            "received_at_us, orphan) VALUES ('tx', '1', 'CP-1', 1, 1, 1, '', 1, 0)"
        )

    migrate(path)
    migrate(tmp_path / "fresh.sqlite3")

    assert schema(path) == schema(tmp_path / "fresh.sqlite3")
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT id FROM transactions").fetchall() == [("tx",)]


def test_several_processes_may_migrate_at_once(path: Path):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(migrate, [path] * 8))

    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(head(),)]


def test_a_new_store_is_for_its_owners_eyes_only(path: Path):
    migrate(path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_store_of_a_newer_version_is_refused_and_left_alone(path: Path):
    migrate(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = 'from-the-future'")
    before = path.read_bytes()

    with pytest.raises(
        ConfigurationError, match=r"newer version.*from-the-future.*newest known here is 0007"
    ):
        migrate(path)

    assert path.read_bytes() == before


def test_somebody_elses_database_is_refused_and_left_alone(path: Path):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE recipes (cake TEXT)")
    before = path.read_bytes()

    with pytest.raises(ConfigurationError, match=r"somebody else's tables \(recipes"):
        migrate(path)

    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path):
    path.write_text("Dear diary, " * 1000)

    with pytest.raises(ConfigurationError, match="not a database"):
        migrate(path)

    assert path.read_text().startswith("Dear diary")


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path):
    with pytest.raises(ConfigurationError, match=r"missing/store\.sqlite3.*folder that exists"):
        migrate(tmp_path / "missing" / "store.sqlite3")


def test_a_folder_in_the_files_place_is_refused(tmp_path: Path):
    with pytest.raises(ConfigurationError, match="can't be opened"):
        migrate(tmp_path)


def test_a_path_may_hold_whatever_a_path_can(tmp_path: Path):
    odd = tmp_path / "50% off? #1 &.sqlite3"

    migrate(odd)

    assert "samples" in schema(odd)


def test_migrations_come_with_the_package():
    assert (MIGRATIONS / "env.py").exists()
