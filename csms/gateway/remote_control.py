"""What operators ask of stations: durable before it leaves, followed to its end, and shown in between."""

from __future__ import annotations

import asyncio
from typing import Protocol

import msgspec
import structlog

from csms.domain.commands import CommandState, RawCommand, StoredCommand
from csms.domain.errors import HeadroomError, NotFound
from csms.domain.remote_control import RawCall, RemoteStart, RemoteStop, StationCommand
from csms.domain.station import StationIdentity
from csms.domain.token import Verdict
from csms.domain.transaction import Transaction
from csms.gateway.services import Services, log_failure
from csms.ports import StationLink, Storage, TransactionById
from csms.usecases import authorization, remote_control

_log = structlog.get_logger(__name__)


class CommandStore(Storage, Protocol):
    """What is read back of commands."""

    async def find_command(self, command_id: str) -> StoredCommand | None:
        """Return a command as it is after everything submitted before is settled."""
        ...

    async def commands_of(
        self, station_id: str, *, before: tuple[int, str] | None, limit: int
    ) -> list[StoredCommand]:
        """Return a station's commands, the newest first, from before the one that came into being then."""
        ...


class RemoteControl:
    """Operators' way to stations; see `csms.usecases.remote_control` for what is decided about their commands."""

    def __init__(self, *, link: StationLink, store: CommandStore, services: Services) -> None:
        """Ask stations over `link`."""
        self._link = link
        self._store = store
        self._services = services
        self._under_way: dict[str, asyncio.Task[None]] = {}

    async def ask(self, station_id: str, name: str, command: StationCommand) -> StoredCommand:
        """Let a station be asked something, and return that as it was recorded: queued.

        Raises `NotFound` for an unknown station, `NotConnected`, `Invalid`, `Busy` where too many wait already, and
        `StorageError`; nothing is sent then.
        """
        station = await self._station(station_id)
        command_id = self._services.new_id()
        command = remote_control.numbered(command, command_id)
        transaction = None
        if isinstance(command, RemoteStop):
            transaction = await self._transaction(station, command)
            command = remote_control.stopping(command, transaction)
        shaped = self._link.shape(station.id, command)
        warnings = [shaped.warning] if shaped.warning else []
        warnings += await self._doubts(station, command, transaction)
        now_us = self._services.clock.now_us()
        raw = RawCommand(
            id=command_id,
            name=name,
            action=shaped.action,
            payload=shaped.payload,
            priority=remote_control.priority_of(command),
            warning="; ".join(warnings) or None,
            recorded_at_us=now_us,
        )
        await self._record(station, raw, now_us)
        task = asyncio.get_running_loop().create_task(self._follow(station, raw))
        self._under_way[command_id] = task
        task.add_done_callback(lambda _: self._under_way.pop(command_id, None))
        return await self.find(command_id)

    async def wait(self, command_id: str, seconds: float) -> StoredCommand:
        """Return a command when it has ended, or after machine `seconds` as it is then. Raises `NotFound`."""
        task = self._under_way.get(command_id)
        if task is not None:
            await asyncio.wait({task}, timeout=seconds)
        return await self.find(command_id)

    async def find(self, command_id: str) -> StoredCommand:
        """Return a command in its newest state. Raises `NotFound`."""
        found = await self._store.find_command(command_id)
        if found is None:
            raise NotFound(f"there is no command {command_id}")
        return found

    async def commands_of(
        self, station_id: str, *, before: tuple[int, str] | None, limit: int
    ) -> list[StoredCommand]:
        """Return what a station was asked, also by the balancing, the newest first. Raises `NotFound`."""
        station = await self._station(station_id)
        return await self._store.commands_of(station.id, before=before, limit=limit)

    async def stop(self) -> None:
        """Wait until what is under way has ended; the end of the connections ends it."""
        await asyncio.gather(*self._under_way.values())

    async def _station(self, station_id: str) -> StationIdentity:
        station = await self._store.find_station(station_id)
        if station is None:
            raise NotFound(f"there is no station {station_id}")
        return station

    async def _transaction(self, station: StationIdentity, command: RemoteStop) -> Transaction | None:
        found = await self._store.look_up(station.id, TransactionById(command.transaction_id))
        return found if isinstance(found, Transaction) else None

    async def _doubts(
        self, station: StationIdentity, command: StationCommand, transaction: Transaction | None
    ) -> list[str]:
        if isinstance(command, RawCall):
            return []
        verdict = self._verdict(command) if isinstance(command, RemoteStart) else None
        named = remote_control.place_of(command) is not None
        state = await self._store.load_state(station.id) if named else None
        return list(remote_control.doubts(command, state=state, transaction=transaction, verdict=verdict))

    def _verdict(self, command: RemoteStart) -> Verdict:
        services = self._services
        token = services.tokens.get(services.token_hmac(command.uid, command.token_type))
        return authorization.judge(token, services.context(services.clock.now_us())).verdict

    async def _record(self, station: StationIdentity, raw: RawCommand, at_us: int) -> None:
        """Wait until a command is durable as queued. Raises `StorageError`."""
        written: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        records = remote_control.recorded(raw, station, CommandState.QUEUED, at_us)
        self._store.submit(records, lambda error: None if written.done() else written.set_result(error))
        error = await written
        if error is not None:
            raise error

    async def _follow(self, station: StationIdentity, raw: RawCommand) -> None:
        """Queue a command and see it end; one that finds no way any more was not sent."""
        try:
            await self._link.call(station.id, raw)
        except HeadroomError as error:
            _log.info("command.not-sent", station=station.id, command=raw.id, problem=str(error))
            problem: dict[str, object] = {"code": "NotSent", "description": str(error), "details": {}}
            ended = remote_control.recorded(
                raw,
                station,
                CommandState.NOT_SENT,
                self._services.clock.now_us(),
                error=msgspec.json.encode(problem).decode(),
            )
            self._store.submit(ended, log_failure)
