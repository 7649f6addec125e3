"""Servers for the tests of this folder; each ends healthy, or its test fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.charger import Charger
from tests.end_to_end.server import Server

StartServer = Callable[..., Server]


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    """Start servers with the settings given, each in a folder of its own."""
    servers: list[Server] = []

    def start(*, prepare: Callable[[Server], object] = lambda _server: None, **settings: Any) -> Server:
        folder = tmp_path / f"server-{len(servers)}"
        folder.mkdir()
        server = Server(folder, **settings)
        prepare(server)
        servers.append(server)
        return server.start()

    yield start
    finish(*servers)


@pytest.fixture
def server(start_server: StartServer) -> Server:
    """Start a server that accepts every station and no token."""
    return start_server()


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start one such server for all tests of a file that neither end it nor count what others did to it."""
    server = Server(tmp_path_factory.mktemp("shared")).start()
    yield server
    finish(server)


@pytest.fixture
def charger(shared_server: Server) -> Charger:
    """Take a charger that nobody else uses."""
    return Charger.at(shared_server)


def finish(*servers: Server) -> None:
    """End servers; fail where one died by itself or wrote what a healthy server would not write."""
    died = [server.folder.name for server in servers if server.started and not server.running]
    for server in servers:
        server.kill()
    assert not died, "\n".join(line for server in servers for line in server.log.lines[-40:])
    complaints = [line for server in servers for line in server.complaints()]
    assert not complaints, "\n".join(complaints[:40])
