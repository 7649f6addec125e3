"""Who waits at gated stations: let in together, told of once nobody waits any more."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from csms.sites.starts import StartQueue
from csms.usecases.balancing.gate import StartGivenUp, StartWanted

DEADLINE_S = 10.0


class Told:
    def __init__(self) -> None:
        self.news: asyncio.Queue[StartWanted | StartGivenUp] = asyncio.Queue()

    def tell(self, news: Sequence[StartWanted | StartGivenUp]) -> None:
        for one in news:
            self.news.put_nowait(one)

    async def next(self) -> StartWanted | StartGivenUp:
        return await asyncio.wait_for(self.news.get(), DEADLINE_S)


class Link:
    def __init__(self) -> None:
        self.gates: list[tuple[str, bool]] = []

    def gate(self, station_id: str, *, gated: bool) -> None:
        self.gates.append((station_id, gated))


def run(scenario: Callable[[StartQueue, Told], Awaitable[None]]) -> None:
    async def play() -> None:
        await asyncio.wait_for(scenario(StartQueue(), Told()), 60.0)

    asyncio.run(play())


def test_all_who_wait_at_a_station_are_let_in_and_nobody_elsewhere() -> None:
    async def scenario(queue: StartQueue, told: Told) -> None:
        here = [asyncio.create_task(queue.wait("CP-1", told.tell)) for _ in range(2)]
        there = asyncio.create_task(queue.wait("CP-2", told.tell))
        assert [await told.next() for _ in range(3)] == [
            StartWanted("CP-1"),
            StartWanted("CP-1"),
            StartWanted("CP-2"),
        ]
        queue.let(["cp-1", "nowhere"])
        queue.let(["cp-1"])
        assert await asyncio.gather(*here) == [True, True]
        assert not there.done()
        queue.let(["CP-2"])
        assert await there

    run(scenario)


def test_the_site_is_told_when_the_last_one_waits_no_more() -> None:
    async def scenario(queue: StartQueue, told: Told) -> None:
        waiting = [asyncio.create_task(queue.wait("CP-1", told.tell)) for _ in range(2)]
        assert [await told.next() for _ in range(2)] == [StartWanted("CP-1")] * 2
        for one in waiting:
            one.cancel()
            with pytest.raises(asyncio.CancelledError):
                await one
        assert await told.next() == StartGivenUp("CP-1")
        assert told.news.empty()

    run(scenario)


def test_a_link_hears_what_changes() -> None:
    async def scenario(queue: StartQueue, _told: Told) -> None:
        link = Link()
        queue.gate("depot", frozenset({"CP-1", "CP-2"}), link)  # type: ignore[arg-type]
        queue.gate("depot", frozenset({"CP-2", "CP-3"}), link)  # type: ignore[arg-type]
        queue.gate("depot", frozenset(), link)  # type: ignore[arg-type]
        assert link.gates == [
            ("CP-1", True),
            ("CP-2", True),
            ("CP-1", False),
            ("CP-3", True),
            ("CP-2", False),
            ("CP-3", False),
        ]

    run(scenario)


def test_a_station_that_moved_stays_gated_when_its_old_site_lets_it_go_late() -> None:
    async def scenario(queue: StartQueue, _told: Told) -> None:
        link = Link()
        queue.gate("north", frozenset({"CP-1"}), link)  # type: ignore[arg-type]
        queue.gate("south", frozenset({"CP-1"}), link)  # type: ignore[arg-type]
        queue.gate("north", frozenset(), link)  # type: ignore[arg-type]
        assert link.gates == [("CP-1", True), ("CP-1", True)]
        queue.gate("south", frozenset(), link)  # type: ignore[arg-type]
        assert link.gates[2:] == [("CP-1", False)]

    run(scenario)
