"""A station that can't say all of itself at once is asked part by part, and nothing is believed before the last."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import structs

from csms.domain.control import (
    FailsafeOrder,
    OrderOutcome,
    OrderVerdict,
    RateUnit,
    ReadConfiguration,
    StationOrder,
    WriteConfiguration,
)
from csms.usecases.balancing.gate import GATE_KEYS, StartGate
from tests.csms.usecases.balancing.scripted import SAID, FakeStation, World

PARTS = 4


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
    gate.read_ended(first)
    assert not gate.shut
    assert gate.following == ReadConfiguration(GATE_KEYS, first)
    gate.read_ended(OrderOutcome(verdict=OrderVerdict.ACCEPTED, values=dict.fromkeys(GATE_KEYS, "false")))
    assert gate.shut
    gate.booted()
    assert gate.following == ReadConfiguration(GATE_KEYS)


def test_a_station_at_which_nobody_is_authorized_has_an_open_gate() -> None:
    """2.0.1 AuthCtrlr.Enabled."""
    gate = StartGate()
    gate.want(wanted=True)
    said = dict.fromkeys(GATE_KEYS, "false") | {"StartsUnauthorized": "true"}
    gate.read_ended(OrderOutcome(verdict=OrderVerdict.ACCEPTED, values=said))
    assert not gate.shut
    assert gate.following == WriteConfiguration("StartsUnauthorized", "false")
