"""Caps and meters' readings over REST, on real sites and a real store."""

from __future__ import annotations

from typing import Any

import pytest

from tests.csms.api.world import SITES, World
from tests.csms.http.app import problem_of

pytestmark = pytest.mark.anyio
DEPOT = f"{SITES}/depot"


# --- caps


async def test_a_cap_limits_a_node_until_it_is_removed(world: World):
    await world.add()
    cap = await world.http.put(
        f"{DEPOT}/nodes/main/cap",
        json={"limit_a": 40, "until": "2099-01-01T01:00:00+01:00", "reason": "kitchen"},
    )
    assert cap.status_code == 200
    shown = cap.json()
    assert shown.pop("at").endswith("Z")
    assert shown == {
        "node": "main",
        "source": "operator",
        "limit_a": {"L1": 40.0, "L2": 40.0, "L3": 40.0},
        "limit_w": None,
        "until": "2099-01-01T00:00:00.000Z",
        "reason": "kitchen",
    }
    await world.eventually("depot", limit_a={"L1": 40.0, "L2": 40.0, "L3": 40.0}, cap_source="operator")
    assert (await world.http.delete(f"{DEPOT}/nodes/main/cap")).status_code == 204
    await world.eventually("depot", limit_a={"L1": 63.0, "L2": 63.0, "L3": 63.0}, cap_source=None)
    problem_of(await world.http.delete(f"{DEPOT}/nodes/main/cap"), "not-found", 404)


async def test_a_newer_cap_replaces_the_last_one_and_none_lifts_the_rating(world: World):
    await world.add()
    for body in (
        {"limit_a": 10},
        {"limit_a": {"L2": 30}, "limit_w": 9000},
        {"limit_a": {"L2": 30, "L3": 900}},
    ):
        assert (await world.http.put(f"{DEPOT}/nodes/main/cap", json=body)).status_code == 200
    await world.eventually("depot", limit_a={"L1": 63.0, "L2": 30.0, "L3": 63.0})


async def test_a_cap_of_nothing_pauses_all(world: World):
    await world.add()
    assert (await world.http.put(f"{DEPOT}/nodes/main/cap", json={"limit_w": 0})).status_code == 200
    await world.eventually("depot", limit_w=0.0)


BAD_CAPS: list[tuple[Any, str]] = [
    ({}, ""),
    ({"limit_a": None, "limit_w": None}, ""),
    ({"limit_a": {}}, ""),
    ({"limit_a": {"L1": None}}, ""),
    ({"limit_a": -1}, "limit_a"),
    ({"limit_a": True}, "limit_a"),
    ({"limit_a": "40"}, "limit_a"),
    ({"limit_a": [40]}, "limit_a"),
    ({"limit_a": {"L4": 40}}, "limit_a.L4"),
    ({"limit_a": {"L1": -0.1}}, "limit_a.L1"),
    ({"limit_a": 1e300}, "limit_a"),
    ({"limit_w": 2**62}, "limit_w"),
    ({"limit_w": "9000"}, "limit_w"),
    ({"limit_a": 40, "until": "soon"}, "until"),
    ({"limit_a": 40, "until": "2099-01-01T00:00:00"}, "until"),
    ({"limit_a": 40, "until": "2020-01-01T00:00:00Z"}, "until"),
    ({"limit_a": 40, "until": 4070908800}, "until"),
    ({"limit_a": 40, "until": ""}, "until"),
    ({"limit_a": 40, "until": "0001-01-01T00:00:00+23:59"}, "until"),
    ({"limit_a": 40, "reason": "x" * 501}, "reason"),
    ({"limit_a": 40, "reason": 5}, "reason"),
    ({"limit_a": 40, "limits": 5}, "limits"),
    ([], ""),
    ("40", ""),
]


@pytest.mark.parametrize(("body", "path"), BAD_CAPS)
async def test_a_cap_that_can_not_be_meant_is_refused(world: World, body: object, path: str):
    await world.add()
    told = problem_of(await world.http.put(f"{DEPOT}/nodes/main/cap", json=body), "invalid", 422)
    assert all(error["path"].startswith(path) and "<" not in error["path"] for error in told["errors"]), told
    problem_of(await world.http.delete(f"{DEPOT}/nodes/main/cap"), "not-found", 404)


async def test_a_cap_is_for_a_node_that_is_there(world: World):
    await world.add()
    problem_of(await world.http.put(f"{DEPOT}/nodes/none/cap", json={"limit_a": 5}), "not-found", 404)


# --- readings


@pytest.mark.parametrize(
    "body",
    [
        {"current_a": {"L1": 31, "L2": 28.5, "L3": 0}},
        {"current_a": 31, "at": None},
        {"current_a": {"L1": -3, "L2": 0, "L3": 0}, "power_w": None},
    ],
)
async def test_a_reading_counts(world: World, body: dict[str, Any]):
    await world.add()
    await world.allocation()
    response = await world.http.post(f"{DEPOT}/meters/grid/readings", json=body)
    assert (response.status_code, response.content) == (204, b"")
    await world.eventually("depot", stale=False)


async def test_a_reading_changes_what_is_counted_as_others_load(world: World):
    await world.add()
    await world.allocation()
    await world.http.post(f"{DEPOT}/meters/grid/readings", json={"current_a": {"L1": 31, "L2": 28, "L3": 30}})
    await world.eventually("depot", base_a={"L1": 31.0, "L2": 28.0, "L3": 30.0})


async def test_a_reading_of_power_is_spread_over_the_phases(world: World):
    await world.add()
    await world.allocation()
    await world.http.post(f"{DEPOT}/meters/grid/readings", json={"power_w": 6900})
    await world.eventually("depot", stale=False)


BAD_READINGS: list[tuple[Any, str]] = [
    ({}, ""),
    ({"current_a": 5, "power_w": 5}, ""),
    ({"current_a": {"L1": 5}}, "current_a"),
    ({"current_a": {"L1": 5, "L2": 5, "L3": None}}, "current_a.L3"),
    ({"current_a": {"L1": 5, "L2": 5, "L3": 5, "N": 0}}, "current_a.N"),
    ({"current_a": "5"}, "current_a"),
    ({"current_a": 1e9}, "current_a"),
    ({"current_a": 5000}, "current_a"),
    ({"power_w": -1e12}, "power_w"),
    ({"power_w": False}, "power_w"),
    ({"power_w": 5, "at": "2099-01-01T00:00:00Z"}, "at"),
    ({"power_w": 5, "at": "1999-01-01T00:00:00Z"}, "at"),
    ({"power_w": 5, "at": 5}, "at"),
    ({"power_w": 5, "unit": "W"}, "unit"),
    ([], ""),
]


@pytest.mark.parametrize(("body", "path"), BAD_READINGS)
async def test_a_reading_that_can_not_be_meant_is_refused(world: World, body: object, path: str):
    await world.add()
    told = problem_of(await world.http.post(f"{DEPOT}/meters/grid/readings", json=body), "invalid", 422)
    assert all(error["path"].startswith(path) for error in told["errors"]), told


async def test_a_reading_is_of_a_meter_that_is_there(world: World):
    await world.add()
    problem_of(await world.http.post(f"{DEPOT}/meters/none/readings", json={"power_w": 5}), "not-found", 404)
