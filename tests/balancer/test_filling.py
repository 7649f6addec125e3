"""Taking in order is one after the other, whatever rounds it takes."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from balancer.filling import ROOM_A, Entries, fill, hand_out, take_in_order

ROWS = 4
cars_in_rows = st.lists(
    st.tuples(st.sets(st.integers(0, ROWS - 1), min_size=1), st.integers(1, 6)), max_size=8
)


def entries_of(cars: list[tuple[set[int], int]]) -> Entries:
    pairs = [(car, row, take) for car, (rows, take) in enumerate(cars) for row in sorted(rows)]
    return Entries(
        np.array([pair[0] for pair in pairs], dtype=np.int64),
        np.array([pair[1] for pair in pairs], dtype=np.int64),
        np.array([pair[2] for pair in pairs], dtype=np.float64),
    )


@given(
    cars=cars_in_rows,
    slack=st.lists(st.integers(0, 15), min_size=ROWS, max_size=ROWS),
    order=st.permutations(range(8)),
)
def test_taking_in_order_is_one_after_the_other(
    cars: list[tuple[set[int], int]], slack: list[int], order: list[int]
):
    ranks = np.array([order[index] for index in range(len(cars))], dtype=np.int64)
    entries = entries_of(cars)
    left = np.array(slack, dtype=np.float64)
    taken = take_in_order(entries, entries.coefficient, left, ranks)
    expected = [float(one) for one in slack]
    for index in sorted(range(len(cars)), key=lambda index: order[index]):
        rows, take = cars[index]
        fits = all(expected[row] >= take for row in rows)
        assert bool(taken[index]) == fits
        for row in rows if fits else ():
            expected[row] -= take
    assert left.tolist() == expected


def test_more_rows_than_sixteen_bits_count_are_sorted_too():
    entries = entries_of([({0}, 3), ({0}, 3)])
    slack = np.full(70_000, 4.0)
    assert take_in_order(entries, entries.coefficient, slack, np.array([1, 0])).tolist() == [False, True]


def test_filling_blames_the_first_row_that_binds_and_reduces_what_is_left():
    entries = entries_of([({0, 1}, 1), ({1}, 1)])
    slack = np.array([4.0, 20.0])
    floors, ceilings = np.array([6.0, 6.0]), np.array([32.0, 12.0])
    currents, bottlenecks = fill(entries, slack, np.ones(2), floors, ceilings)
    assert currents.tolist() == [10.0, 12.0]
    assert bottlenecks.tolist() == [0, -1]
    assert slack.tolist() == [0.0, 10.0]


def test_who_can_not_rise_takes_no_part():
    currents, bottlenecks = fill(
        entries_of([({0}, 1), ({0}, 1)]),
        np.array([4.0]),
        np.ones(2),
        np.array([6.0, 6.0]),
        np.array([6.0, 9.0]),
    )
    assert currents.tolist() == [6.0, 9.0]
    assert bottlenecks.tolist() == [-1, -1]


def test_a_row_without_room_leaves_everybody_at_the_floor():
    currents, bottlenecks = fill(
        entries_of([({0}, 1), ({0}, 1)]), np.zeros(1), np.ones(2), np.array([6.0, 8.0]), np.array([9.0, 9.0])
    )
    assert currents.tolist() == [6.0, 8.0]
    assert bottlenecks.tolist() == [0, 0]


def test_handing_out_ends_when_nobody_can_have_another_step():
    entries = entries_of([({0}, 1), ({0}, 1)])
    slack = np.array([2.3])
    given = hand_out(entries, slack, np.array([0.5, 0.1]), np.array([9, 100]), np.array([0, 1]))
    assert 0.5 * given[0] + 0.1 * given[1] <= 2.3 + ROOM_A
    assert slack[0] < 0.1


def test_nobody_is_handed_more_than_there_is_room_for():
    given = hand_out(entries_of([({0}, 1)]), np.array([9.0]), np.array([0.5]), np.array([3]), np.array([0]))
    assert given.tolist() == [3]
