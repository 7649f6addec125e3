"""A station's transaction messages, in order, until the server has acknowledged each: OCPP 1.6 §3.7.1, 2.0.1 E04.

A message keeps the timestamps of its fact; each attempt gets a message id of its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Queued:
    """A fact to be told, and how often that was tried."""

    fact: str
    """A name of its own within the station: the same in each attempt."""
    action: str
    payload: dict[str, Any]
    at_s: float
    """When it happened."""
    offline: bool = False
    """It happened while there was no connection."""
    attempts: int = 0
    message_id: str | None = None
    """Of the attempt in flight; None: it waits."""
    not_before_s: float = 0.0


@dataclass(slots=True)
class OfflineQueue:
    """First in, first out, one in flight; nothing leaves it but by an answer or by giving up."""

    new_message_id: Callable[[], str]
    """Never gives one twice."""
    retry_s: float = 60.0
    """After the n-th attempt that was refused or unanswered the next waits n times as long (1.6 §9.1.32)."""
    max_attempts: int | None = 3
    """Attempts that the server refused before the message is given up (1.6 §9.1.31); None: for ever."""
    waiting: deque[Queued] = field(default_factory=deque[Queued])
    given_up: list[Queued] = field(default_factory=list[Queued])
    _facts: int = 0
    _refusals: dict[str, int] = field(default_factory=dict[str, int])

    def __len__(self) -> int:
        """Return how many are not acknowledged yet."""
        return len(self.waiting)

    def put(self, action: str, payload: Mapping[str, Any], at_s: float, *, offline: bool = False) -> Queued:
        """Append a fact that happened at `at_s`."""
        self._facts += 1
        queued = Queued(f"{action}#{self._facts}", action, dict(payload), at_s, offline)
        self.waiting.append(queued)
        return queued

    def take(self, now_s: float) -> Queued | None:
        """Return the oldest to send now, under a new message id; None: one is in flight, none is due or none is left."""
        head = self.waiting[0] if self.waiting else None
        if head is None or head.message_id is not None or head.not_before_s > now_s:
            return None
        head.message_id = self.new_message_id()
        head.attempts += 1
        return head

    def due_s(self) -> float | None:
        """Return when the oldest may be sent; None: nothing waits, or it is in flight."""
        head = self.waiting[0] if self.waiting else None
        return None if head is None or head.message_id is not None else head.not_before_s

    def answered(self, message_id: str) -> Queued | None:
        """Let an attempt be acknowledged: its fact leaves the queue and is returned."""
        if not self._is_head(message_id):
            return None
        return self.waiting.popleft()

    def failed(self, message_id: str, now_s: float, *, refused: bool) -> Queued | None:
        """Let an attempt fail: refused by a CALLERROR, or never answered. The fact waits, or is given up and returned."""
        if not self._is_head(message_id):
            return None
        head = self.waiting[0]
        head.message_id = None
        head.not_before_s = now_s + self.retry_s * head.attempts
        if refused:
            self._refusals[head.fact] = self._refusals.get(head.fact, 0) + 1
            if self.max_attempts is not None and self._refusals[head.fact] >= self.max_attempts:
                self.given_up.append(head)
                return self.waiting.popleft()
        return None

    def disconnected(self) -> None:
        """Let whatever is in flight wait again, to be sent first and at once after the reconnection."""
        if self.waiting:
            self.waiting[0].message_id = None
            self.waiting[0].not_before_s = 0.0

    def forget(self) -> list[Queued]:
        """Lose everything, as a station that keeps its queue in memory does when it boots; return what is lost."""
        lost = list(self.waiting)
        self.waiting.clear()
        return lost

    def replace(self, old: object, new: object, key: str = "transactionId") -> None:
        """Put the transaction's id, now known, into every message that still waits under a stand-in."""
        for queued in self.waiting:
            if queued.payload.get(key) == old:
                queued.payload[key] = new

    def _is_head(self, message_id: str) -> bool:
        return bool(self.waiting) and self.waiting[0].message_id == message_id
