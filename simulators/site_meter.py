"""The site's meter on the wire: its readings go to whoever wants them, again and again."""

from __future__ import annotations

import asyncio
import http.client
import json
import urllib.parse
from collections.abc import Awaitable, Callable
from typing import IO, NoReturn

from simulators.draws import Amperes
from simulators.site_clock import SiteClock, format_utc

Take = Callable[[float, Amperes], Awaitable[None]]
"""Takes a reading: when (site time), and what flowed on L1, L2 and L3; may raise `ReadingLost`."""

_HTTP_TIMEOUT_S = 10.0
_GOOD = range(200, 300)


class ReadingLost(Exception):
    """A reading did not arrive."""


class SitePush:
    """Reads a meter at even intervals of site time and hands each reading on; what can't be delivered is lost."""

    def __init__(
        self,
        clock: SiteClock,
        read: Callable[[float], Amperes],
        take: Take,
        *,
        every_s: float = 5.0,
        on_failure: Callable[[str], None] = lambda _why: None,
    ) -> None:
        """`read` is asked for the currents at a moment that has just come."""
        if not every_s > 0:
            raise ValueError(f"every_s {every_s}: must be above 0")
        self.delivered = 0
        self.lost = 0
        self.silent = False
        """True: it reads nothing and says nothing, as a meter whose line is cut."""
        self._clock = clock
        self._read = read
        self._take = take
        self._every_s = every_s
        self._on_failure = on_failure

    async def live(self) -> NoReturn:
        """Read and hand on until cancelled."""
        due_s = self._clock.now_s()
        while True:
            await self.push()
            # Late is late: nothing is made up for.
            due_s = max(due_s + self._every_s, self._clock.now_s())
            await self._clock.sleep_until(due_s)

    async def push(self) -> None:
        """Read and hand on once, now."""
        if self.silent:
            return
        now_s = self._clock.now_s()
        try:
            await self._take(now_s, self._read(now_s))
        except ReadingLost as error:
            self.lost += 1
            self._on_failure(str(error))
        else:
            self.delivered += 1


def as_json(at_s: float, current_a: Amperes) -> dict[str, object]:
    """Return a reading as the central system's REST interface takes it."""
    one, two, three = (round(one_a, 2) for one_a in current_a)
    return {"at": format_utc(at_s), "current_a": {"L1": one, "L2": two, "L3": three}}


class Lines:
    """Takes readings as JSON lines."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    async def __call__(self, at_s: float, current_a: Amperes) -> None:
        """Write a reading."""
        self._stream.write(json.dumps(as_json(at_s, current_a)) + "\n")
        self._stream.flush()

    def close(self) -> None:
        """Do nothing: the stream is somebody else's."""


class Http:
    """Sends each reading to a URL as JSON, over one connection that is kept.

    Raises `ValueError` for a URL that is not HTTP. What is not answered with success is `ReadingLost`.
    """

    def __init__(self, url: str, *, token: str | None = None, method: str = "POST") -> None:
        self._post = _Post(url, token, method)

    async def __call__(self, at_s: float, current_a: Amperes) -> None:
        """Send a reading."""
        await asyncio.to_thread(self._post, json.dumps(as_json(at_s, current_a)).encode())

    def close(self) -> None:
        """Close the connection."""
        self._post.close()


Sink = Lines | Http


class _Post:
    """Blocks; it is called in a thread, once at a time."""

    def __init__(self, url: str, token: str | None, method: str) -> None:
        parts = urllib.parse.urlsplit(url)
        kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
        if parts.scheme not in kinds or parts.hostname is None:
            raise ValueError(f"{url}: must be http://… or https://…")
        self._method = method
        self._path = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
        self._headers = {"Content-Type": "application/json"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        self._connection = kinds[parts.scheme](parts.hostname, parts.port, timeout=_HTTP_TIMEOUT_S)

    def __call__(self, body: bytes) -> None:
        try:
            self._connection.request(self._method, self._path, body, self._headers)
            answer = self._connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()  # the next request opens it anew
            raise ReadingLost(f"{type(error).__name__}: {error}") from error
        if answer.status not in _GOOD:
            raise ReadingLost(f"answered {answer.status} {answer.reason}")

    def close(self) -> None:
        self._connection.close()
