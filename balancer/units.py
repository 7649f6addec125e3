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

DC_EFFICIENCY = 0.9
"""Output over input power of a DC charger that nobody told it of: the worst that is usual."""


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


def dc_input_current_a(power_w: float, voltage_v: float, efficiency: float | None = None) -> float:
    """Return the AC current per phase that a DC charger draws for an output of `power_w`.

    P / (√3 · line voltage · 0.95) / efficiency (control.md "Running limit and lease"); `voltage_v` is phase to
    neutral, √3 of it times √3 is 3.
    """
    return power_w / (3 * voltage_v * LINE_POWER_FACTOR) / (efficiency or DC_EFFICIENCY)


def dc_output_power_w(current_a: float, voltage_v: float, efficiency: float | None = None) -> float:
    """Return the output at which a DC charger draws `current_a` per phase; undoes `dc_input_current_a`."""
    return current_a * 3 * voltage_v * LINE_POWER_FACTOR * (efficiency or DC_EFFICIENCY)
