"""A fresh site for each test, at noon, with one accepted token `TAG`."""

from __future__ import annotations

import pytest

from tests.csms.usecases.world import World


@pytest.fixture
def world() -> World:
    world = World()
    world.add_token("TAG")
    return world
