"""When our profiles are taken off chargers: where nobody steers them any more, and where they are in the way."""

from __future__ import annotations

from csms.domain.control import (
    ClearOwnProfiles,
    EffectStage,
    FailsafeOrder,
    LimitOrder,
    OrderOutcome,
    OrderVerdict,
    Placement,
    ProfileEffect,
    ProfileForm,
    ProfilesTouched,
    StationOrder,
)
from csms.domain.records import StationConnected
from csms.usecases.balancing.clearing import Clearings, released, retry_s, to_release
from csms.usecases.balancing.forms import KnownForm
from csms.usecases.balancing.loop import CLEARINGS_AT_ONCE
from tests.csms.usecases.balancing.scripted import (
    NOT_SENT,
    REJECTED,
    FakeStation,
    World,
    site_config,
)

FORM = ProfileForm(stack_level=1)


def settled(*stations: FakeStation, **changes: object) -> World:
    world = World(*stations, **changes)
    world.run(5)
    return world


def clears(world: World, name: str) -> list[int]:
    return [order.evse for order in world.orders(name, ClearOwnProfiles)]


def installed(world: World, name: str) -> tuple[int, ...]:
    known = KnownForm.read(world.forms[name])
    assert known is not None
    return known.installed


def without(name: str) -> list[dict]:
    return [evse for evse in site_config()["evses"] if evse["station"] != name]


def test_a_site_that_only_observes_from_now_on_lets_go_of_its_chargers():
    world = settled()
    world.plug_in("CP-1", "t1")
    world.run(10)
    world.revise(mode="observe")
    world.run(60)
    assert (clears(world, "CP-1"), clears(world, "CP-2")) == ([1], [1])
    assert world.stations["CP-1"].failsafe == {}
    assert world.stations["CP-1"].drawn_a(1) == 32.0
    assert (installed(world, "CP-1"), installed(world, "CP-2")) == ((), ())
    world.revise(mode="enforce")
    world.run(10)
    assert world.stations["CP-1"].failsafe == {1: 0.0}
    assert world.running_a("CP-1") == 32.0


def test_what_was_never_told_anything_is_not_touched():
    world = settled(config=site_config(mode="observe"))
    world.run(60)
    assert world.sent == []


def test_an_unmanaged_station_is_released_and_counts_at_its_worst_before():
    world = settled(config=site_config(rating_a=70.0))
    world.plug_in("CP-2", "t2")
    world.run(20)
    world.stations["CP-1"].managed = False
    world.revise()
    world.run(60)
    assert clears(world, "CP-1") == [1]
    assert world.rows["CP-1", 1].worst_a == 32.0
    assert installed(world, "CP-1") == ()
    world.stations["CP-1"].managed = True
    world.revise()
    world.run(10)
    assert world.stations["CP-1"].failsafe == {1: 0.0}


def test_a_station_is_released_only_once_the_others_have_made_room():
    world = settled(config=site_config(rating_a=40.0))
    world.plug_in("CP-2", "t2")
    world.run(60)
    world.stations["CP-1"].managed = False
    world.revise()
    world.run(60)
    left_s = {type(one.order): at_s for at_s, one in world.sent if at_s >= 65}
    assert world.running_a("CP-2") == 8.0
    assert left_s[ClearOwnProfiles] > left_s[LimitOrder] + 1
    world.unplug("CP-2")


def test_a_station_whose_release_never_fits_keeps_its_limit():
    world = settled(config=site_config(rating_a=20.0))
    world.stations["CP-1"].managed = False
    world.revise()
    world.run(600)
    assert clears(world, "CP-1") == []


def test_an_evse_that_leaves_the_site_is_released_by_the_site_that_has_its_station_still():
    two = [*site_config()["evses"], {"station": "CP-1", "evse": 2, "node": "main", "rotation": ["L1"]}]
    world = settled(config=site_config(evses=two))
    world.revise(evses=site_config()["evses"])
    world.run(60)
    assert clears(world, "CP-1") == [2]
    assert world.stations["CP-1"].failsafe == {1: 0.0}
    assert installed(world, "CP-1") == (1,)
    assert "unknown-evse" not in world.kinds()


def test_an_evse_that_comes_back_before_it_was_released_keeps_what_it_has():
    world = settled()
    world.disconnect("CP-1")
    world.revise(mode="observe")
    world.run(5)
    world.revise(mode="enforce")
    world.run(1)
    world.connect("CP-1")
    world.run(60)
    assert clears(world, "CP-1") == []
    assert world.stations["CP-1"].failsafe == {1: 0.0}


def test_a_release_that_waits_for_its_turn_is_taken_back_where_the_site_steers_again():
    slow = FakeStation("CP-1", answer_s=30.0)
    two = [*site_config()["evses"], {"station": "CP-1", "evse": 2, "node": "main", "rotation": ["L1"]}]
    world = World(slow, FakeStation("CP-2"), config=site_config(evses=two))
    world.run(200)
    world.revise(mode="observe")
    world.run(1)
    world.revise(mode="enforce")
    world.run(200)
    assert clears(world, "CP-1") == [1]
    assert slow.failsafe == {1: 0.0, 2: 0.0}


def test_a_station_of_the_site_no_more_is_held_until_there_is_room_and_never_asked():
    world = settled(config=site_config(rating_a=40.0))
    world.plug_in("CP-1", "t1")
    world.run(30)
    world.plug_in("CP-2", "t2")
    world.run(60)
    world.revise(evses=without("CP-1"))
    world.run(1)
    assert world.last is not None
    assert world.last.held == {"CP-1"}
    world.run(60)
    assert world.last.held == frozenset()
    assert world.running_a("CP-2") == 8.0
    assert clears(world, "CP-1") == []


def test_a_release_goes_on_after_a_restart_and_after_a_reconnection():
    world = settled()
    world.disconnect("CP-1")
    world.revise(mode="observe")
    world.run(10)
    world.start()
    world.run(10)
    assert clears(world, "CP-1") == []
    world.connect("CP-1")
    world.run(10)
    assert clears(world, "CP-1") == [1]
    world.start()
    world.run(600)
    assert clears(world, "CP-1") == [1]


def test_a_refused_release_is_asked_again_ever_more_rarely_and_told_once():
    def refuses(order: StationOrder) -> OrderOutcome | None:
        return REJECTED if isinstance(order, ClearOwnProfiles) else None

    world = settled(FakeStation("CP-1", answers=refuses))
    world.revise(mode="observe")
    world.run(100)
    assert [at_s for at_s, one in world.sent if isinstance(one.order, ClearOwnProfiles)] == [
        5.0,
        15.05,
        35.1,
        75.15,
    ]
    assert world.kinds().count("not-cleared") == 1
    world.stations["CP-1"].answers = lambda _order: None
    world.boot("CP-1", forgets=False)
    world.run(5)
    assert world.stations["CP-1"].failsafe == {}


def test_few_stations_are_asked_at_a_time():
    names = [f"CP-{number}" for number in range(CLEARINGS_AT_ONCE + 4)]
    evses = [{"station": name, "evse": 1, "node": "main", "rotation": ["L1"]} for name in names]
    world = settled(*map(FakeStation, names), config=site_config(evses=evses))
    world.revise(mode="observe")
    world.run(0.01)
    assert sum(len(clears(world, name)) for name in names) == CLEARINGS_AT_ONCE
    world.run(10)
    assert sum(len(clears(world, name)) for name in names) == len(names)


def test_what_is_in_the_way_of_another_form_is_cleared_until_it_is_gone():
    refusals = [NOT_SENT, REJECTED, OrderOutcome(verdict=OrderVerdict.UNKNOWN)]

    def answers(order: StationOrder) -> OrderOutcome | None:
        return refusals.pop(0) if isinstance(order, ClearOwnProfiles) and refusals else None

    world = World(FakeStation("CP-1", obeys=False, answers=answers), FakeStation("CP-2"))
    world.plug_in("CP-1", "t1")
    world.run(30)
    world.plug_in("CP-2", "t2")
    world.run(300)
    assert refusals == []
    assert len(clears(world, "CP-1")) >= 4
    assert world.kinds().count("not-cleared") == 1
    assert installed(world, "CP-1") == (1,)


def test_a_connection_asks_at_once_for_what_rested():
    clearings = Clearings()
    clearings.want(1, FORM)
    (order,) = clearings.due(0)
    assert clearings.ended(order, OrderVerdict.REJECTED, 0)
    assert list(clearings.due(9_999_999)) == []
    assert not clearings.ended(order, OrderVerdict.UNKNOWN, 0)
    clearings.again()
    assert list(clearings.due(0)) == [order]
    assert not clearings.ended(order, OrderVerdict.ACCEPTED, 0)
    assert not clearings.ended(order, OrderVerdict.REJECTED, 0)
    assert list(clearings.due(1 << 60)) == []


def test_it_rests_for_an_hour_at_most():
    assert [retry_s(failures) for failures in (1, 2, 3, 99)] == [10.0, 20.0, 40.0, 3600.0]


def test_what_is_stored_says_what_is_to_be_released():
    stored = KnownForm(form=FORM, installed=(1, 2)).written()
    assert to_release(stored) == [ClearOwnProfiles(1, FORM), ClearOwnProfiles(2, FORM)]
    assert to_release(released(stored, 1)) == [ClearOwnProfiles(2, FORM)]
    assert to_release(None) == []
    assert released(b"?", 1) == b"?"


def test_a_station_that_connects_anew_is_no_trouble():
    world = settled()
    world.tell(StationConnected("1.6", 1, world.now_us, "CP-1"))
    world.run(10)
    assert installed(world, "CP-1") == (1,)


def set_foreign(world: World, stage: EffectStage, *, evse: int = 1, profile_id: int = 5) -> None:
    effect = ProfileEffect(
        evse=evse,
        profile_id=profile_id,
        clears_own=True,
        placement=Placement.DEFAULT,
        stack_level=world.orders("CP-1", FailsafeOrder)[-1].form.stack_level,
        sets=True,
        gives_way=True,
        limit_a=20.0,
    )
    world.tell(ProfilesTouched("CP-1", world.now_us, f"call-{profile_id}", stage, (effect,)))


def test_a_foreign_profile_whose_place_ours_took_again_is_gone():
    world = settled()
    set_foreign(world, EffectStage.LEAVING)
    world.run(1)
    assert world.evse("CP-1").foreign_profiles == 1  # it may come after ours
    set_foreign(world, EffectStage.ACCEPTED)
    world.run(5)
    assert world.evse("CP-1").foreign_profiles == 0
    assert world.foreign == {}
    assert world.evse("CP-1").exposure_a == (0.0, 0.0, 0.0)


def test_a_foreign_profile_of_the_whole_station_stays_beside_ours():
    world = settled()
    set_foreign(world, EffectStage.LEAVING, evse=0)
    set_foreign(world, EffectStage.ACCEPTED, evse=0)
    world.run(5)
    assert world.evse("CP-1").foreign_profiles == 1
    assert world.evse("CP-1").exposure_a == (20.0, 20.0, 20.0)


def test_what_other_firmware_was_told_is_cleared_where_it_stands():
    world = settled()
    level = world.orders("CP-1", FailsafeOrder)[-1].form.stack_level
    world.disconnect("CP-1")
    world.stations["CP-1"].firmware = "2.0"
    world.config = world.config | {"mode": "observe"}
    world.start()
    world.connect("CP-1")
    world.run(10)
    assert [order.form.stack_level for order in world.orders("CP-1", ClearOwnProfiles)] == [level]
