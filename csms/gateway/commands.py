"""What a connected station is asked: each command's way from the queue to its final state, recorded at each step."""

from __future__ import annotations

import asyncio
from typing import Protocol

import msgspec
from msgspec import Struct

from csms.domain.commands import CommandError, CommandResult, CommandState, RawCommand
from csms.domain.records import CommandRecorded
from csms.domain.station import StationIdentity
from csms.gateway.services import Services, log_failure
from csms.ocpp.dialect import Dialect
from csms.ocpp.rpc.peer import CallDone, Peer


class Send(Protocol):
    """Puts one frame on the wire."""

    def __call__(self, text: str, *, deviation: str | None = None) -> None:
        """Send `text`; `deviation` is noted in the message log."""
        ...


class _OpenCommand(Struct, kw_only=True):
    command: RawCommand
    done: asyncio.Future[CommandResult]
    created_at_us: int
    sent_at_us: int | None = None


class Commands:
    """Our calls to one station; the peer decides which leaves when."""

    def __init__(
        self, *, identity: StationIdentity, dialect: Dialect, peer: Peer, services: Services, send: Send
    ) -> None:
        self._identity = identity
        self._dialect = dialect
        self._peer = peer
        self._services = services
        self._send = send
        self._open: dict[int, _OpenCommand] = {}
        self._next_deadline_s: float | None = None

    async def call(self, command: RawCommand) -> CommandResult:
        """Queue a command and return how it ended. Raises `Invalid` and `QueueFull`; nothing is sent then."""
        payload = self._dialect.check_call(command.action, command.payload)
        handle = self._peer.call(
            command.action,
            payload,
            priority=command.priority,
            now_s=self._services.clock.machine_s(),
            timeout_s=self._services.call_timeout_s if command.timeout_s is None else command.timeout_s,
            expires_s=command.expires_s,
        )
        done: asyncio.Future[CommandResult] = asyncio.get_running_loop().create_future()
        waiting = _OpenCommand(command=command, done=done, created_at_us=self._services.clock.now_us())
        self._open[handle] = waiting
        self._record(waiting, CommandState.QUEUED)
        self.pump()
        return await done

    def pump(self) -> None:
        """Send what may leave now, and see to its deadline."""
        if not self._open:
            return
        now_s = self._services.clock.machine_s()
        while (ready := self._peer.next_call(now_s)) is not None:
            handle, text = ready
            leaving = self._open[handle]
            leaving.sent_at_us = self._services.clock.now_us()
            self._record(leaving, CommandState.SENT)
            self._send(text)
        deadline_s = self._peer.next_deadline_s()
        if deadline_s is not None and (self._next_deadline_s is None or deadline_s < self._next_deadline_s):
            self._next_deadline_s = deadline_s
            self._services.wheel.at(deadline_s, self._expire)

    def done(self, event: CallDone) -> None:
        """Give a command its final state."""
        ended = self._open.pop(event.handle)
        self._record(ended, event.outcome.state, event.outcome)
        if not ended.done.done():
            ended.done.set_result(event.outcome)

    def end(self) -> None:
        """Give every open command its final state: the connection is over."""
        for event in self._peer.disconnect():
            self.done(event)

    def _expire(self) -> None:
        self._next_deadline_s = None
        for event in self._peer.expire(self._services.clock.machine_s()):
            self.done(event)
        self.pump()

    def _record(self, of: _OpenCommand, state: CommandState, result: CommandResult | None = None) -> None:
        record = CommandRecorded(
            id=of.command.id,
            station_id=self._identity.id,
            site_id=self._identity.site_id,
            name=of.command.name,
            action=of.command.action,
            state=state.value,
            request=of.command.payload,
            response=result.response if result else None,
            error=_error_json(result.error) if result and result.error else None,
            created_at_us=of.created_at_us,
            sent_at_us=of.sent_at_us,
            final_at_us=self._services.clock.now_us() if state.final else None,
        )
        self._services.storage.submit((record,), log_failure)


def _error_json(error: CommandError) -> str:
    members = {"code": error.code, "description": error.description, "details": msgspec.Raw(error.details)}
    return msgspec.json.encode(members).decode()
