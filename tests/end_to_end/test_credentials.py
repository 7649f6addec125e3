"""Who is let in, and what the others learn: nothing."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator

import pytest

from tests.end_to_end.conftest import finish
from tests.end_to_end.server import Server
from tests.end_to_end.store import query
from tests.end_to_end.wire import Response, Wire, handshake

pytestmark = pytest.mark.end_to_end
KEY = "0123456789abcdef0123"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start a server that knows two stations, both with a key."""
    server = Server(tmp_path_factory.mktemp("credentials"), station_policy="known")
    server.command("station", "add", "CP-1", "--key", KEY)
    server.command("station", "add", "CP-2", "--key", KEY[::-1])
    server.start()
    yield server
    finish(server)


def knock(server: Server, station_id: str, credentials: str | None) -> Response:
    async def run() -> Response:
        async with await Wire.to(server.ocpp_port) as wire:
            wire.send(handshake(f"/ocpp/{station_id}", credentials=credentials))
            return await wire.response()

    return asyncio.run(run())


def without_date(response: Response) -> bytes:
    return re.sub(rb"\r\nDate: [^\r]*", b"", response.raw)


@pytest.mark.parametrize("user", ["CP-1", "cp-1"])
def test_a_station_with_its_key_is_let_in_whatever_the_case_of_its_name(server: Server, user: str):
    assert knock(server, "CP-1", f"{user}:{KEY}").status == 101


@pytest.mark.parametrize(
    ("station_id", "credentials"),
    [
        ("CP-1", None),
        ("CP-1", f"CP-1:{KEY}0"),
        ("CP-1", "CP-1:"),
        ("CP-1", f"CP-2:{KEY[::-1]}"),
        ("CP-1", f"CP-1:{KEY[::-1]}"),
        ("CP-1", f"CP-2:{KEY}"),
        ("CP-1", KEY),
        ("NOBODY", None),
        ("NOBODY", f"NOBODY:{KEY}"),
        ("NOBODY", f"CP-1:{KEY}"),
    ],
)
def test_everybody_else_gets_the_same_answer_whether_the_station_exists_or_not(
    server: Server, station_id: str, credentials: str | None
):
    reference = knock(server, "CP-1", "CP-1:wrong")
    refused = knock(server, station_id, credentials)
    assert reference.status == 401
    assert "www-authenticate" in reference.headers
    assert reference.body
    assert without_date(refused) == without_date(reference)


def test_nobody_who_was_refused_leaves_a_station_behind(server: Server):
    knock(server, "INTRUDER", "INTRUDER:secret")
    assert {row["id"] for row in query(server, "SELECT id FROM stations")} == {"CP-1", "CP-2"}


def test_no_key_and_no_password_stands_in_the_log_or_in_the_store(server: Server):
    knock(server, "CP-1", f"CP-1:{KEY}")
    knock(server, "CP-1", "CP-1:hunter2-hunter2")
    secrets = (KEY, KEY[::-1], "hunter2-hunter2")
    assert not [line for line in server.log.lines if any(secret in line for secret in secrets)]
    stored = b"".join(file.read_bytes() for file in server.folder.glob("*.sqlite3*"))
    assert not [secret for secret in secrets if secret.encode() in stored]
