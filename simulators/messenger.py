"""What a station sends, and in which order: one call at a time, its boot first, transactions kept until acknowledged."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from websockets.exceptions import ConnectionClosed

from simulators.dialect import Boot, Call, Dialect
from simulators.journal import Journal
from simulators.link import Connection, Link
from simulators.ocpp_adapter import Answer, LinkLost, Payload, Refused, TalkError, Unanswered, Unreadable
from simulators.queue import OfflineQueue, Queued
from simulators.site_clock import LONGEST_WAIT_S, SiteClock

_BOOT_RETRY_S = 60.0
"""Where the central system has given no interval."""

Then = Callable[[Payload], object]
Failed = Callable[[TalkError], None]


def _nothing(_what: object) -> None:
    return


@dataclass(frozen=True, slots=True)
class _Wish:
    """A message that is lost with its connection."""

    call: Call
    then: Then
    failed: Failed
    at_s: float


class Messenger:
    """One station's talk."""

    def __init__(
        self,
        dialect: Dialect,
        link: Link,
        clock: SiteClock,
        journal: Journal,
        *,
        boots_again: bool = False,
        on_time: Callable[[float], None] = _nothing,
        on_online: Callable[[], None] = lambda: None,
    ) -> None:
        """`boots_again`: a boot is told at each connection, as some stations do (OCPP-J 1.6 §5.4 says not to).

        `on_time` is told what time the central system says it is, `on_online` that everything may be sent now.
        """
        self.link = link
        self.journal = journal
        self.boot_reason = "PowerUp"
        self.accepted = False
        self.online = False
        """Connected, and the boot was accepted: transactions that begin now begin online."""
        self._numbers = itertools.count(1)
        self.queue = OfflineQueue(self._new_id)
        self._dialect = dialect
        self._clock = clock
        self._boots_again = boots_again
        self._on_time = on_time
        self._on_online = on_online
        self._connected = False
        self._wishes: deque[_Wish] = deque()
        self._work = asyncio.Event()
        self._boot_now = asyncio.Event()
        self._heartbeat_s = math.inf

    async def live(self) -> NoReturn:
        """Connect and talk until cancelled."""
        await self.link.live(self._talk)

    # What others want to be told

    def tell(
        self, call: Call, then: Then = _nothing, failed: Failed = _nothing, *, at_s: float | None = None
    ) -> None:
        """Send a message that does not outlive its connection; where there is none it fails at once.

        `at_s`: when its reason was, by default now; among what happens online the older goes first.
        """
        if not self._connected:
            failed(LinkLost(call.action))
            return
        self._wishes.append(_Wish(call, then, failed, self._clock.now_s() if at_s is None else at_s))
        self._work.set()

    def record(self, action: str, payload: Mapping[str, Any], at_s: float) -> Queued:
        """Send a transaction's message, now or whenever it can be, until it is acknowledged."""
        queued = self.queue.put(action, payload, at_s, offline=not self.online)
        self._work.set()
        return queued

    def restart(self, reason: str) -> None:
        """Be a station that has booted: nothing is sent before that is told and accepted."""
        self.boot_reason = reason
        self.accepted = self.online = False

    def boot_again(self) -> None:
        """Tell the boot now, as the central system has asked."""
        if self.accepted:
            self.tell(self._dialect.boot_call("Triggered"), self._read_boot)
        else:
            self._boot_now.set()

    def beat(self) -> None:
        """Send a heartbeat."""
        self.tell(
            self._dialect.heartbeat_call(), lambda answer: self._take_time(self._dialect.read_time(answer))
        )

    def beat_from(self, now_s: float) -> None:
        """Count the heartbeat's interval anew."""
        interval_s = self._dialect.heartbeat_interval_s
        self._heartbeat_s = now_s + interval_s if interval_s > 0 else math.inf
        self._work.set()

    # One connection

    async def _talk(self, connection: Connection) -> None:
        self._dialect.attach(connection.send)
        self._connected = True
        self.journal.note("connected", self._clock.now_s())
        reader = asyncio.ensure_future(connection.receive(self._dialect.take))
        sender = asyncio.ensure_future(self._converse())
        try:
            await asyncio.wait({reader, sender}, return_when=asyncio.FIRST_COMPLETED)
            if sender.done():
                sender.result()
                connection.abort()  # a frame could not be written: whoever reads learns of it too
        finally:
            self._lose()
            for task in (reader, sender):
                task.cancel()
            results = await asyncio.gather(reader, sender, return_exceptions=True)
        faults = [result for result in results if isinstance(result, Exception)]
        if faults:
            raise faults[0]

    def _lose(self) -> None:
        now_s = self._clock.now_s()
        self._connected = self.online = False
        self._dialect.lose()
        self.queue.disconnected()
        self.journal.lose_open(now_s)
        self.journal.note("disconnected", now_s)
        lost, self._wishes = self._wishes, deque()
        for wish in lost:
            wish.failed(LinkLost(wish.call.action))

    async def _converse(self) -> None:
        try:
            await self._boot()
            self.online = True
            self._on_online()
            self.beat_from(self._clock.now_s())
            while True:
                await self._send_next()
        except (LinkLost, ConnectionClosed):
            return

    async def _boot(self) -> None:
        if self.accepted and not self._boots_again:
            return
        while True:
            boot = await self._boot_once()
            if boot is not None and boot.status == "Accepted":
                self.accepted = True
                return
            pause_s = boot.interval_s if boot is not None and boot.interval_s > 0 else _BOOT_RETRY_S
            await self._wait(self._boot_now, self._clock.now_s() + pause_s)

    async def _boot_once(self) -> Boot | None:
        try:
            answer = await self._ask(self._dialect.boot_call(self.boot_reason))
        except (Refused, Unanswered, Unreadable):
            return None
        return self._read_boot(answer)

    def _read_boot(self, answer: Payload) -> Boot:
        boot = self._dialect.read_boot(answer)
        if boot.status == "Accepted" and boot.interval_s > 0:
            self._dialect.heartbeat_interval_s = boot.interval_s
            self.beat_from(self._clock.now_s())
        self._take_time(boot.time_s)
        return boot

    def _take_time(self, time_s: float | None) -> None:
        if time_s is not None:
            self._on_time(time_s)

    async def _send_next(self) -> None:
        now_s = self._clock.now_s()
        if self._wishes and not self._queue_is_first():
            await self._grant(self._wishes.popleft())
        elif queued := self.queue.take(now_s):
            await self._deliver(queued)
        elif now_s >= self._heartbeat_s:
            self.beat_from(now_s)
            self.beat()
        else:
            due_s = self.queue.due_s()
            await self._wait(self._work, min(self._heartbeat_s, math.inf if due_s is None else due_s))

    def _queue_is_first(self) -> bool:
        """Return whether a transaction's message goes before: it is older. What waited offline lets the news pass."""
        due_s = self.queue.due_s()
        head = self.queue.waiting[0] if self.queue.waiting else None
        if head is None or head.offline or due_s is None or due_s > self._clock.now_s():
            return False
        return head.at_s <= self._wishes[0].at_s

    async def _grant(self, wish: _Wish) -> None:
        try:
            answer = await self._ask(wish.call)
        except ConnectionClosed:
            wish.failed(LinkLost(wish.call.action))
            raise
        except TalkError as error:
            wish.failed(error)
            if isinstance(error, LinkLost):
                raise
        else:
            wish.then(answer)

    async def _deliver(self, queued: Queued) -> None:
        message_id = queued.message_id or self._new_id()
        call = Call(queued.action, queued.payload)
        try:
            answer = await self._ask(call, message_id, fact=queued.fact, attempt=queued.attempts)
        except (Refused, Unanswered) as error:
            refused = isinstance(error, Refused)
            self.queue.max_attempts = self._dialect.message_attempts
            self.queue.retry_s = self._dialect.message_retry_s
            given_up = self.queue.failed(message_id, self._clock.now_s(), refused=refused)
            if given_up is not None:
                self._dialect.given_up(given_up)
        except Unreadable:
            self.queue.answered(message_id)  # it was taken; what it was told nobody knows
            self._dialect.given_up(queued)
        else:
            self.queue.answered(message_id)
            self._dialect.acknowledged(queued, answer)

    async def _ask(
        self, call: Call, message_id: str | None = None, *, fact: str | None = None, attempt: int = 1
    ) -> Payload:
        """Call and note it in the journal, with its fate."""
        known_id = message_id or self._new_id()

        def sending(frame: str) -> None:
            self.journal.sent(known_id, call.action, frame, self._clock.now_s(), fact=fact, attempt=attempt)

        try:
            answer: Answer = await self._dialect.ask(known_id, call.action, call.payload, sending)
        except Refused as error:
            self.journal.ended(known_id, "refused", self._clock.now_s(), error.text)
            raise
        except Unreadable as error:
            self.journal.ended(known_id, "answered", self._clock.now_s(), error.text)
            self.journal.note("unreadable", self._clock.now_s(), why=str(error)[:500])
            raise
        except Unanswered:
            self.journal.ended(known_id, "unanswered", self._clock.now_s())
            raise
        self.journal.ended(known_id, "answered", self._clock.now_s(), answer.text)
        return answer.payload

    async def _wait(self, event: asyncio.Event, until_s: float) -> None:
        left_s = self._clock.machine_s(until_s - self._clock.now_s())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(max(0.0, left_s), LONGEST_WAIT_S)):
                await event.wait()
        event.clear()

    def _new_id(self) -> str:
        return str(next(self._numbers))
