"""What is answered where our side can't: a balancing that has not begun, a store that is broken, other methods."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests.csms.api.staged import staged
from tests.csms.api.world import SITES, World, site
from tests.csms.http.app import problem_of

pytestmark = pytest.mark.anyio
DEPOT = f"{SITES}/depot"


def no_loop(*_: Any, **__: Any) -> NoReturn:
    raise ZeroDivisionError("no loop can be made")


async def test_before_its_first_step_a_site_has_no_allocation_yet(tmp_path: Path):
    async with staged(tmp_path, no_loop) as stage:
        await stage.add()
        answer = await stage.http.get(f"{DEPOT}/allocation")
        problem_of(answer, "busy", 503)
        assert int(answer.headers["retry-after"]) > 0


async def test_a_site_whose_balancing_fails_is_configured_all_the_same(tmp_path: Path):
    async with staged(tmp_path, no_loop) as stage:
        tag = (await stage.add()).headers["etag"]
        cap = f"{DEPOT}/nodes/main/cap"
        assert (await stage.http.get(f"{DEPOT}/check")).status_code == 200
        assert (await stage.http.put(cap, json={"limit_a": 5})).status_code == 200
        assert (await stage.http.delete(cap)).status_code == 204
        reading = await stage.http.post(f"{DEPOT}/meters/grid/readings", json={"power_w": 5})
        assert reading.status_code == 204
        assert (await stage.http.put(DEPOT, json=site(), headers={"If-Match": tag})).status_code == 200
        assert (await stage.http.delete(DEPOT)).status_code == 204
        problem_of(await stage.http.get(f"{DEPOT}/allocation"), "not-found", 404)


STORED: list[tuple[str, str, Any]] = [
    ("GET", SITES, None),
    ("POST", SITES, site(id="other", evses=[])),
    ("GET", DEPOT, None),
    ("PUT", DEPOT, site()),
    ("DELETE", DEPOT, None),
    ("GET", f"{DEPOT}/check", None),
    ("PUT", f"{DEPOT}/nodes/main/cap", {"limit_a": 5}),
    ("DELETE", f"{DEPOT}/nodes/main/cap", None),
]


async def test_where_the_store_fails_it_is_said_so_and_the_balancing_goes_on(tmp_path: Path):
    async with staged(tmp_path) as stage:
        await stage.add()
        await stage.allocation()
        stage.engine.execute("ALTER TABLE sites RENAME TO lost")
        for method, path, body in STORED:
            headers = {"If-Match": "*"} if method == "PUT" and path == DEPOT else {}
            answer = await stage.http.request(method, path, json=body, headers=headers)
            problem_of(answer, "unavailable", 503)
            assert int(answer.headers["retry-after"]) > 0, (method, path)
        assert (await stage.http.get(f"{DEPOT}/allocation")).status_code == 200
        reading = await stage.http.post(f"{DEPOT}/meters/grid/readings", json={"power_w": 5})
        assert reading.status_code == 204
        stage.engine.execute("ALTER TABLE lost RENAME TO sites")
        assert (await stage.http.get(DEPOT)).status_code == 200


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        (SITES, {"GET", "HEAD", "POST"}),
        (DEPOT, {"GET", "HEAD", "PUT", "DELETE"}),
        (f"{DEPOT}/check", {"GET", "HEAD"}),
        (f"{DEPOT}/allocation", {"GET", "HEAD"}),
        (f"{DEPOT}/nodes/main/cap", {"PUT", "DELETE"}),
        (f"{DEPOT}/meters/grid/readings", {"POST"}),
    ],
)
async def test_other_methods_are_refused_with_those_that_are_served(
    world: World, path: str, allowed: set[str]
):
    answer = await world.http.patch(path, json={})
    problem_of(answer, "method-not-allowed", 405)
    assert set(answer.headers["allow"].split(", ")) == allowed


@pytest.mark.parametrize(
    "path", [f"{DEPOT}/", f"{SITES}/", f"{SITES}//check", f"{DEPOT}/nodes/cap", "/api/v1"]
)
async def test_addresses_are_taken_exactly(world: World, path: str):
    await world.add()
    problem_of(await world.http.get(path), "not-found", 404)
