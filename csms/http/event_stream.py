"""Server-sent events as an answer: it lasts until its source ends, the client goes, or the client no longer reads."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any, cast

import structlog
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

MEDIA_TYPE = "text/event-stream"
ABORT = "abort"
"""Under this name a request's state holds what breaks its connection, where a server does (see `csms.http.server`)."""
_BREAK_S = 5.0
"""So long a broken connection may take to be gone."""

_log = structlog.get_logger(__name__)


class EventStream(Response):
    """Sends each piece of `source` as it comes."""

    media_type = MEDIA_TYPE

    def __init__(
        self,
        source: AsyncGenerator[bytes],
        *,
        ended: Callable[[], None],
        send_timeout_s: float,
    ) -> None:
        """Send `source`, and call `ended` once whatever happens.

        A client that takes nothing for `send_timeout_s` is dropped; machine seconds.
        """
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._source = source
        self._ended = ended
        self._send_timeout_s = send_timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request."""
        gone = _begin(_disconnected(receive))
        sent = _begin(self._send_all(send))
        try:
            await asyncio.wait({gone, sent}, return_when=asyncio.FIRST_COMPLETED)
            if sent.done() and isinstance(sent.exception(), TimeoutError):
                await _drop(scope, gone)
            elif sent.done():
                sent.result()
        finally:
            for task in (gone, sent):
                task.cancel()
            await asyncio.gather(gone, sent, return_exceptions=True)
            await self._source.aclose()
            self._ended()

    async def _send_all(self, send: Send) -> None:
        start = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        await self._send(send, start)
        async for piece in self._source:
            await self._send(send, {"type": "http.response.body", "body": piece, "more_body": True})
        await self._send(send, {"type": "http.response.body", "body": b"", "more_body": False})

    async def _send(self, send: Send, message: dict[str, Any]) -> None:
        async with asyncio.timeout(self._send_timeout_s):
            await send(message)


def _begin(work: Coroutine[None, None, None]) -> asyncio.Task[None]:
    return asyncio.get_running_loop().create_task(work)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _drop(scope: Scope, gone: asyncio.Task[None]) -> None:
    """Break the connection of a client that doesn't read: an end in good order would wait for it."""
    _log.info("events.client-dropped", client=scope.get("client"))
    abort = cast("Callable[[], None] | None", scope.get("state", {}).get(ABORT))
    if abort is not None:
        abort()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_BREAK_S):
                await gone
