"""The list of sites in parts."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.csms.api.world import SITES, World, site
from tests.csms.http.app import problem_of

pytestmark = pytest.mark.anyio


async def add_all(world: World, names: str) -> None:
    for name in names:
        await world.add(site(id=name, evses=[]))


async def ids(world: World, **asked: Any) -> tuple[list[str], str | None]:
    answer = await world.http.get(SITES, params=asked)
    assert answer.status_code == 200, answer.text
    part = answer.json()
    return [one["id"] for one in part["items"]], part["next_cursor"]


async def test_without_sites_the_list_is_empty(world: World):
    assert await ids(world) == ([], None)


async def test_parts_that_just_fit_have_nothing_after_them(world: World):
    await add_all(world, "abcd")
    assert await ids(world, limit=4) == (list("abcd"), None)
    first, cursor = await ids(world, limit=2)
    assert first == ["a", "b"]
    assert await ids(world, limit=2, cursor=cursor) == (["c", "d"], None)


async def test_all_parts_together_are_the_list(world: World):
    await add_all(world, "ecAdbZ")
    found: list[str] = []
    cursor: str | None = None
    for _ in range(6):
        part, cursor = await ids(world, limit=1, **({"cursor": cursor} if cursor else {}))
        found += part
    assert cursor is None
    assert found == sorted("ecAdbZ")


async def test_what_comes_and_goes_between_parts_loses_nothing_else(world: World):
    await add_all(world, "bdf")
    _, cursor = await ids(world, limit=2)
    await world.http.delete(f"{SITES}/d")
    await add_all(world, "ace")
    assert await ids(world, cursor=cursor) == (["e", "f"], None)


async def test_items_are_the_sites_as_they_are_shown_alone(world: World):
    added = await world.add()
    assert (await world.http.get(SITES)).json()["items"] == [added.json()]


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "depot", "é", "====", base64.urlsafe_b64encode(b"2:depot").decode(), "MTr_", "A" * 1025],
)
async def test_a_cursor_that_no_list_gave_is_refused(world: World, cursor: str):
    told = problem_of(await world.http.get(SITES, params={"cursor": cursor}), "invalid", 422)
    assert [(error["path"], error["in"]) for error in told["errors"]] == [("cursor", "query")]


@pytest.mark.parametrize("limit", ["0", "-1", "1001", "1e3", "many", "", "0x5", "9" * 5000, "NaN"])
async def test_a_limit_that_can_not_be_meant_is_refused(world: World, limit: str):
    told = problem_of(await world.http.get(SITES, params={"limit": limit}), "invalid", 422)
    assert [(error["path"], error["in"]) for error in told["errors"]] == [("limit", "query")]


async def test_all_that_is_wrong_with_a_query_is_told_at_once(world: World):
    asked = {"limit": "0", "cursor": "A" * 2000, "sort": "name"}
    told = problem_of(await world.http.get(SITES, params=asked), "invalid", 422)
    assert {error["path"] for error in told["errors"]} == {"limit", "cursor", "sort"}
