"""The edge of the application: bodies end at a size, and a fault of ours ends as a problem, told in the log alone."""

from __future__ import annotations

import structlog
from fastapi import Request
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from csms.http.bodies import BODY_MAX_BYTES
from csms.http.problems import Refused, answer, problem

_log = structlog.get_logger(__name__)


class Boundary:
    """Middleware between the server and the application."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand before `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def watched_send(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, _bounded(scope, receive), watched_send)
        except ClientDisconnect:
            return
        except Exception as error:
            response = answer(error)
            if response is None:
                _log.exception("http.failed", method=scope["method"], route=_route(scope))
                response = problem("internal", "Something unforeseen happened; the server's log has it.")
            if begun:
                raise  # half an answer has left; the connection's end says that it is no whole one
            await response(scope, receive, send)


def _bounded(scope: Scope, receive: Receive) -> Receive:
    length = Request(scope).headers.get("content-length", "0")
    announced = int(length) if length.isdecimal() else 0
    received = 0

    async def bounded() -> Message:
        nonlocal received
        if announced > BODY_MAX_BYTES:
            raise _too_large()
        message = await receive()
        received += len(message.get("body", b""))
        if received > BODY_MAX_BYTES:
            raise _too_large()
        return message

    return bounded


def _too_large() -> Refused:
    # The rest of the body is not read, so nothing more can be asked on this connection.
    return Refused(
        "too-large", f"A body has at most {BODY_MAX_BYTES} bytes.", headers={"Connection": "close"}
    )


def _route(scope: Scope) -> str | None:
    """Return the route's pattern: paths hold ids, patterns don't."""
    return getattr(scope.get("route"), "path", None)
