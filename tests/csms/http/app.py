"""The frame of the HTTP application with a few routes to try it on, and a client that talks to it without sockets."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

import httpx
from fastapi import Depends, FastAPI, Request
from pydantic import BaseModel, ConfigDict

from csms.domain import errors
from csms.http import server
from csms.http.bodies import body_of, read_json
from csms.http.pages import AskedPage, page_of
from csms.http.security import Security

ADDRESS = "http://127.0.0.1:8080"
TOKEN = "a-token-of-sixteen-or-more"
OPEN = Security()
GUARDED = Security.of(api_token=TOKEN)

FAULTS: dict[str, Exception] = {
    "not-found": errors.NotFound("no such thing"),
    "invalid": errors.Invalid("a.b: is odd", [errors.FieldProblem("a.b", "is odd")]),
    "conflict": errors.Conflict("it exists"),
    "outdated": errors.Outdated("it changed"),
    "not-connected": errors.NotConnected("CP-1 is away"),
    "busy": errors.Busy("the queue is full"),
    "refused-record": errors.RecordRefused("not the next revision"),
    "storage": errors.StorageError("the disk is full"),
    "configuration": errors.ConfigurationError("/secret/path is odd"),
    "bug": ZeroDivisionError("secret detail"),
}


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    number: float
    inner: dict[str, int] = {}


class Frame:
    """The application, what it was asked to do, and a time that stands still unless told."""

    def __init__(self, security: Security = OPEN, not_ready: Callable[[], str | None] = lambda: None) -> None:
        self.now_s = 0.0
        self.done: list[object] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.reached = asyncio.Event()
        self.app: FastAPI = server.build(not_ready=not_ready, security=security, machine_s=lambda: self.now_s)
        self._add_routes()

    def _add_routes(self) -> None:
        async def show() -> dict[str, bool]:
            return {"shown": True}

        async def fail(name: str) -> None:
            raise FAULTS[name]

        async def echo(request: Request) -> Any:
            return {"said": await read_json(request)}

        async def fit(body: Annotated[Body, Depends(body_of(Body))]) -> Body:
            return body

        async def do(request: Request) -> dict[str, int]:
            self.reached.set()
            await self.gate.wait()
            body: Any = await read_json(request)
            if body == {"fail": True}:
                raise errors.Conflict("as asked")
            self.done.append(body)
            return {"done": len(self.done)}

        async def numbers(asked: AskedPage) -> dict[str, Any]:
            page = page_of([f"{number:04}" for number in range(2500)], asked, key=lambda item: item)
            return {"items": page.items, "next_cursor": page.next_cursor}

        self.app.get("/thing")(show)
        self.app.post("/thing")(show)
        self.app.get("/faults/{name}")(fail)
        self.app.post("/echo")(echo)
        self.app.post("/fit")(fit)
        self.app.post("/do", status_code=201)(do)
        self.app.get("/numbers")(numbers)

    @contextlib.asynccontextmanager
    async def client(self, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
        transport = httpx.ASGITransport(app=self.app)
        async with httpx.AsyncClient(transport=transport, base_url=ADDRESS, headers=headers) as client:
            yield client


def problem_of(response: httpx.Response, kind: str, status: int) -> dict[str, Any]:
    """Return the body of a response that is this problem and nothing else."""
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json"), (
        response.text
    )
    body = response.json()
    assert body["type"] == f"/problems/{kind}"
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    return body
