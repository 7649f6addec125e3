"""Who is connected to this node; the newest authenticated connection of a station is the station."""

from __future__ import annotations

from collections.abc import Iterator

from csms.domain.commands import CommandResult, Priority, RawCommand, ShapedCommand
from csms.domain.control import OrderOutcome, OrderVerdict, StationOrder
from csms.domain.errors import NotConnected
from csms.domain.remote_control import StationCommand
from csms.domain.station import StationIdentity
from csms.gateway.connection import Connection


class Directory:
    """Connections by station id (case apart); implements `ports.StationLink` and `ports.Connections`."""

    def __init__(self) -> None:
        """Start empty."""
        self._by_station: dict[str, Connection] = {}
        self._gated: set[str] = set()

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
        connection.gate(gated=key in self._gated)
        if replaced is not None:
            replaced.end(1008, "replaced by a newer connection of this station")

    def leave(self, connection: Connection) -> bool:
        """Remove `connection`; False where a newer one stands in its place (which stays)."""
        key = connection.identity.id.lower()
        if self._by_station.get(key) is not connection:
            return False
        del self._by_station[key]
        return True

    def shape(self, station_id: str, command: StationCommand) -> ShapedCommand:
        """Return what an operator asks as a call of the station's version (`ports.StationLink`)."""
        return self._connected(station_id).shape(command)

    async def call(self, station_id: str, command: RawCommand) -> CommandResult:
        """Ask a station something (`ports.StationLink`)."""
        return await self._connected(station_id).call(command)

    async def order(
        self,
        station_id: str,
        order: StationOrder,
        *,
        id: str,  # noqa: A002 - as in the port
        priority: Priority,
        timeout_s: float = 10.0,
        expires_s: float = 60.0,
    ) -> OrderOutcome:
        """Ask a station for the balancing (`ports.StationLink`)."""
        connection = self._by_station.get(station_id.lower())
        if connection is None:
            return OrderOutcome(verdict=OrderVerdict.NOT_SENT, detail="the station is not connected")
        return await connection.order(
            order, id=id, priority=priority, timeout_s=timeout_s, expires_s=expires_s
        )

    def _connected(self, station_id: str) -> Connection:
        connection = self._by_station.get(station_id.lower())
        if connection is None:
            raise NotConnected(f"{station_id} is not connected")
        return connection

    def withdraw(self, station_id: str, command_id: str) -> bool:
        """Take back a command that still waits (`ports.StationLink`)."""
        connection = self._by_station.get(station_id.lower())
        return connection is not None and connection.withdraw(command_id)

    def online(self) -> frozenset[str]:
        """Return the stations that are connected and handled (`ports.StationLink`)."""
        return frozenset(
            connection.identity.id for connection in self._by_station.values() if connection.online
        )

    def place(self, station_id: str, site_id: str | None) -> None:
        """Let a connected station know its new site (`ports.StationLink`)."""
        connection = self._by_station.get(station_id.lower())
        if connection is not None:
            connection.place(site_id)

    def manage(self, station_id: str, *, managed: bool) -> None:
        """Let a connected station know whether it is managed (`ports.StationLink`)."""
        connection = self._by_station.get(station_id.lower())
        if connection is not None:
            connection.manage(managed=managed)

    def revise(self, station: StationIdentity) -> None:
        """Let a connected station be treated as its operator decided now (`ports.Connections`)."""
        connection = self._by_station.get(station.id.lower())
        if connection is not None:
            connection.revise(station)

    def dismiss(self, station_id: str, reason: str) -> None:
        """End a station's connection (`ports.Connections`)."""
        connection = self._by_station.get(station_id.lower())
        if connection is not None:
            connection.end(1008, reason)

    def gate(self, station_id: str, *, gated: bool) -> None:
        """Let nobody start at a station unasked, or everybody (`ports.StationLink`)."""
        key = station_id.lower()
        (self._gated.add if gated else self._gated.discard)(key)
        connection = self._by_station.get(key)
        if connection is not None:
            connection.gate(gated=gated)
