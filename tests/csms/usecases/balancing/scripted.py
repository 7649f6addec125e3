"""A scripted world around one site's loop, on virtual time: stations that answer, cars that draw, a store that keeps."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import msgspec

from csms.domain.control import (
    ClearOwnProfiles,
    FailsafeOrder,
    LimitOrder,
    OrderOutcome,
    OrderVerdict,
    Placement,
    RateUnit,
    ReadConfiguration,
    SmartCharging,
    StationOrder,
    WriteConfiguration,
)
from csms.domain.metering import Quality
from csms.domain.records import (
    DecisionLogged,
    ExposureSaved,
    ForeignRemoved,
    ForeignSaved,
    FormSaved,
    ModelFormSaved,
    Record,
    SampleRecorded,
    StationBooted,
    StationConnected,
    StationDisconnected,
    TransactionClosed,
    TransactionOpened,
)
from csms.domain.site import (
    ConnectorFact,
    LoggedDecision,
    OpenTransaction,
    SiteFacts,
    SiteStation,
    StoredSite,
)
from csms.usecases.balancing.loop import LoopOptions, Outgoing, SiteLoop, Step
from csms.usecases.balancing.news import SiteNews, SiteRevised

START_US = 1_764_000_000_000_000
COMMIT_S = 0.01
ANSWER_S = 0.05
ACCEPTED = OrderOutcome(verdict=OrderVerdict.ACCEPTED)
REJECTED = OrderOutcome(verdict=OrderVerdict.REJECTED, detail="Rejected")
UNSUPPORTED = OrderOutcome(verdict=OrderVerdict.UNSUPPORTED, detail="NotSupported")
NOT_SENT = OrderOutcome(verdict=OrderVerdict.NOT_SENT)

SAID = SmartCharging(
    supported=True,
    units=(RateUnit.AMPERE, RateUnit.WATT),
    stack_level_max=5,
    periods_max=4,
    evses=2,
    rotation={},
    measurands=LoopOptions().measurands,
    sample_interval_s=10,
)


def site_config(*, mode: str = "enforce", rating_a: float = 32.0, **more: object) -> dict[str, Any]:
    """Return a site of two three-phase stations on one breaker."""
    evses = [
        {"station": name, "evse": 1, "node": "main", "rotation": ["L1", "L2", "L3"]}
        for name in ("CP-1", "CP-2")
    ]
    return {
        "id": "depot",
        "mode": mode,
        "nodes": [{"id": "main", "rating_a": rating_a}],
        "evses": evses,
    } | more


@dataclass
class FakeStation:
    """A station that takes what it is told, unless its script says otherwise."""

    id: str
    managed: bool = True
    said: SmartCharging | None = SAID
    answers: Callable[[StationOrder], OrderOutcome | None] = lambda _order: None
    """None: as a good station does."""
    answer_s: float = ANSWER_S
    connected: bool = True
    boot_status: str | None = "Accepted"
    firmware: str = "1.0"
    lag_s: float = 0.0
    obeys: bool = True
    failsafe: dict[int, float] = field(default_factory=dict)
    limits: dict[int, LimitOrder] = field(default_factory=dict)
    cars: dict[int, tuple[str, float]] = field(default_factory=dict)
    """By EVSE: the transaction and what the car takes at most, per phase."""

    def answer(self, order: StationOrder) -> OrderOutcome:
        outcome = self.answers(order)
        if outcome is None:
            outcome = ACCEPTED
            if isinstance(order, ReadConfiguration):
                outcome = OrderOutcome(verdict=OrderVerdict.ACCEPTED, smart_charging=self.said)
        if outcome.verdict is OrderVerdict.ACCEPTED:
            self._obey(order)
        return outcome

    def _obey(self, order: StationOrder) -> None:
        match order:
            case FailsafeOrder():
                self.failsafe[order.evse] = order.limit
                if order.form.placement is not Placement.TRANSACTION:
                    self.limits.pop(order.evse, None)
            case LimitOrder():
                self.limits[order.evse] = order
            case ClearOwnProfiles():
                self.failsafe.pop(order.evse, None)
                self.limits.pop(order.evse, None)
            case _:
                pass

    def drawn_a(self, evse: int, volts: float = 230.0) -> float:
        """Return what the car at an EVSE draws per phase now."""
        if evse not in self.cars:
            return 0.0
        wants_a = self.cars[evse][1]
        limit = self.limits.get(evse)
        if not self.obeys:
            return wants_a
        if limit is None:
            return min(wants_a, self.failsafe.get(evse, wants_a))
        per_phase = limit.limit if limit.form.unit is RateUnit.AMPERE else limit.limit / volts / 3
        return min(wants_a, per_phase)


class World:
    """Runs a loop as its host would, and remembers everything that went out."""

    def __init__(
        self,
        *stations: FakeStation,
        config: dict[str, object] | None = None,
        options: LoopOptions | None = None,
        samples: bool = True,
    ) -> None:
        self.stations = {
            station.id: station for station in stations or (FakeStation("CP-1"), FakeStation("CP-2"))
        }
        self.config: dict = config or site_config()
        self.revision = 1
        self.options = options or LoopOptions()
        self.now_us = START_US
        self.rows: dict[tuple[str, int], ExposureSaved] = {}
        self.foreign: dict[tuple[str, int, int], ForeignSaved] = {}
        self.forms: dict[str, bytes] = {}
        self.model_form: bytes | None = None
        self.caps: list = []
        self.transactions: dict[str, OpenTransaction] = {}
        self.statuses: list[ConnectorFact] = []
        self.decisions: list[LoggedDecision] = []
        self.records: list[Record] = []
        self.sent: list[tuple[float, Outgoing]] = []
        """With when it left, in seconds since the start."""
        self.withdrawn: list[int] = []
        self.alarms: list = []
        self.last: Step | None = None
        self.withdraws = True
        """Whether what is asked back had not left."""
        self._events: list[tuple[int, int, Callable[[], None]]] = []
        self._turn = count().__next__
        self._open: dict[int, Outgoing] = {}
        self._wake: int | None = None
        self._life = 0
        self._samples = samples
        self.start()
        if samples:
            self.after(10.0, self._sample)

    # --- life

    @property
    def s(self) -> float:
        return (self.now_us - START_US) / 1e6

    def facts(self) -> SiteFacts:
        return SiteFacts(
            caps=tuple(self.caps),
            exposures=tuple(self.rows.values()),
            foreign=tuple(self.foreign.values()),
            stations=tuple(
                SiteStation(
                    id=station.id,
                    managed=station.managed,
                    vendor="V",
                    model="M",
                    firmware=station.firmware,
                    boot_status=station.boot_status,
                    form=self.forms.get(station.id),
                    model_form=self.model_form,
                )
                for station in self.stations.values()
            ),
            transactions=tuple(self.transactions.values()),
            connectors=tuple(self.statuses),
        )

    @property
    def stored(self) -> StoredSite:
        config = msgspec.json.encode(self.config)
        return StoredSite(id="depot", revision=self.revision, made_us=START_US, config=config)

    @property
    def online(self) -> frozenset[str]:
        return frozenset(station.id for station in self.stations.values() if station.connected)

    def start(self) -> None:
        """Make a loop of what is durable; the one before is dead."""
        self._life += 1
        self._open.clear()
        self.loop = SiteLoop(self.stored, self.facts(), self.options, now_us=self.now_us, online=self.online)
        self._wake = self.now_us

    # --- time

    def after(self, delay_s: float, do: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self.now_us + int(delay_s * 1e6), self._turn(), do))

    def run(self, for_s: float) -> None:
        """Let time pass; the loop steps when it wants to and when something happened."""
        end_us = self.now_us + int(for_s * 1e6)
        steps_now = 0
        while True:
            times = [event[0] for event in self._events[:1]]
            if self._wake is not None:
                times.append(self._wake)
            next_us = min(times, default=end_us + 1)
            if next_us > end_us:
                self.now_us = end_us
                return
            steps_now = steps_now + 1 if next_us <= self.now_us else 0
            assert steps_now < 100, "the loop never comes to rest"
            self.now_us = max(self.now_us, next_us)
            while self._events and self._events[0][0] <= self.now_us:
                heapq.heappop(self._events)[2]()
            if self._wake is not None and self._wake <= self.now_us:
                self._step()

    def _step(self) -> None:
        step = self.last = self.loop.step(self.now_us)
        self._wake = step.wake_at_us
        self.alarms += step.alarms
        self.withdrawn += step.withdrawn
        for outgoing_id in step.withdrawn:
            if self.withdraws and self._open.pop(outgoing_id, None) is not None:
                self.loop.ended(outgoing_id, NOT_SENT, self.now_us)
                self._wake = self.now_us
        for outgoing in step.outgoing:
            assert outgoing.after_records is False or step.records
            self._open[outgoing.id] = outgoing
            life = self._life
            wait_s = COMMIT_S if outgoing.after_records else 0.0
            self.after(wait_s, lambda one=outgoing, life=life: self._leave(one, life))
        life = self._life
        if step.records:
            self.after(COMMIT_S, lambda: self._commit(step.records, life))

    def _commit(self, records: Iterable[Record], life: int) -> None:
        if life != self._life:
            return
        for record in records:
            self.records.append(record)
            match record:
                case ExposureSaved():
                    self.rows[record.station_id, record.evse] = record
                case FormSaved():
                    self.forms[record.station_id] = record.data
                case ModelFormSaved():
                    self.model_form = record.data
                case ForeignSaved():
                    self.foreign[record.station_id, record.evse, record.profile_id] = record
                case ForeignRemoved():
                    self.foreign.pop((record.station_id, record.evse, record.profile_id), None)
                case DecisionLogged():
                    self.decisions.append(
                        LoggedDecision(
                            number=len(self.decisions) + 1,
                            at_us=record.at_us,
                            kind=record.kind,
                            data=record.data,
                        )
                    )
                case _:
                    pass

    def _leave(self, outgoing: Outgoing, life: int) -> None:
        if life != self._life or outgoing.id not in self._open:
            return
        station = self.stations[outgoing.station_id]
        if not station.connected:
            self._end(outgoing, NOT_SENT, life)
            return
        self.sent.append((round(self.s, 3), outgoing))
        outcome = station.answer(outgoing.order)
        self.after(station.answer_s, lambda: self._end(outgoing, outcome, life))

    def _end(self, outgoing: Outgoing, outcome: OrderOutcome, life: int) -> None:
        if life == self._life and self._open.pop(outgoing.id, None) is not None:
            self.loop.ended(outgoing.id, outcome, self.now_us)
            self._wake = self.now_us

    # --- what happens

    def tell(self, *news: SiteNews) -> None:
        self.loop.take(news, self.now_us)
        self._wake = self.now_us

    def connect(self, name: str) -> None:
        self.stations[name].connected = True
        self.tell(StationConnected("1.6", 1, self.now_us, name))

    def disconnect(self, name: str) -> None:
        station = self.stations[name]
        station.connected = False
        for outgoing in [one for one in self._open.values() if one.station_id == name]:
            self._end(outgoing, OrderOutcome(verdict=OrderVerdict.UNKNOWN), self._life)
        self.tell(StationDisconnected(self.now_us, name))

    def boot(self, name: str, *, status: str = "Accepted", forgets: bool = True) -> None:
        station = self.stations[name]
        station.boot_status = status
        if forgets:
            station.failsafe.clear()
            station.limits.clear()
        self.tell(StationBooted("V", "M", None, station.firmware, "{}", status, self.now_us, name))

    def plug_in(self, name: str, transaction: str, *, wants_a: float = 32.0, evse: int = 1) -> None:
        self.stations[name].cars[evse] = (transaction, wants_a)
        self.transactions[transaction] = OpenTransaction(
            id=transaction, ocpp_id="17", station_id=name, evse=evse, started_at_us=self.now_us
        )
        self.tell(opened(name, transaction, self.now_us, evse=evse))

    def unplug(self, name: str, *, evse: int = 1) -> None:
        station = self.stations[name]
        transaction, _ = station.cars.pop(evse)
        limit = station.limits.get(evse)
        if limit is not None and limit.form.placement is Placement.TRANSACTION:
            del station.limits[evse]
        del self.transactions[transaction]
        self.tell(closed(transaction, self.now_us))

    def revise(self, **changes: object) -> None:
        self.config = self.config | changes
        self.revision += 1
        self.tell(SiteRevised(stored=self.stored, facts=self.facts(), online=self.online))

    def _sample(self) -> None:
        for station in self.stations.values():
            for evse, (transaction, _) in station.cars.items():
                if station.connected:
                    self.tell(
                        sample(
                            station.id, transaction, self.now_us, station.drawn_a(evse), lag_s=station.lag_s
                        )
                    )
        self.after(10.0, self._sample)

    # --- what is asked about

    def orders(self, name: str, kind: type | tuple[type, ...] = (FailsafeOrder, LimitOrder)) -> list:
        return [one.order for _, one in self.sent if one.station_id == name and isinstance(one.order, kind)]

    def limits(self, name: str) -> list[float]:
        return [order.limit for order in self.orders(name, LimitOrder)]

    def running_a(self, name: str, evse: int = 1) -> float | None:
        limit = self.stations[name].limits.get(evse)
        return None if limit is None else limit.limit

    def writes(self, name: str) -> list[tuple[str, str]]:
        return [(order.key, order.value) for order in self.orders(name, WriteConfiguration)]

    def of(self, kind: type) -> list:
        return [record for record in self.records if isinstance(record, kind)]

    def evse(self, name: str, evse: int = 1):
        return next(one for one in self.last.state.evses if (one.station, one.evse) == (name, evse))

    def kinds(self) -> Sequence[str]:
        return [alarm.kind for alarm in self.alarms]


def opened(name: str, transaction: str, at_us: int, *, evse: int = 1, orphan: int = 0) -> TransactionOpened:
    return TransactionOpened(
        transaction, "17", name, "depot", evse, evse, None, None, at_us, "", at_us, 0.0, None, orphan
    )


def closed(transaction: str, at_us: int) -> TransactionClosed:
    return TransactionClosed(at_us, None, at_us, None, None, None, "station", transaction)


def sample(
    name: str,
    transaction: str | None,
    at_us: int,
    drawn_a: float | tuple[float | None, float | None, float | None] = 0.0,
    *,
    lag_s: float = 0.0,
    power_w: float | None = None,
    quality: int = 0,
    context: str = "Sample.Periodic",
    evse: int = 1,
) -> SampleRecorded:
    """Return a sample of a station whose clock is `lag_s` late."""
    l1_a, l2_a, l3_a = drawn_a if isinstance(drawn_a, tuple) else (drawn_a, drawn_a, drawn_a)
    device_at_us = at_us - int(lag_s * 1e6)
    trusted = device_at_us <= at_us
    return SampleRecorded(
        station_id=name,
        site_id="depot",
        evse=evse,
        connector=evse,
        transaction_id=transaction,
        at_us=device_at_us if trusted else at_us,
        device_at_us=device_at_us,
        received_at_us=at_us,
        context=context,
        energy_wh=None,
        power_w=power_w,
        current_l1_a=l1_a,
        current_l2_a=l2_a,
        current_l3_a=l3_a,
        voltage_l1_v=None,
        voltage_l2_v=None,
        voltage_l3_v=None,
        soc_ratio=None,
        frequency_hz=None,
        temperature_c=None,
        extra="{}",
        quality=quality | (0 if trusted else Quality.RECEIVE_TIME),
    )
