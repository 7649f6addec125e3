"""A charger's line to its central system: it is dialled again and again, and faults may sit on it."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import NoReturn, Protocol

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Subprotocol

from simulators.site_clock import SiteClock

_CLOSE_TIMEOUT_S = 2.0
_SHORTEST_PAUSE_S = 0.02
"""However fast the site's time runs, nobody dials more often than this."""


class Meddler(Protocol):
    """Decides what becomes of a frame."""

    def meddle(self, text: str, *, outgoing: bool) -> Sequence[tuple[float, str]]:
        """Return what passes in its place: seconds of site time to wait before each, and its text."""
        ...


class Honest:
    """Lets everything pass as it is."""

    def meddle(self, text: str, *, outgoing: bool) -> Sequence[tuple[float, str]]:
        """Return the frame, at once."""
        del outgoing
        return ((0.0, text),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a station connects, and as whom."""

    url: str
    """`ws://…/`; the station's id is appended."""
    station_id: str
    subprotocol: str
    """`ocpp1.6` or `ocpp2.0.1`."""
    key: str | None = None
    """Presented by HTTP basic authentication, with the id as the user."""

    @property
    def headers(self) -> dict[str, str]:
        """Return what the handshake carries beyond the usual."""
        if self.key is None:
            return {}
        token = base64.b64encode(f"{self.station_id}:{self.key}".encode()).decode()
        return {"Authorization": f"Basic {token}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How a station dials again; seconds of site time."""

    first_s: float = 2.0
    factor: float = 2.0
    longest_s: float = 120.0
    jitter: float = 0.5
    """The pause is up to this share of it longer, so that a thousand stations don't come back as one."""

    def pause_s(self, attempt: int, random: Random) -> float:
        """Return how long to wait after the attempt of this number (from 0) has failed."""
        exponent = min(attempt, 32)
        return min(self.longest_s, self.first_s * self.factor**exponent) * (1 + self.jitter * random.random())


class Connection:
    """One WebSocket, with the faults of its line."""

    def __init__(self, socket: ClientConnection, clock: SiteClock, meddler: Meddler) -> None:
        self._socket = socket
        self._clock = clock
        self._meddler = meddler
        self._turn = asyncio.Lock()

    async def send(self, text: str) -> None:
        """Write a frame after those before it; raises `ConnectionClosed`."""
        async with self._turn:  # a delayed frame holds up what follows, as on any line
            for delay_s, passed in self._meddler.meddle(text, outgoing=True):
                await self._hold(delay_s)
                await self._socket.send(passed)

    async def receive(self, take: Callable[[str | bytes], Awaitable[None]]) -> None:
        """Hand each frame that comes to `take`, one after the other, until the connection ends."""
        try:
            async for frame in self._socket:
                if isinstance(frame, bytes):
                    await take(frame)
                    continue
                for delay_s, passed in self._meddler.meddle(frame, outgoing=False):
                    await self._hold(delay_s)
                    await take(passed)
        except ConnectionClosed:
            return

    def abort(self) -> None:
        """End it without a word, as a charger does whose cable is pulled."""
        self._socket.transport.abort()

    async def _hold(self, delay_s: float) -> None:
        if delay_s > 0:
            await asyncio.sleep(self._clock.machine_s(delay_s))


class Link:
    """Connects, and connects again."""

    def __init__(
        self,
        address: Address,
        clock: SiteClock,
        random: Random,
        *,
        retry: Retry | None = None,
        meddler: Meddler | None = None,
        ping_interval_s: float | None = None,
        on_failure: Callable[[str], None] = lambda _why: None,
    ) -> None:
        """`ping_interval_s`: None leaves pings to the server (a task less for each station)."""
        self.address = address
        self.dialled = 0
        self.connected = 0
        self._clock = clock
        self._random = random
        self._retry = retry or Retry()
        self._meddler = meddler or Honest()
        self._ping_interval_s = ping_interval_s
        self._on_failure = on_failure
        self._connection: Connection | None = None
        self._away_until_s = 0.0

    @property
    def up(self) -> bool:
        """Whether there is a connection."""
        return self._connection is not None

    async def live(self, talk: Callable[[Connection], Awaitable[None]]) -> NoReturn:
        """Keep up a connection until cancelled; `talk` has each to itself and returns when it has ended."""
        failures = 0
        while True:
            await self._clock.sleep_until(self._away_until_s)
            if await self._connect_once(talk):
                failures = 0
            pause_s = self._retry.pause_s(failures, self._random)
            failures += 1
            await asyncio.sleep(max(_SHORTEST_PAUSE_S, self._clock.machine_s(pause_s)))

    def drop(self, *, away_s: float = 0.0) -> None:
        """Cut the connection, and dial no sooner than `away_s` seconds of site time later."""
        self._away_until_s = max(self._away_until_s, self._clock.now_s() + away_s)
        if self._connection is not None:
            self._connection.abort()

    async def _connect_once(self, talk: Callable[[Connection], Awaitable[None]]) -> bool:
        """Return whether there was a connection."""
        self.dialled += 1
        connected = False
        try:
            async with self._dial() as socket:
                connected = True
                self.connected += 1
                self._connection = Connection(socket, self._clock, self._meddler)
                try:
                    await talk(self._connection)
                finally:
                    self._connection = None
        except (OSError, TimeoutError, WebSocketException) as error:
            self._on_failure(f"{type(error).__name__}: {error}")
        return connected

    def _dial(self) -> connect:
        return connect(
            self.address.url + self.address.station_id,
            subprotocols=[Subprotocol(self.address.subprotocol)],
            additional_headers=self.address.headers,
            user_agent_header=None,
            compression=None,
            proxy=None,
            ping_interval=self._ping_interval_s,
            close_timeout=_CLOSE_TIMEOUT_S,
            max_size=None,
        )
