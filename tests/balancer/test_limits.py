"""What circuits leave, what breaks them, and who may keep a failsafe."""

from __future__ import annotations

from typing import Any

import pytest

from balancer.limits import Violation, failsafe_check, headroom, violations, worst_base
from balancer.site import EvseKey, Site
from balancer.units import Amperes

A, B, C = (EvseKey(f"CP-{name}", 1) for name in "ABC")


def site(*, evses: list[dict[str, Any]] | None = None, max_power_w: float | None = None) -> Site:
    return Site.parse(
        {
            "id": "depot",
            "nodes": [
                {"id": "main", "rating_a": 63, "max_power_w": max_power_w, "meter": "grid"},
                {"id": "left", "parent": "main", "rating_a": {"L1": 32, "L2": 32, "L3": 16}},
                {"id": "right", "parent": "main", "rating_a": 32, "meter": "lights"},
            ],
            "meters": [
                {"id": "grid", "measures": "node_total", "fallback_a": {"L1": 40, "L2": 20, "L3": 10}},
                {"id": "lights", "measures": "other_loads", "fallback_a": 5},
            ],
            "evses": evses
            or [
                {"station": "CP-A", "node": "left"},
                {"station": "CP-B", "node": "right"},
                {"station": "CP-C", "node": "main", "rotation": ["L2"]},
            ],
        }
    )


def all_phases(ampere: float) -> Amperes:
    return (ampere, ampere, ampere)


def test_headroom_is_the_lower_of_rating_and_cap_less_base_and_exposures():
    left = headroom(
        site(),
        caps_a={"main": (50.0, 100.0, 50.0)},
        base_a={"main": (10.0, 20.0, 30.0), "right": (1.0, 0.0, 0.0)},
        exposures={A: (6.0, 6.0, 0.0), C: (0.0, 16.0, 0.0)},
    )
    assert left.free_a == {
        "main": (50.0 - 10.0 - 6.0, 63.0 - 20.0 - 6.0 - 16.0, 50.0 - 30.0),
        "left": (26.0, 26.0, 16.0),
        "right": (31.0, 32.0, 32.0),
    }
    assert left.free_w == {}


def test_headroom_is_never_negative():
    left = headroom(site(max_power_w=10_000), caps_a={}, base_a={"main": (70.0, 0.0, 0.0)}, exposures={})
    assert left.free_a["main"] == (0.0, 63.0, 63.0)
    assert left.free_w == {"main": 0.0}


def test_of_two_limits_on_power_the_lower_counts():
    limits = {"main": 5_000.0, "left": 2_300.0}
    left = headroom(site(max_power_w=10_000), {}, {}, {A: all_phases(2.0)}, caps_w=limits)
    assert left.free_w == {"main": 5_000.0 - 1_380.0, "left": 2_300.0 - 1_380.0}


def test_what_fits_breaks_nothing():
    assert (
        violations(site(), {}, {"main": all_phases(31.0)}, {A: (16.0, 16.0, 16.0), B: all_phases(16.0)}) == []
    )


def test_each_limit_that_is_exceeded_is_told_with_its_amperes():
    found = violations(
        site(),
        caps_a={"main": (63.0, 40.0, 63.0)},
        base_a={"main": (0.0, 10.0, 0.0)},
        exposures={A: (20.0, 20.0, 20.0), B: (16.0, 16.0, 16.0)},
        caps_w={"right": 10_000.0},
    )
    assert found == [
        Violation("main", 1, 6.0),
        Violation("left", 2, 4.0),
        Violation("right", None, pytest.approx(1_040.0)),  # type: ignore[list-item]
    ]


def test_rounding_is_no_violation():
    exposures = {A: all_phases(0.1), B: all_phases(0.2), C: (0.0, 62.7 + 1e-12, 0.0)}
    assert violations(site(), {}, {}, exposures) == []


def test_the_worst_base_load_is_what_the_meters_fall_back_to():
    assert worst_base(site()) == {
        "main": (40.0, 20.0, 10.0),
        "left": all_phases(0.0),
        "right": all_phases(5.0),
    }


def test_a_circuit_without_a_meter_has_what_is_below_it():
    nodes = [
        {"id": "main", "rating_a": 63},
        {"id": "one", "parent": "main", "rating_a": 32, "meter": "one"},
        {"id": "two", "parent": "main", "rating_a": 32, "meter": "two"},
    ]
    meters = [{"id": name, "measures": "other_loads", "fallback_a": 5} for name in ("one", "two")]
    found = worst_base(Site.parse({"id": "depot", "nodes": nodes, "meters": meters}))
    assert found["main"] == all_phases(10.0)


def test_a_site_whose_failsafes_fit_is_not_refused():
    check = failsafe_check(site(), {})
    assert check.broken == ()
    assert check.proposed_a == {A: 6.0, B: 6.0, C: 6.0}


def test_failsafes_go_by_priority_then_by_order():
    cars: list[dict[str, Any]] = [
        {"station": "CP-A", "node": "left"},
        {"station": "CP-B", "node": "left"},
        {"station": "CP-C", "node": "right", "priority": 1},
    ]
    check = failsafe_check(site(evses=cars), {"main": all_phases(63.0 - 13.0)})
    assert check.proposed_a == {A: 6.0, B: 0.0, C: 6.0}


def test_failsafes_that_do_not_fit_are_told():
    cars: list[dict[str, Any]] = [
        {"station": "CP-A", "node": "left", "failsafe_a": 10},
        {"station": "CP-B", "node": "left", "failsafe_a": 10},
    ]
    check = failsafe_check(site(evses=cars), {"left": (0.0, 0.0, 2.0)})
    assert check.broken == (Violation("left", 2, 6.0),)
    # What is proposed instead fits: the first keeps its 10 A, for the second there is not even 6 A.
    assert check.proposed_a == {A: 10.0, B: 0.0}


def test_who_can_not_keep_what_it_asks_for_may_keep_the_least():
    check = failsafe_check(
        site(evses=[{"station": "CP-A", "node": "left", "failsafe_a": 10}]), {"left": all_phases(8.0)}
    )
    assert check.proposed_a == {A: 6.0}
    assert check.broken == (Violation("left", 2, 2.0),)


def test_the_least_is_the_minimum_where_that_is_higher_and_never_above_the_maximum():
    cars: list[dict[str, Any]] = [
        {"station": "CP-A", "node": "left", "min_a": 8},
        {"station": "CP-B", "node": "left", "min_a": 0, "max_a": 5},
    ]
    assert failsafe_check(site(evses=cars), {}).proposed_a == {A: 8.0, B: 0.0}


def test_dc_keeps_what_it_asks_for_or_nothing():
    cars: list[dict[str, Any]] = [
        {"station": "CP-A", "node": "main", "supply": "DC", "max_power_w": 20_000, "failsafe_a": 4},
        {"station": "CP-B", "node": "main", "supply": "DC", "max_power_w": 20_000},
    ]
    assert failsafe_check(site(evses=cars), {}).proposed_a == {A: 4.0, B: 0.0}


def test_power_counts_too():
    # 8,700 W carry 12.6 A on three phases: two of three cars with 6 A; C draws on one phase only.
    check = failsafe_check(site(max_power_w=8_700), {})
    assert check.proposed_a == {A: 6.0, B: 6.0, C: 0.0}
    assert violations(site(max_power_w=8_700), {}, {}, {A: all_phases(13.0)})[-1].phase is None


def test_the_european_trace_site_keeps_twelve():
    # control.md "Failsafe": 250 A less 177.5 A of worst base load leave 72.5 A; 52 of 6 A would be 312 A.
    evses: list[dict[str, Any]] = [
        {"station": f"CP-{number:02}", "node": "main", "failsafe_a": 6} for number in range(52)
    ]
    check = failsafe_check(
        Site.parse({"id": "eu", "nodes": [{"id": "main", "rating_a": 250}], "evses": evses}),
        {"main": all_phases(177.5)},
    )
    assert check.broken == tuple(Violation("main", phase, 312.0 - 72.5) for phase in range(3))
    assert sum(ampere > 0 for ampere in check.proposed_a.values()) == 12
