"""Registers managed stations without keys, many at once. Arguments: the settings' file, then their ids."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from csms.app import opened_storage
from csms.clock import SystemClock
from csms.domain.station import MessageLogPolicy
from csms.settings import load


async def register(config: Path, station_ids: list[str]) -> None:
    """Do what `csms station add ID --no-key` does, once for each."""
    async with opened_storage(load(config), SystemClock()) as (storage, _):
        for station_id in station_ids:
            await storage.add_station(
                station_id,
                site_id=None,
                key=None,
                keyless=True,
                managed=True,
                message_log=MessageLogPolicy.ALL,
            )


if __name__ == "__main__":
    asyncio.run(register(Path(sys.argv[1]), sys.argv[2:]))
