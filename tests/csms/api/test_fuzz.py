"""Whatever comes, the answer is the API's own: never a fault of ours, never a problem that is not described."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from csms.http.problems import KINDS
from tests.csms.api.world import SITES, World, site

pytestmark = pytest.mark.anyio

ODD: list[Any] = [
    None, True, False, 0, -1, 1, 2**63 - 1, -(2**63) + 1, 0.1, -0.0, 1e308, 5e-324, "", "x", "\x00", "L1", "RST",
    "main", "CP-1", "..", "é😀", "2027-01-04T07:00:00Z", "9" * 50, "x" * 5000, [], {}, [[]], [{}], {"L1": 1},
    {"": ""}, {"L1": None, "L2": "1", "L3": []}, ["L1", "L1"], [None] * 3,
]  # fmt: skip
BODIES = {
    ("POST", SITES): site(id="fuzzed"),
    ("PUT", f"{SITES}/depot"): site(),
    ("PUT", f"{SITES}/depot/nodes/main/cap"): {"limit_a": {"L1": 5, "L2": 5}, "limit_w": 9, "until": None, "reason": ""},
    ("POST", "/api/v1/stations"): {"id": "CP-8", "site_id": None, "key": None, "keyless": False, "message_log": "all"},
    ("PATCH", "/api/v1/stations/CP-7"): {"managed": True, "message_log": "off", "registration": "Pending", "new_key": True},
    ("POST", "/api/v1/tokens"): {"uid": "04", "type": "Local", "expires_at": None, "group": "G", "max_concurrent": 2},
    ("PATCH", "/api/v1/tokens/tok-7"): {"status": "Blocked", "expires_at": "2027-01-04T07:00:00Z", "note": "x"},
    ("PATCH", "/api/v1/transactions/tx-7"): {"departure_at": None, "energy_needed_wh": 5, "priority": 1},
    ("POST", f"{SITES}/depot/meters/grid/readings"): {"at": None, "current_a": {"L1": 1, "L2": 2, "L3": 3}, "power_w": None},
}  # fmt: skip


def spoiled(value: Any, chance: Random) -> Any:
    """Return the value with something in it that nobody meant."""
    if isinstance(value, dict) and value and chance.random() < 0.8:
        name = chance.choice(list(value))
        match chance.randrange(8):
            case 0:
                return {other: member for other, member in value.items() if other != name}
            case 1:
                return {**value, chance.choice(["", "x", "\x00", "L4", "__class__"]): chance.choice(ODD)}
            case _:
                return {**value, name: spoiled(value[name], chance)}
    if isinstance(value, list) and value and chance.random() < 0.8:
        index = chance.randrange(len(value))
        return [*value[:index], spoiled(value[index], chance), *value[index + chance.randrange(2) :]]
    return chance.choice(ODD)


@pytest.mark.parametrize("seed", range(4))
async def test_spoiled_bodies_are_taken_or_refused(world: World, seed: int):
    chance = Random(seed)
    await world.add()
    await world.furnish()
    seen: set[int] = set()
    for _ in range(250):
        (method, path), body = chance.choice(list(BODIES.items()))
        for _ in range(chance.randrange(1, 4)):
            body = spoiled(body, chance)
        headers = {"If-Match": "*", "Content-Type": "application/json"}
        answer = await world.http.request(method, path, content=json.dumps(body), headers=headers)
        seen.add(answer.status_code)
        assert answer.status_code < 500, (method, path, body, answer.text)
        if answer.status_code >= 400:
            assert answer.json()["type"].removeprefix("/problems/") in KINDS
    assert {200, 204, 422} & seen
    assert 422 in seen
    for kept in ("sites/depot", "stations", "stations/CP-7", "tokens", "tokens/tok-7", "transactions/tx-7"):
        assert (await world.http.get(f"/api/v1/{kept}")).status_code == 200
    await world.allocation()


@pytest.mark.parametrize("seed", range(2))
async def test_odd_addresses_are_answered(world: World, seed: int):
    chance = Random(seed)
    await world.add()
    parts = [
        "depot",
        "main",
        "grid",
        "nodes",
        "meters",
        "cap",
        "check",
        "%00",
        "%2e%2e",
        "%2f",
        "%ff",
        "é",
        "*",
        "",
    ]
    for _ in range(200):
        path = "/".join([SITES, *(chance.choice(parts) for _ in range(chance.randrange(6)))])
        method = chance.choice(["GET", "PUT", "POST", "DELETE", "PATCH", "HEAD", "OPTIONS"])
        answer = await world.http.request(method, path, json={"limit_a": 5})
        assert answer.status_code < 500, (method, path, answer.text)
        if answer.status_code == 204 and method == "DELETE":
            await world.http.put(f"{SITES}/depot", json=site())
