"""The group-commit writer: one thread that commits whatever is waiting, and then says so to everyone at once.

It knows nothing of databases: a `Committer` does the writing. While a commit runs the next batch gathers,
so that batches are small when little happens and large when much does, without any delay of their own.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog
from msgspec import Struct

from csms.domain.errors import StorageError
from csms.storage.own_records import StoredRecord
from csms.storage.token_index import TokenChanges

_log = structlog.get_logger(__name__)

Done = Callable[[Exception | None], None]
Unit = tuple[Sequence[StoredRecord], Done]


class Committed(Struct):
    """How a batch ended: an error or None for each unit, in order."""

    errors: list[StorageError | None]
    problem: str | None = None
    """Why nothing can be stored now; None where the store itself works."""
    token_changes: TokenChanges | None = None


class Committer(Protocol):
    """What writes batches; used by the writer's thread alone."""

    def commit(self, units: Sequence[Sequence[StoredRecord]]) -> Committed:
        """Write the units in one commit, each whole or not at all; an empty batch only tells whether it could."""
        ...

    def close(self) -> None:
        """Let go of the database."""
        ...


Chore = Callable[[], bool]
"""One small step of other work on the writer's thread; True where more is waiting."""


class WriterLimits(Struct, frozen=True, kw_only=True):
    """How much is written at once and may wait; counted in records, where a unit counts one besides."""

    batch_units: int = 2_000
    batch_weight: int = 10_000
    high_water: int = 20_000
    low_water: int = 10_000
    idle_s: float = 1.0
    """At the latest after so many machine seconds chores get their turn."""


class Writer:
    """Takes units on the event loop and answers them there; all else happens on its thread."""

    def __init__(
        self,
        committer: Committer,
        *,
        chores: Sequence[Chore] = (),
        tokens_changed: Callable[[TokenChanges], None] = lambda _: None,
        limits: WriterLimits | None = None,
    ) -> None:
        """Start the thread; must be called on the event loop.

        `tokens_changed` hears of changes on the loop before the units that made them are done.
        """
        self._committer = committer
        self._chores = chores
        self._tokens_changed = tokens_changed
        self._limits = WriterLimits() if limits is None else limits
        self._loop = asyncio.get_running_loop()
        # Shared with the thread, under the lock.
        self._lock = threading.Lock()
        self._wake = threading.Condition(self._lock)
        self._pending: deque[Unit] = deque()
        self._closing = False
        # Of the thread: what it has taken and not handed back.
        self._batch: list[Unit] = []
        # Of the loop.
        self._submitted = 0
        self._finished = 0
        self._weight = 0
        self._congested = False
        self._problem: str | None = None
        self._dead = False
        self._settlers: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._relieved: list[Callable[[], None]] = []
        self._commit_listeners: list[Callable[[], None]] = []
        self._thread_over = self._loop.create_future()
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    # --- on the event loop

    def submit(self, records: Sequence[StoredRecord], done: Done) -> None:
        """Queue `records` as one unit; see `csms.ports.Storage.submit`."""
        unit = (records, done)
        with self._lock:
            if not (self._closing or self._dead):
                self._pending.append(unit)
                self._submitted += 1
                self._weight += 1 + len(records)
                self._wake.notify()
                return
        self._loop.call_soon(_tell, done, StorageError(self._problem or "the store is closed"))

    def congested(self) -> bool:
        """Tell whether more waits than should; holds from the high until the low water mark."""
        if self._weight >= self._limits.high_water:
            self._congested = True
        return self._congested

    def when_relieved(self, callback: Callable[[], None]) -> None:
        """Call `callback` once on the event loop when the congestion is over."""
        if self.congested():
            self._relieved.append(callback)
        else:
            self._loop.call_soon(callback)

    def on_commit(self, listener: Callable[[], None]) -> None:
        """Call `listener` on the event loop after each commit, when its units have been told."""
        self._commit_listeners.append(listener)

    async def settled(self) -> None:
        """Wait until every unit submitted so far is committed or has failed, and was told so."""
        if self._finished < self._submitted:
            future = self._loop.create_future()
            self._settlers.append((self._submitted, future))
            await future

    def healthy(self) -> str | None:
        """Return why nothing can be stored now, or None."""
        return self._problem

    async def close(self) -> None:
        """Commit all that is waiting and end the thread; chores that need more than a step stay undone."""
        with self._lock:
            self._closing = True
            self._wake.notify()
        await asyncio.shield(self._thread_over)
        await self.settled()
        self._thread.join()

    def _batch_over(self, batch: list[Unit], committed: Committed) -> None:
        if committed.problem != self._problem:
            self._problem = committed.problem
            if committed.problem is None:
                _log.info("store.works-again")
            else:
                _log.error("store.failing", problem=committed.problem)
        if committed.token_changes is not None:
            self._tokens_changed(committed.token_changes)
        for (records, done), error in zip(batch, committed.errors, strict=True):
            self._weight -= 1 + len(records)
            _tell(done, error)
        self._finished += len(batch)
        for listener in self._commit_listeners:
            listener()
        while self._settlers and self._settlers[0][0] <= self._finished:
            future = self._settlers.popleft()[1]
            if not future.done():
                future.set_result(None)
        if self._congested and self._weight <= self._limits.low_water:
            self._relieve()

    def _relieve(self) -> None:
        self._congested = False
        waiting, self._relieved = self._relieved, []
        for callback in waiting:
            self._loop.call_soon(callback)

    def _died(self, batch: list[Unit], problem: str) -> None:
        """Fail everything: what became of the batch is unknown, so nothing of it may be acknowledged."""
        self._dead = True
        with self._lock:
            batch += self._pending
            self._pending.clear()
        self._batch_over(batch, Committed([StorageError(problem) for _ in batch], problem))
        self._relieve()

    # --- on the thread

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as problem:  # noqa: BLE001 - the end of the thread must be told, whatever it was
            _log.critical("store.writer-died", exc_info=True)
            self._call(self._died, self._batch, f"the store's writer died: {problem!r}")
        finally:
            self._committer.close()
            self._call(self._thread_over.set_result, None)

    def _work(self) -> None:
        more = False
        while self._take(wait_s=0 if more else self._limits.idle_s):
            if self._batch or self._problem is not None:
                committed = self._committer.commit([records for records, _ in self._batch])
                batch, self._batch = self._batch, []
                self._call(self._batch_over, batch, committed)
            more = self._do_chores()

    def _take(self, wait_s: float) -> bool:
        """Fill the batch with what is waiting, as far as it may grow; False when all is done for good."""
        limits, weight = self._limits, 0
        with self._lock:
            if not self._pending and not self._closing and wait_s:
                self._wake.wait(wait_s)
            while self._pending and len(self._batch) < limits.batch_units and weight < limits.batch_weight:
                unit = self._pending.popleft()
                weight += 1 + len(unit[0])
                self._batch.append(unit)
            return bool(self._batch) or not self._closing

    def _do_chores(self) -> bool:
        more = False
        for chore in self._chores:
            more = chore() or more
        return more

    def _call(self, function: Callable[..., None], *arguments: object) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:  # the loop is closed: nobody is left to be told
            _log.warning("store.nobody-listens")


def _tell(done: Done, error: StorageError | None) -> None:
    try:
        done(error)
    except Exception:  # noqa: BLE001 - one listener's fault must not keep the others from hearing
        _log.exception("store.callback-failed")
