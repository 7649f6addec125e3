"""What time it is at the site: asked of the central system by a boot, before anything there begins."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from random import Random
from typing import NamedTuple

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from simulators.link import Address, Retry
from simulators.schedules import Version
from simulators.site_clock import machine_s, parse_utc
from simulators.station_spec import StationSpec

SUBPROTOCOLS = {Version.V16: "ocpp1.6", Version.V201: "ocpp2.0.1"}

_ANSWER_TIMEOUT_S = 10.0
_MEASURE_S = 1.0


class Told(NamedTuple):
    """What a central system says of the time."""

    now_s: float
    """Seconds since the epoch."""
    speed: float
    """How many of its seconds pass in one of this machine's; 1.0 where that was not measured."""


async def ask(
    spec: StationSpec,
    random: Random,
    on_failure: Callable[[str], None] = lambda _why: None,
    *,
    measured: bool = False,
) -> Told:
    """Boot a station and return the time that it is told; tries until it is told.

    `measured`: ask again a second later, for how fast that time runs. The station connects once more when it
    begins to live, as one does that has been switched off and on.
    """
    retry = Retry(longest_s=10.0)
    attempt = 0
    while True:
        try:
            return await _ask_once(spec, measured=measured)
        except (OSError, TimeoutError, WebSocketException, ValueError, LookupError, TypeError) as error:
            on_failure(f"{spec.id}: {type(error).__name__}: {error}")
        await asyncio.sleep(retry.pause_s(attempt, random))
        attempt += 1


async def _ask_once(spec: StationSpec, *, measured: bool) -> Told:
    version = spec.charger.rules.version
    address = Address(url=spec.url, station_id=spec.id, subprotocol=SUBPROTOCOLS[version], key=spec.key)
    async with connect(
        address.url + address.station_id,
        subprotocols=[Subprotocol(address.subprotocol)],
        additional_headers=address.headers,
        proxy=None,
    ) as socket:
        first_s = await _time(socket, "BootNotification", _boot(spec, version))
        if not measured:
            return Told(first_s, 1.0)
        begins_s = machine_s()
        await asyncio.sleep(_MEASURE_S)
        now_s = await _time(socket, "Heartbeat", {})
        return Told(now_s, (now_s - first_s) / (machine_s() - begins_s))


async def _time(socket: ClientConnection, action: str, payload: dict[str, object]) -> float:
    await socket.send(json.dumps([2, action, action, payload]))
    async with asyncio.timeout(_ANSWER_TIMEOUT_S):
        while True:
            answer = json.loads(await socket.recv())
            if answer[1] == action:
                return parse_utc(answer[2]["currentTime"])


def _boot(spec: StationSpec, version: Version) -> dict[str, object]:
    if version is Version.V16:
        return {"chargePointVendor": spec.vendor[:20], "chargePointModel": spec.model[:20]}
    station = {"vendorName": spec.vendor[:50], "model": spec.model[:20]}
    return {"reason": "PowerUp", "chargingStation": station}
