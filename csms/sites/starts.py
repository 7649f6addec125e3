"""Who waits at gated stations to be let start, until the site's loop has found room and that is durable."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

from csms.ports import StationLink
from csms.usecases.balancing.gate import StartGivenUp, StartWanted


class StartQueue:
    """Keeps who waits, by station; ids are the same without regard to case."""

    def __init__(self) -> None:
        """Know of nobody."""
        self._waiting: dict[str, set[asyncio.Future[bool]]] = {}
        self._gated: dict[str, frozenset[str]] = {}

    async def wait(
        self, station_id: str, tell: Callable[[Sequence[StartWanted | StartGivenUp]], None]
    ) -> bool:
        """Wait until a session may start at a station; cancelled, the site is told when nobody waits there any more."""
        key = station_id.lower()
        mine: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.setdefault(key, set())
        waiting.add(mine)
        tell([StartWanted(station_id)])
        try:
            return await mine
        except asyncio.CancelledError:
            if waiting == {mine}:
                tell([StartGivenUp(station_id)])
            raise
        finally:
            waiting.discard(mine)
            if not waiting and self._waiting.get(key) is waiting:
                del self._waiting[key]

    def waiting(self, stations: Iterable[str]) -> list[StartWanted]:
        """Return the news that somebody waits at these stations, for whoever has not heard of it yet."""
        keys = {station.lower() for station in stations}
        return [StartWanted(key) for key in sorted(keys & self._waiting.keys())]

    def let(self, stations: Iterable[str]) -> None:
        """Let everybody start who waits at these stations."""
        for station in stations:
            for one in self._waiting.get(station.lower(), ()):
                if not one.done():
                    one.set_result(True)

    def gate(self, site_id: str, gated: frozenset[str], link: StationLink) -> None:
        """Let nobody start unasked at the stations `gated` of a site, and everybody at its others, also who waits there."""
        before = self._gated.pop(site_id, frozenset[str]())
        # One that moved may be gated by its new site already.
        elsewhere = {station.lower() for stations in self._gated.values() for station in stations}
        for station in sorted(before - gated):
            if station.lower() not in elsewhere:
                link.gate(station, gated=False)
                self.let([station])
        for station in sorted(gated - before):
            link.gate(station, gated=True)
        self._gated[site_id] = gated
