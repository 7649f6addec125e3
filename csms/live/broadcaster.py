"""Tells committed events to everybody who follows, in the order of their numbers, none twice and none left out.

Followers have no queues: each has the number of the last line it was sent, and takes what comes after it from
the newest lines held here or, where it is further behind, from the store. However slow it reads, nothing grows.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, Sequence

import structlog
from msgspec import Struct

from csms.domain.errors import Busy, StorageError
from csms.domain.records import SampleRecorded, TransactionClosed
from csms.live import messages
from csms.live.messages import Message, Wanted
from csms.live.readings import Readings
from csms.live.site_states import ShowSite, SiteAtWork, SiteStates
from csms.ports import Clock, EventLog, News

_log = structlog.get_logger(__name__)

HELD_LINES_MAX = 1000
HELD_BYTES_MAX = 4 * 1024 * 1024
"""Of the newest lines in memory, for all followers together."""
CHUNK_BYTES = 64 * 1024
"""About so much is sent in one go."""


class BroadcasterOptions(Struct, frozen=True, kw_only=True):
    """How many may follow, and how; times in machine seconds."""

    followers_max: int = 500
    keep_alive_s: float = 15.0
    """A silent stream says that it lives."""
    stream_s: float = 3600.0
    """A stream ends after so long, and is resumed by whoever still may."""
    send_timeout_s: float = 30.0
    """A client that takes nothing for so long is dropped."""
    retry_ms: int = 3000
    """How long a client is told to wait before it comes back."""
    spacing_s: float = 0.05
    """The least time between two readings of the store."""
    look_s: float = 1.0
    """How often it is looked for lines of other processes, and for readings that were held back."""


class Broadcaster:
    """Implements `csms.ports.Feed`; idle while nobody follows."""

    def __init__(
        self,
        *,
        log: EventLog,
        clock: Clock,
        sites: Callable[[], Mapping[str, SiteAtWork]],
        show_site: ShowSite,
        options: BroadcasterOptions | None = None,
    ) -> None:
        """Tell what `log` gets, and between that what `sites` and transactions show."""
        self.options = BroadcasterOptions() if options is None else options
        self.clock = clock
        self.closed = False
        self.newest = 0
        """The number of the newest line that is told."""
        self.version = 0
        """Of what is passing; grows with each change of it."""
        self.changed = asyncio.Event()
        """Set, and replaced by a fresh one, when there is something new."""
        self._log = log
        self._readings = Readings()
        self._states = SiteStates(sites, show_site)
        self._held: deque[Message] = deque()
        self._held_bytes = 0
        self._held_after = 0
        """All lines above this number are held."""
        self._followers: set[Follower] = set()
        self._begun = False
        """Whether lines are read from `newest` on: while somebody follows."""
        self._told: list[News] = []
        self._woken = asyncio.Event()
        self._reading = asyncio.Lock()
        """One reading at a time, however many follow: stations' reads come first."""
        log.on_commit(self._woken.set)

    def __len__(self) -> int:
        """Return how many follow."""
        return len(self._followers)

    # --- what goes on

    def tell(self, news: Sequence[News]) -> None:
        """Take news for passing messages (`csms.ports.Feed`); events are read from the store."""
        if self._followers:
            self._told += [one for one in news if isinstance(one, SampleRecorded | TransactionClosed)]

    async def run(self) -> None:
        """Tell what is committed, until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.options.look_s):
                    await self._woken.wait()
            self._woken.clear()
            try:
                await self._advance()
            except StorageError as error:
                _log.error("events.unreadable", problem=str(error))
            except Exception:  # noqa: BLE001 - what can't be shown must not end the server
                _log.exception("events.failed")
            await asyncio.sleep(self.options.spacing_s)

    def close(self) -> None:
        """End all streams, with those that begin from now on."""
        self.closed = True
        self._notify()

    async def _advance(self) -> None:
        # What was told before the reading is shown after it: no event that it follows from is still to come.
        told, self._told = self._told, []
        found = False
        while self._begun and await self._read_lines():
            found = True
        if found:
            self._notify()
        self._readings.tell(told)
        asked = self._readings.unknown()
        if asked:
            self._readings.began(asked, await self._log.meter_starts(asked))
        if not self._begun:
            self._forget()
            return
        now_s, version = self.clock.machine_s(), self.version + 1
        readings_changed = self._readings.refresh(version, now_s)
        if self._states.refresh(version, now_s) or readings_changed:
            self.version = version
            self._notify()

    async def _read_lines(self) -> bool:
        async with self._reading:
            lines = await self._log.events_after(self.newest)
            if not self._begun:  # the last one left meanwhile
                return False
            for line in lines:
                self._hold(messages.durable(line))
        return bool(lines)

    def _hold(self, line: Message) -> None:
        self.newest = line.number
        self._held.append(line)
        self._held_bytes += len(line.text)
        while len(self._held) > HELD_LINES_MAX or self._held_bytes > HELD_BYTES_MAX:
            oldest = self._held.popleft()
            self._held_bytes -= len(oldest.text)
            self._held_after = oldest.number

    def _notify(self) -> None:
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()

    # --- who follows

    async def follow(self, after: int | None, wanted: Wanted) -> Follower:
        """Return a follower that goes on after line `after`, or (None) with what comes from now on.

        Raises `Busy` where too many follow, and `StorageError`.
        """
        if len(self._followers) >= self.options.followers_max:
            raise Busy(f"{len(self._followers)} clients follow events already; that is as many as may")
        follower = Follower(self, wanted)
        self._followers.add(follower)
        try:
            async with self._reading:
                newest = await self._log.newest_event()
                if not self._begun:
                    self._begun = True
                    self.newest = self._held_after = newest
        except BaseException:
            self.leave(follower)
            raise
        follower.begin(newest if after is None else after, newest)
        return follower

    def leave(self, follower: Follower) -> None:
        """Let go of a follower."""
        self._followers.discard(follower)
        if not self._followers:
            self._begun = False
            self._forget()

    async def lines_after(self, number: int) -> list[Message]:
        """Return the first lines above `number`; none: it is the newest."""
        if number >= self._held_after:
            return self._held_above(number)
        async with self._reading:
            return [messages.durable(line) for line in await self._log.events_after(number)]

    def passing_since(self, version: int, wanted: Wanted) -> Iterator[bytes]:
        """Yield what is true now and was not yet at `version`."""
        yield from self._states.since(version, wanted)
        yield from self._readings.since(version, wanted)

    def _held_above(self, number: int) -> list[Message]:
        above: list[Message] = []
        for line in reversed(self._held):
            if line.number <= number:
                break
            above.append(line)
        above.reverse()
        return above

    def _forget(self) -> None:
        self._held.clear()
        self._held_bytes = 0
        self._told.clear()
        self._readings.clear()
        self._states.clear()


class Follower:
    """One who follows, and how far it got."""

    def __init__(self, broadcaster: Broadcaster, wanted: Wanted) -> None:
        """Follow `wanted`, from `begin` on."""
        self._broadcaster = broadcaster
        self._wanted = wanted
        self._position = self._said = self._newest = 0
        """The last line that was looked at; the last number that the client has; the newest line at the beginning."""
        self._version = 0

    def begin(self, after: int, newest: int) -> None:
        """Go on after line `after`; `newest` is the newest one that there is."""
        self._position = self._said = after
        self._newest = newest

    def leave(self) -> None:
        """Follow no more."""
        self._broadcaster.leave(self)

    async def messages(self) -> AsyncGenerator[bytes]:
        """Yield what the client is sent, until the server stops or the stream has lasted long enough."""
        source, options = self._broadcaster, self._broadcaster.options
        now_s = spoke_s = source.clock.machine_s()
        ends_s = now_s + options.stream_s
        yield messages.beginning(self._position, options.retry_ms)
        if self._position > self._newest:
            yield messages.missed(self._position, self._newest + 1, source.clock.now_us())
            self._position = self._newest
        while not source.closed:
            changed = source.changed
            try:
                lines = await source.lines_after(self._position)
            except StorageError as error:
                _log.error("events.unreadable", problem=str(error))
                break
            texts = self._texts(lines) if lines else self._passing()
            for chunk in _chunks(texts):
                yield chunk
                spoke_s = source.clock.machine_s()
            if lines:
                continue
            now_s = source.clock.machine_s()
            if now_s >= ends_s:
                break
            if now_s - spoke_s >= options.keep_alive_s:
                yield self._keep_alive()
                spoke_s = now_s
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(spoke_s + options.keep_alive_s, ends_s) - now_s):
                    await changed.wait()
        yield messages.SERVER_STOPS if source.closed else messages.RESUME

    def _texts(self, lines: Iterable[Message]) -> Iterator[bytes]:
        for line in lines:
            if line.number != self._position + 1:
                yield messages.missed(self._position, line.number, self._broadcaster.clock.now_us())
            self._position = line.number
            if line in self._wanted:
                self._said = line.number
                yield line.text

    def _passing(self) -> list[bytes]:
        since, self._version = self._version, self._broadcaster.version
        return list(self._broadcaster.passing_since(since, self._wanted)) if since != self._version else []

    def _keep_alive(self) -> bytes:
        """Say that the server lives, and how far the client got with what it doesn't want."""
        if self._said == self._position:
            return messages.KEEP_ALIVE
        self._said = self._position
        return messages.KEEP_ALIVE + messages.position(self._position)


def _chunks(texts: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the texts, joined to pieces that are worth sending."""
    chunk: list[bytes] = []
    size = 0
    for text in texts:
        chunk.append(text)
        size += len(text)
        if size >= CHUNK_BYTES:
            yield b"".join(chunk)
            chunk, size = [], 0
    if chunk:
        yield b"".join(chunk)
