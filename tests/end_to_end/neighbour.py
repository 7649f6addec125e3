"""A well-behaved station that works beside an attack and must not notice it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

from tests.end_to_end.audit import discrepancies, unanswered
from tests.end_to_end.link import DEADLINE_S
from tests.end_to_end.server import Server
from tests.end_to_end.station import Gate, Station
from tests.end_to_end.store import query

SLOWEST_ANSWER_S = 20.0
"""Generous: a noisy machine may be slow, a server that is held up by a stranger takes for ever."""
MESSAGES_AFTERWARDS = 30
_numbers = itertools.count(1)


class Neighbour:
    """The station, and how much it has got done."""

    def __init__(self, server: Server) -> None:
        self.moved = asyncio.Event()
        self.answered = 0
        self.gate = Gate(server.url)
        self.station = Station(self.gate, f"NEIGHBOUR-{next(_numbers)}", seed=1, observer=self._saw)

    def _saw(self, kind: str) -> None:
        self.answered += kind == "answered"
        self.moved.set()

    async def progress(self, messages: int = 1) -> None:
        """Wait until some more of its calls are answered."""
        aim = self.answered + messages
        async with asyncio.timeout(DEADLINE_S):
            while self.answered < aim:
                self.moved.clear()
                await self.moved.wait()

    async def work(self) -> None:
        """Charge cars for ever."""
        await self.station.boot()
        while True:
            await self.station.charge(1, readings=5)


@asynccontextmanager
async def undisturbed(server: Server) -> AsyncGenerator[Neighbour]:
    """Keep a neighbour at work meanwhile; it must be served during it and after it, on one connection."""
    neighbour = Neighbour(server)
    station = neighbour.station
    async with asyncio.TaskGroup() as group:
        life = group.create_task(station.live())
        work = group.create_task(neighbour.work())
        await neighbour.progress(5)
        yield neighbour
        await neighbour.progress(MESSAGES_AFTERWARDS)
        work.cancel()
        await station.drained()
        neighbour.gate.opened.clear()
        life.cancel()
    assert len(station.links) == 1, "its connection was lost"
    assert not unanswered([station])
    assert max(call.took_s for call in station.links[0].journal if call.answer) < SLOWEST_ANSWER_S
    assert not discrepancies(partial(query, server), [station], alone=False)
