"""The API's description against the routes as they answer: neither knows a method or a status that the other lacks."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from csms.http.problems import KINDS
from tests.csms.api.world import SITES, World, site
from tests.csms.ocpp.v16.some_profiles import PROFILE

pytestmark = pytest.mark.anyio
METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}
FILLED = {
    "site_id": "depot",
    "node_id": "main",
    "meter_id": "grid",
    "kind": "invalid",
    "station_id": "CP-7",
    "token_id": "tok-7",
    "transaction_id": "tx-7",
    "action": "Reset",
    "command_id": "none",
}
COMMANDS: dict[str, Any] = {
    "remote-start": {"token": "TAG"},
    "remote-stop": {"transaction_id": "tx-7"},
    "reset": {"type": "hard"},
    "unlock": {"evse": 1},
    "change-availability": {"operative": True},
    "trigger-message": {"message": "Heartbeat"},
    "get-configuration": {},
    "set-configuration": {"key": "A", "value": "1"},
    "clear-cache": {},
    "set-charging-profile": {"evse": 1, "profile": PROFILE},
    "clear-charging-profile": {},
    "get-composite-schedule": {"evse": 1, "duration_s": 60},
    "data-transfer": {"vendor_id": "v"},
    "{action}": {"type": "Hard"},
}
BODIES: dict[str, Any] = {
    "": site(),
    "cap": {"limit_a": 5},
    "readings": {"power_w": 5},
    "stations": {"id": "CP-8"},
    "tokens": {"uid": "04FF"},
    "{station_id}": {"managed": True},
    "{token_id}": {"note": "x"},
    "{transaction_id}": {"priority": 1},
    "login": {"token": "anything"},
    **COMMANDS,
}


def filled(path: str, **others: str) -> str:
    return path.format(**{**FILLED, **others})


def body_for(path: str) -> Any:
    return BODIES.get(path.rpartition("/")[2], BODIES[""])


def described(document: dict[str, Any], path: str, answer: httpx.Response) -> str:
    """Return why the answer is not as described; empty: it is."""
    operation = document["paths"][path][answer.request.method.lower()]
    told = operation["responses"].get(str(answer.status_code))
    if told is None:
        return f"{answer.request.method} {path} answers {answer.status_code}: {answer.text[:200]}"
    if answer.status_code >= 400:
        ((media_type, content),) = told["content"].items()
        kind = answer.json()["type"].removeprefix("/problems/")
        if answer.headers["content-type"] != media_type or kind not in content["examples"]:
            return f"{answer.request.method} {path} says {kind}"
    missing = [name for name in told.get("headers", {}) if name not in answer.headers]
    return f"{answer.request.method} {path} lacks {missing}" if missing else ""


@pytest.fixture
async def document(world: World) -> dict[str, Any]:
    return (await world.http.get("/api/openapi.json")).json()


async def test_all_that_is_described_is_served_and_nothing_else(world: World, document: dict[str, Any]):
    await world.add()
    for path, item in document["paths"].items():
        served = {name.upper() for name in item} | ({"HEAD"} if "get" in item else set())
        for method in METHODS:
            answer = await world.http.request(method, filled(path), json={})
            assert (answer.status_code == 405) == (method not in served), (method, path)
            if answer.status_code == 405:
                assert set(answer.headers["allow"].split(", ")) == served, path


async def test_every_parameter_of_an_address_is_described_and_no_other(document: dict[str, Any]):
    for path, item in document["paths"].items():
        for method, operation in item.items():
            named = {one["name"] for one in operation.get("parameters", []) if one["in"] == "path"}
            assert named == set(re.findall(r"{(\w+)}", path)), (method, path)


async def test_successes_are_as_described(world: World, document: dict[str, Any]):
    one, cap = f"{SITES}/{{site_id}}", f"{SITES}/{{site_id}}/nodes/{{node_id}}/cap"
    station, token = "/api/v1/stations/{station_id}", "/api/v1/tokens/{token_id}"
    transaction = "/api/v1/transactions/{transaction_id}"
    await world.furnish()
    await world.add(site(id="first", evses=[]))
    world.stations.connected.add("CP-7")
    world.stations.answering = True
    commands = "/api/v1/stations/{station_id}/commands"
    asking = ["/api/v1/stations/{station_id}/ocpp/{action}"]
    asking += [f"{commands}/{name}" for name in COMMANDS if name != "{action}"]
    asked: list[tuple[str, str, dict[str, str], int]] = [
        ("POST", SITES, {}, 201),
        ("GET", SITES, {}, 200),
        ("GET", one, {}, 200),
        ("GET", one, {"If-None-Match": '"1"'}, 304),
        ("PUT", one, {"If-Match": '"1"'}, 200),
        ("GET", f"{one}/check", {}, 200),
        ("PUT", cap, {}, 200),
        ("DELETE", cap, {}, 204),
        ("POST", f"{one}/meters/{{meter_id}}/readings", {}, 204),
        ("DELETE", one, {}, 204),
        ("PUT", one, {}, 201),
        ("POST", "/api/v1/stations", {}, 201),
        ("GET", "/api/v1/stations", {}, 200),
        ("GET", station, {}, 200),
        ("PATCH", station, {}, 200),
        ("GET", f"{station}/messages", {}, 200),
        ("POST", "/api/v1/tokens", {}, 201),
        ("GET", "/api/v1/tokens", {}, 200),
        ("GET", token, {}, 200),
        ("PATCH", token, {"If-Match": "*"}, 200),
        ("GET", "/api/v1/transactions", {}, 200),
        ("GET", transaction, {}, 200),
        ("PATCH", transaction, {"If-Match": '"0"'}, 200),
        ("GET", f"{transaction}/samples", {}, 200),
        ("GET", "/problems/{kind}", {}, 200),
        ("GET", "/api/v1/events", {}, 200),
        ("GET", "/healthz/live", {}, 200),
        ("GET", "/healthz/ready", {}, 200),
        ("POST", "/api/v1/login", {}, 204),
        ("POST", "/api/v1/logout", {}, 204),
        *(("POST", path, {}, 202) for path in asking),
        *(("POST", path, {"Prefer": "wait=50"}, 200) for path in asking),
        ("GET", commands, {}, 200),
        ("GET", "/api/v1/commands/{command_id}", {}, 200),
        ("DELETE", token, {}, 204),
        ("DELETE", station, {}, 204),
    ]
    command_id = "none"
    for method, path, headers, status in asked:
        body = body_for(path) if method in {"POST", "PUT", "PATCH"} else None
        place = filled(path, command_id=command_id)
        if (method, path) == ("DELETE", station):
            world.stations.connected.clear()
        answer = await world.http.request(method, place, json=body, headers=headers)
        assert answer.status_code == status, (method, path, answer.text)
        command_id = answer.json()["id"] if path in asking else command_id
        assert not described(document, path, answer)
    answered = {(method, path, str(status)) for method, path, _, status in asked}
    promised = {
        (method.upper(), path, status)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        for status in operation["responses"]
        if int(status) < 400
    }
    assert promised - answered == {("GET", f"{one}/allocation", "200")}


WRONG: dict[str, dict[str, Any]] = {
    "no JSON": {"content": b"{", "headers": {"Content-Type": "application/json"}},
    "a form": {"data": {"id": "x"}},
    "2 MB": {"content": b" " * 2_000_000, "headers": {"Content-Type": "application/json"}},
    "no object": {"json": [5]},
    "an odd condition": {"json": site(), "headers": {"If-Match": "1", "If-None-Match": "1"}},
    "a condition that doesn't hold": {"json": site(), "headers": {"If-Match": '"99"'}},
    "no condition": {"json": site()},
    "an odd key": {"json": {}, "headers": {"Idempotency-Key": " "}},
    "another page": {"json": {}, "headers": {"Origin": "https://evil.example"}},
    "another host": {"json": {}, "headers": {"Host": "evil.example"}},
    "an odd query": {"json": {}, "params": {"limit": "x"}},
}


@pytest.mark.parametrize("what", WRONG)
@pytest.mark.parametrize("site_id", ["depot", "none", "%00"])
async def test_refusals_are_as_described(world: World, document: dict[str, Any], what: str, site_id: str):
    await world.add()
    await world.furnish()
    others = (
        {} if site_id == "depot" else dict.fromkeys(("station_id", "token_id", "transaction_id"), site_id)
    )
    for path, item in document["paths"].items():
        if path.startswith("/healthz/"):
            continue
        for method in item:
            address = filled(path, **{"site_id": site_id, "kind": "none", **others})
            answer = await world.http.request(method.upper(), address, **WRONG[what])
            if answer.status_code >= 400:
                assert not described(document, path, answer)
            if method == "delete" and answer.status_code == 204 and path == f"{SITES}/{{site_id}}":
                await world.add()


async def test_every_kind_that_is_described_is_one(document: dict[str, Any]):
    for item in document["paths"].values():
        for operation in item.values():
            for status, told in operation["responses"].items():
                for content in told.get("content", {}).values():
                    for kind in content.get("examples", {}):
                        assert KINDS[kind].status == int(status)
