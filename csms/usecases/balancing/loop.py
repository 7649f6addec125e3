"""One site's balancing, sans I/O: news in, orders and records out; the same news at the same times, the same orders."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import count, groupby

from balancer.controller import AlarmKind, Controller, Decision
from balancer.observations import OursCleared, SessionBegan, SessionEnded, SiteChanged
from balancer.orders import ExposureRow, InstallFailsafe, SetLimit
from balancer.site import Evse, EvseKey, Site
from csms.domain.control import (
    ClearOwnProfiles,
    OrderOutcome,
    OrderVerdict,
    ReadConfiguration,
    StationOrder,
    WriteConfiguration,
)
from csms.domain.records import ExposureSaved
from csms.domain.site import SiteFacts, StoredSite
from csms.usecases.balancing import configuration, showing
from csms.usecases.balancing.decisions import DecisionLog
from csms.usecases.balancing.desk import Job
from csms.usecases.balancing.findings import Findings
from csms.usecases.balancing.forms import outlives
from csms.usecases.balancing.gate import StartGivenUp, Starts, StartWanted, reserves_fit
from csms.usecases.balancing.news import SiteNews, SiteRevised
from csms.usecases.balancing.observing import Observing, caps_of
from csms.usecases.balancing.pacing import at_speed
from csms.usecases.balancing.shaping import failsafe_order, limit_order
from csms.usecases.balancing.station_forms import StationOptions
from csms.usecases.balancing.stations import Station
from csms.usecases.balancing.steps import LoopOptions, Outgoing, Step
from csms.usecases.balancing.view import AlarmView, SiteState

__all__ = ["LoopOptions", "Outgoing", "SiteLoop", "Step"]

REPLAY_S = 60.0
"""Site seconds, and …"""
REPLAY_MACHINE_S = 10.0
"""… machine seconds for which a station may replay its queue after it connected; the longer one holds."""
ALARMS_SHOWN = 50
CLEARINGS_AT_ONCE = 16
"""At how many stations profiles are cleared at the same time."""


class SiteLoop:
    """The balancing of one site between two restarts.

    The host tells it everything that happens (`take`, `ended`) and calls `step` after it, and at `wake_at_us`.
    Each step's records are submitted before anything of it with `after_records` leaves. What `take` and `ended`
    got is only looked at by the next `step`, so that many news of one moment cost one decision.
    """

    def __init__(
        self,
        stored: StoredSite,
        facts: SiteFacts,
        options: LoopOptions,
        *,
        now_us: int,
        online: frozenset[str],
    ) -> None:
        """Begin at `now_us` (site time) with what is stored and who is connected.

        Raises `csms.domain.errors.Invalid` with every problem where the stored configuration is no site.
        """
        site = configuration.read(stored.config)
        settings = at_speed(options.settings, options.speed)
        self._options = options
        self._settings = settings
        self._station_options = StationOptions(
            settle_s=options.settle_s * options.speed,
            replay_s=max(REPLAY_S, REPLAY_MACHINE_S * options.speed),
            obeys_s=settings.obeys_at_least_s,
            measurands=options.measurands,
            sample_interval_s=options.sample_interval_s,
            start_hold_s=settings.start_hold_s,
        )
        self._revision = stored.revision
        self._now_us = now_us
        self._new_id = count(1).__next__
        self._open: dict[int, tuple[Station, Job]] = {}
        self._asked_back: set[int] = set()
        self._alarms: deque[AlarmView] = deque(maxlen=ALARMS_SHOWN)
        self._found = Findings(site.id)
        self._seen = Observing(site, self._found, self._new_station)
        restored = self._restored(facts)
        self._starts = Starts()
        self._controller = Controller(site, settings=settings, restored=restored, now_s=now_us / 1e6)
        self._log = DecisionLog(site.id)
        self._found.keep(self._log.start(site, settings, restored, now_us / 1e6))
        self._found.observe(*caps_of(facts, {node.id for node in site.nodes}))
        self._seen.know(facts, now_us, {evse.key for evse in site.evses})
        for row in restored:
            car = self._seen.cars.find(row.evse)
            if row.transaction is not None and (car is None or car.id != row.transaction):
                self._found.observe(SessionEnded(row.evse, row.transaction, now_us / 1e6))
                station = self._seen.station(row.evse.station)
                if station is not None and outlives(station.ladder.form):
                    # Its running limit stands where the failsafe was.
                    self._found.observe(OursCleared(row.evse, now_us / 1e6))
        self._meet(online, now_us)

    def _new_station(self, name: str) -> Station:
        return Station(name, self._station_options, self._new_id)

    def _restored(self, facts: SiteFacts) -> tuple[ExposureRow, ...]:
        rows: list[ExposureRow] = []
        for fact in facts.exposures:
            key = self._seen.place(fact.station_id, fact.evse)
            if key is not None:
                rows.append(
                    ExposureRow(
                        key,
                        fact.transaction_id,
                        fact.worst_a,
                        fact.worst_until_s,
                        fact.after_a,
                        fact.total_a,
                    )
                )
        return tuple(rows)

    def _meet(self, online: frozenset[str], now_us: int) -> None:
        """Take in who is connected; who is known to be goes on."""
        for name in sorted(online):
            station = self._seen.station(name)
            if station is not None and not station.connected:
                station.connects(self._found, now_us)

    @property
    def _enforcing(self) -> bool:
        return self._seen.site.mode == "enforce"

    # --- in

    def take(self, news: Sequence[SiteNews], now_us: int) -> None:
        """Take in what happened; raises `Invalid` for a `SiteRevised` that is no site, and takes nothing then."""
        sites = {
            id(one): configuration.read(one.stored.config) for one in news if isinstance(one, SiteRevised)
        }
        for revised, group in groupby(news, key=lambda one: isinstance(one, SiteRevised)):
            if not revised:
                told = list(group)
                self._seen.take(told)
                self._take_starts(told, now_us)
                continue
            for one in group:
                if isinstance(one, SiteRevised):
                    self._revise(one, sites[id(one)], now_us)

    def _take_starts(self, news: Sequence[SiteNews], now_us: int) -> None:
        for one in news:
            station = (
                self._seen.station(one.station_id) if isinstance(one, StartWanted | StartGivenUp) else None
            )
            if station is None:
                continue
            if isinstance(one, StartGivenUp):
                self._found.observe(*self._starts.given_up(station.wire_id, now_us / 1e6))
                continue
            free = [evse.key for evse in station.evses if self._seen.cars.find(evse.key) is None]
            keys = free if station.gate.holds else []
            self._found.observe(*self._starts.wanted(station.wire_id, keys, now_us / 1e6))

    def _revise(self, revised: SiteRevised, site: Site, now_us: int) -> None:
        before = self._seen.site
        self._revision = revised.stored.revision
        if site != before:
            self._found.observe(SiteChanged(site, now_us / 1e6))
            self._seen.wire(site)
        if revised.facts is not None:
            known = {evse.key for evse in before.evses}
            self._seen.know(revised.facts, now_us, {evse.key for evse in site.evses} - known)
            nodes = {node.id for node in site.nodes} - {node.id for node in before.nodes}
            self._found.observe(*caps_of(revised.facts, nodes))
        if revised.online is not None:
            self._meet(revised.online, now_us)

    def ended(self, outgoing_id: int, outcome: OrderOutcome, now_us: int) -> None:
        """Take in how an outgoing order ended; one that is not open is ignored."""
        station, job = self._open.pop(outgoing_id, (None, None))
        if station is None or job is None:
            return
        self._asked_back.discard(outgoing_id)
        station.desk.ended()
        if outcome.verdict is OrderVerdict.NOT_SENT and isinstance(
            job.wanted, ReadConfiguration | WriteConfiguration
        ):
            station.ask_later(now_us)
        self._found.answer(job.wanted, outcome.verdict, now_us)
        if outcome.verdict is OrderVerdict.ACCEPTED:
            self._seen.ours_taken(station, job.sent, now_us)
        match job.wanted:
            case SetLimit() as order:
                car = self._seen.cars.find(order.evse)
                # What is refused for a car that is gone says nothing of the form.
                if car is not None and car.id == order.transaction:
                    station.limit_ended(self._found, job, outcome, now_us)
            case InstallFailsafe():
                station.failsafe_ended(self._found, job, outcome, now_us)
            case ReadConfiguration() as read:
                station.read_ended(self._found, read, outcome, now_us)
            case WriteConfiguration() as written:
                station.write_ended(written, outcome)
            case ClearOwnProfiles() as order:
                station.clear_ended(self._found, order, outcome, now_us)

    # --- out

    def step(self, now_us: int) -> Step:
        """Decide on all that was taken in."""
        found = self._found
        self._now_us = now_us = max(now_us, self._now_us)
        now_s = now_us / 1e6
        self._find_crowded()
        for station in self._seen.stations.values():
            station.look(found, now_us, enforcing=self._enforcing)
        for one in tuple(found.observations):
            if isinstance(one, SessionBegan):
                self._starts.began(one.evse)
        observations, found.observations = tuple(found.observations), []
        decision = self._controller.step(now_s, observations)
        self._log.step(now_s, observations, decision.orders)
        self._take_decision(decision, now_us)
        self._clear(now_us)
        outgoing = tuple(sorted(self._outgoing(now_us), key=lambda one: one.priority))
        now = any(one.after_records for one in outgoing)
        for line in self._log.lines(now_s, self._controller.memory, now=now):
            found.keep(line)
        records, found.records = tuple(found.records), []
        alarms, found.alarms = tuple(found.alarms), []
        self._alarms.extendleft(alarms)
        return Step(
            outgoing=outgoing,
            withdrawn=self._withdrawn(),
            records=records,
            wake_at_us=self._wake_at_us(decision.wake_at_s),
            alarms=alarms,
            view=self.state,
            starts=self._starts.decided(decision.starts),
            gated=frozenset(one.wire_id for one in self._seen.stations.values() if one.gate.holds),
            held=frozenset(
                one.wire_id for one in self._seen.stations.values() if one.is_held(self._may_release)
            ),
        )

    def _find_crowded(self) -> None:
        """See at which stations the least failsafe that they take can't always be reserved."""
        stations = self._seen.stations.values()
        least = {
            evse.key: station.ladder.known.failsafe_at_least_a
            for station in stations
            if station.ladder.known.failsafe_at_least_a > 0
            for evse in station.evses
        }
        crowded = bool(least) and not reserves_fit(self._seen.site, least)
        for station in stations:
            station.crowded = crowded and station.ladder.known.failsafe_at_least_a > 0

    def _take_decision(self, decision: Decision, now_us: int) -> None:
        found = self._found
        for row in decision.rows:
            station = self._seen.station(row.evse.station)
            found.keep(
                ExposureSaved(
                    row.evse.station if station is None else station.wire_id,
                    row.evse.evse,
                    self._seen.site.id,
                    row.transaction,
                    row.worst_a,
                    row.worst_until_s,
                    row.after_a,
                    row.total_a,
                    now_us,
                )
            )
        for order in decision.orders:
            station = self._seen.station(order.evse.station)
            if station is not None:
                found.never_left(station.desk.put(order, now_us), now_us)
        for alarm in decision.alarms:
            found.controller_alarm(alarm, now_us)
            station = None if alarm.evse is None else self._seen.station(alarm.evse.station)
            if alarm.kind is AlarmKind.DISOBEYS and station is not None:
                station.disobeys(found, now_us)

    def _clear(self, now_us: int) -> None:
        """Have profiles of ours cleared where they are in the way, or nobody steers any more; few at a time."""
        stations = self._seen.stations.values()
        left = CLEARINGS_AT_ONCE - sum(station.desk.holds(ClearOwnProfiles) for station in stations)
        for station in stations:
            if left > 0 and not station.desk.holds(ClearOwnProfiles):
                station.clear(now_us, self._may_release)
                left -= station.desk.holds(ClearOwnProfiles)

    def _may_release(self, key: EvseKey) -> bool:
        return not self._enforcing or self._controller.has_room(key)

    def _outgoing(self, now_us: int) -> Iterator[Outgoing]:
        for station in self._seen.stations.values():
            while (job := station.following(now_us)) is not None:
                job.sent = self._shaped(station, job, now_us)
                if job.sent is not None:
                    break
                # Its EVSE or its car is gone.
                station.desk.ended()
                self._found.answer(job.wanted, OrderVerdict.NOT_SENT, now_us)
            if job is None or job.sent is None:
                continue
            self._open[job.id] = (station, job)
            station.leaves(self._found, job.sent, now_us)
            yield Outgoing(
                id=job.id,
                station_id=station.wire_id,
                order=job.sent,
                priority=job.priority,
                timeout_s=self._options.order_timeout_s,
                after_records=job.after_records,
            )

    def _shaped(self, station: Station, job: Job, now_us: int) -> StationOrder | None:
        """Return what to send; None where there is nobody left to send it to."""
        wanted = job.wanted
        if not isinstance(wanted, SetLimit | InstallFailsafe):
            return wanted
        evse = next((evse for evse in station.evses if evse.key == wanted.evse), None)
        if evse is None:
            return None
        car = self._seen.cars.find(wanted.evse)
        if isinstance(wanted, SetLimit):
            if car is None or car.id != wanted.transaction:
                return None
            volts = self._seen.site.nominal_voltage_v
            return limit_order(wanted, evse, station.ladder.form, volts, car.ocpp_id)
        return self._failsafe(wanted, station, evse, now_us)

    def _failsafe(self, wanted: InstallFailsafe, station: Station, evse: Evse, now_us: int) -> StationOrder:
        car, limit = self._seen.cars.find(wanted.evse), station.limits.get(wanted.evse.evse)
        if car is not None and limit is not None and outlives(station.ladder.form):
            # The failsafe would take the running limit's place; the limit holds it as its second period.
            return limit.order
        start_us = now_us - int(self._settings.start_back_s * 1e6)
        return failsafe_order(wanted, evse, station.ladder.form, self._seen.site.nominal_voltage_v, start_us)

    def _withdrawn(self) -> tuple[int, ...]:
        asked = [job.id for _, job in self._open.values() if job.withdrawn and job.id not in self._asked_back]
        self._asked_back.update(asked)
        return tuple(asked)

    def _wake_at_us(self, wake_at_s: float) -> int | None:
        if self._found.observations:
            return self._now_us
        times_us = [
            at_us
            for station in self._seen.stations.values()
            for at_us in station.times_us()
            if station.connected and at_us > self._now_us
        ]
        times_us += [
            station.gate.worth_from_us
            for station in self._seen.stations.values()
            if station.gate.shut and station.gate.worth_from_us > self._now_us
        ]
        if wake_at_s < math.inf:
            times_us.append(math.ceil(wake_at_s * 1e6) + 1)
        return min(times_us, default=None)

    def state(self) -> SiteState:
        """Return the site as of the newest step."""
        return showing.site_state(
            self._controller, self._seen, self._alarms, revision=self._revision, at_us=self._now_us
        )
