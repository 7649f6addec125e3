"""Tokens over REST: registered, found by their uid, changed and removed."""

from __future__ import annotations

from typing import Any

import pytest

from csms.domain.records import TokenSeen
from csms.domain.token import TokenStatus
from csms.storage import token_hmac
from tests.csms.api.world import World, begun
from tests.csms.http.app import problem_of
from tests.csms.storage.engines import SECRET

pytestmark = pytest.mark.anyio
TOKENS = "/api/v1/tokens"
UID = "04A2B3C4"
HMAC = token_hmac(SECRET, UID, "ISO14443")


async def add(world: World, **body: Any) -> dict[str, Any]:
    answer = await world.http.post(TOKENS, json={"uid": UID, **body})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def uids(world: World, **asked: Any) -> list[tuple[str, str]]:
    answer = await world.http.get(TOKENS, params=asked)
    assert answer.status_code == 200, answer.text
    return [(one["uid"], one["status"]) for one in answer.json()["items"]]


async def test_a_token_is_registered_and_counts_at_once(world: World):
    body = {
        "expires_at": "2027-01-01T01:00:00+01:00",
        "group": "FLEET",
        "max_concurrent": 2,
        "note": "Ann's card",
        "status": "Blocked",
    }
    answer = await world.http.post(TOKENS, json={"uid": UID, **body})

    added = answer.json()
    assert {
        **body,
        "expires_at": "2027-01-01T00:00:00.000Z",
        "uid": UID,
        "type": "ISO14443",
    }.items() <= added.items()
    assert answer.headers["location"] == f"{TOKENS}/{added['id']}"
    assert UID not in answer.headers["location"]
    shown = await world.http.get(answer.headers["location"])
    assert (shown.json(), shown.headers["etag"]) == (added, answer.headers["etag"])
    assert world.storage.tokens[HMAC].status is TokenStatus.BLOCKED


@pytest.mark.parametrize(
    ("at", "expired"), [("2020-01-01T00:00:00Z", True), ("9999-01-01T00:00:00Z", False), (None, False)]
)
async def test_whether_it_has_expired_is_told(world: World, at: str | None, expired: bool):
    assert (await add(world, expires_at=at))["expired"] is expired


async def test_a_uid_is_registered_once_for_each_type_whatever_its_case(world: World):
    await add(world)
    problem_of(await world.http.post(TOKENS, json={"uid": UID.lower()}), "conflict", 409)
    await add(world, type="KeyCode")
    assert len(await uids(world, uid=UID.lower())) == 2
    assert await uids(world, uid="04A2B3C5") == []


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"uid": ""}, "uid"),
        ({"uid": "x" * 256}, "uid"),
        ({"uid": " 04"}, "uid"),
        ({"uid": "04\x00"}, "uid"),
        ({"uid": 4}, "uid"),
        ({"uid": None}, "uid"),
        ({"type": "RFID"}, "type"),
        ({"status": "Seen"}, "status"),
        ({"status": "Invalid"}, "status"),
        ({"group": "x" * 21}, "group"),
        ({"note": ""}, "note"),
        ({"note": "a\nb"}, "note"),
        ({"max_concurrent": 0}, "max_concurrent"),
        ({"max_concurrent": 1.5}, "max_concurrent"),
        ({"max_concurrent": True}, "max_concurrent"),
        ({"expires_at": "tomorrow"}, "expires_at"),
        ({"expires_at": "2027-01-01T00:00:00"}, "expires_at"),
        ({"expires_at": "1969-12-31T23:59:59Z"}, "expires_at"),
        ({"expires_at": 1}, "expires_at"),
        ({"expired": True}, "expired"),
    ],
)
async def test_what_can_be_no_token_is_refused_with_its_field(world: World, body: Any, path: str):
    told = problem_of(await world.http.post(TOKENS, json={"uid": UID, **body}), "invalid", 422)
    assert [error["path"] for error in told["errors"]] == [path]
    assert await uids(world) == []


async def test_a_change_counts_at_once_and_leaves_the_rest(world: World):
    added = await add(world, note="Ann", group="FLEET")
    address = f"{TOKENS}/{added['id']}"

    changed = await world.http.patch(address, json={"status": "Blocked", "group": None})

    assert changed.json() == {**added, "status": "Blocked", "group": None}
    assert changed.headers["etag"] == (await world.http.get(address)).headers["etag"]
    known = world.storage.tokens[HMAC]
    assert (known.status, known.group) == (TokenStatus.BLOCKED, None)


@pytest.mark.parametrize(
    "body",
    [{"status": None}, {"status": "Seen"}, {"uid": "05"}, {"type": "KeyCode"}, {"max_concurrent": -1}, 5],
)
async def test_a_change_that_can_not_be_meant_is_refused(world: World, body: Any):
    added = await add(world)
    address = f"{TOKENS}/{added['id']}"
    problem_of(await world.http.patch(address, json=body), "invalid", 422)
    assert (await world.http.get(address)).json() == added


async def test_a_condition_is_heeded_whoever_changed_it(world: World):
    address = f"{TOKENS}/{(await add(world))['id']}"
    seen = {"If-Match": (await world.http.get(address)).headers["etag"]}
    assert (await world.http.patch(address, json={"note": "x"}, headers=seen)).status_code == 200
    problem_of(await world.http.patch(address, json={"note": "y"}, headers=seen), "outdated", 412)
    problem_of(await world.http.delete(address, headers=seen), "outdated", 412)
    assert (await world.http.patch(address, json={"note": "y"}, headers={"If-Match": "*"})).status_code == 200
    assert (await world.http.get(address)).json()["note"] == "y"


async def test_a_removed_token_is_gone(world: World):
    address = f"{TOKENS}/{(await add(world))['id']}"
    assert (await world.http.delete(address)).status_code == 204
    assert HMAC not in world.storage.tokens
    for method in ("GET", "PATCH", "DELETE"):
        problem_of(await world.http.request(method, address, json={}), "not-found", 404)
    assert await uids(world, seen="true") == []


@pytest.mark.parametrize("told", [{"token_hmac": HMAC}, {}])
async def test_a_removed_token_leaves_its_transactions_their_own(world: World, told: dict[str, Any]):
    added = await add(world, group="FLEET", note="Ann")
    address = f"{TOKENS}/{added['id']}"
    await world.storage.write(begun("tx-1", **told))

    assert (await world.http.delete(address)).status_code == 204

    problem_of(await world.http.get(address), "not-found", 404)
    problem_of(await world.http.patch(address, json={"note": "x"}), "not-found", 404)
    assert await uids(world, uid=UID) == []
    if not told:
        assert HMAC not in world.storage.tokens
        return
    assert world.storage.tokens[HMAC].status is TokenStatus.SEEN
    left = (await world.http.get(address, params={"seen": "true"})).json()
    assert (left["uid"], left["status"], left["group"], left["note"]) == (UID, "Seen", None, None)
    assert (await world.http.get("/api/v1/transactions/tx-1")).json()["token_id"] == added["id"]
    # Who registers it again finds its transactions again.
    assert (await add(world))["id"] == added["id"]


async def test_tokens_that_nobody_registered_are_listed_where_they_are_asked_for(world: World):
    await world.storage.write(TokenSeen("tok-1", "0A", "ISO14443", token_hmac(SECRET, "0A", "ISO14443"), 1))
    await add(world)
    assert await uids(world) == [(UID, "Accepted")]
    assert await uids(world, seen="true") == [("0A", "Seen"), (UID, "Accepted")]
    assert await uids(world, uid="0a") == []
    assert await uids(world, uid="0a", seen="true") == [("0A", "Seen")]


async def test_tokens_are_listed_in_parts_the_oldest_first(world: World):
    wanted = [f"{number:02}" for number in range(5)]
    for uid in wanted[:3]:
        await add(world, uid=uid)
    first = (await world.http.get(TOKENS, params={"limit": 2})).json()
    for uid in wanted[3:]:
        await add(world, uid=uid)
    rest = (await world.http.get(TOKENS, params={"cursor": first["next_cursor"]})).json()
    assert [one["uid"] for one in first["items"] + rest["items"]] == wanted
    assert rest["next_cursor"] is None


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("limit=1_0", "limit"),
        ("limit=5.0", "limit"),
        ("limit=%2B5", "limit"),
        ("limit=1001", "limit"),
        ("cursor=MTo1", "cursor"),
        ("cursor=MTp4OnRvaw", "cursor"),
        ("cursor=MTo5OTk5OTk5OTk5OTk5OTk5OTk5OTp4", "cursor"),
        ("seen=1", "seen"),
        ("uid=" + "x" * 256, "uid"),
        ("note=x", "note"),
    ],
)
async def test_a_query_that_can_not_be_meant_is_refused(world: World, query: str, path: str):
    told = problem_of(await world.http.get(f"{TOKENS}?{query}"), "invalid", 422)
    assert [(error["path"], error["in"]) for error in told["errors"]] == [(path, "query")]


@pytest.mark.parametrize("path", ["none", "%00", "a%2Fb", UID, "x" * 300])
async def test_a_token_that_is_not_there_is_not_found(world: World, path: str):
    await add(world)
    problem_of(await world.http.get(f"{TOKENS}/{path}"), "not-found", 404)


@pytest.mark.parametrize("uid", ["%00", "%ff", "' OR 1=1 --", "é", ""])
async def test_an_odd_uid_is_only_looked_for(world: World, uid: str):
    await add(world)
    assert await uids(world, uid=uid) == []
