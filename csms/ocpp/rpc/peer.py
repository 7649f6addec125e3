"""One station's OCPP-J connection as a value: text in, events and text out, and time is an argument."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count

from csms.domain.commands import CommandError, CommandResult, CommandState, Priority
from csms.domain.errors import NotConnected
from csms.ocpp.rpc import frame as frames
from csms.ocpp.rpc import reading
from csms.ocpp.rpc.errors import ErrorKind, Refusal
from csms.ocpp.rpc.events import CallDone, CallReceived, CloseNeeded, Event, Ignored, TextToSend
from csms.ocpp.rpc.our_calls import OurCalls
from csms.ocpp.rpc.station_calls import StationCalls

__all__ = ["CallDone", "CallReceived", "CloseNeeded", "Event", "Ignored", "Peer", "TextToSend"]


class Peer:
    """Both directions of one connection.

    Every CALL of the station is answered exactly once, or `CloseNeeded` says why the connection must end;
    a CALLRESULT or CALLERROR is never answered. Whatever the station sends, what is kept stays bounded.

    A peer is plain data: it waits for nothing and calls nobody back but for ids. Whoever handles a
    `CallReceived` gets values and returns values, so that a call to the station from inside a handler,
    which would wait for an answer that waits behind the handler, can't be written.
    """

    def __init__(
        self,
        error_codes: Mapping[ErrorKind, str],
        *,
        version: str,
        new_message_id: Callable[[], str],
        kept_answers: int = 4,
        kept_s: float = 60.0,
        max_open_calls: int = 1024,
        max_queued_calls: int = 256,
        max_nesting: int = 64,
    ) -> None:
        """Speak `version` (as the dialects name it; raises KeyError for others).

        `new_message_id` never gives the same id twice, not even for another connection of the station
        (OCPP-J 1.6 errata 3.1). `max_open_calls` counts resends too; reading should pause long before it.
        An answer is kept for the last `kept_answers` calls and at most `kept_s` machine seconds.
        """
        self._error_codes = error_codes
        self._rules = reading.RULES[version]
        self._max_nesting = max_nesting
        self._new_handle = count(1).__next__
        self._theirs = StationCalls(max_owed=max_open_calls, kept_answers=kept_answers, kept_s=kept_s)
        self._ours = OurCalls(new_message_id, max_queued_calls)
        self._closing = False
        self._ended = False

    @property
    def open_calls(self) -> int:
        """How many calls of the station are not answered yet."""
        return self._theirs.open

    @property
    def open_characters(self) -> int:
        """How long their texts are together."""
        return self._theirs.open_characters

    def receive(self, text: str, now_s: float = 0.0) -> list[Event]:
        """Take in one text from the station at `now_s` machine seconds; never raises."""
        if self._closing:
            return [Ignored("it came after the connection's end was decided")]
        frame = reading.parse(text, self._rules, self._max_nesting)
        if not isinstance(frame, frames.Call):
            return [self._take(frame)]
        event = self._theirs.admit(frame, text, now_s, self._new_handle)
        if isinstance(event, CloseNeeded):
            self._closing = True
        return [event]

    def answer(self, handle: int, payload: bytes) -> list[str]:
        """Return the CALLRESULT texts for a call of the station; several where it came several times meanwhile.

        `payload` is a JSON object. Empty once the connection has ended. Raises KeyError for a call that
        is not open: nothing is ever answered twice.
        """
        if self._ended:
            return []
        return self._theirs.settle(
            handle, lambda message_id: frames.result_text(message_id, payload), keep=True
        )

    def refuse(self, handle: int, refusal: Refusal) -> list[str]:
        """Return the CALLERROR texts for a call of the station; as `answer` otherwise.

        A refusal is not kept: nothing was stored for the call, and what stood in its way may be gone when
        the station tries again with the same bytes (a boot that had not been accepted, say).
        """
        if self._ended:
            return []
        code = self._error_codes[refusal.kind]
        description = refusal.description
        return self._theirs.settle(
            handle, lambda message_id: frames.error_text(message_id, code, description), keep=False
        )

    def call(
        self,
        action: str,
        payload: bytes,
        *,
        priority: Priority,
        now_s: float,
        timeout_s: float,
        expires_s: float,
    ) -> int:
        """Queue a call of ours and return its handle; exactly one `CallDone` or `cancel` ends it.

        `payload` is a JSON object that fits the action; `timeout_s` runs from leaving to the answer and
        `expires_s` from `now_s` to leaving. Raises `QueueFull`, and `NotConnected` after the end.
        """
        if self._closing:
            raise NotConnected("The station's connection is ending; try again when it is back")
        handle = self._new_handle()
        self._ours.queue(
            handle, action, payload, priority=priority, timeout_s=timeout_s, expires_at_s=now_s + expires_s
        )
        return handle

    def check_room(self) -> None:
        """Raise `QueueFull` where no more calls of ours may wait."""
        self._ours.check_room()

    def next_call(self, now_s: float) -> tuple[int, str] | None:
        """Return the handle and the text of the call to send now, if it is time for one; it counts as sent.

        One is in flight at most (OCPP-J 1.6 §4.1.1). The best priority leaves first, the oldest within it.
        """
        return None if self._closing else self._ours.take_next(now_s)

    def expire(self, now_s: float) -> list[CallDone]:
        """End the calls of ours whose deadline is reached: in flight `timed_out`, waiting `expired`."""
        return self._ours.expire(now_s)

    def next_deadline_s(self) -> float | None:
        """Return when `expire` has something to do next; None if never."""
        return self._ours.next_deadline_s()

    def cancel(self, handle: int) -> bool:
        """Withdraw a call of ours that still waits; tell whether it did. No `CallDone` follows."""
        return self._ours.cancel(handle)

    def disconnect(self) -> list[CallDone]:
        """End everything at once: our call in flight `timed_out`, those waiting `not_sent`."""
        self._closing = self._ended = True
        self._theirs.forget_all()
        return self._ours.end_all()

    def _take(self, frame: frames.OtherFrame) -> Event:
        """Take in a frame that is not a call."""
        match frame:
            case frames.Result(message_id, payload):
                return self._ours.end(message_id, CommandResult(CommandState.ANSWERED, response=payload))
            case frames.Error(message_id, code, description, details):
                return self._failed(message_id, CommandError(code, description, details))
            case frames.BrokenAnswer(message_id, problem):
                return self._malformed(message_id, problem)
            case frames.BrokenCall(message_id, kind, problem):
                return TextToSend(frames.error_text(message_id, self._error_codes[kind], problem), problem)
            case _:
                return Ignored(frame.problem)

    def _malformed(self, message_id: str | None, problem: str) -> Event:
        """End the call now: no better answer will come, and others wait."""
        if message_id is None:
            return Ignored(f"an answer that can't be read: {problem}")
        code = self._error_codes[ErrorKind.FORMAT]
        description = f"The station's answer was malformed: {problem}"
        return self._failed(message_id, CommandError(code, description, b"{}", ours=True))

    def _failed(self, message_id: str, error: CommandError) -> Event:
        return self._ours.end(message_id, CommandResult(CommandState.CALL_ERROR, error=error))
