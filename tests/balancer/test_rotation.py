"""Turns: who is next, who stays, and what becomes of them."""

from __future__ import annotations

import dataclasses
import itertools
import math
from typing import Any

import numpy as np
import pytest

from balancer.allocation import Grant, Reason, ReasonKind, allocate
from balancer.rotation import RotationRules, next_turn, places, rests_until_s
from balancer.site import EvseKey, Site
from balancer.snapshot import Session, Snapshot, Turn

NOW_S = 10_000.0
RULES = RotationRules()


def car(name: str = "CP-A", turn: Turn = Turn(), **changes: Any) -> Session:  # noqa: B008 - frozen
    session = Session(
        evse=EvseKey(name, 1), transaction=name, started_s=0.0, phases=(True, True, True), turn=turn
    )
    return dataclasses.replace(session, **changes)


def charging(ago_s: float, queued_ago_s: float | None = None) -> Turn:
    return Turn(
        charging_since_s=NOW_S - ago_s,
        queued_since_s=None if queued_ago_s is None else NOW_S - queued_ago_s,
    )


def waiting(ago_s: float, *, paused: bool = False) -> Turn:
    return Turn(waiting_since_s=NOW_S - ago_s, paused=paused)


def moment(*cars: Session, free_a: float = 6.0, groups: tuple[str | None, ...] = ()) -> Snapshot:
    site = Site.parse(
        {
            "id": "depot",
            "nodes": [{"id": "main", "rating_a": 63}],
            "evses": [
                {"station": one.evse.station, "node": "main", "exclusive_group": group}
                for one, group in itertools.zip_longest(cars, groups)
            ],
        }
    )
    return Snapshot(
        site=site, now_s=NOW_S, sessions=cars, free_a={"main": (free_a, free_a, free_a)}, free_w={}
    )


def grants(snapshot: Snapshot, strategy: str = "fair") -> dict[str, Grant]:
    return {key.station: grant for key, grant in allocate(snapshot, strategy).grants.items()}


def who_charges(snapshot: Snapshot, strategy: str = "fair") -> set[str]:
    return {name for name, grant in grants(snapshot, strategy).items() if grant.limit_a > 0}


@pytest.mark.parametrize(
    ("quantum_s", "min_on_s", "min_off_s"),
    [
        (900.0, 901.0, 0.0),
        (900.0, -1.0, 0.0),
        (math.nan, 0.0, 0.0),
        (900.0, 600.0, math.inf),
        (9.0, 6.0, -1.0),
    ],
)
def test_rules_that_contradict_each_other_are_refused(quantum_s: float, min_on_s: float, min_off_s: float):
    with pytest.raises(ValueError, match="min_on_s"):
        RotationRules(quantum_s=quantum_s, min_on_s=min_on_s, min_off_s=min_off_s)


def test_places_say_who_is_protected_who_has_spent_its_turn_and_who_came_first():
    found = places(
        [Turn(), waiting(500.0), charging(100.0), charging(700.0, 900.0), charging(1_000.0)], NOW_S, RULES
    )
    assert found.charging.tolist() == [False, False, True, True, True]
    assert found.protected.tolist() == [False, False, True, False, False]
    assert found.spent.tolist() == [False, False, False, False, True]
    np.testing.assert_allclose(found.tickets[:4], NOW_S - np.array([0.0, 500.0, 100.0, 900.0]))
    np.testing.assert_allclose(found.ends_s - NOW_S, [900.0, 900.0, 800.0, 200.0, -100.0])


# --- what becomes of a turn


def test_a_turn_begins_and_remembers_since_when_it_was_waited_for():
    assert next_turn(car(turn=waiting(400.0)), granted=True, now_s=NOW_S) == charging(0.0, 400.0)
    assert next_turn(car(), granted=True, now_s=NOW_S) == charging(0.0)


def test_a_turn_goes_on_while_it_charges():
    turn = charging(400.0, 500.0)
    assert next_turn(car(turn=turn), granted=True, now_s=NOW_S) == turn


def test_who_is_paused_waits_anew_and_rests_first():
    turn = next_turn(car(turn=charging(1_000.0)), granted=False, now_s=NOW_S)
    assert turn == waiting(0.0, paused=True)
    assert rests_until_s(turn, NOW_S, RULES) == NOW_S + 300.0
    assert rests_until_s(turn, NOW_S + 300.0, RULES) is None


def test_who_never_charged_waits_without_rest():
    turn = next_turn(car(), granted=False, now_s=NOW_S)
    assert turn == waiting(0.0)
    assert rests_until_s(turn, NOW_S, RULES) is None
    assert next_turn(car(turn=turn), granted=False, now_s=NOW_S + 60.0) == turn


def test_who_wants_nothing_has_no_turn():
    assert next_turn(car(turn=charging(100.0), demand_a=0.0), granted=False, now_s=NOW_S) == Turn()


# --- who charges when there is room for one


def test_the_longest_waiting_comes_when_a_turn_is_over():
    found = grants(
        moment(car("CP-A", charging(900.0)), car("CP-B", waiting(100.0)), car("CP-C", waiting(800.0)))
    )
    assert {name: grant.limit_a for name, grant in found.items()} == {"CP-A": 0.0, "CP-B": 0.0, "CP-C": 6.0}
    # The new one has its turn until then; CP-B is next, for CP-A came to wait just now.
    assert found["CP-B"].reason == Reason(ReasonKind.WAITING, "main", 0, until_s=NOW_S + 900.0)
    assert found["CP-A"].reason == Reason(ReasonKind.WAITING, "main", 0, until_s=NOW_S + 1_800.0)


def test_nobody_is_paused_in_the_middle_of_a_turn():
    found = grants(moment(car("CP-A", charging(899.0)), car("CP-B", waiting(100.0))))
    assert found["CP-A"].limit_a == 6.0
    assert found["CP-B"].reason.until_s == NOW_S + 1.0


def test_a_turn_that_is_over_goes_on_where_nobody_waits():
    assert who_charges(moment(car("CP-A", charging(5_000.0)))) == {"CP-A"}


def test_of_two_whose_turns_are_over_the_longer_charging_one_makes_room():
    cars = (car("CP-A", charging(1_000.0)), car("CP-B", charging(2_000.0)), car("CP-C", waiting(10.0)))
    assert who_charges(moment(*cars, free_a=12.0)) == {"CP-A", "CP-C"}


def test_nobody_can_say_until_when_one_waits_whom_the_circuit_can_not_carry():
    cars = (car("CP-A", charging(1_000.0)), car("CP-B", waiting(10.0), min_a=8.0))
    found = grants(moment(*cars, free_a=6.0))
    assert found["CP-A"].limit_a == 6.0
    assert found["CP-B"].reason == Reason(ReasonKind.WAITING, "main", 0)


def test_a_circuit_that_carries_nobody_is_named_and_nobody_waits_for_a_turn():
    found = grants(moment(car("CP-A"), car("CP-B", charging(10.0)), free_a=5.9))
    full = Grant(0.0, Reason(ReasonKind.NODE, "main", 0))
    assert found == {"CP-A": full, "CP-B": full}


def test_who_was_paused_rests_even_where_there_is_room():
    found = grants(moment(car("CP-A", waiting(100.0, paused=True)), free_a=32.0))
    assert found["CP-A"] == Grant(0.0, Reason(ReasonKind.WAITING, until_s=NOW_S + 200.0, source="rest"))
    assert who_charges(moment(car("CP-A", waiting(300.0, paused=True)), free_a=32.0)) == {"CP-A"}


def test_who_overtook_a_bigger_one_keeps_its_minimum_time_and_then_gives_way():
    big = car("CP-BIG", waiting(1_200.0), min_a=12.0)
    late = (car("CP-A", charging(500.0, 600.0)), car("CP-B", charging(700.0, 800.0)))
    found = grants(moment(big, *late, free_a=12.0))
    assert found["CP-A"].limit_a == 6.0
    # CP-A began 500 s ago and came later: it stays 100 s more.
    assert found["CP-BIG"].reason.until_s == NOW_S + 100.0
    older = (car("CP-A", charging(600.0, 700.0)), car("CP-B", charging(700.0, 800.0)))
    assert who_charges(moment(big, *older, free_a=12.0)) == {"CP-BIG"}


def test_while_the_first_in_the_queue_is_overtaken_nobody_behind_it_begins():
    big = car("CP-BIG", waiting(1_200.0), min_a=12.0)
    cars = (big, car("CP-A", charging(500.0, 600.0)), car("CP-C", waiting(50.0)))
    # There is room for CP-C beside CP-A, but then it would keep CP-BIG out when CP-A may be paused.
    found = grants(moment(*cars, free_a=12.0))
    assert {name for name, grant in found.items() if grant.limit_a > 0} == {"CP-A"}
    assert found["CP-C"].reason.kind is ReasonKind.WAITING


def test_a_car_that_must_not_overtake_is_not_said_to_be_shut_out_by_its_group_which_is_idle():
    """Found by chance."""
    big = car("CP-BIG", waiting(1_200.0), min_a=12.0)
    cars = (big, car("CP-A", charging(500.0, 600.0)), car("CP-C", waiting(50.0)))
    found = grants(moment(*cars, free_a=12.0, groups=("g", None, "g")))
    assert {name for name, grant in found.items() if grant.limit_a > 0} == {"CP-A"}
    assert found["CP-C"].reason.kind is ReasonKind.WAITING
    assert found["CP-C"].reason.node == "main"


# --- classes


def test_a_higher_priority_is_admitted_first_and_takes_no_turns_with_lower_ones():
    cars = (car("CP-A", charging(10.0)), car("CP-B", waiting(5.0), priority=1))
    found = grants(moment(*cars), "priority")
    assert found["CP-B"].limit_a == 6.0
    assert found["CP-A"].reason == Reason(ReasonKind.WAITING, "main", 0)


def test_under_first_come_nobody_takes_turns():
    cars = (car("CP-A", charging(5_000.0), started_s=5.0), car("CP-B", waiting(4_000.0), started_s=6.0))
    found = grants(moment(*cars), "first_come")
    assert found["CP-A"].limit_a == 6.0
    assert found["CP-B"].reason == Reason(ReasonKind.WAITING, "main", 0)


# --- exclusive groups


def test_of_a_group_the_one_that_charges_keeps_its_turn():
    cars = (car("CP-A", waiting(100.0)), car("CP-B", charging(500.0)))
    found = grants(moment(*cars, free_a=63.0, groups=("post",) * len(cars)))
    assert found["CP-B"].limit_a == 32.0
    assert found["CP-A"] == Grant(0.0, Reason(ReasonKind.EXCLUSIVE, until_s=NOW_S + 400.0))


def test_a_group_takes_turns():
    cars = (car("CP-A", waiting(100.0)), car("CP-B", charging(900.0)))
    assert who_charges(moment(*cars, free_a=63.0, groups=("post",) * len(cars))) == {"CP-A"}


def test_alone_in_a_group_is_as_good_as_without():
    cars = (car("CP-A"), car("CP-B", demand_a=0.0))
    assert who_charges(moment(*cars, free_a=63.0, groups=("post",) * len(cars))) == {"CP-A"}


def test_a_car_without_minimum_does_not_hold_its_group_for_nothing():
    # With 1 A steps it could only be told 0 A: the other one is let in.
    cars = (
        car("CP-A", min_a=0.0, step_a=1.0, demand_a=0.5, turn=waiting(100.0)),
        car("CP-B", min_a=0.0, step_a=1.0, turn=waiting(10.0)),
    )
    found = grants(moment(*cars, free_a=63.0, groups=("post",) * len(cars)))
    assert found["CP-A"] == Grant(0.0, Reason(ReasonKind.DEMAND_MET))
    assert found["CP-B"].limit_a == 32.0
