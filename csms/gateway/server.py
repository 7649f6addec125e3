"""Listens for stations, judges their handshakes, and ends them all in good order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import structlog
from msgspec import Struct
from websockets.http11 import Request

from csms.domain.errors import StorageError
from csms.domain.records import Record, StationRegistered, StationSeen
from csms.domain.station import MessageLogPolicy, StationIdentity
from csms.gateway.connection import Connection
from csms.gateway.directory import Directory
from csms.gateway.handshake import choose_subprotocol, presented_key, station_id_of
from csms.gateway.services import Services, log_failure
from csms.gateway.socket import SocketLimits, StationSocket
from csms.ocpp.dialect import Dialect
from csms.usecases import connection as connection_use_cases

_log = structlog.get_logger(__name__)


class GatewayOptions(Struct, frozen=True, kw_only=True):
    """How the gateway treats stations."""

    limits: SocketLimits
    max_nesting: int = 64
    accept_unknown_stations: bool = False
    """`station_policy = accept-all`: an unknown station is registered, unmanaged and without a key."""
    missing_subprotocol: str | None = "1.6"
    """The version of stations that offer no subprotocol; None refuses them."""
    message_log: MessageLogPolicy = MessageLogPolicy.ALL
    """For stations that are registered by connecting."""


class Gateway:
    """The OCPP listener of this node."""

    def __init__(
        self,
        *,
        services: Services,
        dialects: Mapping[str, Dialect],
        key_matches: Callable[[StationIdentity | None, bytes], bool],
        options: GatewayOptions,
    ) -> None:
        """Serve the `dialects` (by subprotocol, in order of preference).

        `key_matches` compares in constant time and takes as long for a station that does not exist.
        """
        self.directory = Directory()
        self._services = services
        self._dialects = dialects
        self._key_matches = key_matches
        self._options = options
        self._sockets: set[StationSocket] = set()
        self._admissions: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._all_gone = asyncio.Event()

    # --- lifetime

    async def listen(self, host: str, port: int) -> int:
        """Start to listen and return the port (useful with 0). Raises `OSError` where it can't be had."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._new_socket, host, port, backlog=2048)
        return int(self._server.sockets[0].getsockname()[1])

    async def drain(self, timeout_s: float) -> None:
        """Take no new stations and calls, let answers out, close every socket with 1012."""
        if self._server is not None:
            self._server.close()
        for task in self._admissions:
            task.cancel()
        for connection in self.directory:
            connection.drain()
        await self._services.storage.settled()
        for connection in self.directory:
            connection.end(1012, "the server restarts")
        for socket in tuple(self._sockets):
            if not socket.accepted:
                socket.abort()
        if self._sockets:
            try:
                await asyncio.wait_for(self._all_gone.wait(), timeout_s)
            except TimeoutError:
                _log.warning("drain.aborted", sockets=len(self._sockets))
                for socket in tuple(self._sockets):
                    socket.abort()

    def flush_seen(self) -> None:
        """Record when each connected station was last heard."""
        seen = [StationSeen(item.last_seen_us, item.identity.id) for item in self.directory]
        if seen:
            self._services.storage.submit(seen, log_failure)

    # --- handshake

    def _new_socket(self) -> StationSocket:
        self._all_gone.clear()
        socket = StationSocket(
            requested=self._admit,
            limits=self._options.limits,
            wheel=self._services.wheel,
            machine_s=self._services.clock.machine_s,
            forget=self._forget,
        )
        self._sockets.add(socket)
        return socket

    def _forget(self, socket: StationSocket) -> None:
        self._sockets.discard(socket)
        if not self._sockets:
            self._all_gone.set()

    def _admit(self, socket: StationSocket, request: Request) -> None:
        station_id = station_id_of(request.path)
        if station_id is None:
            socket.reject(
                404, "Connect to /ocpp/STATION-ID with an id of 1-48 characters A-Z a-z 0-9 * _ = : + | @ . -"
            )
            return
        task = asyncio.get_running_loop().create_task(self._admit_station(socket, request, station_id))
        self._admissions.add(task)
        task.add_done_callback(self._admissions.discard)

    async def _admit_station(self, socket: StationSocket, request: Request, station_id: str) -> None:
        try:
            identity = await self._authenticate(request, station_id)
            if identity is None:
                _log.info("station.refused", station=station_id, peer=socket.peer_name)
                socket.reject(
                    401,
                    "Unknown station or wrong key",
                    {"WWW-Authenticate": 'Basic realm="OCPP", charset="UTF-8"'},
                )
                return
            await self._connect(socket, request, identity)
        except Exception:  # noqa: BLE001 - the store failed; this station tries again, the others go on
            _log.exception("admission.failed", station=station_id)
            if socket.accepted:
                socket.close(1011, "the store did not answer; try again")
            else:
                socket.reject(503, "The store did not answer; try again", {"Retry-After": "10"})

    async def _authenticate(self, request: Request, station_id: str) -> StationIdentity | None:
        storage = self._services.storage
        identity = await storage.find_station(station_id)
        key = presented_key(request.headers, station_id)
        matches = self._key_matches(identity, key or b"")
        if identity is not None:
            return identity if identity.key_hmac is None or (key is not None and matches) else None
        if not self._options.accept_unknown_stations:
            return None
        registered = StationRegistered(
            station_id, self._services.clock.now_us(), self._options.message_log.value
        )
        storage.submit((registered,), log_failure)
        await storage.settled()
        identity = await storage.find_station(station_id)
        if identity is None:
            raise StorageError(f"{station_id} could not be registered")
        return identity

    async def _connect(self, socket: StationSocket, request: Request, identity: StationIdentity) -> None:
        chosen: list[Dialect] = []

        def choose(offered: list[str]) -> str | None:
            subprotocol = choose_subprotocol(offered, tuple(self._dialects))
            if subprotocol is not None:
                chosen.append(self._dialects[subprotocol.lower()])
            elif not offered:
                chosen.extend(
                    dialect
                    for dialect in self._dialects.values()
                    if dialect.version == self._options.missing_subprotocol
                )
            return subprotocol

        if not socket.accept(request, choose):
            return
        if not chosen:
            # OCPP-J 1.6 §3.1.2: complete the handshake without a subprotocol, then close at once.
            socket.close(1002, f"offer one of the subprotocols {', '.join(self._dialects)}")
            # The station's half of the closing is read too; whatever else it says has no owner.
            socket.start()
            return
        connection = Connection(
            identity=identity,
            socket=socket,
            dialect=chosen[0],
            services=self._services,
            max_nesting=self._options.max_nesting,
            closed=self._closed,
        )
        socket.own(connection)
        self.directory.enter(connection)
        records = connection_use_cases.opened(
            identity,
            ocpp_version=connection.dialect.version,
            security_profile=0 if identity.key_hmac is None else 1,
            at_us=connection.connected_at_us,
        )
        self._services.storage.submit(records, log_failure)
        _log.info(
            "station.connected",
            station=identity.id,
            version=connection.dialect.version,
            peer=socket.peer_name,
        )
        state = await self._services.storage.load_state(identity.id)
        connection.start(state)
        if connection.online:
            self._services.feed.tell(records)
        socket.start()

    def _closed(self, connection: Connection, reason: str) -> None:
        if self.directory.leave(connection):
            identity = connection.identity
            records = connection_use_cases.closed(
                identity, reason=reason, at_us=self._services.clock.now_us()
            )
            self._services.storage.submit(records, lambda error: self._tell_closed(records, error))
            _log.info("station.disconnected", station=identity.id, reason=reason)

    def _tell_closed(self, records: tuple[Record, ...], error: Exception | None) -> None:
        """Tell the end of a connection after all that the station said before it; it is true even if not stored."""
        log_failure(error)
        self._services.feed.tell(records)
