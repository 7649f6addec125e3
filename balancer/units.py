"""Phases, amperes and what a charger does with them; the words that everything here shares."""

from __future__ import annotations

import math

PHASES = ("L1", "L2", "L3")
"""The site's phases; everywhere in this package three amperes stand in this order."""

Amperes = tuple[float, float, float]
"""A current or a limit on each of the site's phases, in amperes."""

PhaseUse = tuple[bool, bool, bool]
"""Which of the site's phases something is wired to or draws on."""

NO_AMPERES: Amperes = (0.0, 0.0, 0.0)

EPSILON_A = 1e-6
"""Currents that differ by less are the same: far below any meter, far above the rounding of sums."""

LINE_POWER_FACTOR = 0.95
"""What the AC side of a DC charger is assumed to have (control.md "Running limit and lease")."""


def on_phases(current_a: float, phases: PhaseUse) -> Amperes:
    """Return `current_a` on each of `phases` and nothing on the others."""
    return (
        current_a if phases[0] else 0.0,
        current_a if phases[1] else 0.0,
        current_a if phases[2] else 0.0,
    )


def add(first: Amperes, second: Amperes) -> Amperes:
    """Return the sum, phase by phase."""
    return (first[0] + second[0], first[1] + second[1], first[2] + second[2])


def highest(first: Amperes, second: Amperes) -> Amperes:
    """Return the higher of both, phase by phase."""
    return (max(first[0], second[0]), max(first[1], second[1]), max(first[2], second[2]))


def lowest(first: Amperes, second: Amperes) -> Amperes:
    """Return the lower of both, phase by phase."""
    return (min(first[0], second[0]), min(first[1], second[1]), min(first[2], second[2]))


def floor_to_step(current_a: float, step_a: float) -> float:
    """Return the greatest multiple of `step_a` not above `current_a` (nor more than rounding noise above it).

    The result is the float nearest to the decimal multiple, so that 0.1 A steps print with one decimal.
    """
    steps = math.floor(current_a / step_a + 1e-9)
    return round(steps * step_a, 6)
