"""Start gates (control.md "Failsafe"): stations that can't be told 0 A let nobody start unasked, and who asks waits.

A gate is believed once the station has said, asked after all was written, that it lets nobody start by itself.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping

from msgspec import Struct

from balancer.limits import KEPT_A, failsafe_check, worst_base
from balancer.observations import Observation, StartAsked, StartOver
from balancer.site import EvseKey, Site
from csms.domain.control import OrderOutcome, OrderVerdict, ReadConfiguration, Setting, WriteConfiguration

__all__ = ["GATE_KEYS", "KEPT_A", "StartGate", "StartGivenUp", "StartWanted", "Starts", "reserves_fit"]

REQUIRED_KEYS: tuple[str, ...] = (Setting.LOCAL_PRE_AUTHORIZE, Setting.LOCAL_AUTHORIZE_OFFLINE)
"""OCPP 1.6 §9.1, 2.0.1 AuthCtrlr: each station has them; one that doesn't say them is not believed."""
GATE_KEYS: tuple[str, ...] = (
    *REQUIRED_KEYS,
    Setting.AUTHORIZATION_CACHE,
    Setting.LOCAL_LIST,
    Setting.OFFLINE_FOR_UNKNOWN,
    Setting.STARTS_UNAUTHORIZED,
)
"""The others are optional; a station without them can't do what they switch."""
READ_KEYS = (*GATE_KEYS, Setting.CONNECTION_TIMEOUT)
CONNECTION_TIMEOUT_MAX_S = 3600
"""What says more, or 0, says nothing."""
BEGINS_LATER_S = 45.0
"""What may pass between our consent and the station's: a remote start waits for its turn, an answer is on its way."""
TRIES_MAX = 3
"""How often in a row a station may leave a question without an answer."""


_FOLDED_KEYS = {key.casefold() for key in GATE_KEYS}


class StartWanted(Struct, frozen=True):
    """News: somebody waits at a gated station to be let start."""

    station_id: str


class StartGivenUp(Struct, frozen=True):
    """News: nobody waits there any more, and nobody was let start since."""

    station_id: str


def reserves_fit(site: Site, least: Mapping[EvseKey, float]) -> bool:
    """Tell whether the site has room for the failsafes that its stations take at `least`, always."""
    evses = tuple(
        dataclasses.replace(evse, failsafe_a=min(max(evse.failsafe_a, least.get(evse.key, 0.0)), evse.max_a))
        for evse in site.evses
    )
    return not failsafe_check(dataclasses.replace(site, evses=evses), worst_base(site)).broken


class StartGate:
    """One station's way to a shut gate: read, write what is not off, read again.

    Who was let start before it was shut may still come: only after that time it is worth what a shut gate is.
    """

    def __init__(self, usual_s: float = 120.0) -> None:
        """Want none; `usual_s`: how long after our consent a session begins where the station doesn't say."""
        self.shut = False
        """It was read back that nobody starts there by itself."""
        self.worth_from_us = 0
        """When a shut one lets nobody come any more of whom the balancing does not know; site time."""
        self.starts_within_s = usual_s
        """How long after our consent a session begins at the latest."""
        self._usual_s = usual_s
        self._doubted = False
        """It was shut until somebody wrote what it stands on."""
        self.trouble: str | None = None
        """Why it can't be shut."""
        self.so_far: OrderOutcome | None = None
        """What parts of the read under way have said; a part that goes on from something else is out of date."""
        self._wanted = False
        self._asks = False
        self._to_write: list[str] = []
        self._wrote = self._reboots = False
        self._tries = 0

    def know(self, *, shut: bool) -> None:
        """Go by what was read back before a restart of ours, until it is read again."""
        self.shut = shut

    def want(self, *, wanted: bool) -> None:
        """Begin to shut it, or let it be."""
        if wanted == self._wanted:
            return
        self._wanted = wanted
        self.shut, self._doubted = self.shut and wanted, False
        self._begin()

    @property
    def holds(self) -> bool:
        """Whether who would start there is to ask first: also while it is looked whether it is shut still."""
        return self.shut or self._doubted

    def is_worth(self, now_us: int) -> bool:
        """Tell whether without a session nobody charges there."""
        return self.shut and now_us >= self.worth_from_us

    def touched(self, keys: Collection[str]) -> None:
        """Look again where somebody else wrote, or may have written, one of the keys that it stands on."""
        if self._wanted and not {key.casefold() for key in keys}.isdisjoint(_FOLDED_KEYS):
            self.shut, self._doubted = False, self.holds
            self._begin()

    def booted(self) -> None:
        """Look again: what was written should have stayed, and what waited for a boot is in force."""
        self._reboots = False
        self._begin()

    def _begin(self) -> None:
        self._asks, self._wrote, self._tries = self._wanted, False, 0
        self._to_write, self.trouble, self.so_far = [], None, None

    @property
    def following(self) -> ReadConfiguration | WriteConfiguration | None:
        """What to ask the station now; None when all is done."""
        if self._to_write:
            return WriteConfiguration(self._to_write[0], "false")
        return ReadConfiguration(READ_KEYS, self.so_far) if self._asks else None

    def read_ended(self, outcome: OrderOutcome, now_us: int) -> None:
        """Take in what it lets pass by itself, and how long a start may take."""
        if outcome.verdict is OrderVerdict.NOT_SENT or not self._asks:
            return
        if outcome.verdict is not OrderVerdict.ACCEPTED:
            self._tries += 1
            if self._tries >= TRIES_MAX:
                self._fail("it does not say whether it lets people start by itself")
            return
        self.so_far = None if outcome.complete else outcome
        if not outcome.complete:
            return
        said = {key.casefold(): value.strip().casefold() for key, value in outcome.values.items()}
        self.starts_within_s = _starts_within_s(
            said.get(Setting.CONNECTION_TIMEOUT.casefold()), self._usual_s
        )
        is_open = [
            key
            for key in GATE_KEYS
            if said.get(key.casefold(), "true" if key in REQUIRED_KEYS else "false") != "false"
        ]
        if self._reboots:
            self._fail("it lets people start by itself until it is booted")
        elif not is_open:
            if not self.holds:
                self.worth_from_us = now_us + int(self.starts_within_s * 1e6)
            self.shut, self._doubted, self._asks = True, False, False
        elif self._wrote:
            self._fail(f"it lets people start by itself: {', '.join(is_open)} can't be switched off")
        else:
            self.shut = self._doubted = False
            self._to_write, self._wrote = is_open, True

    def write_ended(self, outcome: OrderOutcome) -> None:
        """Take in how a write ended; what counts is what is read after it."""
        if outcome.verdict is OrderVerdict.NOT_SENT or not self._to_write:
            return
        self._reboots = self._reboots or outcome.reboot_required
        self._to_write.pop(0)

    def _fail(self, why: str) -> None:
        self.shut = self._doubted = self._asks = False
        self.trouble = why


def _starts_within_s(timeout: str | None, usual_s: float) -> float:
    """Return how long after our consent a session begins at the latest, by what a station says of its time-out."""
    if timeout is None or not timeout.isascii() or not timeout.isdigit():
        return usual_s
    timeout_s = int(timeout) if len(timeout) <= len(str(CONNECTION_TIMEOUT_MAX_S)) else 0
    return timeout_s + BEGINS_LATER_S if 0 < timeout_s <= CONNECTION_TIMEOUT_MAX_S else usual_s


class Starts:
    """Who waits at which station, and for which of its EVSEs room is held since.

    Nobody says at which EVSE he will start, so there is to be room at each that is free.
    """

    def __init__(self) -> None:
        """Know of nobody."""
        self._waiting: dict[str, frozenset[EvseKey]] = {}
        self._let: dict[str, frozenset[EvseKey]] = {}

    def wanted(self, station: str, free: Collection[EvseKey], at_s: float) -> list[Observation]:
        """Let somebody wait at a station, of whose gated EVSEs those `free` have no car."""
        keys = frozenset(free)
        self._waiting[station] = keys
        return [StartAsked(key, at_s) for key in sorted(keys)]

    def given_up(self, station: str, at_s: float) -> list[Observation]:
        """Forget whoever waited there."""
        # What is held for somebody who was let start before is still needed.
        keys = self._waiting.pop(station, frozenset[EvseKey]()) - self._let.get(station, frozenset[EvseKey]())
        return [StartOver(key, at_s) for key in sorted(keys)]

    def began(self, key: EvseKey) -> None:
        """Note that a session began at an EVSE; what is held at the station's others ends by itself.

        Somebody else who was let start there may still come.
        """
        self._let = {station: keys - {key} for station, keys in self._let.items()}
        self._waiting = {station: keys - {key} for station, keys in self._waiting.items()}

    def decided(self, starts: Mapping[EvseKey, bool]) -> tuple[str, ...]:
        """Return the stations at which whoever waits may start once the step's records are durable."""
        let = tuple(
            station for station, keys in self._waiting.items() if all(starts.get(key, False) for key in keys)
        )
        for station in let:
            self._let[station] = self._waiting.pop(station)
        # What was not begun in time is held no more.
        self._let = {station: keys for station, keys in self._let.items() if _any_of(keys, starts)}
        return let


def _any_of(keys: Iterable[EvseKey], starts: Mapping[EvseKey, bool]) -> bool:
    return any(key in starts for key in keys)
