"""A site is read whole or refused with every reason at once."""

from __future__ import annotations

import copy
import dataclasses
import json
import math
import tomllib
from typing import Any, get_args

import pytest

from balancer.site import Evse, EvseKey, Meter, Node, Site, SiteError, StrategyName
from balancer.strategies import STRATEGIES
from balancer.units import dc_input_current_a, dc_output_power_w

# The REST contract's example, with two boards and a DC charger besides.
DEPOT: dict[str, Any] = {
    "id": "depot",
    "name": "Depot",
    "timezone": "Europe/Berlin",
    "nominal_voltage_v": 230,
    "mode": "enforce",
    "strategy": "priority",
    "nodes": [
        {
            "id": "main",
            "parent": None,
            "rating_a": {"L1": 250, "L2": 250, "L3": 200},
            "max_power_w": 150_000,
            "meter": "grid",
        },
        {"id": "board", "parent": "main", "rating_a": 63},
    ],
    "meters": [
        {
            "id": "grid",
            "measures": "node_total",
            "max_age_s": 10,
            "fallback_a": {"L1": 178, "L2": 146, "L3": 162},
        }
    ],
    "evses": [
        {
            "station": "CP-1",
            "evse": 1,
            "node": "board",
            "supply": "AC",
            "phases": 3,
            "rotation": ["L1", "L2", "L3"],
            "min_a": 6,
            "max_a": 32,
            "step_a": 0.1,
            "failsafe_a": 6,
            "priority": 2,
            "weight": 1.5,
            "exclusive_group": "post",
            "max_power_w": None,
            "efficiency": None,
        },
        {
            "station": "CP-2",
            "evse": 1,
            "node": "main",
            "supply": "DC",
            "max_power_w": 50_000,
            "efficiency": 0.95,
        },
    ],
}


def depot() -> dict[str, Any]:
    return copy.deepcopy(DEPOT)


def problems(data: object) -> dict[str, str]:
    with pytest.raises(SiteError) as caught:
        Site.parse(data)  # type: ignore[arg-type]
    assert all(path in str(caught.value) for path, _ in caught.value.problems)
    return dict(caught.value.problems)


def paths_of(**changes: Any) -> set[str]:
    """The problems of a site with one AC EVSE like the depot's that differs by `changes`."""
    data = depot()
    data["evses"] = [{**data["evses"][0], **changes}]
    return set(problems(data))


def test_a_site_is_read_with_all_it_says():
    site = Site.parse(DEPOT)
    main, board = site.nodes
    assert (site.id, site.name, site.timezone, site.mode, site.strategy) == (
        *("depot", "Depot", "Europe/Berlin", "enforce", "priority"),
    )
    assert main.rating_a == (250.0, 250.0, 200.0)
    assert main.max_power_w == 150_000
    assert board.rating_a == (63.0, 63.0, 63.0)
    assert site.meters[0].fallback_a == (178.0, 146.0, 162.0)
    first = site.evse(EvseKey("CP-1", 1))
    assert (first.rotation, first.failsafe_a, first.priority, first.weight) == ((0, 1, 2), 6.0, 2, 1.5)


def test_what_is_left_out_has_a_default():
    site = Site.parse(
        {
            "id": "small",
            "nodes": [{"id": "main", "rating_a": 25}],
            "evses": [{"station": "CP-1", "node": "main"}],
        }
    )
    assert (site.name, site.timezone, site.mode, site.strategy) == ("small", "UTC", "observe", "fair")
    assert site.evses == (Evse(key=EvseKey("CP-1", 1), node="main", rotation=(0, 1, 2)),)


def test_writing_and_reading_again_changes_nothing():
    site = Site.parse(DEPOT)
    assert Site.parse(json.loads(json.dumps(site.to_json()))) == site


def test_toml_is_as_good():
    text = """
        id = "depot"
        [[nodes]]
        id = "main"
        rating_a = {L1 = 63, L2 = 63, L3 = 50.0}
        [[evses]]
        station = "CP-1"
        node = "main"
        rotation = "STR"
    """
    site = Site.parse(tomllib.loads(text))
    assert site.nodes[0].rating_a == (63.0, 63.0, 50.0)
    assert site.evses[0].rotation == (1, 2, 0)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("RST", (0, 1, 2)),
        ("TRS", (2, 0, 1)),
        (["L3", "L2", "L1"], (2, 1, 0)),
        (["L2"], (1,)),
        ("T", (2,)),
        (["L1", "L3"], (0, 2)),
    ],
)
def test_rotations_come_as_lists_and_as_letters(written: object, read: tuple[int, ...]):
    data = depot()
    data["evses"] = [{"station": "CP-1", "node": "main", "rotation": written}]
    assert Site.parse(data).evses[0].rotation == read


@pytest.mark.parametrize("written", ["R1", "RSTR", "RR", "", [], ["L1", "L1"], ["L4"], 3, ["L1", 2]])
def test_rotations_that_say_nothing_are_refused(written: object):
    assert "rotation" in next(iter(paths_of(rotation=written, phases=None)))


def test_a_single_phase_evse_names_its_phase():
    assert paths_of(phases=1, rotation=None) == {"evses[0].rotation"}
    assert paths_of(phases=1) == {"evses[0].rotation"}
    assert paths_of(phases=4) == {"evses[0].phases"}


def test_every_problem_is_told_at_once_with_its_place():
    found = problems(
        {
            "id": "a/b",
            "name": 5,
            "timezone": "Europe",
            "nominal_voltage_v": 23_000,
            "mode": "on",
            "strategy": "best",
            "nods": [],
            "nodes": [
                {"id": "main", "rating_a": {"L1": -1, "L2": 63, "L4": 63}, "max_power_w": 0},
                {"id": "main", "parent": "roof", "rating_a": 200_000, "meter": "roof"},
                {"id": "dead", "rating_a": {"L1": 0}, "meter": "grid"},
                {"id": "none", "parent": 7, "meter": "grid"},
                "board",
            ],
            "meters": [
                {"id": "grid", "fallback_a": math.nan, "max_age_s": -1},
                {"id": "grid", "measures": "all", "fallback_a": "much"},
            ],
            "evses": [
                {"station": "CP-1", "node": "attic", "evse": 0, "min_a": 20, "max_a": 16, "failsafe_a": 17},
                {"station": "CP-1", "node": "main", "evse": 0, "step_a": 0, "weight": 0, "supply": "HV"},
                {"station": "CP-3", "node": "dead", "priority": 1.5, "max_a": True, "evse": "one"},
                {"node": "main", "max_power_w": 7_000, "efficiency": 1},
            ],
        }
    )
    assert found.keys() == {
        *("id", "name", "timezone", "nominal_voltage_v", "mode", "strategy", "nods"),
        *("nodes[0].rating_a.L1", "nodes[0].rating_a.L4", "nodes[0].max_power_w"),
        *("nodes[1].id", "nodes[1].parent", "nodes[1].meter"),
        *("nodes[1].rating_a.L1", "nodes[1].rating_a.L2", "nodes[1].rating_a.L3"),
        *("nodes[2].rating_a", "nodes[3].parent", "nodes[3].rating_a", "nodes[3].meter", "nodes[4]"),
        *("meters[0].measures", "meters[0].max_age_s", "meters[1].id", "meters[1].measures"),
        *("meters[0].fallback_a.L1", "meters[0].fallback_a.L2", "meters[0].fallback_a.L3"),
        "meters[1].fallback_a",
        *("evses[0].node", "evses[0].evse", "evses[0].min_a", "evses[0].failsafe_a"),
        *("evses[1]", "evses[1].evse", "evses[1].step_a", "evses[1].weight", "evses[1].supply"),
        *("evses[2].priority", "evses[2].max_a", "evses[2].evse", "evses[2].rotation"),
        *("evses[3].station", "evses[3].max_power_w", "evses[3].efficiency"),
    }
    assert found["nods"] == "is unknown; did you mean 'nodes'?"
    assert found["nodes[0].rating_a.L4"].startswith("is unknown; known are L1")
    assert "'main' is taken by nodes[0]" in found["nodes[1].id"]


def test_a_rating_that_no_circuit_has_is_a_slip_of_the_unit():
    def rated(rating_a: float) -> dict[str, object]:
        return {"id": "depot", "nodes": [{"id": "main", "rating_a": rating_a}]}

    assert Site.parse(rated(10_000)).nodes[0].rating_a == (10_000.0, 10_000.0, 10_000.0)
    found = problems(rated(10_001))
    assert found["nodes[0].rating_a.L1"] == "must be from 0 to 10000"
    assert len(found) == 3


def test_an_unknown_member_like_no_other_is_told_all_that_are():
    assert problems({**DEPOT, "zzz": 1})["zzz"].startswith("is unknown; known are evses, id, meters")


@pytest.mark.parametrize("data", [[], "depot", None])
def test_what_is_no_object_is_no_site(data: object):
    assert "site" in problems(data)


@pytest.mark.parametrize("nodes", ["main", {"id": "main"}, 3, []])
def test_a_site_needs_a_list_of_nodes(nodes: object):
    assert problems({"id": "depot", "nodes": nodes}).keys() == {"nodes"}


def test_circuits_that_feed_themselves_are_told_once():
    def node(name: str, parent: str | None) -> dict[str, object]:
        return {"id": name, "parent": parent, "rating_a": 63}

    nodes = [node("a", "c"), node("b", "a"), node("c", "b"), node("hangs", "a"), node("own", "own")]
    found = problems({"id": "depot", "nodes": nodes})
    assert found == {
        "nodes[0].parent": "feeds itself: a → c → b → a",
        "nodes[4].parent": "feeds itself: own → own",
    }


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"station": "."}, "evses[0].station"),
        ({"station": "x" * 49}, "evses[0].station"),
        ({"min_a": -1}, "evses[0].min_a"),
        ({"max_a": math.inf}, "evses[0].max_a"),
        ({"failsafe_a": 33}, "evses[0].failsafe_a"),
        ({"step_a": -0.1}, "evses[0].step_a"),
        ({"step_a": math.nan}, "evses[0].step_a"),
        ({"weight": 1e9}, "evses[0].weight"),
        ({"supply": "DC"}, "evses[0].max_power_w"),
    ],
)
def test_an_evse_that_can_not_be_is_refused(change: dict[str, object], path: str):
    assert path in paths_of(**change)


def test_dc_has_three_phases_no_least_current_and_a_power():
    dc: dict[str, Any] = {"supply": "DC", "max_power_w": 50_000, "min_a": 0, "exclusive_group": None}
    assert paths_of(**dc, rotation=["L1"], phases=1) == {"evses[0].rotation"}
    assert paths_of(**{**dc, "min_a": 6}) == {"evses[0].min_a"}
    assert "evses[0].max_power_w" in paths_of(**{**dc, "max_power_w": -1})
    assert paths_of(**dc, efficiency=0.2) == {"evses[0].efficiency"}


def test_the_current_of_dc_is_computed_from_its_power():
    dc = Site.parse(DEPOT).evse(EvseKey("CP-2", 1))
    # 50 kW / 0.95 at a power factor of 0.95 over three phases of 230 V
    assert dc.max_a == pytest.approx(80.29, abs=0.01)
    assert dc.min_a == 0.0
    assert dc_output_power_w(dc.max_a, 230.0, 0.95) == pytest.approx(50_000)
    # Nobody said how good it is: the worst that is usual.
    assert dc_input_current_a(50_000, 230.0) > dc.max_a


def test_a_dc_evse_may_be_limited_below_its_power():
    data = depot()
    data["evses"][1]["max_a"] = 40
    assert Site.parse(data).evses[1].max_a == 40


def test_a_site_made_in_python_is_checked_the_same_way():
    node = Node(id="main", parent=None, rating_a=(63.0, 63.0, 63.0))
    evse = Evse(key=EvseKey("CP-1", 1), node="main", rotation=())
    with pytest.raises(SiteError, match=r"evses\[0\].rotation"):
        Site(id="depot", name="", nodes=(node,), evses=(evse,))
    with pytest.raises(SiteError, match=r"evses\[0\].rotation"):
        Site(id="depot", name="", nodes=(node,), evses=(dataclasses.replace(evse, rotation=(0, 3)),))
    with pytest.raises(SiteError, match=r"mode: is one of observe, enforce"):
        Site(id="depot", name="", nodes=(node,), mode="on")  # type: ignore[arg-type]
    with pytest.raises(SiteError, match=r"meters\[0\].id"):
        Site(
            id="depot",
            name="",
            nodes=(node,),
            meters=(Meter(id="", measures="other_loads", fallback_a=(0, 0, 0)),),
        )


@pytest.mark.parametrize("zone", ["", "Berlin", "../etc/passwd", "Europe"])
def test_a_time_zone_that_is_none_is_refused(zone: str):
    assert problems({**DEPOT, "timezone": zone}).keys() == {"timezone"}


def test_paths_and_what_hangs_below():
    site = Site.parse(DEPOT)
    first, second = site.evses
    assert site.path("board") == ("board", "main")
    assert site.path("main") == ("main",)
    assert site.below("main") == (first, second)
    assert site.below("board") == (first,)
    assert site.node("board").parent == "main"
    with pytest.raises(KeyError):
        site.node("attic")


def hanging(count: int) -> dict[str, Any]:
    """Return a site of nodes each of which hangs on the one before."""
    nodes = [{"id": f"n{n}", "parent": f"n{n - 1}" if n else None, "rating_a": 63} for n in range(count)]
    return {"id": "deep", "nodes": nodes}


def test_a_forest_may_be_deep_and_not_without_end():
    assert len(Site.parse(hanging(100)).path("n99")) == 100
    assert problems(hanging(2_000)) == {"nodes[100].parent": "hangs below more than 99 others"}


def test_depth_counts_whatever_the_order_of_the_nodes():
    turned = hanging(101)
    turned["nodes"].reverse()
    assert problems(turned) == {"nodes[0].parent": "hangs below more than 99 others"}


def test_a_long_ring_is_shown_in_part():
    ring = hanging(5_000)
    ring["nodes"][0]["parent"] = "n4999"
    message = problems(ring)["nodes[0].parent"]
    assert message.startswith("feeds itself: n0 → n4999 → ")
    assert (len(message) < 300, message.endswith("→ …")) == (True, True)


@pytest.mark.parametrize("record", [{}, {f"odd{n}": n for n in range(50)}, 7])
def test_what_is_wrong_all_over_is_not_read_to_its_end(record: object):
    assert 1_000 <= len(problems({"id": "x", "nodes": [record] * 5_000, "evses": [record] * 5_000})) < 4_000


def test_unknown_members_without_end_are_not_all_told():
    assert len(problems({f"odd{n}": n for n in range(5_000)})) < 1_100


def test_a_site_may_name_each_strategy_that_there_is_and_no_other():
    assert set(get_args(StrategyName)) == STRATEGIES.keys()
