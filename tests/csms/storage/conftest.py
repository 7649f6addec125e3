from __future__ import annotations

from pathlib import Path

import pytest

from tests.csms.storage.engines import SqliteEngine

ENGINES = {"sqlite": SqliteEngine}


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> SqliteEngine:
    return ENGINES[request.param](tmp_path)


@pytest.fixture
def sqlite(tmp_path: Path) -> SqliteEngine:
    return SqliteEngine(tmp_path)
