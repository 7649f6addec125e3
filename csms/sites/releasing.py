"""Takes our profiles off stations that no site has any more, so that they charge as if there had been none.

What a site still has, its own loop releases.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable

import structlog
from msgspec import Struct

from csms.domain.commands import Priority
from csms.domain.control import OrderVerdict
from csms.domain.records import FormSaved
from csms.domain.site import SiteStation
from csms.ports import Clock, StationLink, Storage
from csms.usecases.balancing.clearing import released, retry_s, to_release

_log = structlog.get_logger(__name__)

AT_ONCE = 16
"""How many stations are asked at the same time."""


class _Rest(Struct):
    """A station that refused, or could not be asked."""

    failures: int
    until_s: float


class Releases:
    """Asks such stations while they are connected, one call after the other, and rests longer with each refusal."""

    def __init__(self, storage: Storage, clock: Clock, new_id: Callable[[], str]) -> None:
        """Know of none."""
        self._storage = storage
        self._clock = clock
        self._new_id = new_id
        self._seen: frozenset[str] = frozenset()
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._rests: dict[str, _Rest] = {}
        self._places = asyncio.Semaphore(AT_ONCE)

    def look(self, stations: Iterable[SiteStation], held: Collection[str], link: StationLink) -> None:
        """Begin with `stations` that were of no site at the last look either, but for those `held`.

        Between two looks the loop that a station left has had the time to say that it must be held.
        """
        found = {station.id: station for station in stations if to_release(station.form)}
        self._leave([name for name in self._asking if name not in found])
        self._rests = {name: rest for name, rest in self._rests.items() if name in found}
        online = link.online()
        for name, station in found.items():
            rest = self._rests.get(name)
            rests = rest is not None and self._clock.machine_s() < rest.until_s
            ready = name in self._seen and name in online and station.boot_status == "Accepted"
            if ready and name not in held and name not in self._asking and not rests:
                task = asyncio.get_running_loop().create_task(self._release(station, link))
                self._asking[name] = task
                task.add_done_callback(lambda _task, name=name: self._asking.pop(name, None))
        self._seen = frozenset(found)

    def leave(self, placed: Collection[str]) -> None:
        """Take back what has not left to stations that belong to a site; ids in lower case."""
        self._leave([name for name in self._asking if name.lower() in placed])
        self._seen = frozenset(name for name in self._seen if name.lower() not in placed)

    def _leave(self, names: Iterable[str]) -> None:
        for name in names:
            self._asking[name].cancel()

    async def stop(self) -> None:
        """End; whoever was not released yet is so after the next start."""
        tasks = list(self._asking.values())
        self._leave(list(self._asking))
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _release(self, station: SiteStation, link: StationLink) -> None:
        async with self._places:
            form = station.form or b""
            for order in to_release(form):
                outcome = await link.order(station.id, order, id=self._new_id(), priority=Priority.BACKGROUND)
                if outcome.verdict is not OrderVerdict.ACCEPTED:
                    self._rest(station.id, outcome.detail)
                    return
                form = released(form, order.evse)
                record = FormSaved(station.id, form, self._clock.now_us())
                self._storage.submit((record,), _log_failure)
        self._rests.pop(station.id, None)
        _log.info("station.released", station=station.id)

    def _rest(self, station_id: str, detail: str) -> None:
        before = self._rests.get(station_id)
        failures = 1 if before is None else before.failures + 1
        self._rests[station_id] = _Rest(failures, self._clock.machine_s() + retry_s(failures))
        _log.warning("station.not-released", station=station_id, problem=detail, failures=failures)


def _log_failure(error: Exception | None) -> None:
    if error is not None:
        _log.error("station.release-not-kept", problem=str(error))
