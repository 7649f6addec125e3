"""A fresh site for each test, at noon, with one accepted token `TAG`; and one over the real store."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.csms.usecases.stored_world import Shelf, StoredWorld
from tests.csms.usecases.world import World


@pytest.fixture
def world() -> World:
    world = World()
    world.add_token("TAG")
    return world


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    shelf = Shelf(tmp_path_factory.mktemp("shelf") / "store.sqlite3")
    yield shelf
    shelf.committer.close()


@pytest.fixture
def stored_world(shelf: Shelf) -> StoredWorld:
    """Like `world`."""
    world = StoredWorld(shelf)
    world.add_token("TAG")
    return world
