"""Logins of browsers: a signed value in a cookie, which holds until it is ended, is over, or the token is another one.

The value holds no secret: who it is, until when, and a signature with a key that is made of the installation's secret
and of `api_token`. Ended ones are kept in the store, so that a restart doesn't bring them back.
"""

from __future__ import annotations

import asyncio
import hmac
import re
import secrets
from collections.abc import Callable, Sequence
from typing import Protocol

from csms.domain.records import Record, SessionEnded

LOGIN_PATH = "/api/v1/login"
LOGOUT_PATH = "/api/v1/logout"
LOGIN_PATHS = frozenset({LOGIN_PATH, LOGOUT_PATH})
"""Nobody need be known here."""
COOKIE = "headroom_session"
LASTS_S = 12 * 3600
"""Site time."""

_VALUE = re.compile(r"(?P<id>[0-9a-f]{32})\.(?P<until_us>[0-9]{1,18})\.(?P<signature>[0-9a-f]{64})")


class SessionStore(Protocol):
    """Where ended logins are kept; `csms.storage.Store` is one."""

    def submit(self, records: Sequence[Record], done: Callable[[Exception | None], None]) -> None:
        """See `csms.ports.Storage.submit`."""
        ...

    async def ended_sessions(self) -> dict[str, int]:
        """Return the logins that were ended, each with the moment from which it would be over by itself."""
        ...


class Sessions:
    """Issues, checks and ends logins."""

    def __init__(
        self, *, key: bytes, api_token: bytes, store: SessionStore, now_us: Callable[[], int]
    ) -> None:
        """Sign with what `key` and `api_token` make together; `now_us` is site time."""
        self._key = hmac.digest(key, b"session" + api_token, "sha256")
        self._store = store
        self._now_us = now_us
        self._ended: dict[str, int] | None = None

    def issue(self) -> str:
        """Return the value of a new login."""
        session_id = secrets.token_hex(16)
        until_us = self._now_us() + LASTS_S * 1_000_000
        return f"{session_id}.{until_us}.{self._signature(session_id, until_us)}"

    async def holds(self, value: str) -> bool:
        """Tell whether a value is one of ours that is neither over nor ended. Raises `StorageError`."""
        found = self._read(value)
        return found is not None and found[0] not in await self._known()

    async def end(self, value: str) -> None:
        """End the login of a value for good; one that doesn't hold stays as it is. Raises `StorageError`."""
        found = self._read(value)
        if found is None:
            return
        session_id, until_us = found
        known = await self._known()
        known[session_id] = until_us
        written: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        record = SessionEnded(session_id, until_us, self._now_us())
        self._store.submit((record,), lambda error: None if written.done() else written.set_result(error))
        error = await written
        if error is not None:
            raise error

    def _read(self, value: str) -> tuple[str, int] | None:
        found = _VALUE.fullmatch(value)
        if found is None:
            return None
        session_id, until_us = found["id"], int(found["until_us"])
        if not hmac.compare_digest(found["signature"], self._signature(session_id, until_us)):
            return None
        left_us = until_us - self._now_us()
        return (session_id, until_us) if 0 < left_us <= LASTS_S * 1_000_000 else None

    async def _known(self) -> dict[str, int]:
        if self._ended is None:
            found = await self._store.ended_sessions()
            if self._ended is None:  # else a login was perhaps ended after this reading, and before its end
                self._ended = found
        now_us = self._now_us()
        for session_id in [one for one, until_us in self._ended.items() if until_us <= now_us]:
            del self._ended[session_id]
        return self._ended

    def _signature(self, session_id: str, until_us: int) -> str:
        return hmac.digest(self._key, f"{session_id}.{until_us}".encode(), "sha256").hex()
