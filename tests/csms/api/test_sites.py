"""Sites over REST, on real sites and a real store."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from csms.http.security import Security
from tests.csms.api.world import SITE, SITES, World, opened, revision_of, site
from tests.csms.http.app import problem_of

pytestmark = pytest.mark.anyio
DEPOT = f"{SITES}/depot"


# --- the configuration


async def test_a_site_is_added_and_shown_with_every_member(world: World):
    added = await world.add()
    assert (added.headers["location"], revision_of(added)) == (DEPOT, 1)
    shown = await world.http.get(DEPOT)
    assert (shown.json(), shown.headers["etag"]) == (added.json(), added.headers["etag"])
    assert shown.json()["nodes"][0]["rating_a"] == {"L1": 63.0, "L2": 63.0, "L3": 63.0}
    assert shown.json()["evses"][1]["rotation"] == ["L2"]
    assert shown.json()["mode"] == "observe"


async def test_a_site_outlives_the_server(tmp_path: Path):
    async with opened(tmp_path) as world:
        added = await world.add()
    async with opened(tmp_path) as world:
        shown = await world.http.get(DEPOT)
        assert (shown.json(), shown.headers["etag"]) == (added.json(), added.headers["etag"])


async def test_a_site_is_added_once(world: World):
    await world.add()
    problem_of(await world.http.post(SITES, json=SITE), "conflict", 409)


async def test_adding_with_a_key_twice_adds_once_and_answers_alike(world: World):
    first, again = [
        await world.http.post(SITES, json=SITE, headers={"Idempotency-Key": "k"}) for _ in range(2)
    ]
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["location"] == first.headers["location"]


async def test_all_that_is_wrong_with_a_site_is_told_at_once(world: World):
    wrong = site(
        timezone="Mars/Olympus",
        nodes=[{"id": "main", "parent": "main", "rating_a": {"L1": -5}}, {"id": "main", "rating_a": 1e9}],
        colour="red",
    )
    told = problem_of(await world.http.post(SITES, json=wrong), "invalid", 422)
    paths = {error["path"] for error in told["errors"]}
    assert {"timezone", "nodes[0].rating_a.L1", "nodes[1].id", "colour"} <= paths


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"id": "x"},
        {"id": 5, "nodes": []},
        {"id": None},
        {"id": "..", "nodes": []},
        {"id": "a/b", "nodes": []},
        {"id": "x" * 5000, "nodes": []},
        {"id": "x", "nodes": {"a": 1}},
        {"id": "x", "nodes": [1, None, "a", []]},
        {"id": "x", "nodes": [{"id": "n", "rating_a": 9_000_000_000_000_000_000}]},
        {"id": "x", "nodes": [{"id": "n", "rating_a": True}]},
        {"id": "x", "nodes": [{"id": "n", "rating_a": "63"}]},
        {"id": "x", "nodes": [{"id": "n", "rating_a": 1.7e308}]},
        {"id": "x", "nodes": [{"id": "n", "rating_a": {"L1": 1, "L4": 1}}]},
        {"id": "x", "nodes": [{"id": "n", "rating_a": 63, "parent": "m"}, {"id": "m", "rating_a": 63, "parent": "n"}]},
        {"id": "x", "nodes": "n"},
        {"id": "x", "timezone": "../../etc/passwd", "nodes": [{"id": "n", "rating_a": 63}]},
        {"id": "x", "timezone": "\x00", "nodes": [{"id": "n", "rating_a": 63}]},
        {"id": "x", "name": ["a"], "nodes": [{"id": "n", "rating_a": 63}]},
        {"id": "x", "nodes": [{"id": "n", "rating_a": 63}], "evses": [{"station": "CP-1", "node": "n", "evse": 2**62, "rotation": [[]]}]},
        {"id": "x", "nodes": [{"id": "n", "rating_a": 63}], "evses": [{"station": "CP-1", "node": "n", "rotation": {"R": 1}}]},
        {"id": "x", "nodes": [{"id": "n", "rating_a": 63}], "\x00": {"deep": [{"er": [1]}]}},
    ],
)  # fmt: skip
async def test_a_site_that_can_not_be_is_refused_with_its_places(world: World, body: dict[str, Any]):
    told = problem_of(await world.http.post(SITES, json=body), "invalid", 422)
    assert told["errors"]
    assert (await world.http.get(SITES)).json() == {"items": [], "next_cursor": None}


@pytest.mark.parametrize("text", ["[]", "null", '"depot"', "5"])
async def test_a_site_is_an_object(world: World, text: str):
    headers = {"Content-Type": "application/json"}
    problem_of(await world.http.post(SITES, content=text, headers=headers), "invalid", 422)


async def test_a_station_of_another_site_is_not_taken(world: World):
    await world.add()
    response = await world.http.post(SITES, json=site(id="second"))
    assert response.status_code in {409, 422}
    assert "CP-1" in response.text
    assert (await world.http.get(f"{SITES}/second")).status_code == 404


@pytest.mark.parametrize("site_id", ["a*_=:+|@.-Z", "a.b", "%", "é"])
async def test_ids_are_the_same_in_bodies_and_addresses(world: World, site_id: str):
    added = await world.http.post(SITES, json=site(id=site_id, evses=[]))
    if added.status_code == 201:
        shown = await world.http.get(added.headers["location"])
        assert shown.json()["id"] == site_id
    else:
        problem_of(added, "invalid", 422)


async def test_lists_come_in_pages(world: World):
    for name in "ecadb":
        await world.add(site(id=name, evses=[]))
    first = (await world.http.get(SITES, params={"limit": 3})).json()
    rest = (await world.http.get(SITES, params={"limit": 3, "cursor": first["next_cursor"]})).json()
    assert [one["id"] for one in first["items"] + rest["items"]] == list("abcde")
    assert rest["next_cursor"] is None
    problem_of(await world.http.get(SITES, params={"limit": 1001}), "invalid", 422)
    problem_of(await world.http.get(SITES, params={"offset": 3}), "invalid", 422)


# --- changing it


async def test_a_site_is_replaced_by_who_has_seen_it(world: World):
    tag = (await world.add()).headers["etag"]
    changed = await world.http.put(DEPOT, json=site(name="Depot South"), headers={"If-Match": tag})
    assert (changed.status_code, revision_of(changed)) == (200, 2)
    shown = await world.http.get(DEPOT)
    assert (shown.json()["name"], shown.headers["etag"]) == ("Depot South", changed.headers["etag"])


async def test_who_has_not_looked_is_told_to(world: World):
    await world.add()
    told = problem_of(await world.http.put(DEPOT, json=site(name="South")), "precondition-required", 428)
    assert "If-Match" in told["detail"]
    assert (await world.http.get(DEPOT)).json()["name"] == "Depot North"


async def test_of_two_who_looked_the_second_is_told_that_it_changed(world: World):
    tag = (await world.add()).headers["etag"]
    await world.http.put(DEPOT, json=site(name="First"), headers={"If-Match": tag})
    second = await world.http.put(DEPOT, json=site(name="Second"), headers={"If-Match": tag})
    problem_of(second, "outdated", 412)
    assert revision_of(second) == 2
    assert (await world.http.get(DEPOT)).json()["name"] == "First"


async def test_of_many_at_once_one_wins(world: World):
    tag = (await world.add()).headers["etag"]
    answers = await asyncio.gather(
        *(
            world.http.put(DEPOT, json=site(name=f"Name {number}"), headers={"If-Match": tag})
            for number in range(8)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 7
    (won,) = [answer.json()["name"] for answer in answers if answer.status_code == 200]
    assert (await world.http.get(DEPOT)).json()["name"] == won


async def test_of_many_who_add_at_once_one_wins(world: World):
    answers = await asyncio.gather(*(world.http.put(DEPOT, json=SITE) for _ in range(5)))
    codes = sorted(answer.status_code for answer in answers)
    assert codes[0] == 201
    assert set(codes[1:]) <= {409, 428}


async def test_a_site_may_be_added_where_it_will_be(world: World):
    body = {name: value for name, value in SITE.items() if name != "id"}
    added = await world.http.put(DEPOT, json=body, headers={"If-None-Match": "*"})
    assert (added.status_code, added.headers["location"], added.json()["id"]) == (201, DEPOT, "depot")
    again = await world.http.put(DEPOT, json=body, headers={"If-None-Match": "*"})
    problem_of(again, "outdated", 412)


async def test_what_is_gone_is_not_brought_back_by_a_change(world: World):
    problem_of(await world.http.put(DEPOT, json=SITE, headers={"If-Match": '"1"'}), "outdated", 412)
    problem_of(await world.http.get(DEPOT), "not-found", 404)


async def test_an_id_does_not_change(world: World):
    await world.add()
    told = await world.http.put(DEPOT, json=site(id="other"), headers={"If-Match": "*"})
    assert problem_of(told, "invalid", 422)["errors"][0]["path"] == "id"


async def test_a_bad_change_changes_nothing(world: World):
    await world.add()
    wrong = await world.http.put(DEPOT, json=site(nodes=[]), headers={"If-Match": "*"})
    problem_of(wrong, "invalid", 422)
    assert revision_of(await world.http.get(DEPOT)) == 1


async def test_who_has_it_already_gets_it_not_again(world: World):
    tag = (await world.add()).headers["etag"]
    seen = await world.http.get(DEPOT, headers={"If-None-Match": tag})
    assert (seen.status_code, seen.content, seen.headers["etag"]) == (304, b"", tag)


async def test_a_site_is_removed(world: World):
    await world.add()
    problem_of(await world.http.delete(DEPOT, headers={"If-Match": '"7"'}), "outdated", 412)
    assert (await world.http.delete(DEPOT)).status_code == 204
    problem_of(await world.http.get(DEPOT), "not-found", 404)
    problem_of(await world.http.delete(DEPOT), "not-found", 404)
    assert (await world.http.get(SITES)).json()["items"] == []
    await world.add()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("DELETE", ""),
        ("GET", "/check"),
        ("GET", "/allocation"),
        ("PUT", "/nodes/main/cap"),
        ("DELETE", "/nodes/main/cap"),
        ("POST", "/meters/grid/readings"),
    ],
)
async def test_a_site_that_is_not_there_is_a_problem_everywhere(world: World, method: str, path: str):
    body = {"PUT": {"limit_a": 5}, "POST": {"power_w": 5}}.get(method)
    problem_of(await world.http.request(method, f"{SITES}/none{path}", json=body), "not-found", 404)


# --- what comes of it


async def test_the_check_tells_what_is_odd(world: World):
    await world.add()
    check = (await world.http.get(f"{DEPOT}/check")).json()
    assert check["ok"] is True
    assert any("CP-1" in str(warning) for warning in check["warnings"])


async def test_the_allocation_shows_circuits_and_evses(world: World):
    await world.add()
    shown = await world.allocation()
    (main,) = shown["nodes"]
    assert main["rating_a"] == {"L1": 63.0, "L2": 63.0, "L3": 63.0}
    assert {(evse["station"], evse["evse"]) for evse in shown["evses"]} == {("CP-1", 1), ("CP-2", 1)}
    assert all(evse["reason"]["text"] for evse in shown["evses"])
    assert shown["at"].endswith("Z")
    assert shown["revision"] == 1


async def test_a_change_at_run_time_reaches_the_balancing(world: World):
    tag = (await world.add()).headers["etag"]
    await world.allocation()
    smaller = site(nodes=[{"id": "main", "rating_a": 50, "meter": "grid"}])
    assert (await world.http.put(DEPOT, json=smaller, headers={"If-Match": tag})).status_code == 200
    await world.eventually("depot", rating_a={"L1": 50.0, "L2": 50.0, "L3": 50.0})


# --- hostile bodies reach nothing

HOSTILE: dict[str, tuple[bytes, str, int]] = {
    "NaN": (b'{"limit_a": NaN, "power_w": NaN}', "malformed-json", 400),
    "Infinity": (b'{"limit_a": 1e999}', "malformed-json", 400),
    "a huge number": (b'{"limit_a": ' + b"9" * 5000 + b"}", "malformed-json", 400),
    "deep nesting": (b'{"limit_a":' * 5000, "malformed-json", 400),
    "deep nesting that ends": (b"[" * 500 + b"]" * 500, "malformed-json", 400),
    "a name twice": (b'{"limit_a": 5, "limit_a": 6}', "malformed-json", 400),
    "2 MB": (b'{"reason": "' + b"x" * 2_000_000 + b'"}', "too-large", 413),
    "no UTF-8": (b'{"reason": "\xff"}', "malformed-json", 400),
    "half a surrogate": (b'{"limit_a": 5, "reason": "\\ud83d"}', "malformed-json", 400),
}


@pytest.mark.parametrize("what", HOSTILE)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", SITES),
        ("PUT", f"{SITES}/new"),
        ("PUT", f"{DEPOT}/nodes/main/cap"),
        ("POST", f"{DEPOT}/meters/grid/readings"),
    ],
)
async def test_hostile_bodies_are_refused(world: World, method: str, path: str, what: str):
    await world.add()
    body, kind, status = HOSTILE[what]
    headers = {"Content-Type": "application/json"}
    problem_of(await world.http.request(method, path, content=body, headers=headers), kind, status)
    assert (await world.http.get(DEPOT)).status_code == 200


async def test_forms_are_refused(world: World):
    problem_of(await world.http.post(SITES, data={"id": "x"}), "unsupported-media-type", 415)


# --- who may


async def test_with_a_token_nothing_is_open_without_it(tmp_path: Path):
    security = Security.of(api_token="a-token-of-sixteen-or-more")
    async with opened(tmp_path, security=security) as world:
        problem_of(await world.http.get(SITES), "unauthorized", 401)
        problem_of(await world.http.post(SITES, json=SITE), "unauthorized", 401)
        headers = {"Authorization": "Bearer a-token-of-sixteen-or-more"}
        assert (await world.http.post(SITES, json=SITE, headers=headers)).status_code == 201


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
async def test_a_foreign_page_changes_nothing(world: World, method: str):
    await world.add()
    path = SITES if method == "POST" else DEPOT
    headers = {"Origin": "https://evil.example", "If-Match": "*"}
    problem_of(await world.http.request(method, path, json=SITE, headers=headers), "foreign-origin", 403)
    assert revision_of(await world.http.get(DEPOT)) == 1
