"""HEAD is GET without content, also of what never ends."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from starlette.responses import StreamingResponse

from tests.csms.http.app import Frame

pytestmark = pytest.mark.anyio


async def test_it_tells_the_head_of_what_get_would(client: httpx.AsyncClient):
    for path in ("/thing", "/nothing", "/numbers?limit=0", "/faults/bug", "/healthz/live"):
        got, head = await client.get(path), await client.head(path)
        assert (head.status_code, head.headers) == (got.status_code, got.headers), path


async def test_what_has_no_get_has_no_head_either(client: httpx.AsyncClient):
    response = await client.head("/echo")
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


async def test_it_is_named_beside_get(client: httpx.AsyncClient):
    assert (await client.delete("/thing")).headers["allow"] == "GET, HEAD, POST"


async def test_it_does_not_wait_for_the_end_of_a_stream(frame: Frame):
    asked: list[int] = []

    def forever() -> Iterator[bytes]:
        while True:
            asked.append(1)
            yield b"more"

    async def stream() -> StreamingResponse:
        return StreamingResponse(forever(), media_type="text/event-stream")

    frame.app.get("/stream")(stream)
    async with frame.client() as client:
        response = await client.head("/stream")
    assert (response.status_code, response.content) == (200, b"")
    assert len(asked) <= 2
