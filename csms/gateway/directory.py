"""Who is connected to this node; the newest authenticated connection of a station is the station."""

from __future__ import annotations

from collections.abc import Iterator

from csms.domain.commands import CommandResult, RawCommand
from csms.domain.errors import NotConnected
from csms.gateway.connection import Connection


class Directory:
    """Connections by station id (case apart); implements `ports.StationLink`."""

    def __init__(self) -> None:
        """Start empty."""
        self._by_station: dict[str, Connection] = {}

    def __len__(self) -> int:
        """Return how many stations are connected."""
        return len(self._by_station)

    def __iter__(self) -> Iterator[Connection]:
        """Walk a copy: connections may end meanwhile."""
        return iter(tuple(self._by_station.values()))

    def enter(self, connection: Connection) -> None:
        """Make `connection` its station's; one that stood there ends at once and handles nothing more."""
        key = connection.identity.id.lower()
        replaced = self._by_station.get(key)
        self._by_station[key] = connection
        if replaced is not None:
            replaced.end(1008, "replaced by a newer connection of this station")

    def leave(self, connection: Connection) -> bool:
        """Remove `connection`; False where a newer one stands in its place (which stays)."""
        key = connection.identity.id.lower()
        if self._by_station.get(key) is not connection:
            return False
        del self._by_station[key]
        return True

    async def call(self, station_id: str, command: RawCommand) -> CommandResult:
        """Ask a station something (`ports.StationLink`)."""
        connection = self._by_station.get(station_id.lower())
        if connection is None:
            raise NotConnected(f"{station_id} is not connected")
        return await connection.call(command)
