"""Who changes sites at the same time, in one server and from another process, and whose stations they are."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.csms.api.staged import Stage, staged
from tests.csms.api.world import SITE, SITES, World, revision_of, site
from tests.csms.http.app import problem_of

pytestmark = pytest.mark.anyio
DEPOT = f"{SITES}/depot"
ANY = {"If-Match": "*"}


# --- conditions


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize("odd", ["1", "", '"1", *', "'1'"])
async def test_what_is_no_tag_changes_nothing(world: World, method: str, odd: str):
    await world.add()
    answer = await world.http.request(method, DEPOT, json=site(name="South"), headers={"If-Match": odd})
    problem_of(answer, "bad-request", 400)
    assert (await world.http.get(DEPOT)).json()["name"] == "Depot North"


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize(
    "other", ['"1"', '"0-{made}"', '"2-{made}"', 'W/"1-{made}"', '"2-{made}", "3-{made}"']
)
async def test_a_condition_that_does_not_hold_tells_the_present_tag(world: World, method: str, other: str):
    tag = (await world.add()).headers["etag"]
    wanted = other.format(made=tag.strip('"').partition("-")[2])
    answer = await world.http.request(method, DEPOT, json=SITE, headers={"If-Match": wanted})
    problem_of(answer, "outdated", 412)
    assert answer.headers["etag"] == tag


async def test_one_of_several_tags_is_enough(world: World):
    tag = (await world.add()).headers["etag"]
    changed = await world.http.put(DEPOT, json=SITE, headers={"If-Match": f'"7", {tag}'})
    assert changed.status_code == 200
    wanted = f'"7", {changed.headers["etag"]}'
    assert (await world.http.delete(DEPOT, headers={"If-Match": wanted})).status_code == 204


async def test_who_is_told_to_look_is_told_the_tag_too(world: World):
    tag = (await world.add()).headers["etag"]
    answer = await world.http.put(DEPOT, json=SITE)
    problem_of(answer, "precondition-required", 428)
    assert answer.headers["etag"] == tag


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_a_site_that_came_anew_is_not_the_one_that_was_seen(world: World, method: str):
    seen = (await world.add()).headers["etag"]
    await world.http.delete(DEPOT)
    anew = await world.add()
    assert revision_of(anew) == 1
    answer = await world.http.request(method, DEPOT, json=site(name="South"), headers={"If-Match": seen})
    problem_of(answer, "outdated", 412)
    assert answer.headers["etag"] == anew.headers["etag"] != seen
    assert (await world.http.get(DEPOT, headers={"If-None-Match": seen})).json() == anew.json()


async def test_who_replaces_whatever_there_is_always_wins(world: World):
    await world.add()
    answers = await asyncio.gather(
        *(world.http.put(DEPOT, json=site(name=f"Name {number}"), headers=ANY) for number in range(6))
    )
    assert [answer.status_code for answer in answers] == [200] * 6
    assert sorted(map(revision_of, answers)) == list(range(2, 8))


async def test_who_removes_whatever_there_is_is_not_told_that_it_changed(world: World):
    await world.add()
    changed, removed = await asyncio.gather(
        world.http.put(DEPOT, json=SITE, headers=ANY), world.http.delete(DEPOT)
    )
    assert removed.status_code == 204
    assert changed.status_code in {200, 404, 412}
    problem_of(await world.http.get(DEPOT), "not-found", 404)


async def test_of_many_who_remove_at_once_one_did(world: World):
    await world.add()
    answers = await asyncio.gather(*(world.http.delete(DEPOT) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [204, 404, 404, 404, 404]


# --- stations have one home


@pytest.mark.parametrize("spelled", ["CP-1", "cp-1"])
async def test_a_station_of_another_site_is_a_conflict_that_names_both(world: World, spelled: str):
    await world.add()
    second = site(id="second", evses=[{"station": spelled, "node": "main"}])
    for answer in (
        await world.http.post(SITES, json=second),
        await world.http.put(f"{SITES}/second", json=second),
    ):
        detail = problem_of(answer, "conflict", 409)["detail"]
        assert spelled in detail
        assert "the site depot" in detail
    problem_of(await world.http.get(f"{SITES}/second"), "not-found", 404)


async def test_a_site_does_not_take_a_station_when_it_is_replaced(world: World):
    await world.add()
    await world.add(site(id="second", evses=[]))
    answer = await world.http.put(f"{SITES}/second", json=site(id="second"), headers=ANY)
    problem_of(answer, "conflict", 409)
    assert (await world.http.get(f"{SITES}/second")).json()["evses"] == []


@pytest.mark.parametrize("how", ["taken out", "removed"])
async def test_a_station_that_was_let_go_finds_another_site(world: World, how: str):
    await world.add()
    if how == "removed":
        await world.http.delete(DEPOT)
    else:
        await world.http.put(DEPOT, json=site(evses=[]), headers=ANY)
    await world.add(site(id="second"))


async def test_two_spellings_of_a_station_in_one_site_are_refused_in_their_place(world: World):
    twice = site(evses=[{"station": "CP-1", "node": "main"}, {"station": "cp-1", "evse": 2, "node": "main"}])
    told = problem_of(await world.http.post(SITES, json=twice), "invalid", 422)
    assert [error["path"] for error in told["errors"]] == ["evses[1].station"]


async def test_a_site_that_acts_must_be_safe_without_us(world: World):
    await world.add()
    unsafe: list[dict[str, Any]] = [{**evse, "failsafe_a": 32} for evse in SITE["evses"]]
    answer = await world.http.put(DEPOT, json=site(mode="enforce", evses=unsafe), headers=ANY)
    told = problem_of(answer, "invalid", 422)
    assert {error["path"] for error in told["errors"]} == {"nodes[0].rating_a.L2"}
    assert (await world.http.get(DEPOT)).json()["mode"] == "observe"
    assert (await world.http.put(DEPOT, json=site(evses=unsafe), headers=ANY)).status_code == 200
    check = (await world.http.get(f"{DEPOT}/check")).json()
    assert check["ok"] is False
    assert [problem["path"] for problem in check["problems"]] == ["nodes[0].rating_a.L2"]
    assert check["nodes"][0]["left_a"]["L2"] < 0


# --- another process, in the same moment


def revise(stage: Stage) -> None:
    stage.engine.execute("UPDATE sites SET revision = revision + 1")


def remove(stage: Stage) -> None:
    stage.engine.execute("DELETE FROM sites")


def add_the_same(stage: Stage) -> None:
    stage.engine.execute("INSERT INTO sites SELECT * FROM kept")


async def test_what_another_process_changed_under_a_condition_fails_it(tmp_path: Path):
    async with staged(tmp_path) as stage:
        seen = (await stage.add()).headers["etag"]
        stage.store.after("known_stations", lambda: revise(stage))
        answer = await stage.http.put(DEPOT, json=site(name="South"), headers={"If-Match": seen})
        problem_of(answer, "outdated", 412)
        assert (await stage.http.get(DEPOT)).json()["name"] == "Depot North"


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_a_site_that_another_process_adds_in_the_same_moment_is_a_conflict(tmp_path: Path, method: str):
    async with staged(tmp_path) as stage:
        await stage.add(site(evses=[]))
        stage.engine.execute("CREATE TABLE kept AS SELECT * FROM sites")
        await stage.http.delete(DEPOT)
        stage.store.after("known_stations", lambda: add_the_same(stage))
        path = SITES if method == "POST" else DEPOT
        problem_of(await stage.http.request(method, path, json=site(name="South")), "conflict", 409)


async def test_a_cap_for_a_site_that_another_process_removes_is_a_conflict(tmp_path: Path):
    async with staged(tmp_path) as stage:
        await stage.add()
        stage.store.after("find_site", lambda: remove(stage))
        answer = await stage.http.put(f"{DEPOT}/nodes/main/cap", json={"limit_a": 5})
        problem_of(answer, "conflict", 409)
