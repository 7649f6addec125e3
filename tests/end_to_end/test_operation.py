"""What somebody meets who runs the server: a second one, a killed one, its limits."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.server import Server, ServerFailed

pytestmark = pytest.mark.end_to_end


def test_a_second_server_on_the_same_store_is_refused_and_does_not_disturb_the_first(server: Server):
    second = Server(server.folder)
    second.config = server.folder / "second.toml"
    with pytest.raises(
        ServerFailed, match=rf"another server works on this store \(process {server.process.pid}\)"
    ):
        second.start()
    assert server.running


def test_a_killed_server_leaves_its_store_to_the_next(server: Server):
    server.kill()
    server.start()
    assert server.running


def test_commands_work_beside_a_running_server(server: Server):
    server.command("station", "add", "CP-1")
    assert "CP-1" in server.command("station", "list")


def test_the_server_may_open_as_many_sockets_as_the_system_allows(server: Server):
    limits = Path(f"/proc/{server.process.pid}/limits").read_text("ascii").splitlines()
    (line,) = (line for line in limits if line.startswith("Max open files"))
    soft, hard = line.split()[3:5]
    assert soft == hard
