"""A whole station: its model, its people and cars, its faults and its talk, on the site's clock."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import NoReturn

from simulators.agenda import Agenda
from simulators.charger import ChargerModel
from simulators.dialect import Dialect
from simulators.events import (
    CableUnplugged,
    Event,
    Session,
    SessionEnded,
    SessionStarted,
    State,
    TokenPresented,
)
from simulators.external import External
from simulators.faults import SOUND, Faults, FaultSource
from simulators.journal import Journal
from simulators.link import Address, Link
from simulators.messenger import Messenger
from simulators.mishaps import Mishaps
from simulators.orders import Orders, Served
from simulators.sampling import Sampling
from simulators.schedules import Version
from simulators.site_clock import LONGEST_WAIT_S, SiteClock, format_utc
from simulators.skew import Skew
from simulators.station_spec import StationSpec
from simulators.tokens import Tokens
from simulators.vehicle import Vehicle
from simulators.visits import Visits

_SYNC_SLACK_S = 1.0
_SYNC_LATENCY_S = 0.25
"""An answer may be so old, in the machine's seconds, without its time being called another."""


@dataclass(slots=True)
class Delivered:
    """A session, and the energy that truly flowed in it."""

    session: Session
    energy_wh: float = 0.0


class Station:
    """One simulated station."""

    def __init__(
        self,
        spec: StationSpec,
        clock: SiteClock,
        *,
        dialect: Callable[[Served], Dialect],
        faults: Faults = SOUND,
        seed: int = 0,
        journal: Journal | None = None,
        on_trouble: Callable[[str], None] = lambda _why: None,
    ) -> None:
        """Install it, switched on; `live` lets time pass and connects it."""
        self.spec = spec
        self.clock = clock
        self.random = Random(f"{seed}/{spec.id}")  # noqa: S311 - chance, not secrecy
        self.faults = FaultSource(faults, seed, spec.id)
        self.journal = journal or Journal(spec.id)
        self._transactions = 0
        names_transactions = spec.charger.rules.version is not Version.V16
        self.model = ChargerModel(
            spec.charger,
            clock.now_s(),
            new_transaction=self._new_transaction if names_transactions else None,
            skew=faults.skew,
        )
        self.delivered: list[Delivered] = []
        self.agenda = Agenda()
        self._meter_at_start_wh: dict[int, float] = {}
        self._catching_up = self._telling = False
        self._stirred = asyncio.Event()
        self.dialect: Dialect = dialect(self)
        address = Address(
            url=spec.url, station_id=spec.id, subprotocol=self.dialect.subprotocol, key=spec.key
        )
        link = Link(
            address,
            clock,
            self.random,
            retry=spec.retry,
            meddler=self.faults,
            ping_interval_s=spec.ping_interval_s,
            on_failure=lambda why: on_trouble(f"{spec.id}: {why}"),
        )
        self.messenger = Messenger(
            self.dialect,
            link,
            clock,
            self.journal,
            boots_again=spec.boots_again,
            on_time=self._set_clock,
            on_online=self._greet,
        )
        self.visits = Visits(self)
        self.tokens = Tokens(self)
        self.orders = Orders(self, self.tokens)
        self.external = External(self)
        self._sampling = Sampling(self)
        self._sampling.align(clock.now_s())
        Mishaps(self)

    @property
    def id(self) -> str:
        """Return its id."""
        return self.spec.id

    async def live(self) -> NoReturn:
        """Let time pass and talk, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.messenger.live())
            group.create_task(self._pass_time())
        raise AssertionError("neither ends by itself")

    # Time

    def catch_up(self) -> float:
        """Let all happen that is due, and return what time it is: first of all wherever something comes from outside."""
        if self._catching_up:
            return self.model.now_s  # what is done at an appointment is done at its moment
        self._catching_up = True
        try:
            self.agenda.keep(self.clock.now_s())
            self.model.advance(self.clock.now_s())
            self._tell()
        finally:
            self._catching_up = False
        return self.model.now_s

    def touched(self) -> None:
        """Tell what has happened and think anew about what comes next: after each change of the model."""
        self._tell()
        self._stirred.set()

    def stamp(self, at_s: float) -> str:
        """Return what the station's clock showed at a moment, as a timestamp."""
        return format_utc(self.model.skew.station_s(at_s))

    def at(self, at_s: float, work: Callable[[float], None]) -> None:
        """Have something done at a moment; the model has been advanced to it."""

        def then(due_s: float) -> None:
            now_s = max(due_s, self.model.now_s)
            self.model.advance(now_s)
            work(now_s)
            self._tell()

        self.agenda.at(at_s, then)
        self._stirred.set()

    async def _pass_time(self) -> NoReturn:
        while True:
            now_s = self.catch_up()
            next_s = min(self.agenda.next_s(), self.model.next_event_s())
            left_s = self.clock.machine_s(max(0.0, next_s - now_s))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(left_s, LONGEST_WAIT_S)):
                    await self._stirred.wait()
            self._stirred.clear()

    def _set_clock(self, time_s: float) -> None:
        if not self.spec.follows_time or self.faults.faults.clock_offset_s:
            return
        now_s = self.catch_up()
        ahead_s = self.model.skew.station_s(now_s) - time_s
        if abs(ahead_s) > _SYNC_SLACK_S + _SYNC_LATENCY_S * self.clock.speed:
            self.model.set_clock(Skew(time_s - now_s, self.model.skew.drift, now_s), now_s)
            self.touched()

    # People and cars, by hand

    def plug(self, evse: int, vehicle: Vehicle) -> None:
        """Connect a car now; raises `Refusal` where one is."""
        self.model.plug(evse, vehicle, self.catch_up())
        self.touched()

    def unplug(self, evse: int) -> None:
        """Take the cable out now."""
        self.model.unplug(evse, self.catch_up())
        self.touched()

    def present(self, evse: int, token: str) -> None:
        """Hold a token to the reader now."""
        self.model.present(evse, token, self.catch_up())
        self.touched()

    # What is told

    def settings_changed(self) -> None:
        """Look at the intervals anew."""
        now_s = self.catch_up()
        self._sampling.begin_anew(now_s)
        self.messenger.beat_from(now_s)

    def _greet(self) -> None:
        """Tell all states: after a boot, and whatever has changed while nobody listened."""
        self.catch_up()
        for call in self.dialect.greetings():
            self.messenger.tell(call)

    def _tell(self) -> None:
        if self._telling:
            return  # whoever tells will come to it, in order
        self._telling = True
        try:
            while events := self.model.take_events():
                for event in events:
                    self._note(event)
                    self.dialect.happened(event)
        finally:
            self._telling = False

    def _note(self, event: Event) -> None:
        if isinstance(event, TokenPresented):
            self.tokens.presented(event)
        elif isinstance(event, SessionStarted):
            self._began(event)
        elif isinstance(event, SessionEnded):
            self._ended(event)
        elif isinstance(event, CableUnplugged):
            self._release(event.evse)

    def _began(self, event: SessionStarted) -> None:
        self.delivered.append(Delivered(event.session))
        self._meter_at_start_wh[event.evse] = self.model.connectors[event.evse].meter.energy_wh
        profile = self.tokens.take_start_profile(event.evse)
        if profile is not None:
            mine = dataclasses.replace(profile, transaction=event.session.transaction)
            self.model.set_profile(event.evse, mine, event.at_s)
        self._sampling.begin(event.evse, event.at_s)

    def _ended(self, event: SessionEnded) -> None:
        self._sampling.end(event.evse)
        energy_wh = self.model.connectors[event.evse].meter.energy_wh
        before_wh = self._meter_at_start_wh.pop(event.evse, energy_wh)
        for delivered in reversed(self.delivered):
            if delivered.session is event.session:
                delivered.energy_wh = energy_wh - before_wh
                return

    def _release(self, evse: int) -> None:
        connector = self.model.connectors[evse]
        if connector.disobeys_a == 0.0:  # it had been held back for its token
            self.model.disobey(evse, None, self.model.now_s)

    # What the line and the central system do

    def heard(self, text: str, answer: str | None) -> None:
        """Note a call of the central system, or whatever else came."""
        self.journal.heard(text, self.clock.now_s(), answer)

    def think_s(self, action: str) -> float | None:
        """Return how long an action's answer is held back, in this machine's seconds; None: for ever."""
        held_back_s = self.faults.answer_after_s(action)
        return None if held_back_s is None else self.clock.machine_s(held_back_s)

    def stop(self, evse: int, reason: str) -> None:
        """End an EVSE's transaction, if there is one."""
        now_s = self.catch_up()
        if self.model.session(evse) is not None:
            self.model.stop(evse, now_s, reason)
        self.touched()

    def reset(self, reason: str, *, boot_reason: str) -> None:
        """End all transactions for `reason` and boot."""
        now_s = self.catch_up()
        for evse in self.model.connectors:
            if self.model.session(evse) is not None:
                self.model.stop(evse, now_s, reason)
        self.touched()
        self.reboot(boot_reason)

    def reboot(self, reason: str, *, keeps_sessions: bool = False) -> None:
        """Boot: the line goes dead, and is dialled again when that is done."""
        now_s = self.catch_up()
        if not keeps_sessions:
            self.model.power_loss(now_s)
        self._go_dark(reason, self.spec.boot_s)
        self.at(
            now_s + self.spec.boot_s,
            lambda at_s: self.model.boot(at_s, reason, keep_sessions=keeps_sessions),
        )

    def lose_power(self, for_s: float) -> None:
        """Lose the supply for so long, and boot."""
        now_s = self.catch_up()
        self.model.power_loss(now_s)
        self._go_dark("PowerUp", for_s)
        self.at(now_s + for_s, lambda at_s: self.model.boot(at_s, "PowerUp"))

    def lose_line(self, for_s: float) -> None:
        """Lose the connection for at least so long; all else goes on."""
        self.messenger.link.drop(away_s=for_s)

    @property
    def idle(self) -> bool:
        """Return whether no transaction is going on and all that were have been acknowledged."""
        busy = any(connector.session is not None for connector in self.model.connectors.values())
        return not busy and not len(self.messenger.queue)

    @property
    def energy_wh(self) -> float:
        """Return all energy that has flowed through it."""
        return sum(connector.meter.energy_wh for connector in self.model.connectors.values())

    @property
    def states(self) -> tuple[State, ...]:
        """Return the states of its connectors."""
        return tuple(connector.state for connector in self.model.connectors.values())

    def _go_dark(self, reason: str, for_s: float) -> None:
        self.dialect.booted(forget=False)
        self.messenger.restart(reason)
        self.messenger.link.drop(away_s=for_s)
        self.journal.note("boot", self.model.now_s, reason=reason)

    def _new_transaction(self) -> str:
        self._transactions += 1
        return f"{self.spec.id}-{self._transactions}-{self.random.getrandbits(32):08x}"[-36:]
