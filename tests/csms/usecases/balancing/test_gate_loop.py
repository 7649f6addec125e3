"""Start gates in a site's loop: who gets one, what it is worth, and who may start."""

from __future__ import annotations

from dataclasses import dataclass, field

from csms.domain.control import (
    ConfigurationTouched,
    FailsafeOrder,
    LimitOrder,
    OrderOutcome,
    OrderVerdict,
    ReadConfiguration,
    StationOrder,
    WriteConfiguration,
)
from csms.usecases.balancing.forms import KnownForm
from csms.usecases.balancing.gate import BEGINS_LATER_S, GATE_KEYS, READ_KEYS, StartGivenUp, StartWanted
from csms.usecases.balancing.replay import replay
from tests.csms.usecases.balancing.scripted import REJECTED, UNSUPPORTED, FakeStation, World, site_config


@dataclass
class Script:
    """What a station with a gate answers."""

    takes_limits: bool = False
    least_a: float = 0.0
    stubborn: str = ""
    """A key that stays true whatever is written."""
    values: dict[str, str] = field(
        default_factory=lambda: {**dict.fromkeys(GATE_KEYS, "true"), "ConnectionTimeOut": "5"}
    )

    def answer(self, order: StationOrder) -> OrderOutcome | None:
        match order:
            case ReadConfiguration() if order.keys:
                return OrderOutcome(verdict=OrderVerdict.ACCEPTED, values=dict(self.values))
            case WriteConfiguration() if order.key in self.values:
                if order.key != self.stubborn:
                    self.values[order.key] = order.value
                return None
            case FailsafeOrder() if not self.takes_limits:
                return UNSUPPORTED
            case FailsafeOrder() if order.limit < self.least_a:
                return REJECTED
            case LimitOrder() if not self.takes_limits:
                return UNSUPPORTED
            case _:
                return None


def gated(script: Script, *, rating_a: float = 38.0) -> World:
    """CP-1 answers by `script`; the site has room for it and the minimum of CP-2."""
    world = World(
        FakeStation("CP-1", answers=script.answer),
        FakeStation("CP-2"),
        config=site_config(rating_a=rating_a),
    )
    world.run(60)
    return world


def wait_at(world: World, name: str) -> None:
    world.tell(StartWanted(name))


def starts(world: World, *, for_s: float) -> set[str]:
    """Return where somebody is let start while time passes."""
    found: set[str] = set()
    until_s = world.s + for_s
    while world.s < until_s:
        world.run(0.25)
        assert world.last is not None
        found.update(world.last.starts)
    return found


def gates(world: World) -> frozenset[str]:
    assert world.last is not None
    return world.last.gated


def test_a_station_without_smart_charging_gets_a_gate_and_then_costs_nothing() -> None:
    script = Script()
    world = gated(script)
    assert {script.values[key] for key in GATE_KEYS} == {"false"}
    assert world.writes("CP-1") == [(key, "false") for key in GATE_KEYS]
    assert gates(world) == {"CP-1"}
    assert world.evse("CP-1").exposure_a == (0.0, 0.0, 0.0)
    world.plug_in("CP-2", "t2")
    world.run(5)
    assert world.running_a("CP-2") == 32.0


def test_who_goes_on_starting_by_itself_is_reserved_and_told_of() -> None:
    world = gated(Script(stubborn="LocalPreAuthorize"))
    assert gates(world) == frozenset()
    assert world.evse("CP-1").exposure_a == (32.0, 32.0, 32.0)
    assert world.kinds().count("gate-open") == 1


def test_others_make_room_before_somebody_is_let_start() -> None:
    world = gated(Script())
    world.plug_in("CP-2", "t2")
    world.run(30)
    wait_at(world, "cp-1")
    assert starts(world, for_s=60) == {"CP-1"}
    assert world.running_a("CP-2") == 6.0
    row = world.rows["CP-1", 1]
    assert (row.transaction_id, row.worst_a) == (None, 32.0)
    assert row.worst_until_s is not None
    world.plug_in("CP-1", "t1")
    world.run(30)
    assert world.running_a("CP-2") == 6.0
    assert replay(world.decisions) == []


def test_who_gave_up_waiting_is_not_let_start_and_others_have_their_current_back() -> None:
    world = gated(Script(), rating_a=37.0)
    world.plug_in("CP-2", "t2")
    world.run(30)
    wait_at(world, "CP-1")
    assert starts(world, for_s=20) == set()
    world.tell(StartGivenUp("CP-1"))
    world.unplug("CP-2")
    assert starts(world, for_s=60) == set()


def test_at_a_station_that_is_not_gated_everybody_starts_at_once() -> None:
    world = gated(Script())
    wait_at(world, "CP-2")
    assert starts(world, for_s=1) == {"CP-2"}
    wait_at(world, "nowhere")
    assert starts(world, for_s=1) == set()


def test_a_gate_is_known_over_a_restart_and_read_back_again() -> None:
    world = gated(Script())
    form = KnownForm.read(world.forms["CP-1"])
    assert form is not None
    assert form.gated
    assert world.model_form is not None
    model = KnownForm.read(world.model_form)
    assert model is not None
    assert not model.gated
    world.plug_in("CP-2", "t2")
    world.run(30)
    before = len(world.sent)
    world.start()
    world.run(30)
    assert world.running_a("CP-2") == 32.0
    assert ReadConfiguration(READ_KEYS) in [one.order for _, one in world.sent[before:]]
    assert gates(world) == {"CP-1"}


def test_a_site_that_only_observes_gates_nobody() -> None:
    world = gated(Script())
    world.revise(mode="observe")
    world.run(5)
    assert gates(world) == frozenset()


def test_a_station_that_refuses_0_a_keeps_6_a_where_the_site_has_room() -> None:
    script = Script(takes_limits=True, least_a=6.0)
    world = gated(script)
    world.run(60)
    assert world.stations["CP-1"].failsafe == {1: 6.0}
    assert world.evse("CP-1").exposure_a == (6.0, 6.0, 6.0)
    assert gates(world) == frozenset()
    world.plug_in("CP-1", "t1")
    world.plug_in("CP-2", "t2")
    world.run(60)
    assert world.running_a("CP-1") == world.running_a("CP-2") == 19.0


def test_where_the_site_has_no_room_for_its_6_a_it_gets_a_gate_besides() -> None:
    world = gated(Script(takes_limits=True, least_a=6.0), rating_a=5.0)
    world.run(60)
    assert gates(world) == {"CP-1"}
    assert world.stations["CP-1"].failsafe == {1: 6.0}
    assert world.evse("CP-1").exposure_a == (0.0, 0.0, 0.0)


def test_a_station_that_refuses_6_a_too_is_not_movable_and_gated() -> None:
    world = gated(Script(takes_limits=True, least_a=10_000.0))
    world.run(300)
    assert not world.evse("CP-1").movable
    assert gates(world) == {"CP-1"}


# --- who was let start before, and who writes what the gate stands on


def _exposure_a(world: World) -> float:
    return world.evse("CP-1").exposure_a[0]


def test_who_was_told_yes_before_the_gate_was_shut_still_counts_for_as_long_as_he_may_come() -> None:
    world = World(FakeStation("CP-1", answers=Script().answer), FakeStation("CP-2"))
    world.run(0.5)
    while gates(world) != {"CP-1"}:
        world.run(0.5)
        assert world.s < 30
    shut_s = world.s
    world.run(5 + BEGINS_LATER_S - 2)
    assert _exposure_a(world) == 32.0
    form = KnownForm.read(world.forms["CP-1"])
    assert form is not None
    assert not form.gated
    world.run(4)
    assert _exposure_a(world) == 0.0
    assert world.s < shut_s + 60
    assert replay(world.decisions) == []


def test_room_is_held_for_as_long_as_the_station_waits_for_a_start() -> None:
    script = Script()
    script.values["ConnectionTimeOut"] = "200"
    world = gated(script)
    world.run(300)
    wait_at(world, "CP-1")
    assert starts(world, for_s=2) == {"CP-1"}
    world.run(200 + BEGINS_LATER_S - 5)
    assert _exposure_a(world) == 32.0
    world.run(6)
    assert _exposure_a(world) == 0.0


def test_after_somebody_wrote_a_key_of_the_gate_it_counts_again_once_it_was_read_back() -> None:
    world = gated(Script())
    before = len(world.sent)
    world.tell(ConfigurationTouched("cp-1", world.now_us, ("MeterValueSampleInterval",)))
    world.run(5)
    assert (_exposure_a(world), world.sent[before:]) == (0.0, [])
    world.tell(ConfigurationTouched("cp-1", world.now_us, ("LocalPreAuthorize",)))
    world.run(0.01)
    assert (_exposure_a(world), gates(world)) == (32.0, {"CP-1"})
    world.run(5)
    assert [one.order for _, one in world.sent[before:]] == [ReadConfiguration(READ_KEYS)]
    assert (_exposure_a(world), gates(world)) == (0.0, {"CP-1"})


def test_what_somebody_switched_on_by_hand_is_switched_off_again() -> None:
    script = Script()
    world = gated(script)
    script.values["LocalPreAuthorize"] = "true"
    world.tell(ConfigurationTouched("CP-1", world.now_us, ("LocalPreAuthorize",)))
    world.tell(ConfigurationTouched("CP-9", world.now_us, ("LocalPreAuthorize",)))
    world.run(5)
    assert script.values["LocalPreAuthorize"] == "false"
    assert (_exposure_a(world), gates(world)) == (32.0, {"CP-1"})
    world.run(60)
    assert _exposure_a(world) == 0.0
    assert replay(world.decisions) == []


def test_what_can_not_be_switched_off_again_is_reserved_and_told_of() -> None:
    script = Script()
    world = gated(script)
    script.values["LocalPreAuthorize"], script.stubborn = "true", "LocalPreAuthorize"
    world.tell(ConfigurationTouched("CP-1", world.now_us, ("LocalPreAuthorize",)))
    world.run(5)
    assert world.kinds().count("gate-open") == 1
    assert (_exposure_a(world), gates(world)) == (32.0, frozenset())
    world.start()
    world.run(0.01)
    assert _exposure_a(world) == 32.0
