"""One charger for dialogues written out by hand, the messages that it sends, and what the store knows of it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.end_to_end.link import Link, Payload
from tests.end_to_end.server import Server
from tests.end_to_end.store import Row, query

YESTERDAY = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
_numbers = itertools.count(1)


def at(minutes: float) -> str:
    """Return a device time of yesterday."""
    return (YESTERDAY + timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")


def start(*, minute: float = 0, tag: str = "TAG", meter: int = 1000, connector: int = 1) -> Payload:
    return {"connectorId": connector, "idTag": tag, "meterStart": meter, "timestamp": at(minute)}


def stop(
    transaction_id: object, *, minute: float = 60, tag: str | None = "TAG", meter: int = 9000
) -> Payload:
    payload = {
        "transactionId": transaction_id,
        "meterStop": meter,
        "timestamp": at(minute),
        "reason": "Local",
    }
    return payload | ({"idTag": tag} if tag else {})


def reading(transaction_id: int | None, *, minute: float, energy: int, connector: int = 1) -> Payload:
    value = {"timestamp": at(minute), "sampledValue": [{"value": str(energy)}]}
    named = {} if transaction_id is None else {"transactionId": transaction_id}
    return {"connectorId": connector, "meterValue": [value]} | named


def status(name: str, *, minute: float, connector: int = 1) -> Payload:
    return {"connectorId": connector, "errorCode": "NoError", "status": name, "timestamp": at(minute)}


@dataclass
class Charger:
    """A station of its own at some server, and what the store knows of it."""

    server: Server
    id: str

    @classmethod
    def at(cls, server: Server) -> Charger:
        """Return one that nobody has used before."""
        return cls(server, f"CP-{next(_numbers)}")

    async def link(self) -> Link:
        """Connect."""
        return await Link.to(self.server.url, self.id)

    def talk(self, dialogue: Callable[[Link], Awaitable[Any]]) -> Any:
        """Run a dialogue over a connection of its own."""

        async def run() -> Any:
            async with await self.link() as link:
                return await dialogue(link)

        return asyncio.run(run())

    def transactions(self) -> list[Row]:
        """Return its transactions, the earliest first."""
        statement = "SELECT * FROM transactions WHERE station_id = ? ORDER BY started_at_us"
        return query(self.server, statement, self.id)

    def samples(self) -> list[Row]:
        """Return its samples with their transaction's OCPP id, the earliest first."""
        statement = """
            SELECT s.*, x.ocpp_id FROM samples AS s LEFT JOIN transactions AS x ON x.id = s.transaction_id
            WHERE s.station_id = ? ORDER BY s.at_us, s.number
        """
        return query(self.server, statement, self.id)
