"""A fault of ours is told once, in the log; half an answer is never followed by another one."""

from __future__ import annotations

import httpx
import pytest
from fastapi.responses import StreamingResponse
from structlog.testing import capture_logs

from tests.csms.http.app import Frame

pytestmark = pytest.mark.anyio


async def test_a_fault_of_ours_stands_in_the_log_with_its_route_and_no_ids(client: httpx.AsyncClient):
    with capture_logs() as lines:
        await client.get("/faults/bug")
    (line,) = [line for line in lines if line["event"] == "http.failed"]
    assert (line["method"], line["route"]) == ("GET", "/faults/{name}")
    assert line["exc_info"]


async def test_what_callers_do_wrong_is_no_fault_of_ours(client: httpx.AsyncClient):
    with capture_logs() as lines:
        await client.get("/faults/conflict")
        await client.get("/nothing")
        await client.post("/echo", content=b"{")
    assert lines == []


async def test_half_an_answer_ends_with_its_connection(frame: Frame):
    async def parts():
        yield b"half"
        raise ZeroDivisionError

    async def stream() -> StreamingResponse:
        return StreamingResponse(parts())

    frame.app.get("/stream")(stream)
    async with frame.client() as client:
        with capture_logs() as lines, pytest.raises(ZeroDivisionError):
            await client.get("/stream")
    assert [line["event"] for line in lines] == ["http.failed"]
