"""The gateway's port with stations that do what a test says; payloads are shaped and checked by the real dialect."""

from __future__ import annotations

import asyncio
import contextlib

import msgspec
from msgspec import Raw

from csms.domain.commands import (
    CommandError,
    CommandResult,
    CommandState,
    Priority,
    RawCommand,
    ShapedCommand,
)
from csms.domain.control import OrderOutcome, OrderVerdict, StationOrder
from csms.domain.errors import Busy, NotConnected
from csms.domain.records import CommandRecorded
from csms.domain.remote_control import StationCommand
from csms.domain.station import StationIdentity
from csms.ocpp import v16
from csms.storage import SqliteStorage

ACCEPTED = b'{"status":"Accepted"}'


class Stations:
    """Implements `csms.ports.StationLink` and `Connections`; each call waits in `asked` until the test ends it."""

    def __init__(self, storage: SqliteStorage) -> None:
        self._storage = storage
        self.connected: set[str] = set()
        self.asked: asyncio.Queue[tuple[RawCommand, asyncio.Future[CommandResult]]] = asyncio.Queue()
        self.full = False
        self.answering = False
        """Whether each call is accepted at once."""
        self.gone_when_called = False

    def shape(self, station_id: str, command: StationCommand) -> ShapedCommand:
        if station_id not in self.connected:
            raise NotConnected(f"{station_id} is not connected")
        shaped = v16.DIALECT.shape_command(command)
        if self.full:
            raise Busy("256 calls wait for this station already; try again later")
        return shaped

    async def call(self, station_id: str, command: RawCommand) -> CommandResult:
        if self.gone_when_called:
            raise NotConnected(f"{station_id} is not connected")
        ended: asyncio.Future[CommandResult] = asyncio.get_running_loop().create_future()
        if self.answering:
            ended.set_result(CommandResult(CommandState.ANSWERED, ACCEPTED))
        else:
            self.asked.put_nowait((command, ended))
        result = await ended
        self._record(station_id, command, result)
        return result

    def _record(self, station_id: str, command: RawCommand, result: CommandResult) -> None:
        """Leave the record that a connection leaves."""
        at_us = (command.recorded_at_us or 0) + 1
        record = CommandRecorded(
            id=command.id,
            station_id=station_id,
            site_id=None,
            name=command.name,
            action=command.action,
            state=result.state.value,
            request=command.payload,
            response=result.response,
            error=_error_json(result.error),
            created_at_us=command.recorded_at_us or 0,
            sent_at_us=at_us,
            final_at_us=at_us,
            warning=command.warning,
        )
        self._storage.submit((record,), lambda _: None)

    async def answer(
        self,
        state: CommandState = CommandState.ANSWERED,
        response: bytes | None = ACCEPTED,
        *,
        error: CommandError | None = None,
    ) -> RawCommand:
        """End the oldest call that nobody has ended."""
        command, ended = await asyncio.wait_for(self.asked.get(), 30.0)
        ended.set_result(CommandResult(state, response, error))
        return command

    async def order(
        self,
        station_id: str,
        order: StationOrder,
        *,
        id: str,  # noqa: A002 - as the port has it
        priority: Priority,
        timeout_s: float = 10.0,
        expires_s: float = 60.0,
    ) -> OrderOutcome:
        return OrderOutcome(verdict=OrderVerdict.NOT_SENT)

    def withdraw(self, station_id: str, command_id: str) -> bool:
        return False

    def online(self) -> frozenset[str]:
        return frozenset(self.connected)

    def place(self, station_id: str, site_id: str | None) -> None: ...

    def manage(self, station_id: str, *, managed: bool) -> None: ...

    def revise(self, station: StationIdentity) -> None: ...

    def dismiss(self, station_id: str, reason: str) -> None: ...

    def gate(self, station_id: str, *, gated: bool) -> None: ...

    def end_all(self) -> None:
        """End what is left, as the end of the connections does."""
        with contextlib.suppress(asyncio.QueueEmpty):
            while True:
                _, ended = self.asked.get_nowait()
                ended.set_result(CommandResult(CommandState.NOT_SENT))


def _error_json(error: CommandError | None) -> str | None:
    if error is None:
        return None
    members = {"code": error.code, "description": error.description, "details": Raw(error.details)}
    return msgspec.json.encode(members).decode()
