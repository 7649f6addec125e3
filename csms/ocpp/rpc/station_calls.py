"""The calls that a station makes to us: each answered exactly once, and its repetitions with it."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from csms.ocpp.rpc.events import CallReceived, CloseNeeded, Event, Ignored, TextToSend
from csms.ocpp.rpc.frame import Call, MessageId

POLICY_VIOLATION = 1008
"""RFC 6455 §7.4.1."""

_Key = tuple[str, int]


class _StationCall(Struct, gc=False):
    id: MessageId
    key: _Key
    characters: int
    received_s: float
    copies: int = 1
    """How often the same bytes came until now; each is owed an answer."""


class _KeptAnswer(Struct, frozen=True, gc=False):
    text: str
    received_s: float


class StationCalls:
    """The station's calls that wait for an answer, and the last answers given.

    Same bytes and same id mean the same call. They are recognised by the id and Python's 64-bit keyed hash
    of the text, because keeping up to a megabyte of text a call would cost more than that hash can ever err.
    """

    def __init__(self, *, max_owed: int, kept_answers: int, kept_s: float) -> None:
        """Owe at most `max_owed` answers; keep `kept_answers` for calls received in the last `kept_s` seconds."""
        self._max_owed = max_owed
        self._kept_answers = kept_answers
        self._kept_s = kept_s
        self._by_handle: dict[int, _StationCall] = {}
        self._by_key: dict[_Key, _StationCall] = {}
        self._kept: dict[_Key, _KeptAnswer] = {}
        self._owed = 0
        self.open_characters = 0
        """How long the texts of the calls that wait for their answer are together."""

    @property
    def open(self) -> int:
        """How many different calls wait for their answer."""
        return len(self._by_handle)

    def admit(self, call: Call, text: str, now_s: float, new_handle: Callable[[], int]) -> Event:
        """Take in a call: new, one that waits already, or one whose answer is kept."""
        key = (call.id.text, hash(text))
        kept = self._kept.get(key)
        if kept:
            if now_s - kept.received_s <= self._kept_s:
                return TextToSend(kept.text, "the same frame again: the kept answer was sent again")
            # So old, it is no resend: the station uses its ids again, and may want the time of now.
            del self._kept[key]
        if self._owed >= self._max_owed:
            return CloseNeeded(
                POLICY_VIOLATION, f"more than {self._max_owed} calls without waiting for an answer"
            )
        self._owed += 1
        waiting = self._by_key.get(key)
        if waiting:
            waiting.copies += 1
            return Ignored("the same frame again before its answer: both get the answer together")
        handle = new_handle()
        self._by_handle[handle] = self._by_key[key] = _StationCall(call.id, key, len(text), now_s)
        self.open_characters += len(text)
        return CallReceived(handle, call.id.text, call.action, call.payload, call.deviation)

    def settle(self, handle: int, text_for: Callable[[MessageId], str], *, keep: bool) -> list[str]:
        """Close the call and return its answer, once for each time that it came; raises KeyError if not open."""
        call = self._by_handle.pop(handle)
        del self._by_key[call.key]
        self._owed -= call.copies
        self.open_characters -= call.characters
        text = text_for(call.id)
        if keep:
            self._kept[call.key] = _KeptAnswer(text, call.received_s)
            if len(self._kept) > self._kept_answers:
                del self._kept[next(iter(self._kept))]
        return [text] * call.copies

    def forget_all(self) -> None:
        """Drop everything: the connection has ended, and no answer can reach anyone."""
        self._by_handle.clear()
        self._by_key.clear()
        self._kept.clear()
        self._owed = self.open_characters = 0
