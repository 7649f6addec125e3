"""The site loop's stories: arrivals, decreases first, boots, restarts, and stations that are left alone."""

from __future__ import annotations

import itertools

import msgspec
import pytest

from csms.domain.commands import Priority
from csms.domain.control import (
    ClearOwnProfiles,
    EffectStage,
    FailsafeOrder,
    LimitOrder,
    OrderOutcome,
    OrderVerdict,
    ProfilesTouched,
    ReadConfiguration,
)
from csms.domain.errors import Invalid
from csms.domain.metering import Quality
from csms.domain.records import (
    CapSaved,
    ConnectorStatusRecorded,
    EventRecorded,
    ExposureSaved,
    StationConnected,
)
from csms.domain.site import ConnectorFact
from csms.usecases.balancing.decisions import STEPS, read_steps
from csms.usecases.balancing.loop import LoopOptions
from csms.usecases.balancing.news import CapChanged, MeterReading, SiteRevised
from tests.csms.usecases.balancing.scripted import (
    SAID,
    START_US,
    FakeStation,
    World,
    closed,
    opened,
    sample,
    site_config,
)


def settled(**changes: object) -> World:
    world = World(**changes)
    world.run(5)
    return world


def test_stations_are_left_alone_until_they_have_settled():
    world = World()
    world.run(1.9)
    assert world.sent == []
    world.run(1)
    assert [type(order) for order in world.orders("CP-1", object)] == [ReadConfiguration, FailsafeOrder]


def test_an_arrival_gets_its_limit_after_its_row_is_durable():
    world = settled()
    world.plug_in("CP-1", "t1")
    world.run(2)
    assert world.running_a("CP-1") == 32.0
    left_s, outgoing = world.sent[-1]
    assert outgoing.after_records
    assert outgoing.priority is Priority.LIMIT
    assert left_s >= 5.01
    assert world.rows["CP-1", 1].worst_a == 32.0
    assert world.rows["CP-1", 1].transaction_id == "t1"
    assert outgoing.order.ocpp_transaction_id == "17"
    assert outgoing.order.lease_s == 900.0


def test_a_decrease_is_confirmed_and_obeyed_before_anybody_is_raised():
    world = settled()
    world.plug_in("CP-1", "t1")
    world.run(40)
    world.plug_in("CP-2", "t2")
    world.run(60)
    after = [(one.station_id, one.order.limit, one.priority) for left_s, one in world.sent if left_s > 44]
    assert after[:2] == [("CP-1", 16.0, Priority.STOP), ("CP-2", 16.0, Priority.LIMIT)]
    assert not next(one for left_s, one in world.sent if left_s > 44).after_records


def test_a_car_that_leaves_makes_room():
    world = settled()
    world.plug_in("CP-1", "t1")
    world.plug_in("CP-2", "t2")
    world.run(60)
    assert (world.running_a("CP-1"), world.running_a("CP-2")) == (16.0, 16.0)
    world.unplug("CP-1")
    world.run(30)
    assert world.running_a("CP-2") == 32.0


def test_a_boot_has_failsafe_and_limit_installed_again_after_a_rest():
    world = settled()
    world.plug_in("CP-1", "t1")
    world.run(30)
    before = len(world.sent)
    world.boot("CP-1")
    world.run(1.9)
    assert len(world.sent) == before
    world.run(3)
    assert world.stations["CP-1"].failsafe == {1: 0.0}
    assert world.running_a("CP-1") == 32.0
    assert ReadConfiguration() in world.orders("CP-1", object)[-3:]


def test_a_boot_that_is_not_accepted_ends_all_orders():
    world = settled()
    world.boot("CP-1", status="Pending")
    before = len(world.sent)
    world.run(60)
    assert len(world.sent) == before
    assert not world.evse("CP-1").online


def test_a_reconnection_is_proven_again():
    world = settled()
    world.plug_in("CP-1", "t1")
    world.run(30)
    world.disconnect("CP-1")
    world.run(20)
    assert not world.evse("CP-1").online
    before = len(world.sent)
    world.connect("CP-1")
    world.run(5)
    assert {type(one.order) for _, one in world.sent[before:]} == {LimitOrder, FailsafeOrder}
    assert not world.evse("CP-1").doubtful


def test_a_restart_pauses_nobody():
    world = settled()
    world.plug_in("CP-1", "t1")
    world.plug_in("CP-2", "t2")
    world.run(60)
    before = len(world.sent)
    world.start()
    world.run(30)
    after = [one.order for _, one in world.sent[before:]]
    assert [order.limit for order in after if isinstance(order, LimitOrder)] == [16.0, 16.0]
    assert not any(isinstance(order, ReadConfiguration) for order in after)
    assert (world.running_a("CP-1"), world.running_a("CP-2")) == (16.0, 16.0)
    assert set(world.kinds()) <= {"exposed"}  # until what nobody proved yet has surely been obeyed


def test_a_restart_counts_what_was_stored_and_forgets_cars_that_left():
    world = settled()
    world.plug_in("CP-1", "t1")
    world.run(60)
    world.disconnect("CP-1")
    del world.transactions["t1"]
    world.start()
    world.run(0.1)
    assert world.evse("CP-1").transaction_id is None
    assert world.evse("CP-1").exposure_a == (0.0, 0.0, 0.0)


def test_observing_sends_nothing_and_shows_everything():
    world = World(config=site_config(mode="observe"))
    world.plug_in("CP-1", "t1")
    world.run(120)
    world.boot("CP-1")
    world.run(60)
    assert world.sent == []
    assert world.evse("CP-1").grant_a == 32.0
    assert world.evse("CP-1").measured_a == (32.0, 32.0, 32.0)


def test_observing_that_becomes_enforcing_asks_and_acts():
    world = World(config=site_config(mode="observe"))
    world.plug_in("CP-1", "t1")
    world.run(30)
    world.revise(mode="enforce")
    world.run(5)
    assert world.running_a("CP-1") == 32.0
    assert world.stations["CP-2"].failsafe == {1: 0.0}
    assert world.last.state.revision == 2


def test_enforcing_that_becomes_observing_sends_nothing_more():
    world = settled()
    world.revise(mode="observe")
    before = len(world.sent)
    world.plug_in("CP-1", "t1")
    world.run(60)
    assert [type(one.order) for _, one in world.sent[before:]] == [ClearOwnProfiles, ClearOwnProfiles]


def test_unmanaged_stations_are_never_spoken_to_and_their_maximum_is_kept():
    world = World(FakeStation("CP-1"), FakeStation("CP-2", managed=False), config=site_config(rating_a=42))
    world.plug_in("CP-1", "t1")
    world.plug_in("CP-2", "t2", wants_a=16)
    world.run(120)
    assert world.orders("CP-2", object) == []
    assert world.limits("CP-1")[-1] == 10.0


def test_a_station_that_becomes_managed_is_taken_over():
    world = World(FakeStation("CP-1"), FakeStation("CP-2", managed=False))
    world.run(10)
    world.stations["CP-2"].managed = True
    world.revise()
    world.run(5)
    assert world.stations["CP-2"].failsafe == {1: 0.0}


def test_a_newer_order_takes_the_place_of_one_that_has_not_left():
    slow = FakeStation("CP-1", answer_s=8.0)
    world = World(slow, FakeStation("CP-2"))
    world.run(20)
    world.plug_in("CP-1", "t1")
    world.run(0.1)
    first = world.sent[-1][1]
    world.tell(CapChanged(CapSaved("depot", "main", "dso", 10.0, 10.0, 10.0, None, None, None, world.now_us)))
    world.run(30)
    assert first.id in world.withdrawn
    assert world.limits("CP-1")[-1] == 10.0
    assert "unknown-order" not in world.kinds()


def test_a_newer_order_follows_one_that_has_left():
    world = World(FakeStation("CP-1", answer_s=8.0), FakeStation("CP-2"))
    world.withdraws = False
    world.run(20)
    world.plug_in("CP-1", "t1")
    world.run(0.1)
    world.tell(CapChanged(CapSaved("depot", "main", "dso", 10.0, 10.0, 10.0, None, None, None, world.now_us)))
    world.run(30)
    assert world.limits("CP-1") == [32.0, 10.0]
    assert "unknown-order" not in world.kinds()


def test_a_station_has_one_order_at_a_time_and_decreases_first():
    config = site_config(rating_a=64)
    config["evses"] = [
        {"station": "CP-1", "evse": evse, "node": "main", "rotation": ["L1", "L2", "L3"]} for evse in (1, 2)
    ]
    world = World(FakeStation("CP-1", answer_s=1.0), config=config)
    world.run(10)
    world.plug_in("CP-1", "t1", evse=1)
    world.run(60)
    world.plug_in("CP-1", "t2", evse=2)
    world.tell(CapChanged(CapSaved("depot", "main", "dso", 20.0, 20.0, 20.0, None, None, None, world.now_us)))
    world.run(60)
    times_s = [left_s for left_s, _ in world.sent]
    assert all(later - earlier >= 0.99 for earlier, later in itertools.pairwise(times_s))
    assert world.limits("CP-1")[1:3] == [10.0, 10.0]
    assert [order.evse for order in world.orders("CP-1", LimitOrder)][1:3] == [1, 2]


def test_a_station_that_takes_watts_is_told_watts():
    said = msgspec.structs.replace(world_said(), units=("W",))
    world = World(FakeStation("CP-1", said=said), FakeStation("CP-2"), config=site_config(rating_a=96))
    world.run(5)
    world.plug_in("CP-1", "t1")
    world.run(90)
    order = world.orders("CP-1", LimitOrder)[-1]
    assert order.form.unit == "W"
    assert order.limit == pytest.approx(32 * 3 * 230)


def world_said():
    return FakeStation("x").said


def test_replayed_and_orphaned_transactions_begin_nothing():
    world = settled()
    world.tell(opened("CP-1", "old", START_US - 10**9), closed("old", START_US - 10**8))
    world.tell(opened("CP-2", "orphan", START_US, orphan=1))
    world.run(5)
    assert world.limits("CP-1") == world.limits("CP-2") == []


def test_a_start_from_a_queue_does_not_replace_a_newer_one():
    world = settled()
    world.plug_in("CP-1", "t1")
    world.tell(opened("CP-1", "old", START_US - 10**9))
    world.run(5)
    assert world.evse("CP-1").transaction_id == "t1"


def test_what_the_store_said_a_moment_too_early_does_not_bring_a_car_back():
    world = settled()
    world.plug_in("CP-1", "t1")
    world.run(5)
    facts = world.facts()
    world.unplug("CP-1")
    world.tell(SiteRevised(stored=world.stored, facts=facts))
    world.run(1)
    assert world.evse("CP-1").transaction_id is None


def test_a_cap_is_obeyed_and_shown():
    world = settled()
    world.plug_in("CP-1", "t1")
    world.run(5)
    world.tell(CapChanged(CapSaved("depot", "main", "dso", 8.0, None, None, None, None, "", world.now_us)))
    world.run(1)
    assert world.limits("CP-1")[-1] == 8.0
    assert world.last.state.nodes[0].limit_a == (8.0, 32.0, 32.0)
    assert world.last.state.nodes[0].cap_source == "dso"


def test_a_meter_step_is_answered_at_once():
    config = site_config(
        meters=[{"id": "grid", "measures": "other_loads", "fallback_a": 30}],
        nodes=[{"id": "main", "rating_a": 32, "meter": "grid"}],
    )
    world = World(config=config)

    def read(amperes):
        return world.tell(MeterReading(meter="grid", at_us=world.now_us, current_a=(amperes,) * 3))

    read(0.0)
    for _ in range(10):
        world.run(5)
        read(0.0)
    world.plug_in("CP-1", "t1")
    world.run(1)
    assert world.running_a("CP-1") == 32.0
    read(20.0)
    at_s = world.s
    world.run(1)
    assert world.limits("CP-1")[-1] == 12.0
    assert world.sent[-1][0] == at_s


def test_power_alone_is_shared_by_the_phases_of_the_circuit():
    config = site_config(
        meters=[{"id": "grid", "measures": "other_loads", "fallback_a": 30}],
        nodes=[{"id": "main", "rating_a": 32, "meter": "grid"}],
    )
    world = World(config=config)
    world.tell(MeterReading(meter="grid", at_us=world.now_us, power_w=6900.0))
    world.run(0.1)
    assert world.last.state.nodes[0].base_a == (10.0, 10.0, 10.0)


def test_a_sleeping_car_gives_back_what_it_does_not_use():
    world = settled()
    world.plug_in("CP-1", "t1", wants_a=0.0)
    world.plug_in("CP-2", "t2")
    world.run(180)
    assert world.running_a("CP-2") > 25


def test_an_evse_that_is_added_knows_the_car_that_is_there():
    config = site_config()
    both = config["evses"]
    world = World(config=config | {"evses": both[:1]})
    world.plug_in("CP-2", "t2")
    world.run(10)
    assert world.orders("CP-2", object) == []
    world.revise(evses=both)
    world.run(30)
    assert world.running_a("CP-2") == 32.0


def test_an_evse_that_leaves_and_comes_back_is_what_it_was():
    """Found by a reader: the controller took it for a usual one again."""
    said = msgspec.structs.replace(SAID, periods_max=1)
    config = site_config()
    both = config["evses"]
    world = World(FakeStation("CP-1"), FakeStation("CP-2", said=said), config=config)
    world.run(30)
    world.revise(evses=both[:1])
    world.run(30)
    world.revise(evses=both)
    world.plug_in("CP-2", "t2")
    world.run(30)
    assert world.orders("CP-2", LimitOrder)[-1].lease_s is None


def test_a_configuration_that_is_none_is_refused_with_every_problem():
    world = settled()
    with pytest.raises(Invalid, match="nowhere"):
        world.revise(evses=[{"station": "CP-1", "evse": 1, "node": "nowhere"}])
    world.run(1)
    assert world.last.state.revision == 1


def test_alarms_are_told_and_kept():
    world = settled(samples=False)
    world.plug_in("CP-1", "t1")
    world.run(20)
    world.tell(CapChanged(CapSaved("depot", "main", "dso", 6.0, 6.0, 6.0, None, None, None, world.now_us)))
    world.run(12)
    for _ in range(5):
        world.tell(sample("CP-1", "t1", world.now_us, 30.0))
        world.run(10)
    assert "disobeys" in world.kinds()
    events = [msgspec.json.decode(event.data) for event in world.of(EventRecorded)]
    assert [event["kind"] for event in events] == list(world.kinds())


def test_ids_are_the_same_without_regard_to_case():
    config = site_config()
    config["evses"][0]["station"] = "cp-1"
    world = World(config=config)
    world.run(5)
    world.plug_in("CP-1", "t1")
    world.run(2)
    assert world.running_a("CP-1") == 32.0
    assert {row.station_id for row in world.of(ExposureSaved)} == {"CP-1", "CP-2"}


def test_a_fast_site_clock_stretches_what_hangs_on_the_network():
    world = World(options=LoopOptions(speed=60))
    world.run(100)
    assert world.sent == []
    world.run(30)
    assert len(world.sent) == 4


def test_an_outcome_of_nothing_that_is_open_is_ignored():
    world = settled()
    world.loop.ended(99, OrderOutcome(verdict=OrderVerdict.ACCEPTED), world.now_us)
    world.run(1)
    assert world.alarms == []


def status(name: str, word: str, at_us: int) -> ConnectorStatusRecorded:
    return ConnectorStatusRecorded(name, "depot", 1, 1, word, None, None, None, at_us, at_us, at_us)


def test_a_car_that_pauses_by_itself_is_heard_with_its_next_sample():
    world = settled()
    world.plug_in("CP-1", "t1")
    world.tell(status("CP-1", "SuspendedEV", world.now_us), sample("CP-1", "t1", world.now_us, 0.0))
    world.run(15)
    world.tell(status("CP-1", "Charging", world.now_us), sample("CP-1", "t1", world.now_us, 0.0))
    world.run(15)
    told = [
        observed[-1]
        for entry in (one for one in world.decisions if one.kind == STEPS)
        for step in read_steps(entry.data)
        for observed in step.observations
        if observed[0] == "Measured"
    ]
    assert told[0] is False
    assert told[-1] is None


def test_a_status_that_was_stored_is_known_after_a_restart():
    world = settled()
    world.statuses = [ConnectorFact(station_id="CP-1", evse=1, connector=1, status="SuspendedEV")]
    world.start()
    world.run(1)
    assert world.loop._seen.station("CP-1").statuses == {1: "SuspendedEV"}


@pytest.mark.parametrize("quality", [Quality.AFTER_END, Quality.UNKNOWN_TRANSACTION])
def test_a_sample_that_may_be_of_another_car_is_not_believed(quality: Quality):
    world = settled(samples=False)
    world.plug_in("CP-1", "t1")
    world.tell(sample("CP-1", "t1", world.now_us, 20.0, quality=quality.value))
    world.tell(sample("CP-1", None, world.now_us, 20.0), sample("CP-1", "t0", world.now_us, 20.0))
    world.run(1)
    assert world.evse("CP-1").measured_a == (0.0, 0.0, 0.0)


def test_a_start_without_the_end_of_the_one_before_takes_its_place():
    world = settled()
    world.plug_in("CP-1", "t1")
    world.run(20)
    world.plug_in("CP-1", "t2")
    world.run(20)
    assert world.evse("CP-1").transaction_id == "t2"
    assert world.running_a("CP-1") == 32.0
    assert {row.transaction_id for row in world.of(ExposureSaved)} >= {"t1", "t2"}


def test_what_is_told_of_strangers_changes_nothing():
    world = settled()
    before = len(world.sent)
    world.tell(
        opened("CP-9", "t9", world.now_us),
        opened("CP-1", "t8", world.now_us, evse=5),
        status("CP-9", "Charging", world.now_us),
        StationConnected("1.6", 1, world.now_us, "CP-9"),
        ProfilesTouched("CP-9", world.now_us, "c", EffectStage.LEAVING, ()),
    )
    world.run(5)
    assert len(world.sent) == before
    assert world.alarms == []


def test_a_car_of_an_evse_that_left_the_site_is_heard_out():
    world = settled()
    both = world.config["evses"]
    world.plug_in("CP-1", "t1")
    world.run(10)
    world.revise(evses=both[1:])
    world.run(1)
    assert world.last.state.nodes[0].exposure_a == (32.0, 32.0, 32.0)
    world.unplug("CP-1")
    world.plug_in("CP-2", "t2")
    world.run(30)
    assert world.running_a("CP-2") == 32.0
