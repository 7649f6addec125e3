"""The HTTP application and its uvicorn server inside the one event loop."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Generator

import uvicorn
from fastapi import FastAPI

from csms.http import health, problems


class _Server(uvicorn.Server):
    """Leaves signals to the application: one place decides on the end."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


def build(*, not_ready: Callable[[], str | None]) -> FastAPI:
    """Return the HTTP application."""
    app = FastAPI(title="Headroom", openapi_url=None, docs_url=None, redoc_url=None)
    problems.install(app)
    app.include_router(health.router(not_ready))
    return app


class HttpServer:
    """Binds at once and serves until told to stop."""

    def __init__(self, app: FastAPI, *, host: str, port: int) -> None:
        """Bind `host`:`port` (0: any). Raises `OSError` where it can't be had."""
        self._socket = socket.create_server((host, port), family=_family(host), backlog=2048)
        self.port = int(self._socket.getsockname()[1])
        self._server = _Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off"))

    async def run(self) -> None:
        """Serve until `stop`; open requests finish."""
        await self._server.serve(sockets=[self._socket])

    def stop(self) -> None:
        """End `run` soon."""
        self._server.should_exit = True


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
