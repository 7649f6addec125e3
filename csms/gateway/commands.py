"""What a connected station is asked: each command's way from the queue to its final state, recorded at each step."""

from __future__ import annotations

import asyncio
from typing import Protocol

import msgspec
import structlog
from msgspec import Struct, structs

from csms.domain.commands import (
    CommandError,
    CommandResult,
    CommandState,
    Priority,
    RawCommand,
    ShapedCommand,
)
from csms.domain.control import (
    ClearOwnProfiles,
    ConfigurationTouched,
    EffectStage,
    FailsafeOrder,
    LimitOrder,
    OrderOutcome,
    OrderVerdict,
    ProfileEffect,
    ProfilesTouched,
    ReadConfiguration,
    StationOrder,
    WriteConfiguration,
)
from csms.domain.errors import HeadroomError
from csms.domain.records import CommandRecorded
from csms.domain.remote_control import StationCommand
from csms.domain.station import StationIdentity
from csms.gateway.remote_starts import LEAVES_WITHIN_S, RemoteStarts
from csms.gateway.services import Services, log_failure
from csms.ocpp.dialect import Dialect
from csms.ocpp.rpc.peer import CallDone, Peer
from csms.usecases import remote_control

_log = structlog.get_logger(__name__)

MANAGED_TIMEOUT_S = 10.0
"""How long any call that is not urgent may keep a managed station's limits waiting; machine seconds."""

_ORDER_NAMES: dict[type[StationOrder], str] = {
    FailsafeOrder: "failsafe",
    LimitOrder: "limit",
    ClearOwnProfiles: "limit.clear",
    ReadConfiguration: "configuration.read",
    WriteConfiguration: "configuration.write",
}
"""What the API calls them among the commands."""
_ORDERS = frozenset(_ORDER_NAMES.values())
"""Whoever follows the events hears of what people ask; orders are many, and the site's own news."""


class Send(Protocol):
    """Puts one frame on the wire."""

    def __call__(self, text: str, *, deviation: str | None = None) -> None:
        """Send `text`; `deviation` is noted in the message log."""
        ...


class _Touches(Struct, frozen=True):
    """What a call that is not the balancing's does to what that counts on, if it succeeds."""

    profiles: tuple[ProfileEffect, ...] = ()
    configuration: tuple[str, ...] = ()


class _OpenCommand(Struct, kw_only=True):
    command: RawCommand
    done: asyncio.Future[CommandResult]
    created_at_us: int
    touches: _Touches = _Touches()
    sent_at_us: int | None = None


class Commands:
    """Our calls to one station; the peer decides which leaves when."""

    def __init__(
        self, *, identity: StationIdentity, dialect: Dialect, peer: Peer, services: Services, send: Send
    ) -> None:
        self.identity = identity
        self.gated = False
        """Nobody starts there before the balancing has found room for it."""
        self._starts = RemoteStarts(services)
        self._dialect = dialect
        self._peer = peer
        self._services = services
        self._send = send
        self._open: dict[int, _OpenCommand] = {}
        self._next_deadline_s: float | None = None

    def shape(self, command: StationCommand) -> ShapedCommand:
        """Return what an operator asks as a call. Raises `Invalid`, and `QueueFull` where no more may wait."""
        shaped = self._dialect.shape_command(command)
        self._peer.check_room()
        return shaped

    async def call(self, command: RawCommand) -> CommandResult:
        """Queue a command and return how it ended.

        One that sets a charging profile waits first until it is durable that it may. At a gated station a
        remote start waits for room before; without any in time it ends as not sent. Raises `Invalid`,
        `QueueFull`, `NotConnected` and `Busy` (nobody can keep what it sets); nothing is sent then.
        """
        payload = self._dialect.check_call(command.action, command.payload)
        if self.gated and command.action in self._dialect.remote_starts:
            return await self._call_with_room(command, payload)
        return await (await self._queue_kept(command, payload))

    async def _call_with_room(self, command: RawCommand, payload: bytes) -> CommandResult:
        held = self._opened(command)
        self._record(held, CommandState.QUEUED)
        try:
            refusal = await self._starts.refusal(self.identity.id, command)
            if refusal is not None:
                self._record(held, refusal.state, refusal)
                return refusal
            leaving = structs.replace(command, expires_s=min(command.expires_s, LEAVES_WITHIN_S))
            done = await self._queue_kept(leaving, payload, held=held)
        except BaseException:
            # Nobody waits for it any more, or it found the queue full or the connection ending.
            self._record(held, CommandState.NOT_SENT, CommandResult(CommandState.NOT_SENT))
            raise
        return await done

    async def _queue_kept(
        self, command: RawCommand, payload: bytes, *, held: _OpenCommand | None = None
    ) -> asyncio.Future[CommandResult]:
        """Let a command wait for its turn once what it does to profiles can't be forgotten any more."""
        now_us = self._services.clock.now_us()
        profiles = self._dialect.profile_effects(command.action, payload, now_us)
        touches = _Touches(profiles, self._dialect.written_keys(command.action, payload))
        if not _sets(profiles):
            return self._queue(command, payload, touches, held=held)
        queued = False
        try:
            await self._services.prepare(self._touched(command, EffectStage.LEAVING, profiles))
            done = self._queue(command, payload, touches, held=held)
            queued = True
        finally:
            if not queued:
                self._services.feed.tell((self._touched(command, EffectStage.REFUSED, profiles),))
        return done

    async def order(
        self,
        order: StationOrder,
        *,
        id: str,  # noqa: A002 - as in the port
        priority: Priority,
        timeout_s: float,
        expires_s: float,
    ) -> OrderOutcome:
        """Queue an order and return how it ended; one that can't be queued was not sent."""
        try:
            action, payload = self._dialect.shape_order(order)
            command = RawCommand(
                id=id,
                name=_ORDER_NAMES[type(order)],
                action=action,
                payload=payload,
                priority=priority,
                timeout_s=timeout_s,
                expires_s=expires_s,
            )
            # What it does its sender knows.
            result = await self._queue(command, payload, _Touches())
        except HeadroomError as error:
            _log.warning("order.refused", station=self.identity.id, order=id, problem=str(error))
            return OrderOutcome(verdict=OrderVerdict.NOT_SENT, detail=str(error))
        except asyncio.CancelledError:
            self.withdraw(id)  # nobody is left who knows of it
            raise
        return self._dialect.read_outcome(order, result)

    def withdraw(self, command_id: str) -> bool:
        """Give a command that still waits its final state; False: it has left, or there is none."""
        for handle, waiting in self._open.items():
            if waiting.command.id == command_id and self._peer.cancel(handle):
                self.done(CallDone(handle, CommandResult(CommandState.NOT_SENT)))
                return True
        return self._starts.withdraw(command_id)

    def _opened(self, command: RawCommand) -> _OpenCommand:
        done: asyncio.Future[CommandResult] = asyncio.get_running_loop().create_future()
        at_us = command.recorded_at_us
        created_at_us = self._services.clock.now_us() if at_us is None else at_us
        return _OpenCommand(command=command, done=done, created_at_us=created_at_us)

    def _queue(
        self,
        command: RawCommand,
        payload: bytes,
        touches: _Touches,
        *,
        held: _OpenCommand | None = None,
    ) -> asyncio.Future[CommandResult]:
        """Let a command wait for its turn; `held`: it is recorded to be queued already."""
        handle = self._peer.call(
            command.action,
            payload,
            priority=command.priority,
            now_s=self._services.clock.machine_s(),
            timeout_s=self._timeout_s(command),
            expires_s=command.expires_s,
        )
        waiting = self._opened(command) if held is None else held
        waiting.touches = touches
        self._open[handle] = waiting
        if held is None:
            self._record(waiting, CommandState.QUEUED)
        self.pump()
        return waiting.done

    def _timeout_s(self, command: RawCommand) -> float:
        timeout_s = self._services.call_timeout_s if command.timeout_s is None else command.timeout_s
        if self.identity.managed and command.priority >= Priority.OPERATOR:
            return min(timeout_s, MANAGED_TIMEOUT_S)
        return timeout_s

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
            self._tell(leaving, EffectStage.LEAVING)
            self._send(text)
        deadline_s = self._peer.next_deadline_s()
        if deadline_s is not None and (self._next_deadline_s is None or deadline_s < self._next_deadline_s):
            self._next_deadline_s = deadline_s
            self._services.wheel.at(deadline_s, self._expire)

    def done(self, event: CallDone) -> None:
        """Give a command its final state."""
        ended = self._open.pop(event.handle)
        self._record(ended, event.outcome.state, event.outcome)
        if ended.touches != _Touches() and (ended.sent_at_us is not None or _sets(ended.touches.profiles)):
            command = ended.command
            stage = self._dialect.effect_stage(command.action, command.payload, event.outcome)
            self._tell(ended, stage)
        if not ended.done.done():
            ended.done.set_result(event.outcome)

    def end(self) -> None:
        """Give every open command its final state: the connection is over."""
        self._starts.end()
        for event in self._peer.disconnect():
            self.done(event)

    def _expire(self) -> None:
        self._next_deadline_s = None
        for event in self._peer.expire(self._services.clock.machine_s()):
            self.done(event)
        self.pump()

    def _tell(self, of: _OpenCommand, stage: EffectStage) -> None:
        touches = of.touches
        if touches.profiles:
            self._services.feed.tell((self._touched(of.command, stage, touches.profiles),))
        if touches.configuration:
            now_us = self._services.clock.now_us()
            written = ConfigurationTouched(self.identity.id, now_us, touches.configuration)
            self._services.feed.tell((written,))

    def _touched(
        self, command: RawCommand, stage: EffectStage, effects: tuple[ProfileEffect, ...]
    ) -> ProfilesTouched:
        return ProfilesTouched(self.identity.id, self._services.clock.now_us(), command.id, stage, effects)

    def _record(self, of: _OpenCommand, state: CommandState, result: CommandResult | None = None) -> None:
        if state is CommandState.QUEUED and of.command.recorded_at_us is not None:
            return  # whoever asks has recorded it
        now_us = self._services.clock.now_us()
        record = CommandRecorded(
            id=of.command.id,
            station_id=self.identity.id,
            site_id=self.identity.site_id,
            name=of.command.name,
            action=of.command.action,
            state=state.value,
            request=of.command.payload,
            response=result.response if result else None,
            error=_error_json(result.error) if result and result.error else None,
            created_at_us=of.created_at_us,
            sent_at_us=of.sent_at_us,
            final_at_us=now_us if state.final else None,
            warning=of.command.warning,
        )
        records = (record,) if record.name in _ORDERS else remote_control.told(record, now_us)
        self._services.storage.submit(records, log_failure)


def _sets(effects: tuple[ProfileEffect, ...]) -> bool:
    return any(effect.sets for effect in effects)


def _error_json(error: CommandError) -> str:
    members = {"code": error.code, "description": error.description, "details": msgspec.Raw(error.details)}
    return msgspec.json.encode(members).decode()
