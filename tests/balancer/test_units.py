"""Three amperes at a time."""

from __future__ import annotations

import pytest

from balancer.units import add, floor_to_step, highest, lowest, on_phases


def test_amperes_are_added_and_compared_phase_by_phase():
    first, second = (1.0, 5.0, 3.0), (4.0, 2.0, 3.0)
    assert add(first, second) == (5.0, 7.0, 6.0)
    assert highest(first, second) == (4.0, 5.0, 3.0)
    assert lowest(first, second) == (1.0, 2.0, 3.0)


def test_a_current_flows_on_the_phases_in_use():
    assert on_phases(16.0, (True, False, True)) == (16.0, 0.0, 16.0)
    assert on_phases(16.0, (False, True, False)) == (0.0, 16.0, 0.0)


@pytest.mark.parametrize(
    ("current_a", "step_a", "floored_a"),
    [
        (8.19, 0.1, 8.1),
        (8.1, 0.1, 8.1),
        (0.30000000000000004, 0.1, 0.3),
        (5.99999999999, 0.1, 6.0),
        (31.9, 1.0, 31.0),
    ],
)
def test_rounding_down_keeps_what_is_a_multiple_but_for_noise(
    current_a: float, step_a: float, floored_a: float
):
    assert floor_to_step(current_a, step_a) == floored_a
