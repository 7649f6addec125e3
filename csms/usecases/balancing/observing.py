"""News into observations: what happened at a site's stations, meters and caps, as its controller is to hear it."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Sequence

from balancer.observations import (
    CapCleared,
    CapSet,
    Measured,
    MeterRead,
    Observation,
    OursCleared,
    SessionBegan,
    SessionEnded,
)
from balancer.site import Evse, EvseKey, Site
from balancer.units import NO_AMPERES, Amperes, on_phases
from csms.domain.control import (
    ConfigurationTouched,
    FailsafeOrder,
    LimitOrder,
    ProfilesTouched,
    StationOrder,
    is_external,
)
from csms.domain.metering import Quality
from csms.domain.records import (
    CapRemoved,
    CapSaved,
    ConnectorStatusRecorded,
    ForeignRemoved,
    ForeignSaved,
    SampleRecorded,
    StationBooted,
    StationConnected,
    StationDisconnected,
    TransactionClosed,
    TransactionOpened,
)
from csms.domain.site import SiteFacts
from csms.domain.told_records import (
    TransactionUpdated,
)
from csms.usecases.balancing.cars import Car, Cars, car_of
from csms.usecases.balancing.currents import site_current
from csms.usecases.balancing.findings import Findings
from csms.usecases.balancing.forms import outlives
from csms.usecases.balancing.news import CapChanged, MeterReading, SiteNews
from csms.usecases.balancing.profiles import ForeignProfiles
from csms.usecases.balancing.stations import Station

DOUBTFUL = Quality.AFTER_END | Quality.UNKNOWN_TRANSACTION
"""Such a sample may be of another car, or of none."""


class Observing:
    """The site as its records tell it: stations, running transactions, other people's profiles."""

    def __init__(self, site: Site, found: Findings, new_station: Callable[[str], Station]) -> None:
        """Know how the site is wired, and nothing else."""
        self.found = found
        self.cars = Cars()
        self.foreign = ForeignProfiles()
        self.stations: dict[str, Station] = {}
        """By id in lower case."""
        self._new_station = new_station
        self._evses: dict[EvseKey, Evse] = {}
        self._charging_states: dict[str, str | None] = {}
        """Of running transactions that tell it (OCPP 2.x), by id."""
        self.wire(site)

    def wire(self, site: Site) -> None:
        """Go on with another site; a station that is in it no more is still heard of while a car is there."""
        self.site = site
        self._evses = {evse.key: evse for evse in site.evses}
        by_station: dict[str, list[Evse]] = {}
        for evse in site.evses:
            by_station.setdefault(evse.key.station, []).append(evse)
        for name, evses in by_station.items():
            station = self.stations.get(name.lower())
            if station is None or station.name != name:
                station = self.stations[name.lower()] = self._new_station(name)
            station.wire(evses)
        for key, station in self.stations.items():
            if not any(name.lower() == key for name in by_station):
                station.wire(())

    def station(self, name: str) -> Station | None:
        """Return a station of the site, however its id is written."""
        return self.stations.get(name.lower())

    def place(self, station_id: str, evse: int) -> EvseKey | None:
        """Return the EVSE of the site that a record names; None for one that is elsewhere."""
        station = self.station(station_id)
        key = None if station is None else EvseKey(station.name, evse)
        return key if key in self._evses else None

    # --- what is stored

    def know(self, facts: SiteFacts, at_us: int, new: Collection[EvseKey]) -> None:
        """Take over what is stored; the controller has not heard of the EVSEs `new` before."""
        for fact in facts.stations:
            station = self.station(fact.id)
            if station is not None:
                station.know(fact)
        for connector in facts.connectors:
            station = self.station(connector.station_id)
            if station is not None:
                station.statuses.setdefault(connector.evse, connector.status)
        self._know_foreign(facts, at_us, new)
        for told in sorted(facts.transactions, key=lambda one: one.started_at_us):
            self._begins(*car_of(told))
            if self.cars.place(told.id) is not None:
                self._charging_states.setdefault(told.id, told.charging_state)

    def _know_foreign(self, facts: SiteFacts, at_us: int, new: Collection[EvseKey]) -> None:
        for foreign in facts.foreign:
            for evse in self._concerned(foreign):
                if evse.key in new:
                    self.foreign.know(evse, foreign, self.site.nominal_voltage_v)
        for key in sorted(new):
            self.found.observe(*self.foreign.told(key, at_us / 1e6))

    # --- news

    def take(self, news: Sequence[SiteNews]) -> None:
        """Take in what happened; what concerns other sites is ignored."""
        closed = {one.id for one in news if isinstance(one, TransactionClosed)}
        for one in news:
            match one:
                case SampleRecorded():
                    if one.transaction_id not in closed:
                        self._sample(one)
                case TransactionOpened() | TransactionClosed():
                    self._transaction(one, closed)
                case TransactionUpdated():
                    self._updated(one, closed)
                case StationConnected() | StationDisconnected() | StationBooted() | ConnectorStatusRecorded():
                    self._of_station(one)
                case ProfilesTouched() | ConfigurationTouched() | ForeignSaved() | ForeignRemoved():
                    self._by_others(one)
                case MeterReading():
                    self._read(one)
                case CapChanged():
                    self.found.observe(_cap(one.record))
                case _:
                    pass

    def _of_station(
        self, record: StationConnected | StationDisconnected | StationBooted | ConnectorStatusRecorded
    ) -> None:
        station = self.station(record.station_id)
        if station is None:
            return
        match record:
            case ConnectorStatusRecorded():
                station.statuses[record.evse] = record.status
            case StationConnected():
                station.connects(self.found, record.at_us)
            case StationDisconnected():
                station.disconnects(self.found, record.at_us)
            case StationBooted():
                station.boots(self.found, record)

    # --- transactions

    def _transaction(self, record: TransactionOpened | TransactionClosed, closed: Collection[str]) -> None:
        if isinstance(record, TransactionClosed):
            self.ends(record.id, record.end_received_at_us)
        elif not record.orphan and record.id not in closed:
            self._begins(*car_of(record))

    def _updated(self, record: TransactionUpdated, closed: Collection[str]) -> None:
        """Take in what became known of a transaction; only with its EVSE it is one of the site."""
        if record.active and record.id not in closed and self.cars.place(record.id) is None:
            self._begins(*car_of(record))
        if self.cars.place(record.id) is not None:
            self._charging_states[record.id] = record.charging_state

    def _begins(self, told: EvseKey, car: Car) -> None:
        key = self.place(told.station, told.evse)
        if key is None:
            return
        before = self.cars.find(key)
        if not self.cars.began(key, car):
            return
        if before is not None:
            self._left(key, before.id, car.started_at_us)
        self.found.observe(SessionBegan(key, car.id, car.started_at_us / 1e6))

    def ends(self, transaction_id: str, at_us: int) -> None:
        """Take in the end of a transaction."""
        key = self.cars.ended(transaction_id)
        if key is not None:
            self._left(key, transaction_id, at_us)

    def _left(self, key: EvseKey, transaction_id: str, at_us: int) -> None:
        self._charging_states.pop(transaction_id, None)
        self.found.observe(SessionEnded(key, transaction_id, at_us / 1e6))
        station = self.station(key.station)
        if station is None:
            return
        touched = self.foreign.session_ended(key, at_us, station.wire_id)
        self.found.observe(*touched.observations)
        self.found.keep(*touched.records)
        station.car_left(self.found, key.evse, transaction_id, at_us)
        if outlives(station.ladder.form):
            # The running limit stands where the failsafe was.
            self.found.observe(OursCleared(key, at_us / 1e6))

    # --- measurement

    def _sample(self, sample: SampleRecorded) -> None:
        if sample.transaction_id is None or sample.quality & DOUBTFUL:
            return
        key = self.cars.place(sample.transaction_id)
        station = None if key is None else self.station(key.station)
        if key is None or station is None:
            return
        station.clock.seen(sample)
        evse = self._evses.get(key)
        current_a = None if evse is None else site_current(evse, sample, self.site.nominal_voltage_v)
        at_us = station.clock.measured_at_us(sample)
        if evse is None or current_a is None or at_us is None:
            return
        said = station.statuses.get(key.evse), self._charging_states.get(sample.transaction_id)
        wants = False if "SuspendedEV" in said else None
        self.found.observe(Measured(key, at_us / 1e6, current_a, wants))
        station.drew(self.found, evse, current_a, at_us)

    def _read(self, reading: MeterReading) -> None:
        current_a = reading.current_a
        if current_a is None and reading.power_w is not None:
            current_a = self._balanced(reading.meter, reading.power_w)
        if current_a is not None:
            self.found.observe(MeterRead(reading.meter, reading.at_us / 1e6, current_a))

    def _balanced(self, meter: str, power_w: float) -> Amperes:
        """Share a power equally among the phases of the circuit that the meter measures."""
        rated = (rating_a for rating_a in (node.rating_a for node in self.site.nodes if node.meter == meter))
        rating_a = next(rated, (1.0, 1.0, 1.0))
        phases = (rating_a[0] > 0, rating_a[1] > 0, rating_a[2] > 0)
        if not any(phases):
            return NO_AMPERES
        return on_phases(power_w / self.site.nominal_voltage_v / phases.count(True), phases)

    # --- profiles and configuration

    def _by_others(
        self, news: ProfilesTouched | ConfigurationTouched | ForeignSaved | ForeignRemoved
    ) -> None:
        match news:
            case ProfilesTouched():
                self._touched(news)
            case ConfigurationTouched():
                self._written(news)
            case ForeignSaved() | ForeignRemoved():
                self._limited(news)

    def _written(self, news: ConfigurationTouched) -> None:
        station = self.station(news.station_id)
        if station is not None:
            station.gate.touched(news.keys)

    def _touched(self, news: ProfilesTouched) -> None:
        station = self.station(news.station_id)
        if station is None:
            return
        touched = self.foreign.touched(
            news, station.evses, station.ladder.form, self.site.nominal_voltage_v, station.wire_id
        )
        self.found.observe(*touched.observations)
        self.found.keep(*touched.records)

    def _concerned(self, record: ForeignSaved | ForeignRemoved) -> Sequence[Evse]:
        station = self.station(record.station_id)
        evses = () if station is None else station.evses
        return [evse for evse in evses if record.evse in {0, evse.key.evse}]

    def _limited(self, record: ForeignSaved | ForeignRemoved) -> None:
        """Take in what somebody outside limits; all other records of profiles are the loop's own."""
        if not is_external(record.profile_id):
            return
        for evse in self._concerned(record):
            self.found.observe(*self.foreign.external(evse, record, self.site.nominal_voltage_v))

    def ours_taken(self, station: Station, order: StationOrder | None, at_us: int) -> None:
        """Note that a station accepted an order: whose place it took is gone."""
        if isinstance(order, FailsafeOrder | LimitOrder):
            key = EvseKey(station.name, order.evse)
            touched = self.foreign.replaced(key, order, at_us, station.wire_id)
            self.found.observe(*touched.observations)
            self.found.keep(*touched.records)


def _cap(record: CapSaved | CapRemoved) -> Observation:
    if isinstance(record, CapRemoved):
        # The controller looks at no time of it.
        return CapCleared(record.node, record.source, 0.0)
    limits = (record.limit_l1_a, record.limit_l2_a, record.limit_l3_a)
    first, second, third = (math.inf if limit_a is None else limit_a for limit_a in limits)
    said = any(limit_a is not None for limit_a in limits)
    return CapSet(
        record.node,
        record.source,
        (first, second, third) if said else None,
        record.limit_w,
        record.at_us / 1e6,
        None if record.until_us is None else record.until_us / 1e6,
    )


def caps_of(facts: SiteFacts, nodes: Collection[str]) -> Iterator[Observation]:
    """Yield the caps that are stored of `nodes`."""
    return (_cap(cap) for cap in facts.caps if cap.node in nodes)
