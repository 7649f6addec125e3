"""`kill -9` in the middle of everything: what was acknowledged is stored, once, and nothing else is."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

import pytest

from tests.end_to_end.audit import discrepancies, unanswered
from tests.end_to_end.conftest import StartServer
from tests.end_to_end.server import Server
from tests.end_to_end.station import Gate, Station
from tests.end_to_end.store import copy_of, query, query_copy

SEED = 20_160_516
STATIONS = 40
FEWEST_MESSAGES, MOST_MESSAGES = 250, 1200
"""How many messages pass between a start and the next kill."""
ROUND_DEADLINE_S = 120.0


@dataclass
class Round:
    """What one life of the server was like."""

    messages: int
    seconds: float
    open_calls: int


class Killer:
    """Counts messages and kills the server within the one that it has drawn."""

    def __init__(self, server: Server, gate: Gate) -> None:
        self.rounds: list[Round] = []
        self.stations: list[Station] = []
        self.killed = asyncio.Event()
        self._server = server
        self._gate = gate
        self._random = Random(SEED)
        self._answered = 0
        self._left = 0
        self._kind = ""
        self._began_s = 0.0

    def aim(self) -> None:
        """Draw the next victim: some answer that arrives, or some call that leaves."""
        self.killed.clear()
        self._answered = 0
        self._left = self._random.randrange(FEWEST_MESSAGES, MOST_MESSAGES)
        self._kind = self._random.choice(("answered", "sent"))
        self._began_s = asyncio.get_running_loop().time()

    def saw(self, kind: str) -> None:
        """Take note of a message; stations call this in the midst of their work."""
        self._answered += kind == "answered"
        self._left -= kind == self._kind
        if self._left == 0 and kind == self._kind:
            self._gate.opened.clear()
            self._server.kill()
            seconds = asyncio.get_running_loop().time() - self._began_s
            open_calls = sum(station.links[-1].open_calls for station in self.stations if station.links)
            self.rounds.append(Round(self._answered, seconds, open_calls))
            self.killed.set()


@pytest.mark.end_to_end
@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_kills_at_random_moments_lose_and_double_nothing_that_was_acknowledged(
    start_server: StartServer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    scaled: Callable[[int, int], int],
):
    server = start_server(prepare=lambda server: server.command("token", "add", "TAG-KNOWN"))
    kills = scaled(8, 50)
    rounds = asyncio.run(storm(server, kills, tmp_path / "copy"))
    with capsys.disabled():
        sys.stdout.write(f"\n  {report(rounds)}\n")
    assert len(rounds) == kills
    assert sum(one.open_calls > 0 for one in rounds) >= kills / 2
    assert all(one.messages > 0 for one in rounds)


async def storm(server: Server, kills: int, scratch: Path) -> list[Round]:
    """Let stations work through many deaths of the server; compare after each, and at the end."""
    gate = Gate(server.url)
    killer = Killer(server, gate)
    stations = killer.stations = [
        Station(
            gate,
            f"KILL-{number:02}",
            tag="TAG-KNOWN" if number % 2 else f"TAG-{number}",
            window=(1, 2, 8)[number % 3],
            seed=number,
            observer=killer.saw,
        )
        for number in range(STATIONS)
    ]
    over = asyncio.Event()
    killer.aim()
    async with asyncio.TaskGroup() as group:
        lives = [group.create_task(station.live()) for station in stations]
        works = [group.create_task(work(station, over)) for station in stations]
        for number in range(kills):
            async with asyncio.timeout(ROUND_DEADLINE_S):
                await killer.killed.wait()
                await asyncio.gather(*(station.links[-1].ended() for station in stations if station.links))
            assert not discrepancies(partial(query_copy, copy_of(server, scratch)), stations), (
                f"kill {number}"
            )
            await asyncio.to_thread(server.start)
            if number < kills - 1:
                killer.aim()
            else:
                over.set()
            gate.opened.set()
        async with asyncio.timeout(ROUND_DEADLINE_S):
            await asyncio.gather(*works)
        gate.opened.clear()
        for life in lives:
            life.cancel()
    assert not unanswered(stations)
    assert not discrepancies(partial(query, server), stations)
    return killer.rounds


async def work(station: Station, over: asyncio.Event) -> None:
    """Charge cars until it is over, then get everything answered."""
    random = Random(station.id)
    await station.boot()
    while not over.is_set():
        await station.charge(random.choice((1, 2)), readings=random.randrange(1, 9))
    await station.drained()


def report(rounds: list[Round]) -> str:
    """Say in a line what was done."""
    messages, seconds = sum(one.messages for one in rounds), sum(one.seconds for one in rounds)
    return (
        f"{len(rounds)} kills, {sum(one.open_calls > 0 for one in rounds)} of them with calls open"
        f" ({', '.join(str(one.open_calls) for one in rounds)}); {messages} messages of {STATIONS} stations,"
        f" {messages / seconds:.0f} a second (slowest life {min(one.messages / one.seconds for one in rounds):.0f})"
    )
