"""The frame of the HTTP application with a few routes to try it on, and a client that talks to it without sockets."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

import httpx
from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict

from csms.domain import errors
from csms.http import server
from csms.http.bodies import body_of, read_json
from csms.http.pages import AskedPage, page_of
from csms.http.security import Security
from tests.csms.http.keeping import Keeping

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


class StoppedClock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.s = 0.0

    def now_us(self) -> int:
        return 1_790_000_000_000_000 + int(self.s * 1e6)

    def machine_s(self) -> float:
        return self.s


class Frame:
    """The application, what it was asked to do, and a time that stands still unless told."""

    def __init__(self, security: Security = OPEN, not_ready: Callable[[], str | None] = lambda: None) -> None:
        self.clock = StoppedClock()
        self.store = Keeping()
        self.done: list[object] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.reached = asyncio.Event()
        self.security = security
        self._not_ready = not_ready
        self.build()

    def build(self) -> None:
        """Make the application anew, as a later process does."""
        self.app: FastAPI = server.build(
            not_ready=self._not_ready, security=self.security, clock=self.clock, store=self.store
        )
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
            if body == {"break": True}:
                raise ZeroDivisionError
            self.done.append(body)
            return {"done": len(self.done)}

        async def secret() -> JSONResponse:
            self.done.append("secret")
            headers = {"Cache-Control": "no-store", "Location": "/thing"}
            return JSONResponse({"key": "a secret"}, 201, headers)

        async def numbers(asked: AskedPage) -> dict[str, Any]:
            page = page_of([f"{number:04}" for number in range(2500)], asked, key=lambda item: item)
            return {"items": page.items, "next_cursor": page.next_cursor}

        self.app.get("/thing")(show)
        self.app.post("/thing")(show)
        self.app.get("/faults/{name}")(fail)
        self.app.post("/echo")(echo)
        self.app.post("/fit")(fit)
        self.app.post("/do", status_code=201)(do)
        self.app.post("/secret")(secret)
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
