"""What a person sees of a run, on stderr."""

from __future__ import annotations

import sys
from typing import IO

from simulators.fleet import Fleet, Progress
from simulators.site_clock import format_utc, machine_s

_TELL_TERMINAL_S = 1.0
_TELL_FILE_S = 10.0


class Screen:
    """Lines for a person."""

    def __init__(self, stream: IO[str] | None = None) -> None:
        self._stream = stream or sys.stderr
        self._is_terminal = self._stream.isatty()
        self._told_s = -1e9
        self._on_a_line = False
        self._complained = ""

    def say(self, line: str) -> None:
        """Print a line."""
        self._stream.write(("\n" if self._on_a_line else "") + line + "\n")
        self._stream.flush()
        self._on_a_line = False

    def complain(self, what: str) -> None:
        """Print what went wrong, unless it is what was printed last."""
        kind = what.partition(": ")[2]
        if kind != self._complained:
            self._complained = kind
            self.say(what)

    def tell(self, fleet: Fleet) -> None:
        """Print how a fleet stands, now and then; on a terminal always in the same line."""
        now_s = machine_s()
        if now_s - self._told_s < (_TELL_TERMINAL_S if self._is_terminal else _TELL_FILE_S):
            return
        self._told_s = now_s
        line = _line(fleet.progress())
        if self._is_terminal:
            self._stream.write(f"\r\x1b[2K{line}")
            self._stream.flush()
            self._on_a_line = True
        else:
            self.say(line)

    def tell_end(self, at: Progress) -> None:
        """Print how it stood at the end."""
        self.say(_line(at))


def _line(at: Progress) -> str:
    return (
        f"{format_utc(at.site_s)[:19]}  {at.connected}/{at.stations} online  {at.charging} charging"
        f"  {at.ended}/{at.sessions} sessions ended  {at.energy_wh / 1000:.1f} kWh"
        f"  {at.answered} answered  {at.failed} failed  {at.queued} waiting"
    )
