"""A station that a person works with: what is typed is done."""

from __future__ import annotations

import math
import shlex
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from simulators.charger import Refusal
from simulators.site_clock import format_utc
from simulators.station import Station
from simulators.vehicle import Vehicle, VehicleSpec

_HELP = """\
plug [EVSE] [PHASES] [MAX_A] [SOC_PERCENT]   connect a car (1, 3, 16, 50)
unplug [EVSE]                                take it away
card TAG [EVSE]                              hold a card to the reader
fault CODE [EVSE]                            let it fail (GroundFailure …); `fault -` repairs it
boot                                         switch it off and on
offline SECONDS                              lose the connection for so long
show                                         print how it stands
wait SECONDS                                 read the next line later (site time)
quit                                         end"""


class Mistyped(ValueError):
    """A line that can't be done."""


class ByHand:
    """A station and the words for it."""

    def __init__(self, station: Station, say: Callable[[str], None]) -> None:
        """`say` is told what is to be read by the person."""
        self._station = station
        self._say = say
        self._words: Mapping[str, Callable[[Sequence[str]], None]] = {
            "plug": self._plug,
            "unplug": self._unplug,
            "card": self._card,
            "fault": self._fault,
            "boot": lambda _rest: station.reboot("LocalReset"),
            "offline": lambda rest: station.lose_line(_number(rest, 0)),
            "show": lambda _rest: self._show(),
            "help": lambda _rest: say(_HELP),
        }

    async def obey(self, lines: AsyncIterator[str]) -> None:
        """Do line after line until there are no more, or one says `quit`."""
        async for line in lines:
            word, *rest = shlex.split(line, comments=True) or [""]
            if word == "quit":
                return
            if word == "wait":
                clock = self._station.clock
                await clock.sleep_until(clock.now_s() + _number(rest, 0))
            elif word:
                self._do(word, rest)

    def _do(self, word: str, rest: Sequence[str]) -> None:
        if word not in self._words:
            self._say(f"{word}: not known; `help` lists what is")
            return
        try:
            self._words[word](rest)
        except (Mistyped, Refusal) as error:
            self._say(f"{word}: {error}")

    def _plug(self, rest: Sequence[str]) -> None:
        evse = self._evse(rest, 0)
        spec = VehicleSpec(
            phases=int(_number(rest, 1, 3)), max_a=_number(rest, 2, 16), reaction_s=2.0, ramp_a_per_s=8.0
        )
        self._station.plug(evse, Vehicle(spec, soc=_number(rest, 3, 50) / 100))

    def _unplug(self, rest: Sequence[str]) -> None:
        self._station.unplug(self._evse(rest, 0))

    def _card(self, rest: Sequence[str]) -> None:
        if not rest:
            raise Mistyped("say which: card TAG")
        self._station.present(self._evse(rest, 1), rest[0])

    def _fault(self, rest: Sequence[str]) -> None:
        code = rest[0] if rest else "OtherError"
        now_s = self._station.catch_up()
        self._station.model.fault(self._evse(rest, 1), None if code == "-" else code, now_s)
        self._station.touched()

    def _show(self) -> None:
        station = self._station
        now_s = station.catch_up()
        line = "online" if station.messenger.online else "offline"
        self._say(f"{station.id}: {line}, {format_utc(now_s)}, {len(station.messenger.queue)} messages wait")
        for evse in station.model.connectors:
            reading = station.model.reading(evse)
            session = station.model.session(evse)
            limit_a = station.model.limit_a(evse)
            parts = [
                f"  {evse}: {station.model.state(evse).value}",
                " ".join(f"{current_a:.1f}" for current_a in reading.current_a) + " A",
                "no limit" if limit_a is None or math.isinf(limit_a) else f"limit {limit_a:.1f} A",
                f"{reading.energy_wh} Wh",
            ]
            if session is not None:
                parts.append(f"transaction {session.transaction or '(not named yet)'} of {session.token}")
            self._say(", ".join(parts))

    def _evse(self, rest: Sequence[str], place: int) -> int:
        evse = int(_number(rest, place, 1))
        if evse not in self._station.model.connectors:
            raise Mistyped(f"there is no EVSE {evse}")
        return evse


def _number(rest: Sequence[str], place: int, default: float | None = None) -> float:
    if place >= len(rest):
        if default is None:
            raise Mistyped("a number is missing")
        return default
    try:
        return float(rest[place])
    except ValueError as error:
        raise Mistyped(f"{rest[place]} is no number") from error
