"""`Idempotency-Key` on POST: the same request again gets the same answer, and is not done twice.

Kept in this process's memory for a day, within bounds: a restart forgets it. Only successes are kept, since what was
refused has changed nothing and may be tried again.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable

from fastapi import Request
from msgspec import Struct
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from csms.http.problems import Refused

HEADER = "idempotency-key"
KEEP_S = 24 * 3600.0
ENTRIES_MAX = 10_000
BYTES_MAX = 16 * 1024 * 1024
"""Of all answers together; the oldest are forgotten above it."""
KEY_LENGTH_MAX = 255

_SUCCESS = range(200, 300)


class _Kept(Struct):
    """What was answered, or that an answer is under way (status 0)."""

    request: bytes
    """Digest of method, address and body."""
    since_s: float
    status: int = 0
    headers: list[tuple[bytes, bytes]] = []
    body: bytes = b""


class Idempotency:
    """Middleware that remembers answers; stands behind the guard, so that keys are those of who may ask."""

    def __init__(self, app: ASGIApp, *, machine_s: Callable[[], float]) -> None:
        """Stand before `app`; `machine_s` is the time in monotonic seconds."""
        self._app = app
        self._machine_s = machine_s
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        key = _key(scope)
        if key is None:
            await self._app(scope, receive, send)
            return
        body = await Request(scope, receive).body()
        digest = _digest(scope, body)
        self._forget_old()
        known = self._kept.get(key)
        if known is not None:
            await _again(known, digest)(scope, receive, send)
            return
        await self._first(key, _Kept(digest, self._machine_s()), scope, _replayed(body, receive), send)

    async def _first(self, key: str, kept: _Kept, scope: Scope, receive: Receive, send: Send) -> None:
        self._kept[key] = kept
        status = 0
        complete = False

        async def overheard(message: Message) -> None:
            nonlocal status, complete
            if message["type"] == "http.response.start":
                status = message["status"]
                kept.headers = list(message["headers"])
            else:
                kept.body += message.get("body", b"")
                complete = not message.get("more_body", False)
            await send(message)

        try:
            await self._app(scope, receive, overheard)
        finally:
            if complete and status in _SUCCESS:
                kept.status = status
                self._bytes += len(kept.body)
            else:
                self._kept.pop(key, None)

    def _forget_old(self) -> None:
        oldest_s = self._machine_s() - KEEP_S
        for key, kept in list(self._kept.items()):
            full = len(self._kept) >= ENTRIES_MAX or self._bytes > BYTES_MAX
            if not full and kept.since_s >= oldest_s:
                return
            if kept.status:  # what is under way is not to be done twice
                del self._kept[key]
                self._bytes -= len(kept.body)


def _key(scope: Scope) -> str | None:
    if scope["type"] != "http" or scope["method"] != "POST":
        return None
    keys = Request(scope).headers.getlist(HEADER)
    if not keys:
        return None
    if len(keys) > 1 or not keys[0].strip() or len(keys[0]) > KEY_LENGTH_MAX:
        raise Refused(
            "bad-request",
            f"Idempotency-Key must be one text of 1 to {KEY_LENGTH_MAX} characters.",
            place="header",
        )
    return keys[0]


def _digest(scope: Scope, body: bytes) -> bytes:
    address = scope["path"].encode("utf-8", "surrogatepass") + b"?" + scope["query_string"]
    return hashlib.sha256(len(address).to_bytes(8) + address + body).digest()


def _again(known: _Kept, digest: bytes) -> Response:
    if known.request != digest:
        raise Refused("idempotency-key-reused", "This Idempotency-Key came with another request before.")
    if not known.status:
        raise Refused("request-under-way", "The first request with this Idempotency-Key is not answered yet.")
    response = Response(known.body, known.status)
    response.raw_headers = [*known.headers, (b"idempotency-replayed", b"true")]
    return response


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Return what gives the body that was read already, once, and then what comes after it."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
