"""Moments that callers send: zones, the ends of time, caps that end, readings that are old or early."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from csms.domain.times import format_utc
from tests.csms.api.staged import HOUR_US, Stage, staged
from tests.csms.api.world import SITES, World
from tests.csms.http.app import problem_of

pytestmark = pytest.mark.anyio
DEPOT = f"{SITES}/depot"
DEADLINE_S = 10.0
CAP = f"{DEPOT}/nodes/main/cap"
READINGS = f"{DEPOT}/meters/grid/readings"


def in_seconds(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


# --- caps


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("2099-01-01T00:00:00Z", "2099-01-01T00:00:00.000Z"),
        ("2099-01-01T05:30:00.25+05:30", "2099-01-01T00:00:00.250Z"),
        ("2098-12-31T16:00:00-08:00", "2099-01-01T00:00:00.000Z"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999Z"),
    ],
)
async def test_the_end_of_a_cap_is_shown_in_utc(world: World, said: str, shown: str):
    await world.add()
    answer = await world.http.put(CAP, json={"limit_a": 5, "until": said})
    assert (answer.status_code, answer.json()["until"]) == (200, shown)


@pytest.mark.parametrize(
    "beyond", ["9999-12-31T23:59:59-00:01", "9999-12-31T23:59:59-23:59", "+12026-01-01T00:00Z"]
)
async def test_an_end_that_utc_can_not_write_is_refused_and_limits_nothing(world: World, beyond: str):
    await world.add()
    told = problem_of(await world.http.put(CAP, json={"limit_a": 5, "until": beyond}), "invalid", 422)
    assert [error["path"] for error in told["errors"]] == ["until"]
    problem_of(await world.http.delete(CAP), "not-found", 404)


async def test_a_cap_that_is_over_limits_no_more(tmp_path: Path):
    async with staged(tmp_path) as stage:
        await stage.add()
        until = format_utc(stage.clock.now_us() + HOUR_US)
        assert (await stage.http.put(CAP, json={"limit_a": 40, "until": until})).status_code == 200
        await stage.eventually("depot", limit_a={"L1": 40.0, "L2": 40.0, "L3": 40.0}, cap_source="operator")
        stage.clock.ahead_us = 2 * HOUR_US
        # What happens makes it look at the clock again.
        assert (await stage.http.post(READINGS, json={"current_a": 1})).status_code == 204
        await stage.eventually("depot", limit_a={"L1": 63.0, "L2": 63.0, "L3": 63.0}, cap_source=None)


# --- readings


@pytest.mark.parametrize("ahead_s", [60, 3600, 1e9])
async def test_a_reading_of_the_future_is_refused(world: World, ahead_s: float):
    await world.add()
    body = {"current_a": 5, "at": in_seconds(ahead_s)}
    told = problem_of(await world.http.post(READINGS, json=body), "invalid", 422)
    assert [error["path"] for error in told["errors"]] == ["at"]


async def test_a_meter_whose_clock_is_seconds_ahead_counts(world: World):
    await world.add()
    await world.allocation()
    assert (await world.http.post(READINGS, json={"current_a": 5, "at": in_seconds(15)})).status_code == 204
    await world.eventually("depot", base_a={"L1": 5.0, "L2": 5.0, "L3": 5.0}, stale=False)


@pytest.mark.parametrize("at", ["1970-01-01T00:00:00Z", "2019-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00"])
async def test_a_reading_of_a_clock_that_was_never_set_is_refused(world: World, at: str):
    await world.add()
    told = problem_of(await world.http.post(READINGS, json={"power_w": 5, "at": at}), "invalid", 422)
    assert [error["path"] for error in told["errors"]] == ["at"]


async def test_an_old_reading_is_taken_and_replaces_no_newer_one(tmp_path: Path):
    async with staged(tmp_path) as stage:
        await stage.add()
        await stage.allocation()
        assert (await stage.http.post(READINGS, json={"current_a": 40})).status_code == 204
        await stage.eventually("depot", base_a={"L1": 40.0, "L2": 40.0, "L3": 40.0})
        before = (await stage.allocation())["at"]
        old = {"current_a": 50, "at": format_utc(stage.clock.now_us() - HOUR_US)}
        assert (await stage.http.post(READINGS, json=old)).status_code == 204
        shown = await later(stage, before)
        assert shown["nodes"][0]["base_a"] == {"L1": 40.0, "L2": 40.0, "L3": 40.0}


async def later(stage: Stage, than: str) -> dict[str, Any]:
    """Return the allocation of a later step."""
    async with asyncio.timeout(DEADLINE_S):
        while (shown := await stage.allocation())["at"] <= than:
            await stage.storage.sites()
    return shown


async def test_all_that_is_wrong_with_a_reading_is_told_at_once(world: World):
    await world.add()
    wrong = {"current_a": {"L1": "x", "L2": None, "L4": 0}, "at": "now", "unit": "A"}
    told = problem_of(await world.http.post(READINGS, json=wrong), "invalid", 422)
    assert {error["path"] for error in told["errors"]} == {
        *(f"current_a.L{number}" for number in range(1, 5)),
        "at",
        "unit",
    }


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        ({"current_a": {"L1": 630.1, "L2": -631, "L3": 630}}, {"current_a.L1", "current_a.L2"}),
        ({"power_w": 434_701}, {"power_w"}),
    ],
)
async def test_a_meter_that_says_more_than_ten_times_the_rating_is_wrong(
    world: World, body: dict[str, object], paths: set[str]
):
    await world.add()
    told = problem_of(await world.http.post(READINGS, json=body), "invalid", 422)
    assert {error["path"] for error in told["errors"]} == paths


async def test_a_reading_with_a_key_counts_once_and_no_other_has_it(world: World):
    await world.add()
    key = {"Idempotency-Key": "reading-1"}
    for replayed in (None, "true"):
        answer = await world.http.post(READINGS, json={"power_w": 5}, headers=key)
        assert (answer.status_code, answer.headers.get("idempotency-replayed")) == (204, replayed)
    other = await world.http.post(READINGS, json={"power_w": 6}, headers=key)
    problem_of(other, "idempotency-key-reused", 422)
