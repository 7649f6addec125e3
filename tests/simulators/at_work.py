"""One station that lives at a tiny central system, on fast time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from simulators.dialects import SPEAKERS
from simulators.faults import SOUND, Faults
from simulators.hardware import ChargerSpec, EvseSpec
from simulators.journal import Journal
from simulators.link import Retry
from simulators.profile_rules import ProfileRules
from simulators.schedules import Version
from simulators.site_clock import SiteClock
from simulators.station import Station
from simulators.station_spec import StationSpec
from simulators.vehicle import Vehicle, VehicleSpec
from tests.simulators.central import DEADLINE_S, START, Central, central_system

SPEED = 60.0
VERSIONS = list(Version)


@dataclass
class Scene:
    """A station, its central system, and the task in which it lives."""

    central: Central
    station: Station
    stirred: asyncio.Event
    """Set whenever the station's journal grows."""

    async def until(self, condition: Callable[[], Any]) -> Any:
        """Wait until something that the journal tells makes a condition of the station true, and return it."""
        async with asyncio.timeout(DEADLINE_S):
            while not (found := condition()):
                self.stirred.clear()
                await self.stirred.wait()
        return found

    async def offline(self, for_s: float) -> None:
        """Cut the line for so long, and wait until the station has noticed."""
        self.station.lose_line(for_s)
        await self.until(lambda: not self.station.messenger.online)

    async def charging(self, evse: int = 1, token: str = "TAG", **vehicle: Any) -> str:
        """Let a car come and charge, and return its transaction's id."""
        self.station.plug(evse, car(**vehicle))
        self.station.present(evse, token)
        if self.station.dialect.subprotocol == "ocpp1.6":
            await self.central.first("StatusNotification", connectorId=evse, status="Charging")
            return await self.until(lambda: self.station.model.session(evse).transaction)
        started = await self.central.first("TransactionEvent", eventType="Started")
        await self.central.first("TransactionEvent", triggerReason="ChargingStateChanged", seqNo=2)
        return started["transactionInfo"]["transactionId"]


def car(**spec: Any) -> Vehicle:
    """A car that wants a lot."""
    return Vehicle(VehicleSpec(**{"reaction_s": 1.0, "ramp_a_per_s": 16.0, **spec}), soc=0.2)


@asynccontextmanager
async def at_work(
    version: Version = Version.V16,
    *,
    faults: Faults = SOUND,
    evses: int = 1,
    rules: dict[str, Any] | None = None,
    charger: dict[str, Any] | None = None,
    replies: dict[str, Any] | None = None,
    clock: SiteClock | None = None,
    **spec: Any,
) -> AsyncIterator[Scene]:
    """Let a station live; what goes wrong inside it fails the test."""
    async with central_system() as central:
        central.replies.update(replies or {})
        hardware = ChargerSpec(
            id="CP-1",
            evses=tuple(EvseSpec(id=evse) for evse in range(1, evses + 1)),
            rules=ProfileRules(version=version, **rules or {}),
            **charger or {},
        )
        stirred = asyncio.Event()
        station = Station(
            StationSpec(
                charger=hardware,
                url=central.url,
                **{
                    "boot_s": 5.0,
                    "retry": Retry(first_s=1.0, longest_s=5.0),
                    "answer_timeout_s": 5.0,
                    **spec,
                },
            ),
            clock or SiteClock(SPEED, now_s=START.timestamp()),
            dialect=SPEAKERS[version],
            faults=faults,
            journal=Journal("CP-1", write=lambda _line: stirred.set()),
        )
        life = asyncio.create_task(station.live())
        try:
            yield Scene(central, station, stirred)
        finally:
            life.cancel()
            results = await asyncio.gather(life, return_exceptions=True)
        assert isinstance(results[0], asyncio.CancelledError), results[0]


@asynccontextmanager
async def online(version: Version = Version.V16, **options: Any) -> AsyncIterator[Scene]:
    """Let one live, once it has booted and told its states."""
    async with at_work(version, **options) as scene:
        last = max(scene.station.model.connectors)
        place = {"connectorId": last} if version is Version.V16 else {"evseId": last}
        await scene.central.first("StatusNotification", **place)
        yield scene
