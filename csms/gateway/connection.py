"""One connected station: frames in, durable answers out, our calls beside them; all in callbacks.

Its calls are handled in their order. A call waits only for a look-up that the call before it needs;
commits are not waited for: answers leave in the commit's callback.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Mapping

import structlog
from msgspec.structs import replace

from csms.domain.commands import CommandResult, Priority, RawCommand, ShapedCommand
from csms.domain.control import OrderOutcome, OrderVerdict, StationOrder
from csms.domain.errors import NotConnected, RecordRefused
from csms.domain.events import StationEvent, UnreadableReceived
from csms.domain.records import RawKept
from csms.domain.remote_control import StationCommand
from csms.domain.station import StationIdentity, StationState
from csms.gateway.commands import Commands
from csms.gateway.services import Services, log_failure
from csms.gateway.socket import StationSocket
from csms.gateway.wire import Wire
from csms.ocpp.dialect import Decoded, Dialect
from csms.ocpp.rpc.errors import ErrorKind, Refusal
from csms.ocpp.rpc.peer import CallDone, CallReceived, CloseNeeded, Ignored, Peer, TextToSend
from csms.ports import Found, Lookup, Outcome, RoomToStart, StoreLookup
from csms.usecases import dispatch

_log = structlog.get_logger(__name__)


class Connection:
    """Joins a socket, a peer, a dialect and the use cases for one station."""

    def __init__(
        self,
        *,
        identity: StationIdentity,
        socket: StationSocket,
        dialect: Dialect,
        services: Services,
        max_nesting: int,
        closed: Callable[[Connection, str], None],
    ) -> None:
        """Serve `identity` over `socket`; nothing is handled before `start` brings the state."""
        self.identity = identity
        self.dialect = dialect
        self.connected_at_us = services.clock.now_us()
        self.last_seen_us = self.connected_at_us
        self._socket = socket
        self._services = services
        self._closed = closed
        self._state: StationState | None = None
        self._placed = self._manage_told = self._gated = False
        self._peer = Peer(
            dialect.error_codes,
            version=dialect.version,
            new_message_id=services.new_id,
            max_nesting=max_nesting,
        )
        self._wire = Wire(
            identity=identity, socket=socket, peer=self._peer, dialect=dialect, services=services
        )
        self._waiting: deque[CallReceived] = deque()
        self._holds = 1
        """What must end before the next call is handled: the first loading of the state, a look-up, reloads."""
        self._reloading = 0
        self._draining = False
        self._ended = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._commands = Commands(
            identity=identity, dialect=dialect, peer=self._peer, services=services, send=self._wire.send
        )
        self._frames: dict[int, str] = {}

    # --- lifetime

    def start(self, state: StationState) -> None:
        """Begin to handle calls, from those that waited for the state."""
        self._adopt(state)
        self._release()

    @property
    def online(self) -> bool:
        """Whether the station's calls are handled and it can be asked."""
        return self._state is not None and not self._ended and not self._draining

    def place(self, site_id: str | None) -> None:
        """Know the station as one of another site from now on."""
        self._placed = True
        self._identify(replace(self.identity, site_id=site_id))
        if self._state is not None:
            self._state.site_id = site_id

    def manage(self, *, managed: bool) -> None:
        """Know whether the balancing steers the station from now on; calls that have left keep their time."""
        self._manage_told = True
        self._identify(replace(self.identity, managed=managed))
        if self._state is not None:
            self._state.managed = managed

    def revise(self, station: StationIdentity) -> None:
        """Treat the station as its operator decided now (see `ports.Connections.revise`)."""
        self._identify(replace(station, site_id=self.identity.site_id))
        self.manage(managed=station.managed)
        if self._state is not None:
            self._state.registration = station.registration
            if self._state.boot_answer is not None:
                self._state.boot_answer = station.registration

    def gate(self, *, gated: bool) -> None:
        """Ask the balancing before anybody starts from now on, or no more (see `ports.StationLink.gate`)."""
        self._gated = self._commands.gated = gated
        if self._state is not None:
            self._state.gated = gated

    def _adopt(self, state: StationState) -> None:
        """Go by a loaded state; it is newer than the handshake and older than what `place` and `manage` were told."""
        if self._placed:
            state.site_id = self.identity.site_id
        if self._manage_told:
            state.managed = self.identity.managed
        self._identify(replace(self.identity, site_id=state.site_id, managed=state.managed))
        state.gated = self._gated
        self._state = state

    def _identify(self, identity: StationIdentity) -> None:
        self.identity = self._commands.identity = self._wire.identity = identity

    def drain(self) -> None:
        """Take no new calls; answers that wait for their commit still leave."""
        self._draining = True
        self._waiting.clear()

    def end(self, code: int, reason: str) -> None:
        """Close for a stated reason; nothing is handled from now on."""
        self._finish(reason)
        self._socket.close(code, reason)

    def closed(self, reason: str) -> None:
        """Take note that the socket is gone (`SocketOwner`)."""
        self._finish(reason)
        self._closed(self, reason)

    def _finish(self, reason: str) -> None:
        if self._ended:
            return
        self._ended = True
        self._waiting.clear()
        self._frames.clear()
        for task in self._tasks:
            task.cancel()
        self._commands.end()
        _log.debug("connection.ended", station=self.identity.id, reason=reason)

    # --- station's calls

    def received(self, text: str) -> None:
        """Take one frame."""
        if self._ended:
            return
        self.last_seen_us = self._services.clock.now_us()
        for event in self._peer.receive(text, self._services.clock.machine_s()):
            match event:
                case CallReceived():
                    self._frames[event.handle] = text
                    self._call_received(event)
                case CallDone():
                    self._wire.log("in", text, None)
                    self._commands.done(event)
                case TextToSend():
                    self._wire.log("in", text, event.deviation)
                    self._wire.send(event.text, deviation=event.deviation)
                case Ignored():
                    self._wire.log("in", text, event.problem)
                case CloseNeeded():
                    self._wire.log("in", text, event.reason)
                    self.end(event.code, event.reason)
        self._commands.pump()
        self._wire.balance_reading()

    def _call_received(self, call: CallReceived) -> None:
        if self._draining:
            self._frames.pop(call.handle, None)
        elif self._holds:
            self._waiting.append(call)
        else:
            self._decode(call)

    def _decode(self, call: CallReceived) -> None:
        now_us = self._services.clock.now_us()
        frame = self._frames.pop(call.handle, "")
        try:
            decoded = self.dialect.decode(call.action, call.payload, now_us)
        except Exception as error:  # noqa: BLE001 - a fault of ours in reading one message must not cost the others
            _log.exception("call.unreadable", station=self.identity.id, action=call.action)
            self._wire.log("in", frame, f"internal: {error!r}")
            self._keep_raw(call, f"decode failed: {error!r}")
            return
        if isinstance(decoded, Decoded):
            deviations = (
                decoded.deviations if call.deviation is None else (call.deviation, *decoded.deviations)
            )
            self._wire.log("in", frame, "; ".join(deviations) or None)
            self._handle(call, decoded.event, now_us, {}, repaired=bool(decoded.deviations))
        else:
            self._wire.log("in", frame, f"refused: {decoded.description}")
            self._wire.refuse(call.handle, decoded)

    def _handle(
        self,
        call: CallReceived,
        event: StationEvent,
        now_us: int,
        found: Mapping[Lookup, Found],
        *,
        repaired: bool,
    ) -> None:
        services, state = self._services, self._state
        assert state is not None  # noqa: S101 - `start` brought it before anything was let through
        try:
            outcome = dispatch.handle(state, event, services.context(now_us, found, repaired=repaired))
        except Exception as error:  # noqa: BLE001 - as above; the message is kept raw, so that nothing is lost
            _log.exception("call.failed", station=self.identity.id, action=call.action)
            self._distrust_state(call, f"handling failed: {error!r}")
            return
        if isinstance(outcome, RoomToStart):
            room = outcome
            self._spawn(
                self._wait_for_room(
                    call,
                    lambda has: self._handle(call, event, now_us, {**found, room: has}, repaired=repaired),
                )
            )
        elif not isinstance(outcome, Outcome):
            self._holds += 1
            self._spawn(self._look_up(call, event, now_us, {**found}, outcome, repaired=repaired))
        elif outcome.records:
            services.storage.submit(outcome.records, lambda error: self._committed(call, outcome, error))
        else:
            self._answer(call, outcome)

    async def _look_up(
        self,
        call: CallReceived,
        event: StationEvent,
        now_us: int,
        found: dict[Lookup, Found],
        lookup: StoreLookup,
        *,
        repaired: bool,
    ) -> None:
        if lookup in found:
            self._distrust_state(call, f"{type(lookup).__name__} was asked for twice")
        else:
            state = self._state
            found[lookup] = await self._services.storage.look_up(self.identity.id, lookup)
            if self._reloading or self._state is not state:
                self._waiting.appendleft(
                    call
                )  # from the beginning, on the new state, and before those behind it
            else:
                self._handle(call, event, now_us, found, repaired=repaired)
        self._release()

    async def _wait_for_room(self, call: CallReceived, handle: Callable[[bool], None]) -> None:
        """Hold one call for as long as the gate takes; the station's other calls go on meanwhile."""
        has_room = await self._services.has_room(self.identity.id)
        if self._holds:
            self._waiting.append(call)  # on a newer state from the beginning
        else:
            handle(has_room)
            self._wire.balance_reading()

    def _release(self) -> None:
        self._holds -= 1
        while self._waiting and not self._holds and not self._ended:
            self._decode(self._waiting.popleft())
        self._wire.balance_reading()

    # --- answers

    def _committed(self, call: CallReceived, outcome: Outcome, error: Exception | None) -> None:
        if error is None:
            self._acknowledge(call, outcome)
        if self._ended:
            return
        if isinstance(error, RecordRefused):
            _log.error("store.refused", station=self.identity.id, action=call.action, problem=str(error))
            self._distrust_state(call, str(error))
        elif error is not None:
            _log.error("store.failed", station=self.identity.id, action=call.action, problem=str(error))
            self.end(1011, "the message could not be stored; send it again")
        self._wire.balance_reading()

    def _distrust_state(self, call: CallReceived, problem: str) -> None:
        """Keep a call raw, and handle nothing more on a state that may count on what is not stored."""
        self._holds += 1
        self._reloading += 1
        self._spawn(self._reload_state(call, problem))

    async def _reload_state(self, call: CallReceived, problem: str) -> None:
        state = await self._services.storage.load_state(self.identity.id)
        self._reloading -= 1
        self._keep_raw(call, problem)
        if not self._reloading:
            self._adopt(state)
        self._release()

    def _keep_raw(self, call: CallReceived, problem: str) -> None:
        """Keep a message that could not be handled, and answer it so that the station's queue drains."""
        services, state = self._services, self._state
        kind = self.dialect.transaction_messages.get(call.action)
        now_us = services.clock.now_us()
        if kind is None or state is None:
            record = RawKept(
                self.identity.id, self.identity.site_id, now_us, call.action, call.payload, problem
            )
            services.storage.submit((record,), log_failure)
            self._wire.refuse(call.handle, Refusal(ErrorKind.INTERNAL, "kept, but it could not be handled"))
            return
        event = UnreadableReceived(kind=kind, action=call.action, payload=call.payload, problem=problem)
        outcome = dispatch.handle(state, event, services.context(now_us))
        assert isinstance(outcome, Outcome)  # noqa: S101 - an unreadable message names nothing to look up
        services.storage.submit(outcome.records, lambda error: self._kept(call, outcome, error))

    def _kept(self, call: CallReceived, outcome: Outcome, error: Exception | None) -> None:
        if error is None:
            self._acknowledge(call, outcome)
        elif not self._ended:
            self.end(1011, "the message could not be stored; send it again")
        self._wire.balance_reading()

    def _acknowledge(self, call: CallReceived, outcome: Outcome) -> None:
        """Answer what is stored, then tell it to those who follow, who want it also when no answer can leave."""
        self._answer(call, outcome)
        self._services.feed.tell(outcome.records)

    def _answer(self, call: CallReceived, outcome: Outcome) -> None:
        if not self._ended:
            self._wire.answer(call, outcome.answer)

    # --- our calls

    def shape(self, command: StationCommand) -> ShapedCommand:
        """Return what an operator asks as a call that may be queued (see `Commands.shape`)."""
        if self._ended or self._draining:
            raise NotConnected(f"{self.identity.id} is not connected")
        return self._commands.shape(command)

    async def call(self, command: RawCommand) -> CommandResult:
        """Ask the station something and return how it ended (see `Commands.call`)."""
        if self._ended or self._draining:
            raise NotConnected(f"{self.identity.id} is not connected")
        return await self._commands.call(command)

    async def order(
        self,
        order: StationOrder,
        *,
        id: str,  # noqa: A002 - as in the port
        priority: Priority,
        timeout_s: float = 10.0,
        expires_s: float = 60.0,
    ) -> OrderOutcome:
        """Ask the station for the balancing and return how it ended (see `ports.StationLink.order`)."""
        if not self.online:
            return OrderOutcome(verdict=OrderVerdict.NOT_SENT, detail="the station is not connected")
        return await self._commands.order(
            order, id=id, priority=priority, timeout_s=timeout_s, expires_s=expires_s
        )

    def withdraw(self, command_id: str) -> bool:
        """Take back a command that still waits (see `ports.StationLink.withdraw`)."""
        return self._commands.withdraw(command_id)

    # --- the rest

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(self._guard(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guard(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except Exception:  # noqa: BLE001 - whatever the store does, only this station reconnects and is loaded anew
            _log.exception("connection.failed", station=self.identity.id)
            self.end(1011, "the store did not answer; try again")
