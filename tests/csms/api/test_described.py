"""What schemathesis makes of the API's description, against the application on a socket: each operation keeps its word.

It goes by docs/openapi.json, which another test compares with the routes: a new operation is tried by itself.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from msgspec.structs import replace
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi import checks

from tests.architecture.tree import ROOT
from tests.csms.api.serving import served
from tests.csms.api.world import SITES, site
from tests.csms.live.world import DEADLINE_S, QUICK

EXAMPLES = 10
# Conditions are looked at before bodies are (RFC 9110 §13.2.1), so that 412 and 428 may come first.
REFUSALS = ["400", "401", "403", "404", "409", "412", "413", "415", "422", "428", "503"]
CONFIG = SchemathesisConfig.from_dict(
    {"checks": {"negative_data_rejection": {"expected-statuses": REFUSALS}}}
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


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve on a thread of its own: schemathesis waits for its answers. Streams end at once."""
    started: list[str] = []
    ready, over = threading.Event(), threading.Event()

    async def serve() -> None:
        async with served(
            tmp_path_factory.mktemp("described"), options=replace(QUICK, stream_s=0.0)
        ) as server:
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


@DESCRIPTION.parametrize()  # pyright: ignore[reportUntypedFunctionDecorator]
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_every_operation_answers_as_it_is_described(
    case: schemathesis.Case, address: str, client: httpx.Client
) -> None:
    _seed(client)
    case.call_and_validate(base_url=address, checks=CHECKS)


def _seed(client: httpx.Client) -> None:
    """Let what the description's examples name be there, whatever was done to it."""
    if client.get(f"{SITES}/depot").status_code == 404:
        assert client.put(f"{SITES}/depot", json=site()).status_code == 201
