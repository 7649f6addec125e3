"""The HTTP application's frame and its uvicorn server inside the one event loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Generator
from typing import Protocol, cast

import uvicorn
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.middleware import Middleware
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from csms import __version__
from csms.http import docs, event_stream, health, login, openapi, problems
from csms.http.boundary import Boundary
from csms.http.heads import Heads
from csms.http.idempotency import AnswerStore, Idempotency
from csms.http.security import Guard, Security
from csms.http.sessions import Sessions, SessionStore

OPENAPI_PATH = "/api/openapi.json"


class _Server(uvicorn.Server):
    """Leaves signals to the application: one place decides on the end."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


class _Protocol(H11Protocol):
    """Answers what is no HTTP as problem+json too, and lets a request break its connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self.app_state = {**self.app_state, event_stream.ABORT: transport.abort}

    def send_400_response(self, msg: str) -> None:
        cycle = cast("RequestResponseCycle | None", self.cycle)
        if cycle is None or cycle.response_complete or not cycle.response_started:
            body = bytes(problems.problem("bad-request", msg).body)
            head = (
                "HTTP/1.1 400 Bad Request\r\n"
                f"content-type: {problems.MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
            )
            self.transport.write(head.encode() + body)
        self.transport.close()


class HttpStore(AnswerStore, SessionStore, Protocol):
    """What the HTTP side must not forget."""


class HttpClock(Protocol):
    """Site time and machine time, as `csms.ports.Clock` has them."""

    def now_us(self) -> int:
        """Return site time in UTC microseconds."""
        ...

    def machine_s(self) -> float:
        """Return machine time in monotonic seconds."""
        ...


def build(
    *, not_ready: Callable[[], str | None], security: Security, clock: HttpClock, store: HttpStore
) -> FastAPI:
    """Return the HTTP application with health checks, login and problems; routes of the API are added to it."""
    sessions = None
    if security.api_token is not None:
        sessions = Sessions(key=security.key, api_token=security.api_token, store=store, now_us=clock.now_us)
    app = FastAPI(
        title="Headroom",
        summary="A central system for charging stations that keeps sites inside their breakers.",
        version=__version__,
        openapi_url=OPENAPI_PATH,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
        # The first one is the outermost.
        middleware=[
            Middleware(Boundary),
            Middleware(Guard, security=security, sessions=sessions),
            Middleware(Idempotency, store=store, now_us=clock.now_us, digest_key=security.key),
            Middleware(Heads),
        ],
    )
    problems.install(app)
    app.include_router(health.router(not_ready))
    docs.install(app, OPENAPI_PATH)
    app.include_router(
        login.router(api_token=security.api_token, sessions=sessions, machine_s=clock.machine_s)
    )
    app.include_router(problems.router, responses=openapi.problems("not-found"))
    return app


def _operation_id(route: APIRoute) -> str:
    return route.name


class HttpServer:
    """Binds at once and serves until told to stop."""

    def __init__(self, app: FastAPI, *, host: str, port: int) -> None:
        """Bind `host`:`port` (0: any). Raises `OSError` where it can't be had."""
        self._socket = socket.create_server((host, port), family=_family(host), backlog=2048)
        self.port = int(self._socket.getsockname()[1])
        self._server = _Server(
            uvicorn.Config(
                app,
                http=_Protocol,
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                # Behind a proxy too, who asks and how is what the request itself says.
                proxy_headers=False,
                lifespan="off",
            )
        )

    async def run(self) -> None:
        """Serve until `stop`; open requests finish."""
        await self._server.serve(sockets=[self._socket])

    def stop(self) -> None:
        """End `run` soon."""
        self._server.should_exit = True


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
