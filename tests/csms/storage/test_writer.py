"""The group-commit writer over a committer that does what its test says."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Any

from csms.domain.errors import StorageError
from csms.storage.writer import Committed, Writer, WriterLimits
from tests.csms.storage.some_records import EVENT, SAMPLE

DEADLINE_S = 30.0


class ScriptedCommitter:
    """Notes batches; waits before each until it is let go; may have a problem."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.problem: str | None = None
        self.crash: BaseException | None = None
        self.closed = False
        self.entered = threading.Event()
        self.let_go = threading.Event()
        self.let_go.set()

    def commit(self, units: Sequence[Sequence[Any]]) -> Committed:
        self.entered.set()
        assert self.let_go.wait(DEADLINE_S)
        if self.crash is not None:
            raise self.crash
        self.batches.append([len(unit) for unit in units])
        error = None if self.problem is None else StorageError(self.problem)
        return Committed([error] * len(units), self.problem)

    def close(self) -> None:
        self.closed = True

    async def holding(self) -> None:
        await asyncio.to_thread(self.entered.wait, DEADLINE_S)


def test_what_comes_while_a_commit_runs_goes_into_the_next_one():
    async def story() -> list[int]:
        committer = ScriptedCommitter()
        committer.let_go.clear()
        writer = Writer(committer)
        writer.submit([EVENT], lambda _: None)
        await committer.holding()
        for _ in range(100):
            writer.submit([EVENT], lambda _: None)
        committer.let_go.set()
        await writer.close()
        return [len(batch) for batch in committer.batches]

    assert asyncio.run(story()) == [1, 100]


def test_a_batch_ends_at_its_number_of_units_or_at_its_weight():
    async def story() -> list[list[int]]:
        committer = ScriptedCommitter()
        committer.let_go.clear()
        writer = Writer(committer, limits=WriterLimits(batch_units=3, batch_weight=10))
        writer.submit([], lambda _: None)
        await committer.holding()
        for records in ([EVENT], [EVENT], [EVENT], [EVENT], [SAMPLE] * 20, [EVENT], [EVENT] * 5, [EVENT] * 5):
            writer.submit(records, lambda _: None)
        committer.let_go.set()
        await writer.close()
        return committer.batches

    assert asyncio.run(story()) == [[0], [1, 1, 1], [1, 20], [1, 5, 5]]


def test_all_callbacks_of_a_batch_run_in_one_turn_of_the_loop():
    async def story() -> list[str]:
        order: list[str] = []
        committer = ScriptedCommitter()
        committer.let_go.clear()
        writer = Writer(committer)
        loop = asyncio.get_running_loop()
        writer.submit([], lambda _: None)
        await committer.holding()
        for name in "abc":

            def done(_: Exception | None, name: str = name) -> None:
                order.append(name)
                loop.call_soon(order.append, "turn")

            writer.submit([EVENT], done)
        committer.let_go.set()
        await writer.close()
        return order

    assert asyncio.run(story()) == ["a", "b", "c", "turn", "turn", "turn"]


def test_a_dead_writer_fails_all_that_waits_and_all_that_comes():
    async def story() -> tuple[list[Exception | None], str | None, bool]:
        heard: list[Exception | None] = []
        committer = ScriptedCommitter()
        committer.let_go.clear()
        committer.crash = RuntimeError("a fault of ours")
        writer = Writer(committer, limits=WriterLimits(high_water=2, low_water=1))
        writer.submit([EVENT], heard.append)
        await committer.holding()
        writer.submit([EVENT], heard.append)
        relieved = asyncio.Event()
        writer.when_relieved(relieved.set)
        committer.let_go.set()
        await relieved.wait()
        await writer.settled()
        last: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        writer.submit([EVENT], last.set_result)
        heard.append(await last)
        await writer.close()
        return heard, writer.healthy(), committer.closed

    heard, health, closed = asyncio.run(story())

    assert [type(error) for error in heard] == [StorageError] * 3
    assert health is not None
    assert "a fault of ours" in health
    assert closed


def test_a_store_that_does_not_work_is_tried_again_without_anything_to_write():
    async def story() -> list[str | None]:
        health: list[str | None] = []
        committer = ScriptedCommitter()
        committer.problem = "disk full"
        recovered = asyncio.Event()
        loop = asyncio.get_running_loop()

        def look() -> None:
            if health and writer.healthy() is None:
                recovered.set()

        def chore() -> bool:
            loop.call_soon_threadsafe(look)
            return False

        def failed(error: Exception | None) -> None:
            assert isinstance(error, StorageError)
            health.append(writer.healthy())
            committer.problem = None

        writer = Writer(committer, chores=[chore], limits=WriterLimits(idle_s=0.01))
        writer.submit([EVENT], failed)
        await asyncio.wait_for(recovered.wait(), DEADLINE_S)
        health.append(writer.healthy())
        await writer.close()
        return health

    assert asyncio.run(story()) == ["disk full", None]


def test_chores_get_their_turn_after_each_commit_and_when_nothing_happens():
    async def story() -> int:
        turns = 0
        idle = asyncio.Event()
        loop = asyncio.get_running_loop()

        def chore() -> bool:
            nonlocal turns
            turns += 1
            if turns == 3:
                loop.call_soon_threadsafe(idle.set)
            return False

        writer = Writer(ScriptedCommitter(), chores=[chore], limits=WriterLimits(idle_s=0.01))
        await asyncio.wait_for(idle.wait(), DEADLINE_S)
        before = turns
        writer.submit([EVENT], lambda _: None)
        await writer.close()
        return turns - before

    assert asyncio.run(story()) >= 1


def test_settled_waits_for_what_was_submitted_before_it_only():
    async def story() -> tuple[bool, bool]:
        committer = ScriptedCommitter()
        committer.let_go.clear()
        writer = Writer(committer)
        await writer.settled()
        done: list[Any] = []
        writer.submit([EVENT], done.append)
        await committer.holding()
        early = asyncio.create_task(writer.settled())
        given_up = asyncio.create_task(writer.settled())
        await asyncio.wait([early], timeout=0)
        waited = not early.done()
        given_up.cancel()
        committer.let_go.set()
        await early
        await writer.close()
        return waited, done == [None]

    assert asyncio.run(story()) == (True, True)


def test_a_writer_whose_loop_is_gone_ends_quietly():
    committer = ScriptedCommitter()
    committer.let_go.clear()
    told: list[Any] = []

    async def story() -> Writer:
        writer = Writer(committer)
        writer.submit([EVENT], told.append)
        await committer.holding()
        return writer

    writer = asyncio.run(story())
    with writer._lock:
        writer._closing = True
    committer.let_go.set()
    writer._thread.join(DEADLINE_S)

    assert not writer._thread.is_alive()
    assert committer.closed
    assert told == []


def test_the_thread_hands_changes_of_tokens_over_before_the_callbacks():
    class Changing(ScriptedCommitter):
        def commit(self, units: Sequence[Sequence[Any]]) -> Committed:
            committed = super().commit(units)
            committed.token_changes = []
            return committed

    async def story() -> list[str]:
        order: list[str] = []
        note: Callable[[Any], None] = lambda _: order.append("changes")  # noqa: E731
        writer = Writer(Changing(), tokens_changed=note)
        writer.submit([EVENT], lambda _: order.append("done"))
        await writer.close()
        return order

    assert asyncio.run(story()) == ["changes", "done"]
