"""`Idempotency-Key` on POST: the same request again gets the same answer, and is not done twice.

Kept in the store for a day, so that a restart forgets nothing: a request is noted before it is done, and its answer
before that leaves. Whoever asks again after the server ended in between is told that nobody knows. What was refused
has changed nothing and may be tried again. An answer that says `Cache-Control: no-store` holds a secret: only this
process's memory has it.
"""

from __future__ import annotations

import asyncio
import hmac
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec
import structlog
from fastapi import Request
from msgspec import Struct
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from csms.domain.errors import StorageError
from csms.domain.records import AnswerForgotten, AnswerKept, Record
from csms.http.problems import Refused
from csms.http.sessions import LOGIN_PATHS

HEADER = "idempotency-key"
KEEP_US = 24 * 3_600_000_000
SECRETS_MAX = 1000
"""So many answers with secrets are kept in memory; the oldest are forgotten above it."""
KEY_LENGTH_MAX = 255

_SUCCESS = range(200, 300)
_OUR_FAULT = 500
_UNAVAILABLE = 503
_BEGUN = 0

_log = structlog.get_logger(__name__)


class AnswerStore(Protocol):
    """Where answers are kept; `csms.storage.Store` is one."""

    def submit(self, records: Sequence[Record], done: Callable[[Exception | None], None]) -> None:
        """See `csms.ports.Storage.submit`."""
        ...

    async def find_answer(self, key: str) -> AnswerKept | None:
        """Return what is kept of the request with this key, after all submitted before is settled."""
        ...


class _Heard(Struct):
    """What the application answers."""

    status: int = 0
    headers: list[tuple[bytes, bytes]] = []
    body: bytes = b""
    complete: bool = False
    messages: list[Message] = []

    async def take(self, message: Message) -> None:
        """Hold a part of it back."""
        self.messages.append(message)
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = list(message["headers"])
        else:
            self.body += message.get("body", b"")
            self.complete = not message.get("more_body", False)


class Idempotency:
    """Middleware that remembers answers; stands behind the guard, so that keys are those of who may ask.

    All who may ask are one: there is one token.
    """

    def __init__(
        self, app: ASGIApp, *, store: AnswerStore, now_us: Callable[[], int], digest_key: bytes
    ) -> None:
        """Stand before `app`; without `digest_key` nobody can tell from a kept digest what was asked."""
        self._app = app
        self._store = store
        self._now_us = now_us
        self._digest_key = digest_key
        self._under_way: dict[str, bytes] = {}
        self._secrets: OrderedDict[str, bytes] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        key = _key(scope)
        if key is None:
            await self._app(scope, receive, send)
            return
        body = await Request(scope, receive).body()
        digest = self._digest(scope, body)
        if key in self._under_way:
            _check_same(self._under_way[key], digest)
            raise Refused(
                "request-under-way", "The first request with this Idempotency-Key is not answered yet."
            )
        self._under_way[key] = digest
        try:
            known = await self._store.find_answer(key)
            if known is not None and known.at_us > self._now_us() - KEEP_US:
                await self._again(known, digest)(scope, receive, send)
            else:
                await self._first(key, digest, scope, _replayed(body, receive), send)
        finally:
            del self._under_way[key]

    async def _first(self, key: str, digest: bytes, scope: Scope, receive: Receive, send: Send) -> None:
        await self._write(AnswerKept(key, digest, self._now_us(), _BEGUN))
        heard = _Heard(messages=[], headers=[])
        # What fails unforeseen, or is cut off, stays begun: it may have been done.
        await self._app(scope, receive, heard.take)
        try:
            await self._keep(key, digest, heard)
        except StorageError as error:
            _log.error("idempotency.not-kept", problem=str(error))
        for message in heard.messages:
            await send(message)

    async def _keep(self, key: str, digest: bytes, heard: _Heard) -> None:
        if heard.complete and heard.status in _SUCCESS:
            body = heard.body
            if _is_secret(heard.headers):
                self._secrets[key], body = body, b""
                while len(self._secrets) > SECRETS_MAX:
                    self._secrets.popitem(last=False)
            headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in heard.headers]
            await self._write(
                AnswerKept(key, digest, self._now_us(), heard.status, msgspec.json.encode(headers), body)
            )
        elif 0 < heard.status < _OUR_FAULT or heard.status == _UNAVAILABLE:
            await self._write(AnswerForgotten(key))

    def _again(self, known: AnswerKept, digest: bytes) -> Response:
        _check_same(known.request, digest)
        if known.status == _BEGUN:
            raise Refused(
                "outcome-unknown",
                "The first request with this Idempotency-Key was begun; whether it was done is not known.",
            )
        pairs = msgspec.json.decode(known.headers, type=list[tuple[str, str]])
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs]
        body = known.body
        if _is_secret(headers):
            if known.key not in self._secrets:
                place = {name.title(): value for name, value in pairs if name == "location"}
                raise Refused(
                    "answer-not-kept",
                    "The first request with this Idempotency-Key was done; its answer held a secret.",
                    headers=place,
                )
            body = self._secrets[known.key]
        response = Response(body, known.status)
        response.raw_headers = [*headers, (b"idempotency-replayed", b"true")]
        return response

    async def _write(self, record: Record) -> None:
        written: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        self._store.submit((record,), lambda error: None if written.done() else written.set_result(error))
        error = await written
        if error is not None:
            raise error

    def _digest(self, scope: Scope, body: bytes) -> bytes:
        address = scope["path"].encode("utf-8", "surrogatepass") + b"?" + scope["query_string"]
        return hmac.digest(self._digest_key, len(address).to_bytes(8) + address + body, "sha256")


def _check_same(known: bytes, digest: bytes) -> None:
    if known != digest:
        raise Refused("idempotency-key-reused", "This Idempotency-Key came with another request before.")


def _is_secret(headers: list[tuple[bytes, bytes]]) -> bool:
    return any(name == b"cache-control" and b"no-store" in value for name, value in headers)


def _key(scope: Scope) -> str | None:
    if scope["type"] != "http" or scope["method"] != "POST" or scope["path"] in LOGIN_PATHS:
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
