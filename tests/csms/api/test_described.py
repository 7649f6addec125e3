"""What schemathesis makes of the API's description, against the application on a socket: each operation keeps its word.

It goes by docs/openapi.json, which another test compares with the routes: a new operation is tried by itself.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from msgspec.structs import replace
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi import checks

from csms.domain.records import StationBooted, StationConnected
from csms.domain.register import NewToken
from csms.storage import registering
from tests.architecture.tree import ROOT
from tests.csms.api.serving import Served, served
from tests.csms.api.world import SITES, begun, site
from tests.csms.live.world import DEADLINE_S, QUICK
from tests.csms.storage import some_records as some
from tests.csms.storage.engines import NOW_US, SECRET

EXAMPLES = 10
# Conditions are looked at before bodies are (RFC 9110 §13.2.1), so that 412 and 428 may come first.
REFUSALS = ["400", "401", "403", "404", "409", "412", "413", "415", "422", "428", "503"]
SOAKING = os.environ.get("HEADROOM_SOAK") == "1"
CONFIG = SchemathesisConfig.from_dict(
    {
        "checks": {"negative_data_rejection": {"expected-statuses": REFUSALS}},
        # Every boundary of every parameter takes minutes.
        "phases": {"coverage": {"enabled": SOAKING}},
    }
)
DESCRIPTION = schemathesis.openapi.from_path(ROOT / "docs/openapi.json", config=CONFIG)
CHECKS = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
    checks.unsupported_method,
]


TOKEN = "4c1d9a7e0b5f4e2d8a3c6b9f0e1d2c3b"
ENDED = "6f1c0c6c2b3e4a5d8f7a9b0c1d2e3f4a"
RUNNING = "1d5e8a6b4f3c4b7e9a0d2c1f8e7b6a59"
COMMAND = "9b2e7f30c4d84a1f8e6d5c4b3a291807"
"""The ids that the description's examples name."""
UID = "04-OF-THE-EXAMPLE"
DEPOT = site(evses=[{"station": "CP-2", "node": "main"}])
"""Does not name CP-1, so that it may be removed."""
PARTS = [["main"], ["grid"], ["CP-2"]]
"""Its nodes, meters and stations."""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve on a thread of its own: schemathesis waits for its answers. Streams end at once."""
    started: list[str] = []
    ready, over = threading.Event(), threading.Event()

    async def serve() -> None:
        async with served(
            tmp_path_factory.mktemp("described"), options=replace(QUICK, stream_s=0.0)
        ) as server:
            await _furnish(server)
            started.append(server.address)
            ready.set()
            await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="described")
    thread.start()
    try:
        assert ready.wait(DEADLINE_S)
        yield started[0]
    finally:
        over.set()
        thread.join(DEADLINE_S)


@pytest.fixture(scope="module")
def client(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address) as client:
        yield client


@pytest.fixture
def statuses() -> Iterator[list[int]]:
    """How one operation answered; at least once it must have done what it is for."""
    statuses: list[int] = []
    yield statuses
    assert [status for status in statuses if 200 <= status < 300], set(statuses)


@pytest.mark.soak
@DESCRIPTION.parametrize()  # pyright: ignore[reportUntypedFunctionDecorator]
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_every_operation_answers_as_it_is_described(
    case: schemathesis.Case, address: str, client: httpx.Client, statuses: list[int]
) -> None:
    _seed(client, case.path)
    if (case.method, case.path) in {("POST", SITES), ("PUT", f"{SITES}/{{site_id}}")}:
        client.delete(f"{SITES}/depot", headers={"If-Match": "*"})
    statuses.append(case.call_and_validate(base_url=address, checks=CHECKS).status_code)


async def _furnish(server: Served) -> None:
    """Let there be the past of a station that is connected and accepts whatever it is asked."""
    server.stations.connected = {"CP-1"}
    server.stations.answering = True
    store = server.storage
    await store.add_station("CP-1", keyless=True)
    token = registering.token_added(SECRET, NewToken(uid=UID), token_id=TOKEN, at_us=NOW_US)
    await store.write(token)
    boot = StationBooted("Acme", "One", "S-1", "1.0", "{}", "Accepted", NOW_US, "CP-1")
    await store.write(StationConnected("1.6", 0, NOW_US, "CP-1"), boot, some.STATUS)
    read = replace(some.SAMPLE, station_id="CP-2", current_l1_a=16.0, soc_ratio=0.5, quality=1)
    await store.write(
        begun(RUNNING, station_id="CP-2", token_hmac=token.hmac), replace(read, transaction_id=RUNNING)
    )
    await store.write(
        begun(ENDED, token_hmac=token.hmac), replace(some.CLOSED, id=ENDED, stop_token_hmac=None)
    )
    await store.write(replace(some.COMMAND, id=COMMAND))
    store.message_log.append("CP-1", NOW_US, "in", '[2,"1","Heartbeat",{}]', None)


def _seed(client: httpx.Client, path: str) -> None:
    """Let what the description's examples of a path name be there, whatever was done to it."""
    if path.startswith(SITES):
        there = client.get(f"{SITES}/depot")
        if _parts(there) != PARTS:
            conditions = {"If-Match": "*"} if there.status_code == 200 else {}
            assert client.put(f"{SITES}/depot", json=DEPOT, headers=conditions).status_code in {200, 201}
    if path.startswith("/api/v1/stations") and client.get("/api/v1/stations/CP-1").status_code == 404:
        assert client.post("/api/v1/stations", json={"id": "CP-1"}).status_code == 201
    if path.startswith("/api/v1/tokens") and client.get(f"/api/v1/tokens/{TOKEN}").status_code == 404:
        added: dict[str, Any] = client.post("/api/v1/tokens", json={"uid": UID}).json()
        assert added["id"] == TOKEN


def _parts(site: httpx.Response) -> list[list[str]]:
    """Return the nodes, meters and stations of a site; none where there is none."""
    names = {"nodes": "id", "meters": "id", "evses": "station"}
    return [[one[name] for one in site.json().get(part, [])] for part, name in names.items()]
