"""The calls that we make to one station: waiting in order, one in flight, each with a deadline and one end."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from msgspec import Struct

from csms.domain.commands import CommandError, CommandResult, CommandState, Priority
from csms.ocpp.rpc.errors import QueueFull
from csms.ocpp.rpc.events import CallDone, Ignored
from csms.ocpp.rpc.frame import call_text

_REMEMBERED_ENDS = 8
"""Message ids of ended calls that are remembered, only so that the log can tell a late answer from a stray one."""


class _OurCall(Struct):
    handle: int
    action: str
    payload: bytes
    priority: Priority
    timeout_s: float
    deadline_s: float
    """Of leaving the queue while it waits; of its answer once it has left."""
    message_id: str = ""
    """Given when it leaves, so that nothing can answer a call that still waits."""


class OurCalls:
    """A bounded queue by priority, first come first served within one, and the one call in flight."""

    def __init__(self, new_message_id: Callable[[], str], max_queued: int) -> None:
        """Take ids from `new_message_id`, which never gives one twice."""
        self._new_message_id = new_message_id
        self._max_queued = max_queued
        self._waiting: dict[int, _OurCall] = {}
        self._in_flight: _OurCall | None = None
        self._ended_ids: deque[str] = deque(maxlen=_REMEMBERED_ENDS)

    def queue(
        self,
        handle: int,
        action: str,
        payload: bytes,
        *,
        priority: Priority,
        timeout_s: float,
        expires_at_s: float,
    ) -> None:
        """Let a call wait for its turn; raises `QueueFull`."""
        self.check_room()
        self._waiting[handle] = _OurCall(handle, action, payload, priority, timeout_s, expires_at_s)

    def check_room(self) -> None:
        """Raise `QueueFull` where no more may wait."""
        if len(self._waiting) >= self._max_queued:
            raise QueueFull(f"{self._max_queued} calls wait for this station already; try again later")

    def cancel(self, handle: int) -> bool:
        """Withdraw a call that still waits."""
        return self._waiting.pop(handle, None) is not None

    def take_next(self, now_s: float) -> tuple[int, str] | None:
        """Return the handle and text of the call whose turn it is, and take it as sent.

        None while one is in flight (OCPP-J 1.6 §4.1.1) or nothing waits that has not expired.
        """
        if self._in_flight or not self._waiting:
            return None
        alive = (call for call in self._waiting.values() if call.deadline_s > now_s)
        # min() gives the first of equals and a dict keeps its order, so the oldest leaves first.
        call = min(alive, key=lambda call: call.priority, default=None)
        if call is None:
            return None
        del self._waiting[call.handle]
        call.message_id = self._new_message_id()
        call.deadline_s = now_s + call.timeout_s
        self._in_flight = call
        return call.handle, call_text(call.message_id, call.action, call.payload)

    def end(self, message_id: str, result: CommandResult) -> CallDone | Ignored:
        """End the call in flight if this is its id."""
        call = self._in_flight
        if call and call.message_id == message_id:
            return self._landed(call, result)
        if message_id in self._ended_ids:
            return Ignored("an answer to a call of ours that had already ended")
        return Ignored("an answer that no call of ours waits for")

    def expire(self, now_s: float) -> list[CallDone]:
        """End every call whose deadline is reached."""
        done: list[CallDone] = []
        if self._in_flight and self._in_flight.deadline_s <= now_s:
            done.append(self._landed(self._in_flight, CommandResult(CommandState.TIMED_OUT)))
        expired = [call.handle for call in self._waiting.values() if call.deadline_s <= now_s]
        for handle in expired:
            del self._waiting[handle]
            done.append(CallDone(handle, CommandResult(CommandState.EXPIRED)))
        return done

    def next_deadline_s(self) -> float | None:
        """Return the earliest deadline of all, on the clock of the `now_s` that were given."""
        deadlines = [call.deadline_s for call in self._waiting.values()]
        if self._in_flight:
            deadlines.append(self._in_flight.deadline_s)
        return min(deadlines, default=None)

    def end_all(self) -> list[CallDone]:
        """End every call because the connection has ended."""
        done: list[CallDone] = []
        if self._in_flight:
            error = CommandError("ConnectionEnded", "the connection ended before the station answered", b"{}")
            done.append(self._landed(self._in_flight, CommandResult(CommandState.TIMED_OUT, error=error)))
        done += [CallDone(handle, CommandResult(CommandState.NOT_SENT)) for handle in self._waiting]
        self._waiting.clear()
        return done

    def _landed(self, call: _OurCall, result: CommandResult) -> CallDone:
        self._in_flight = None
        self._ended_ids.append(call.message_id)
        return CallDone(call.handle, result)
