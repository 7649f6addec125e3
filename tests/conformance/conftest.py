"""A server that all dialogues of a file talk to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from tests.conformance.rest import Rest
from tests.conformance.station import Station
from tests.end_to_end.conftest import finish
from tests.end_to_end.server import Server

Dialogue = Callable[[Station], Awaitable[Any]]
Talk = Callable[[Dialogue], Any]


@pytest.fixture(scope="module")
def conforming(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start a server that knows no token and takes every station, for all dialogues of a file.

    A file may name settings of its own as `SETTINGS`.
    """
    settings = getattr(request.module, "SETTINGS", {})
    server = Server(tmp_path_factory.mktemp("conformance"), **settings).start()
    yield server
    finish(server)


@pytest.fixture
def talk(request: pytest.FixtureRequest, conforming: Server) -> Talk:
    """Return what plays a dialogue with a fresh station of the version that the file names as `SUBPROTOCOL`."""

    def play(dialogue: Dialogue) -> Any:
        async def run() -> Any:
            async with (
                Rest(conforming.http_port) as rest,
                Station(conforming, request.module.SUBPROTOCOL, rest) as station,
            ):
                return await dialogue(station)

        return asyncio.run(run())

    return play
