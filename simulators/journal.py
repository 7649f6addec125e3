"""What a station said and heard, with times: the witness that a server's store is compared with afterwards.

Lines of JSON, one a fact. It does no I/O: it writes into whatever takes text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

Fate = Literal["answered", "refused", "unanswered", "lost"]
"""CALLRESULT; CALLERROR; no answer in time; the connection ended first."""


@dataclass(slots=True)
class Entry:
    """One of the station's calls."""

    station: str
    message_id: str
    action: str
    sent: str
    """The bytes that were sent, as text."""
    sent_at_s: float
    """Site time."""
    attempt: int = 1
    """Of the same fact; a resend has a new message id."""
    fact: str | None = None
    """What it reports, the same in each attempt (see `simulators.queue`)."""
    fate: Fate | None = None
    """None: still open."""
    answer: str | None = None
    ended_at_s: float | None = None

    @property
    def acknowledged(self) -> bool:
        """Return whether the server took it upon itself: it answered with a result."""
        return self.fate == "answered"


@dataclass(slots=True)
class Journal:
    """All of one station's talk in both directions, in order."""

    station: str
    write: Callable[[str], object] | None = None
    """Takes each line (with its newline) when a fact is final; None: nothing is written."""
    keep: bool = True
    """False: only written and counted, for fleets of thousands."""
    entries: list[Entry] = field(default_factory=list[Entry])
    """The station's calls."""
    received: list[tuple[float, str, str]] = field(default_factory=list[tuple[float, str, str]])
    """The server's calls: when, what, and how they were answered."""
    counts: dict[str, int] = field(default_factory=dict[str, int])
    _open: dict[str, Entry] = field(default_factory=dict[str, Entry])

    def sent(
        self,
        message_id: str,
        action: str,
        text: str,
        at_s: float,
        *,
        fact: str | None = None,
        attempt: int = 1,
    ) -> Entry:
        """Note a call that has left."""
        entry = Entry(self.station, message_id, action, text, at_s, attempt, fact)
        self._open[message_id] = entry
        if self.keep:
            self.entries.append(entry)
        self._count("sent")
        return entry

    def ended(self, message_id: str, fate: Fate, at_s: float, answer: str | None = None) -> Entry | None:
        """Note how a call ended; None: no such call is open (a late or stray answer)."""
        entry = self._open.pop(message_id, None)
        if entry is None:
            self._count("stray")
            return None
        entry.fate, entry.answer, entry.ended_at_s = fate, answer, at_s
        self._count(fate)
        self._line("call", **_plain(entry))
        return entry

    def heard(self, text: str, at_s: float, answered: str | None) -> None:
        """Note a call of the server and what it was answered (None: nothing)."""
        if self.keep:
            self.received.append((at_s, text, answered or ""))
        self._count("heard")
        self._line("heard", at_s=at_s, text=text, answered=answered)

    def note(self, kind: str, at_s: float, **facts: object) -> None:
        """Note anything else: connected, lost, booted, a fault that was made."""
        self._count(kind)
        self._line(kind, at_s=at_s, **facts)

    def lose_open(self, at_s: float) -> list[Entry]:
        """End every open call because the connection has ended, and return them."""
        lost = list(self._open.values())
        for entry in lost:
            self.ended(entry.message_id, "lost", at_s)
        return lost

    def acknowledged(self, *actions: str) -> list[Entry]:
        """Return the calls that the server answered with a result; of `actions` only, where given."""
        return [
            entry for entry in self.entries if entry.acknowledged and (not actions or entry.action in actions)
        ]

    def _count(self, kind: str) -> None:
        self.counts[kind] = self.counts.get(kind, 0) + 1

    def _line(self, kind: str, **facts: object) -> None:
        if self.write is not None:
            line = {"kind": kind, "station": self.station, **facts}
            self.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")


def read(lines: Iterable[str]) -> list[Entry]:
    """Return the calls of a written journal; a last line that was cut (a killed process) is left out."""
    entries: list[Entry] = []
    for line in lines:
        try:
            facts: dict[str, Any] = json.loads(line)
        except ValueError:
            continue
        if facts.pop("kind", None) == "call":
            entries.append(Entry(**facts))
    return entries


def _plain(entry: Entry) -> dict[str, Any]:
    return {
        "message_id": entry.message_id,
        "action": entry.action,
        "sent": entry.sent,
        "sent_at_s": entry.sent_at_s,
        "attempt": entry.attempt,
        "fact": entry.fact,
        "fate": entry.fate,
        "answer": entry.answer,
        "ended_at_s": entry.ended_at_s,
    }
