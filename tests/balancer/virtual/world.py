"""A site on virtual time: stations with cars, a network, meters, other loads, caps and the host of the controller."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from balancer.decision import Decision
from balancer.observations import (
    Capability,
    CapCleared,
    CapSet,
    ForeignCleared,
    ForeignProfile,
    Observation,
    OursCleared,
    SessionBegan,
    SessionEnded,
    SiteChanged,
    StationBooted,
    StationOffline,
    StationOnline,
    Verdict,
)
from balancer.orders import Order
from balancer.settings import Settings
from balancer.site import Evse, EvseKey, Site
from balancer.units import NO_AMPERES, Amperes, add
from tests.balancer.virtual.agenda import Agenda
from tests.balancer.virtual.charger import Car, Charger, Foreign
from tests.balancer.virtual.host import Host
from tests.balancer.virtual.judge import Judge
from tests.balancer.virtual.measuring import Measuring, Timing
from tests.balancer.virtual.network import Fate, Link

EVERY_INSTANT_S = 5.0
"""The judge looks at least that often."""


@dataclass
class Station:
    """A charging station: its EVSEs, its connection, and what it has to tell when that is up again."""

    name: str
    chargers: dict[int, Charger]
    link: Link
    keeps_profiles: bool
    outbox: list[Observation] = field(default_factory=list)
    boots: int = 0
    """How many times it is starting just now; it can't connect meanwhile."""


class World:
    """Everything of one run. Methods are the events that a test may cause; `run` lets time pass."""

    def __init__(
        self,
        site: Site,
        *,
        settings: Settings | None = None,
        capabilities: Mapping[EvseKey, Capability] | None = None,
        keeps_profiles: Callable[[str], bool] = lambda _: True,
        timing: Timing | None = None,
        chance: Callable[[], Fate] = Fate,
    ) -> None:
        """Build the stations of `site`; `chance` says what happens to each call. `start` sets it in motion."""
        self.site = site
        self.agenda = Agenda()
        self.settings = settings or Settings()
        self.measuring = Measuring(self, timing or Timing())
        self.chance = chance
        self.capabilities = dict(capabilities or {})
        self.host = Host(site, self.settings, self.agenda, self._decided)
        self.stations: dict[str, Station] = {}
        self.base_a: dict[str, Amperes] = {}
        """Loads of others on each node, without those of the nodes below it."""
        self.caps: dict[tuple[str, str], CapSet] = {}
        self.decisions: list[tuple[float, Decision]] = []
        self.orders: list[tuple[float, Order]] = []
        self.answers: list[tuple[float, Order, Verdict]] = []
        self.keep_history = True
        self._transactions = 0
        for evse in site.evses:
            self._add(evse, keeps_profiles)
        self.host.links = {name: station.link for name, station in self.stations.items()}
        self.judge = Judge(self)

    def _add(self, evse: Evse, keeps_profiles: Callable[[str], bool]) -> None:
        name, number = evse.key
        if name not in self.stations:
            chargers: dict[int, Charger] = {}
            link = Link(self.agenda, chargers, lambda _: self.chance(), self._answered, lambda: None)
            self.stations[name] = Station(name, chargers, link, keeps_profiles(name))
        self.stations[name].chargers[number] = Charger(evse)
        self.capabilities.setdefault(evse.key, Capability(evse.key))

    # --- time

    @property
    def now_s(self) -> float:
        """What time it is."""
        return self.agenda.now_s

    def start(self) -> None:
        """Connect all stations and let them settle: nobody charges before the failsafes are installed."""
        self.host.start()
        for capability in self.capabilities.values():
            self.host.tell(capability)
        for station in self.stations.values():
            self.boot(station.name, dark_s=0.0, away_s=0.0, forgets=True)
        self.measuring.start()
        self.run(30.0)
        self.judge.calm()

    def run(self, seconds: float) -> None:
        """Let `seconds` pass."""
        until_s = self.now_s + seconds
        self.settle()
        while True:
            next_s = min(self._next_s(), self.now_s + EVERY_INSTANT_S)
            if next_s > until_s:
                break
            self._go(next_s)
        self._go(until_s)

    def settle(self) -> None:
        """Let all that is due now happen."""
        self._go(self.now_s)

    def _next_s(self) -> float:
        times_s = [charger.next_change_s(self.now_s) for charger in self.chargers()]
        if self.host.controller is not None:
            times_s.append(self.host.wake_at_s)
        times_s.extend(
            cap.until_s for cap in self.caps.values() if cap.until_s is not None and cap.until_s > self.now_s
        )
        return max(self.now_s, min([self.agenda.next_s(), *times_s]))

    def _go(self, to_s: float) -> None:
        if to_s > self.now_s:
            self.judge.before(to_s)
            self.agenda.now_s = to_s
        while True:
            self.agenda.do_due()
            for charger in self.chargers():
                charger.update(self.now_s)
            if not self.host.is_due:
                break
            self.host.step()
        self.judge.look()

    # --- the host's ends

    def _decided(self, decision: Decision) -> None:
        if self.keep_history:
            self.decisions.append((self.now_s, decision))
            self.orders.extend((self.now_s, order) for order in decision.orders)
        self.judge.decided(decision)

    def _answered(self, order: Order, verdict: Verdict) -> None:
        if self.keep_history:
            self.answers.append((self.now_s, order, verdict))
        self.judge.answered(order, verdict)
        self.host.answered(order, verdict)

    # --- what is true

    def chargers(self) -> list[Charger]:
        """All chargers."""
        return [charger for station in self.stations.values() for charger in station.chargers.values()]

    def charger(self, key: EvseKey) -> Charger:
        """One of them."""
        return self.stations[key.station].chargers[key.evse]

    def own_a(self, node: str) -> Amperes:
        """What the chargers below a node draw."""
        total = NO_AMPERES
        for evse in self.site.below(node):
            total = add(total, self.charger(evse.key).current_a)
        return total

    def others_a(self, node: str) -> Amperes:
        """What all others draw below a node."""
        total = NO_AMPERES
        for place, load_a in self.base_a.items():
            if node in self.site.path(place):
                total = add(total, load_a)
        return total

    def limit_a(self, node: str) -> Amperes:
        """What a node may carry now: the lowest of its rating and all caps in force."""
        limit = self.site.node(node).rating_a
        for cap in self._caps_of(node):
            if cap.limit_a is not None:
                limit = (
                    min(limit[0], cap.limit_a[0]),
                    min(limit[1], cap.limit_a[1]),
                    min(limit[2], cap.limit_a[2]),
                )
        return limit

    def limit_w(self, node: str) -> float:
        """What power it may carry now; `inf` without a limit."""
        limits = [cap.limit_w for cap in self._caps_of(node) if cap.limit_w is not None]
        rated = self.site.node(node).max_power_w
        return min([math.inf if rated is None else rated, *limits])

    def _caps_of(self, node: str) -> list[CapSet]:
        return [
            cap
            for cap in self.caps.values()
            if cap.node == node and (cap.until_s is None or self.now_s < cap.until_s)
        ]

    # --- cars

    def plug(self, key: EvseKey, car: Car) -> bool:
        """Plug a car in, which starts a transaction; False if that can't be now."""
        charger, station = self.charger(key), self.stations[key.station]
        if charger.transaction is not None or self.now_s < charger.dark_until_s:
            return False
        if charger.default_a is None and not station.link.known_open:
            return False  # not accepted since it booted: no transaction may start (OCPP 1.6 §4.2)
        self._transactions += 1
        transaction = f"tx-{self._transactions}"
        charger.begin(transaction, car, self.now_s)
        self._report(station, SessionBegan(key, transaction, self.now_s))
        return True

    def unplug(self, key: EvseKey) -> None:
        """End the transaction, if there is one."""
        charger, station = self.charger(key), self.stations[key.station]
        if charger.transaction is None:
            return
        ended = SessionEnded(key, charger.transaction, self.now_s)
        charger.end()
        self._report(station, ended)

    def _report(self, station: Station, observation: Observation) -> None:
        if station.link.known_open and station.link.carries and self.host.controller is not None:
            self.host.tell(observation)
        else:
            station.outbox.append(observation)

    # --- connections

    def disconnect(self, name: str, *, noticed_after_s: float = 0.0) -> None:
        """Break a station's connection; the central system notices later."""
        station = self.stations[name]
        if not station.link.carries:
            return
        station.link.cut()
        self.agenda.after(noticed_after_s, lambda: self._notice(station))

    def _notice(self, station: Station) -> None:
        if not station.link.carries and station.link.known_open:
            station.link.close()
            self.host.tell(StationOffline(station.name, self.now_s))

    def reconnect(self, name: str) -> None:
        """Bring a station's connection up again, with all that it has to tell."""
        station = self.stations[name]
        if self.host.controller is None or station.link.carries or station.boots:
            return
        self._notice(station)
        station.link.open()
        self.host.tell(StationOnline(name, self.now_s))
        outbox, station.outbox = station.outbox, []
        for observation in outbox:
            self.host.tell(observation)

    def boot(self, name: str, *, dark_s: float, away_s: float, forgets: bool | None = None) -> None:
        """Start a station anew: its transactions end, its profiles may be gone, it connects `away_s` later."""
        station = self.stations[name]
        self.disconnect(name)
        station.link.reboot()
        station.boots += 1
        for charger in station.chargers.values():
            self.unplug(charger.evse.key)
            forgotten = not station.keeps_profiles if forgets is None else forgets
            charger.boot(self.now_s + dark_s, forgets=forgotten)
        self.agenda.after(away_s, lambda: self._booted(station))

    def _booted(self, station: Station) -> None:
        if self.host.controller is None:
            self.agenda.after(1.0, lambda: self._booted(station))
            return
        station.boots -= 1
        if station.boots:
            return
        self._notice(station)
        self.host.tell(StationBooted(station.name, self.now_s))
        if any(charger.default_a is None for charger in station.chargers.values()):
            self.judge.disturbed()
        self.reconnect(station.name)

    def crash(
        self, *, down_s: float, rows_kept: int = 0, back_after_s: Callable[[str], float] = lambda _: 1.0
    ) -> None:
        """Kill the host; it is back after `down_s`, and each station `back_after_s` later."""
        self.host.die(rows_kept)
        self.start_again(down_s=down_s, back_after_s=back_after_s)

    def crash_in_next_decision(
        self, *, orders: int, rows: int, down_s: float, back_after_s: Callable[[str], float] = lambda _: 1.0
    ) -> None:
        """Kill the host between its next decision and the delivery of all of it (`Host.orders_until_crash`)."""
        self.host.orders_until_crash, self.host.rows_until_crash = orders, rows
        self.host.died = lambda: self.start_again(down_s=down_s, back_after_s=back_after_s)

    def start_again(self, *, down_s: float, back_after_s: Callable[[str], float] = lambda _: 1.0) -> None:
        """Start the host that died, and let the stations come back."""
        self.agenda.after(down_s, self.host.start)
        for name in self.stations:
            self.agenda.after(down_s + back_after_s(name), lambda name=name: self.reconnect(name))

    # --- the site

    def load(self, node: str, base_a: Amperes) -> None:
        """Change the load of others on a node."""
        before_a = self.base_a.get(node, NO_AMPERES)
        self.base_a[node] = base_a
        if any(new > old for new, old in zip(base_a, before_a, strict=True)):
            self.judge.disturbed()

    def rewire(self, site: Site) -> None:
        """Change the site, with the same EVSEs."""
        self.site = self.host.site = site
        self.host.tell(SiteChanged(site, self.now_s))
        self.judge.disturbed()

    def cap(self, cap: CapSet) -> None:
        """Set a cap, known at once."""
        self.caps[cap.node, cap.source] = replace(cap, at_s=self.now_s)
        self.host.tell(self.caps[cap.node, cap.source])
        self.judge.disturbed()

    def uncap(self, node: str, source: str) -> None:
        """Clear a cap."""
        if self.caps.pop((node, source), None) is not None:
            self.host.tell(CapCleared(node, source, self.now_s))

    # --- other people's profiles

    def can_send(self, key: EvseKey) -> bool:
        """Whether a person's call would leave at once: one call of a station at a time."""
        link = self.stations[key.station].link
        return self.host.controller is not None and link.known_open and link.carries and not link.is_busy

    def set_foreign(self, key: EvseKey, foreign: Foreign) -> None:
        """Let an operator set a profile: the ledger hears when it is sent, the charger has it a little later."""
        self.host.tell(ForeignProfile(key, foreign.limit_a, foreign.caps, self.now_s))
        self.settle()
        self._pass_along(key, lambda: self._have_foreign(key, foreign))

    def _have_foreign(self, key: EvseKey, foreign: Foreign) -> None:
        self.charger(key).foreign = foreign
        if not foreign.caps:
            self.judge.disturbed()

    def _pass_along(self, key: EvseKey, do: Callable[[], None]) -> None:
        """Let a person's command arrive, unless the host died before it left."""
        if self.host.controller is not None:
            self.stations[key.station].link.pass_along(do)

    def clear_foreign(self, key: EvseKey) -> None:
        """Let the operator clear it; the ledger hears when that is confirmed."""
        self.charger(key).foreign = None
        self.judge.disturbed()  # from now on it can come down
        self.host.tell(ForeignCleared(key, self.now_s))

    def clear_ours(self, key: EvseKey) -> None:
        """Let an operator clear our profiles: the ledger hears when that is sent."""
        self.host.tell(OursCleared(key, self.now_s))
        self._pass_along(key, lambda: self._have_none(key))

    def _have_none(self, key: EvseKey) -> None:
        charger = self.charger(key)
        charger.default_a, charger.running = None, None
        self.judge.disturbed()

    def disobey(self, key: EvseKey, *, disobeys: bool = True) -> None:
        """Let a charger ignore limits from now on (or no longer)."""
        charger = self.charger(key)
        if charger.disobeys:
            charger.disobeyed_s = self.now_s
        elif disobeys:
            self.judge.disturbed()
        charger.disobeys = disobeys
