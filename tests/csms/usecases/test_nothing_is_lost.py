"""Stations that crash, lose answers, resend, replay old queues and mistake ids, against any interleaving.

The store in `World` is honest and strict; connections lose their memory at any moment, with or without
what they had just decided. However that goes, each start is one transaction, each stop ends one or is one
orphan, what is sent again changes nothing, and no reading is lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from csms.domain.answers import Acknowledged, StartAnswer, StationAnswer, StopAnswer
from csms.domain.events import (
    SamplesReported,
    TransactionStartReported,
    TransactionStopReported,
    UnreadableReceived,
)
from csms.domain.records import EventRecorded
from csms.domain.token import TokenStatus
from tests.csms.usecases.world import HOUR, SECOND, World, sample, start, stop

Reported = TransactionStartReported | TransactionStopReported | SamplesReported


class Fate(Enum):
    """What becomes of a message."""

    ANSWERED = "stored and answered"
    ANSWER_LOST = "stored; the connection broke before the answer"
    LOST = "decided; the connection broke before it was stored"


@dataclass
class Told:
    """A message in a station's journal."""

    station: str
    event: Reported
    answer: StationAnswer | None = None
    """None until it is durable for the first time."""
    conflict: bool = False


@dataclass
class Counts:
    """What the store holds."""

    opened: int
    orphans: int
    ended_by_station: int
    samples: int
    conflicts: int
    records: int


STATIONS = st.sampled_from(["CP-1", "CP-1", "CP-2"])
UIDS = st.sampled_from(["CARD", "ONE", "MINE", "YOURS", "NOBODY", "BLOCKED"])
FATES = st.sampled_from([Fate.ANSWERED, Fate.ANSWERED, Fate.ANSWER_LOST, Fate.LOST])
LATE_S = st.one_of(st.just(0), st.integers(0, 600), st.integers(0, 9 * 86_400))
WRONG_IDS = st.sampled_from([None, "", "0", "-1", "900001", "900002"])
WILD = st.integers(0, 9).map(lambda n: n == 0)
METERS_WH = st.integers(0, 20).map(lambda n: n * 1000.0)


class Stations(RuleBasedStateMachine):
    """Two stations and their journals."""

    @initialize()
    def set_up(self) -> None:
        self.world = World()
        for uid in ("CARD", "OTHER"):
            self.world.add_token(uid)
        self.world.add_token("ONE", max_concurrent=1)
        self.world.add_token("MINE", group="fleet")
        self.world.add_token("YOURS", group="fleet", max_concurrent=1)
        self.world.add_token("BLOCKED", TokenStatus.BLOCKED)
        self.journal: list[Told] = []
        self.expected_samples = 0

    # --- what happens

    @rule(seconds=st.integers(1, 5000))
    def time_passes(self, seconds: int) -> None:
        self.world.now_us += seconds * SECOND

    @rule()
    def every_connection_breaks(self) -> None:
        self.world.crash()

    @rule(
        station=STATIONS, evse=st.integers(0, 2), uid=UIDS, late_s=LATE_S, wild=WILD, wh=METERS_WH, fate=FATES
    )
    def a_station_starts(
        self, station: str, evse: int, uid: str, late_s: int, wild: bool, wh: float, fate: Fate
    ) -> None:
        at_us = self._device_time(late_s, wild=wild)
        event = start(at_us, uid=uid, evse=evse, meter_wh=wh, device_at=self._stamp())
        self._deliver(Told(station, event), fate)

    @rule(data=st.data(), late_s=LATE_S, wild=WILD, more_wh=METERS_WH, fate=FATES)
    @precondition(lambda self: self._starts())
    def a_station_stops(
        self, data: st.DataObject, late_s: int, wild: bool, more_wh: float, fate: Fate
    ) -> None:
        started = data.draw(st.sampled_from(self._starts()), label="of")
        origin, said = started.event, data.draw(st.booleans() | WRONG_IDS, label="id")
        assert isinstance(origin, TransactionStartReported)
        if isinstance(said, bool):  # its own, or that of whichever transaction
            of = started if said else data.draw(st.sampled_from(self._starts()), label="id of")
            said = of.answer.ocpp_id if isinstance(of.answer, StartAnswer) else None
        event = stop(
            said,
            self._device_time(late_s, wild=wild),
            uid=data.draw(st.one_of(st.just(origin.uid), st.none(), UIDS), label="uid"),
            meter_wh=origin.meter_wh + more_wh,
            device_at=self._stamp(),
            samples=tuple(sample(self.world.now_us, 1.0) for _ in range(data.draw(st.integers(0, 2)))),
        )
        self._deliver(Told(started.station, event), fate)

    @rule(data=st.data(), station=STATIONS, evse=st.integers(0, 2), late_s=LATE_S, fate=FATES)
    def a_station_reads_its_meter(
        self, data: st.DataObject, station: str, evse: int, late_s: int, fate: Fate
    ) -> None:
        ids = [told.answer.ocpp_id for told in self._starts() if isinstance(told.answer, StartAnswer)]
        said = data.draw(st.sampled_from(ids) | WRONG_IDS if ids else WRONG_IDS, label="id")
        at_us = self.world.now_us - late_s * SECOND
        samples = tuple(sample(at_us - n * SECOND, 1000.0 * n) for n in range(data.draw(st.integers(1, 3))))
        event = SamplesReported(evse=evse, connector=min(evse, 1), ocpp_id=said, samples=samples)
        self._deliver(Told(station, event), fate)

    @rule(station=STATIONS)
    def a_station_starts_unreadably(self, station: str) -> None:
        event = UnreadableReceived(
            kind="transaction.start", action="StartTransaction", payload=b"", problem="x"
        )
        assert isinstance(self.world.send(event, station=station), StartAnswer)

    @rule(data=st.data(), fate=FATES)
    @precondition(lambda self: self.journal)
    def a_station_sends_again(self, data: st.DataObject, fate: Fate) -> None:
        self._deliver(data.draw(st.sampled_from(self.journal), label="again"), fate)

    # --- what must hold

    @invariant()
    def memory_is_what_the_store_says(self) -> None:
        for station, state in self.world.states.items():
            stored = self.world.stored_state(station).transactions
            live = state.transactions
            assert {k for k, t in live.items() if t.active} == {k for k, t in stored.items() if t.active}
            for ocpp_id in live.keys() & stored.keys():
                one, other = live[ocpp_id], stored[ocpp_id]
                if one.orphan:  # what stations call those is anything; memory holds one of each name
                    continue
                assert (one.id, one.closed_by, one.ended_at_us) == (
                    other.id,
                    other.closed_by,
                    other.ended_at_us,
                )

    @invariant()
    def no_reading_is_lost(self) -> None:
        assert len(self.world.samples) == self.expected_samples

    def _deliver(self, told: Told, fate: Fate) -> None:
        if told not in self.journal:
            self.journal.append(told)
        before = self._counts()
        answer = self.world.send(told.event, station=told.station, stored=fate is not Fate.LOST)
        after = self._counts()
        if fate is Fate.LOST:
            assert after == before
        elif told.answer is None:
            told.answer = answer
            self._check_first(told, before, after)
        else:
            self._check_again(told, answer, before, after)
        if fate is not Fate.ANSWERED:
            self.world.crash()

    def _check_first(self, told: Told, before: Counts, after: Counts) -> None:
        event = told.event
        match event:
            case TransactionStartReported():
                assert isinstance(told.answer, StartAnswer)
                assert (after.opened, after.orphans) == (before.opened + 1, before.orphans)
                assert after.ended_by_station == before.ended_by_station
                self.expected_samples += 1
            case TransactionStopReported():
                assert isinstance(told.answer, StopAnswer)
                told.conflict = after.conflicts > before.conflicts
                ended = after.ended_by_station - before.ended_by_station
                assert (ended, after.conflicts - before.conflicts) == ((0, 1) if told.conflict else (1, 0))
                assert after.opened == before.opened
                self.expected_samples += len(event.samples) + (0 if told.conflict else 1)
            case SamplesReported():
                self._check_samples(told, event, before, after)

    def _check_again(self, told: Told, answer: StationAnswer, before: Counts, after: Counts) -> None:
        assert answer == told.answer
        assert (after.opened, after.orphans) == (before.opened, before.orphans)
        assert after.ended_by_station == before.ended_by_station
        event = told.event
        if isinstance(event, SamplesReported):
            self._check_samples(told, event, before, after)
        elif told.conflict and isinstance(event, TransactionStopReported):
            self.expected_samples += len(event.samples)
        else:
            assert after.records == before.records

    def _check_samples(self, told: Told, event: SamplesReported, before: Counts, after: Counts) -> None:
        assert told.answer == Acknowledged()
        assert after.records - before.records == len(event.samples)
        self.expected_samples += len(event.samples)

    # --- how it is told

    def _starts(self) -> list[Told]:
        return [told for told in self.journal if isinstance(told.event, TransactionStartReported)]

    def _device_time(self, late_s: int, *, wild: bool) -> int | None:
        return self.world.now_us + HOUR if wild else self.world.now_us - late_s * SECOND

    def _stamp(self) -> str:
        """Return a timestamp's text that tells every report of this test from the others."""
        return f"report {len(self.journal)}"

    def _counts(self) -> Counts:
        rows = self.world.tables.transactions.values()
        log = self.world.tables.log
        return Counts(
            opened=sum(not row.opened.orphan for row in rows),
            orphans=sum(row.opened.orphan for row in rows),
            ended_by_station=sum(
                row.closed is not None and row.closed.closed_by == "station" for row in rows
            ),
            samples=len(self.world.samples),
            conflicts=sum(isinstance(r, EventRecorded) and r.kind == "transaction.conflict" for r in log),
            records=len(log),
        )


TestNothingIsLost = Stations.TestCase
