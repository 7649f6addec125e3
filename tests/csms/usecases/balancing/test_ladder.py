"""Stations that refuse, ignore or are odd: which form of limits they end up with, and what others learn of it."""

from __future__ import annotations

import msgspec

from csms.domain.control import (
    ClearOwnProfiles,
    FailsafeOrder,
    LimitOrder,
    OrderOutcome,
    OrderVerdict,
    Placement,
    ProfileForm,
    RateUnit,
    ReadConfiguration,
    StationOrder,
)
from csms.domain.records import ModelFormSaved
from csms.usecases.balancing.forms import KnownForm
from tests.csms.usecases.balancing.scripted import (
    REJECTED,
    SAID,
    UNSUPPORTED,
    FakeStation,
    World,
    sample,
    site_config,
)

SILENT = None


def refusing(*, unit=None, placement=None, stack=None, limits_only=False, outcome=REJECTED, failsafe=None):
    """Return a script that refuses profiles which have all of that."""

    def answer(order: StationOrder) -> OrderOutcome | None:
        if not isinstance(order, LimitOrder if limits_only else FailsafeOrder | LimitOrder):
            return None
        form = order.form
        meant = [
            unit is None or form.unit is unit,
            placement is None or form.placement is placement,
            stack is None or form.stack_level == stack,
            failsafe is None or (isinstance(order, FailsafeOrder) and order.limit == failsafe),
        ]
        return outcome if all(meant) else None

    return answer


def world_of(station: FakeStation, **config: object) -> World:
    world = World(station, FakeStation("CP-2"), config=site_config(**config))
    world.run(5)
    world.plug_in("CP-1", "t1")
    return world


def form_of(world: World, name: str = "CP-1"):
    return world.orders(name, LimitOrder)[-1].form


def test_a_station_that_refuses_amperes_is_told_watts():
    world = world_of(FakeStation("CP-1", said=SILENT, answers=refusing(unit=RateUnit.AMPERE)), rating_a=100.0)
    world.run(60)
    assert form_of(world).unit is RateUnit.WATT
    assert world.stations["CP-1"].limits[1].limit > 0
    assert world.stations["CP-1"].failsafe == {1: 0.0}
    assert "form-changed" in world.kinds()


def test_a_station_that_refuses_a_stack_level_is_told_the_lowest():
    world = world_of(FakeStation("CP-1", said=SILENT, answers=refusing(stack=1)))
    world.run(60)
    assert form_of(world).stack_level == 0
    assert form_of(world).unit is RateUnit.AMPERE


def test_what_a_station_says_of_itself_is_obeyed():
    said = msgspec.structs.replace(SAID, units=(RateUnit.WATT,), stack_level_max=0, periods_max=1)
    world = world_of(FakeStation("CP-1", said=said), rating_a=100.0)
    world.run(10)
    order = world.orders("CP-1", LimitOrder)[-1]
    assert (order.form.unit, order.form.stack_level, order.form.periods_max) == (RateUnit.WATT, 0, 1)
    assert order.lease_s is None


def test_two_refusals_of_a_transactions_profile_lead_to_the_default_profile():
    answers = refusing(placement=Placement.TRANSACTION, limits_only=True)
    world = world_of(FakeStation("CP-1", answers=answers))
    world.run(60)
    placements = [order.form.placement for order in world.orders("CP-1", LimitOrder)]
    assert placements[:3] == [Placement.TRANSACTION, Placement.TRANSACTION, Placement.DEFAULT]
    assert world.running_a("CP-1") == 32.0


def test_one_refusal_of_a_transactions_profile_changes_nothing():
    refusals = [REJECTED]

    def once(order: StationOrder) -> OrderOutcome | None:
        return refusals.pop() if isinstance(order, LimitOrder) and refusals else None

    world = world_of(FakeStation("CP-1", answers=once))
    world.run(60)
    assert form_of(world).placement is Placement.TRANSACTION
    assert world.running_a("CP-1") == 32.0


def test_a_default_in_the_failsafes_place_is_replaced_by_it_after_the_session():
    answers = refusing(placement=Placement.TRANSACTION, limits_only=True)
    world = world_of(FakeStation("CP-1", answers=answers))
    world.run(60)
    assert world.running_a("CP-1") == 32.0
    world.unplug("CP-1")
    world.run(2)
    assert world.running_a("CP-1") is None
    assert world.stations["CP-1"].failsafe == {1: 0.0}
    assert isinstance(world.orders("CP-1")[-1], FailsafeOrder)


def test_a_reconnection_does_not_put_the_failsafe_in_a_running_limits_place():
    answers = refusing(placement=Placement.TRANSACTION, limits_only=True)
    world = world_of(FakeStation("CP-1", answers=answers))
    world.run(60)
    before = len(world.orders("CP-1"))
    world.disconnect("CP-1")
    world.run(5)
    world.connect("CP-1")
    world.run(10)
    after = world.orders("CP-1")[before:]
    assert after
    assert all(isinstance(order, LimitOrder) for order in after)
    assert not world.evse("CP-1").doubtful


def test_a_station_with_one_evse_may_be_limited_as_a_whole():
    one = msgspec.structs.replace(SAID, evses=1)

    def only_station(order: StationOrder) -> OrderOutcome | None:
        wrong = (
            isinstance(order, FailsafeOrder | LimitOrder) and order.form.placement is not Placement.STATION
        )
        return REJECTED if wrong else None

    world = world_of(FakeStation("CP-1", said=one, answers=only_station))
    world.run(120)
    assert form_of(world).placement is Placement.STATION
    assert world.running_a("CP-1") == 32.0


def test_a_station_that_takes_nothing_is_not_moved_and_its_maximum_is_kept():
    world = world_of(FakeStation("CP-1", answers=refusing()), rating_a=42.0)
    world.plug_in("CP-2", "t2")
    world.run(400)
    assert "not-movable" in world.kinds()
    assert world.limits("CP-2")[-1] == 10.0
    before = len(world.orders("CP-1"))
    world.run(1000)
    assert len(world.orders("CP-1")) == before


def test_a_station_without_smart_charging_is_asked_once():
    world = world_of(FakeStation("CP-1", answers=refusing(outcome=UNSUPPORTED)))
    world.run(300)
    assert len(world.orders("CP-1")) == 1
    assert not world.evse("CP-1").movable
    world.boot("CP-1")
    world.run(60)
    assert len(world.orders("CP-1")) == 1


def test_a_station_that_refuses_zero_amperes_keeps_six():
    world = world_of(FakeStation("CP-1", answers=refusing(failsafe=0.0)), rating_a=64.0)
    world.run(300)
    assert world.stations["CP-1"].failsafe == {1: 6.0}
    assert world.running_a("CP-1") == 32.0
    assert world.evse("CP-1").movable


def test_what_worked_is_remembered_and_is_the_first_guess_for_the_model():
    answers = refusing(placement=Placement.TRANSACTION, limits_only=True)
    world = world_of(FakeStation("CP-1", answers=answers))
    world.stations["CP-2"].answers = answers
    world.run(60)
    assert KnownForm.read(world.forms["CP-1"]).form.placement is Placement.DEFAULT
    assert world.of(ModelFormSaved)
    del world.forms["CP-2"]
    world.start()
    world.run(5)
    world.plug_in("CP-2", "t2")
    world.run(60)
    assert {order.form.placement for order in world.orders("CP-2", LimitOrder)} == {Placement.DEFAULT}


def test_a_station_that_accepts_and_ignores_is_tried_in_another_form():
    world = world_of(FakeStation("CP-1", obeys=False))
    world.run(30)
    world.plug_in("CP-2", "t2")
    world.run(120)
    assert "disobeys" in world.kinds()
    assert form_of(world).placement is Placement.DEFAULT
    assert world.orders("CP-1", ClearOwnProfiles)


def test_current_that_follows_proves_the_form_so_that_one_lapse_changes_nothing():
    world = world_of(FakeStation("CP-1"))
    world.run(40)
    world.plug_in("CP-2", "t2")
    world.run(40)
    world.revise(nodes=[{"id": "main", "rating_a": 20}])
    world.run(60)
    assert KnownForm.read(world.forms["CP-1"]).proven
    world.stations["CP-1"].obeys = False
    world.run(60)
    assert "disobeys" in world.kinds()
    assert form_of(world).placement is Placement.TRANSACTION


def test_a_station_that_does_not_answer_what_it_is_gets_the_usual_form():
    unknown = OrderOutcome(verdict=OrderVerdict.UNKNOWN)

    def mute(order: StationOrder) -> OrderOutcome | None:
        return unknown if isinstance(order, ReadConfiguration) else None

    world = world_of(FakeStation("CP-1", answers=mute))
    world.run(30)
    assert len(world.orders("CP-1", ReadConfiguration)) == 3
    assert world.running_a("CP-1") == 32.0


def test_other_firmware_starts_over():
    world = world_of(FakeStation("CP-1", answers=refusing(outcome=UNSUPPORTED)))
    world.run(60)
    world.stations["CP-1"].firmware = "2.0"
    world.stations["CP-1"].answers = lambda _order: None
    world.boot("CP-1")
    world.run(10)
    assert world.running_a("CP-1") == 32.0


def test_a_clock_that_is_far_off_ends_leases():
    world = world_of(FakeStation("CP-1", lag_s=120.0))
    world.run(200)
    order = world.orders("CP-1", LimitOrder)[-1]
    assert order.lease_s is None
    assert world.last.state.stations[0].clock_error_s == 120.0


def test_a_rotation_that_is_not_the_sites_is_told():
    said = msgspec.structs.replace(SAID, rotation={1: "STR"})
    world = world_of(FakeStation("CP-1", said=said))
    world.run(10)
    assert [alarm.kind for alarm in world.alarms if alarm.station == "CP-1"] == ["rotation-differs"]


def test_a_direct_current_charger_is_told_the_power_at_its_outlet():
    config = site_config(rating_a=200.0)
    config["evses"][0] = {
        "station": "CP-1",
        "evse": 1,
        "node": "main",
        "supply": "DC",
        "max_power_w": 50_000,
        "efficiency": 0.9,
    }
    world = World(config=config)
    world.run(5)
    world.plug_in("CP-1", "t1", wants_a=0.0)
    world.run(2)
    order = world.orders("CP-1", LimitOrder)[-1]
    assert order.form.unit is RateUnit.WATT
    assert 49_900 < order.limit <= 50_000
    world.tell(sample("CP-1", "t1", world.now_us, (100.0, None, None), power_w=25_000.0))
    world.run(0.1)
    assert 42 < world.evse("CP-1").measured_a[0] < 43


def test_a_clearing_leaves_before_the_failsafe_that_is_installed_anew():
    """Found by a reader: an idle EVSE's new failsafe was cleared with the old profiles, and counted all the same."""
    config = site_config()
    config["evses"].append({"station": "CP-1", "evse": 2, "node": "main", "rotation": ["L1", "L2", "L3"]})
    world = World(FakeStation("CP-1", obeys=False), FakeStation("CP-2"), config=config)
    world.plug_in("CP-1", "t1")
    world.run(30)
    world.plug_in("CP-2", "t2")
    world.run(120)
    assert world.orders("CP-1", ClearOwnProfiles)
    assert world.stations["CP-1"].failsafe[2] == 0.0


def test_a_station_that_refuses_every_limit_is_tried_in_each_unit_and_stack_level():
    """Found by a reader: after the first change the failsafe was not installed anew, and no refusal counted."""
    refused: list[LimitOrder] = []

    def no_limit(order: StationOrder) -> OrderOutcome | None:
        if not isinstance(order, LimitOrder):
            return None
        refused.append(order)
        return OrderOutcome(verdict=OrderVerdict.REJECTED)

    world = world_of(FakeStation("CP-1", answers=no_limit))
    world.run(900)
    units = (RateUnit.AMPERE, RateUnit.WATT)
    assert {(order.form.unit, order.form.stack_level) for order in refused} == {
        (unit, level) for unit in units for level in (0, 1, SAID.stack_level_max)
    }
    assert "not-movable" in world.kinds()


def test_a_station_of_which_nothing_is_known_is_told_at_its_highest_stack_level():
    """Whatever stood there before it joined the site, nothing of it overrules ours."""
    world = world_of(FakeStation("CP-1"))
    world.run(5)
    (order,) = world.orders("CP-1", FailsafeOrder)
    assert order.form.stack_level == SAID.stack_level_max
    assert "form-changed" not in world.kinds()


def test_a_station_whose_form_is_known_keeps_its_stack_level():
    world = world_of(FakeStation("CP-1"))
    world.run(5)
    known = KnownForm(form=ProfileForm(stack_level=1), firmware="1.0", installed=(1,))
    world.forms["CP-1"] = known.written()
    world.start()
    world.run(5)
    world.boot("CP-1")
    world.run(5)
    assert world.orders("CP-1", FailsafeOrder)[-1].form.stack_level == 1


def test_what_stands_at_a_stack_level_that_is_left_is_cleared():
    def no_limit_at_the_top(order: StationOrder) -> OrderOutcome | None:
        top = isinstance(order, LimitOrder) and order.form.stack_level == SAID.stack_level_max
        return OrderOutcome(verdict=OrderVerdict.REJECTED) if top else None

    world = world_of(FakeStation("CP-1", answers=no_limit_at_the_top))
    world.run(400)
    assert form_of(world).stack_level == 1
    cleared = world.orders("CP-1", ClearOwnProfiles)
    assert SAID.stack_level_max in {order.form.stack_level for order in cleared}
    assert world.stations["CP-1"].failsafe == {1: 0.0}
