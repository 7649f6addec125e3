"""A station that can't say all of itself at once is asked part by part, and nothing is believed before the last."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import structs

from csms.domain.control import (
    ConfigurationTouched,
    FailsafeOrder,
    OrderOutcome,
    OrderVerdict,
    RateUnit,
    ReadConfiguration,
    StationOrder,
    WriteConfiguration,
)
from csms.usecases.balancing.gate import GATE_KEYS, READ_KEYS, StartGate
from tests.csms.usecases.balancing.scripted import SAID, UNSUPPORTED, FakeStation, World, site_config

PARTS = 4
NOW_US = 1_764_000_000_000_000


def in_parts(order: StationOrder) -> OrderOutcome | None:
    """Answer a read of everything a part at a time."""
    if not isinstance(order, ReadConfiguration) or order.keys:
        return None
    said = {} if order.so_far is None else order.so_far.values
    values = said | {f"part {len(said)}": "said"}
    complete = len(values) == PARTS
    return OrderOutcome(
        verdict=OrderVerdict.ACCEPTED,
        values=values,
        complete=complete,
        smart_charging=SAID if complete else None,
    )


def world_of(answers: Callable[[StationOrder], OrderOutcome | None]) -> World:
    return World(FakeStation("CP-1", answers=answers), FakeStation("CP-2"))


def test_each_part_goes_on_from_the_one_before() -> None:
    world = world_of(in_parts)
    world.run(10)
    reads = world.orders("CP-1", ReadConfiguration)
    assert [0 if read.so_far is None else len(read.so_far.values) for read in reads] == list(range(PARTS))


def test_a_station_is_told_no_limit_before_all_of_it_is_read() -> None:
    world = world_of(in_parts)
    world.run(10)
    kinds = [type(order) for order in world.orders("CP-1", (ReadConfiguration, FailsafeOrder))]
    assert kinds == [ReadConfiguration] * PARTS + [FailsafeOrder]


def test_a_part_without_an_answer_is_asked_for_again() -> None:
    lost = iter([False, False, True, False])

    def loses_one(order: StationOrder) -> OrderOutcome | None:
        if isinstance(order, ReadConfiguration) and next(lost, False):
            return OrderOutcome(verdict=OrderVerdict.UNKNOWN)
        return in_parts(order)

    world = world_of(loses_one)
    world.run(30)
    reads = world.orders("CP-1", ReadConfiguration)
    assert [0 if read.so_far is None else len(read.so_far.values) for read in reads] == [0, 1, 2, 2, 3]


def test_after_a_boot_everything_is_read_again() -> None:
    world = world_of(in_parts)
    world.run(10)
    before = len(world.orders("CP-1", ReadConfiguration))
    world.boot("CP-1")
    world.run(10)
    again = world.orders("CP-1", ReadConfiguration)[before:]
    assert again[0] == ReadConfiguration()
    assert len(again) == PARTS


def test_what_the_last_part_says_decides_the_form() -> None:
    def watts_alone(order: StationOrder) -> OrderOutcome | None:
        outcome = in_parts(order)
        if outcome is None or not outcome.complete:
            return outcome
        return OrderOutcome(
            verdict=OrderVerdict.ACCEPTED,
            values=outcome.values,
            smart_charging=structs.replace(SAID, units=(RateUnit.WATT,)),
        )

    world = world_of(watts_alone)
    world.run(10)
    assert {order.form.unit for order in world.orders("CP-1", FailsafeOrder)} == {RateUnit.WATT}


def test_a_start_gate_is_believed_after_the_last_part_only() -> None:
    gate = StartGate()
    gate.want(wanted=True)
    first = OrderOutcome(verdict=OrderVerdict.ACCEPTED, values={GATE_KEYS[0]: "false"}, complete=False)
    gate.read_ended(first, NOW_US)
    assert not gate.shut
    assert gate.following == ReadConfiguration(READ_KEYS, first)
    last = OrderOutcome(verdict=OrderVerdict.ACCEPTED, values=dict.fromkeys(GATE_KEYS, "false"))
    gate.read_ended(last, NOW_US)
    assert gate.shut
    gate.booted()
    assert gate.following == ReadConfiguration(READ_KEYS)


def test_what_somebody_writes_between_two_parts_makes_the_first_one_out_of_date() -> None:
    """The second part alone would let a gate be believed that is open again."""
    values = dict.fromkeys(GATE_KEYS, "false")
    first, half = GATE_KEYS[0], len(GATE_KEYS) // 2

    def by_halves(order: StationOrder) -> OrderOutcome | None:
        match order:
            case ReadConfiguration() if order.keys:
                begun = order.so_far is not None
                keys = GATE_KEYS[half:] if begun else GATE_KEYS[:half]
                said = (order.so_far.values if order.so_far else {}) | {key: values[key] for key in keys}
                return OrderOutcome(verdict=OrderVerdict.ACCEPTED, values=said, complete=begun)
            case WriteConfiguration() if order.key in values:
                values[order.key] = order.value
                return None
            case FailsafeOrder():
                return UNSUPPORTED
            case _:
                return None

    station = FakeStation("CP-1", answers=by_halves, answer_s=1.0)
    world = World(station, FakeStation("CP-2"), config=site_config(rating_a=38.0))
    while not any(read.keys and read.so_far for read in world.orders("CP-1", ReadConfiguration)):
        world.run(0.1)
    values[first] = "true"
    world.tell(ConfigurationTouched("CP-1", world.now_us, (first,)))
    world.run(30)
    assert world.writes("CP-1") == [(first, "false")]
    assert values[first] == "false"
    assert world.last is not None
    assert world.last.gated == {"CP-1"}


def test_a_station_at_which_nobody_is_authorized_has_an_open_gate() -> None:
    """2.0.1 AuthCtrlr.Enabled."""
    gate = StartGate()
    gate.want(wanted=True)
    said = dict.fromkeys(GATE_KEYS, "false") | {"StartsUnauthorized": "true"}
    gate.read_ended(OrderOutcome(verdict=OrderVerdict.ACCEPTED, values=said), NOW_US)
    assert not gate.shut
    assert gate.following == WriteConfiguration("StartsUnauthorized", "false")
