"""Transactions and their samples over REST."""

from __future__ import annotations

from typing import Any

import pytest

from tests.csms.api.world import BEGAN_US, World, begun
from tests.csms.http.app import problem_of
from tests.csms.storage.some_records import CLOSED, SAMPLE, STATUS, but

pytestmark = pytest.mark.anyio
TRANSACTIONS = "/api/v1/transactions"
TX1 = f"{TRANSACTIONS}/tx-1"
MINUTE_US = 60_000_000


async def listed(world: World, **asked: Any) -> list[str]:
    answer = await world.http.get(TRANSACTIONS, params=asked)
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()["items"]]


async def show(world: World) -> dict[str, Any]:
    answer = await world.http.get(TX1)
    assert answer.status_code == 200, answer.text
    return answer.json()


def measured(minutes: int, **said: Any) -> Any:
    at_us = BEGAN_US + minutes * MINUTE_US
    return but(SAMPLE, **{"at_us": at_us, "device_at_us": at_us, "received_at_us": at_us, **said})


# --- one


async def test_a_transaction_that_runs_is_shown_with_what_it_has_charged(world: World):
    await world.furnish()
    token = world.storage.tokens
    await world.storage.write(
        STATUS,
        begun("tx-1", token_hmac=next(iter(token))),
        measured(1, energy_wh=1500.0),
        measured(2, energy_wh=9e12),
        measured(3, energy_wh=None, power_w=5.0),
    )

    assert await show(world) == {
        "id": "tx-1",
        "ocpp_transaction_id": "17",
        "station_id": "CP-1",
        "evse": 1,
        "connector": 1,
        "token_id": "tok-7",
        "started_at": "2025-06-15T15:06:40.000Z",
        "ended_at": None,
        "active": True,
        "meter_start_wh": 1000.0,
        "meter_stop_wh": None,
        "energy_wh": 500.0,
        "stop_reason": None,
        "closed_by": None,
        "state": "Charging",
        "orphan": False,
        "departure_at": None,
        "energy_needed_wh": None,
        "priority": None,
    }


async def test_one_that_ended_is_shown_with_its_end(world: World):
    await world.storage.write(begun("tx-1"), measured(5, energy_wh=5000.0), but(CLOSED, stop_token_hmac=None))
    shown = await show(world)
    assert (shown["active"], shown["state"], shown["closed_by"]) == (False, "Ended", "station")
    assert (shown["meter_stop_wh"], shown["energy_wh"], shown["stop_reason"]) == (2000.0, 1000.0, "Local")
    assert shown["ended_at"] == "2025-06-15T15:07:40.000Z"


async def test_what_nobody_said_is_not_made_up(world: World):
    await world.storage.write(begun("tx-1", meter_start_wh=None), measured(1, energy_wh=1500.0))
    shown = await show(world)
    assert (shown["energy_wh"], shown["state"]) == (None, "Unknown")


async def test_an_orphan_has_charged_nobody_knows_what(world: World):
    await world.storage.write(begun("tx-1", orphan=1), but(CLOSED, stop_token_hmac=None))
    shown = await show(world)
    assert (shown["orphan"], shown["energy_wh"], shown["meter_stop_wh"]) == (True, None, 2000.0)


@pytest.mark.parametrize("path", ["none", "%00", "a%2Fb", "17", "x" * 300])
async def test_one_that_is_not_there_is_not_found(world: World, path: str):
    await world.storage.write(begun("tx-1"))
    address = f"{TRANSACTIONS}/{path}"
    problem_of(await world.http.get(address), "not-found", 404)
    problem_of(await world.http.get(f"{address}/samples"), "not-found", 404)
    problem_of(await world.http.patch(address, json={}), "not-found", 404)


# --- lists


async def test_the_newest_come_first_in_parts_that_stay_while_others_begin(world: World):
    for number in range(5):
        await world.storage.write(begun(f"tx-{number}", started_at_us=BEGAN_US + number // 2))
    found: list[str] = []
    asked: dict[str, Any] = {"limit": 2}
    for number in range(3):
        part = (await world.http.get(TRANSACTIONS, params=asked)).json()
        found += [one["id"] for one in part["items"]]
        asked["cursor"] = part["next_cursor"]
        await world.storage.write(begun(f"new-{number}", started_at_us=BEGAN_US + 10))
    assert found == ["tx-4", "tx-3", "tx-2", "tx-1", "tx-0"]
    assert asked["cursor"] is None


async def test_lists_are_of_what_is_asked_for(world: World):
    await world.furnish()
    hmac = next(iter(world.storage.tokens))
    await world.storage.write(
        begun("a", started_at_us=BEGAN_US + 1),
        begun("tx-1", started_at_us=BEGAN_US + 2_000_000, token_hmac=hmac),
        begun("c", started_at_us=BEGAN_US + 3_000_000, station_id="GONE-1"),
        but(CLOSED, stop_token_hmac=None),
    )
    assert await listed(world) == ["c", "tx-1", "a", "tx-7"]
    assert await listed(world, station="cp-7") == ["tx-7"]
    assert await listed(world, station="GONE-1") == ["c"]
    assert await listed(world, station="none") == []
    assert await listed(world, token_id="tok-7") == ["tx-1", "tx-7"]
    assert await listed(world, active="true") == ["c", "a", "tx-7"]
    assert await listed(world, active="false") == ["tx-1"]
    assert await listed(world, active="false", token_id="tok-7", station="CP-1") == ["tx-1"]
    assert await listed(world, **{"from": "2025-06-15T15:06:42Z"}) == ["c", "tx-1"]
    assert await listed(world, to="2025-06-15T17:06:42+02:00") == ["a", "tx-7"]
    assert await listed(world, **{"from": "2025-06-15T15:06:42Z", "to": "2025-06-15T15:06:43Z"}) == ["tx-1"]


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("active=yes", "active"),
        ("active=", "active"),
        ("from=yesterday", "from"),
        ("from=2025-06-15T15:06:42", "from"),
        ("to=5", "to"),
        ("from_=2025-06-15T15:06:42Z", "from_"),
        ("station=" + "x" * 256, "station"),
        ("limit=0", "limit"),
        ("limit=9" + "9" * 5000, "limit"),
        ("cursor=MTp0eA", "cursor"),
        ("evse=1", "evse"),
    ],
)
async def test_a_query_that_can_not_be_meant_is_refused(world: World, query: str, path: str):
    told = problem_of(await world.http.get(f"{TRANSACTIONS}?{query}"), "invalid", 422)
    assert [(error["path"], error["in"]) for error in told["errors"]] == [(path, "query")]


async def test_every_list_is_read_along_an_index(world: World):
    for where in (
        "ORDER BY started_at_us DESC, id DESC",
        "WHERE station_id = 'x' ORDER BY started_at_us DESC, id DESC",
        "WHERE token_id = 'x' ORDER BY started_at_us DESC, id DESC",
        "WHERE ended_at_us IS NULL ORDER BY started_at_us DESC, id DESC",
    ):
        plan = await world.storage.history._reads.run(
            lambda rows, where=where: rows(
                f"EXPLAIN QUERY PLAN SELECT * FROM transactions {where} LIMIT 5",  # noqa: S608
                {},
            )
        )
        assert "TEMP B-TREE" not in str(plan), where


# --- wishes


async def test_what_is_wished_is_kept_and_told(world: World):
    await world.storage.write(begun("tx-1"))
    wishes = {"departure_at": "2027-01-04T15:30:00.000Z", "energy_needed_wh": 18_000.0, "priority": 3}

    answer = await world.http.patch(TX1, json=wishes)

    assert wishes.items() <= answer.json().items()
    assert answer.json() == await show(world)
    part = await world.http.patch(TX1, json={"departure_at": None})
    assert (part.json()["departure_at"], part.json()["priority"]) == (None, 3)
    events = await world.storage.history._reads.run(
        lambda rows: rows("SELECT kind, station_id FROM events", {})
    )
    assert events == [("transaction.updated", "CP-1")] * 2


async def test_a_condition_is_heeded(world: World):
    await world.storage.write(begun("tx-1"))
    seen = {"If-Match": (await world.http.get(TX1)).headers["etag"]}
    first = await world.http.patch(TX1, json={"priority": 1}, headers=seen)
    problem_of(await world.http.patch(TX1, json={"priority": 2}, headers=seen), "outdated", 412)
    fresh = {"If-Match": first.headers["etag"]}
    assert (await world.http.patch(TX1, json={"priority": 3}, headers=fresh)).status_code == 200
    assert (await show(world))["priority"] == 3


async def test_nothing_is_wished_for_what_is_over(world: World):
    await world.storage.write(begun("tx-1"), but(CLOSED, stop_token_hmac=None))
    problem_of(await world.http.patch(TX1, json={"priority": 1}), "conflict", 409)


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"departure_at": "soon"}, "departure_at"),
        ({"departure_at": 5}, "departure_at"),
        ({"energy_needed_wh": -1}, "energy_needed_wh"),
        ({"energy_needed_wh": 1e300}, "energy_needed_wh"),
        ({"energy_needed_wh": "5"}, "energy_needed_wh"),
        ({"priority": 1.5}, "priority"),
        ({"priority": True}, "priority"),
        ({"priority": 2**63 - 1}, "priority"),
        ({"ended_at": None}, "ended_at"),
    ],
)
async def test_what_can_not_be_wished_is_refused_with_its_field(world: World, body: Any, path: str):
    await world.storage.write(begun("tx-1"))
    told = problem_of(await world.http.patch(TX1, json=body), "invalid", 422)
    assert [error["path"] for error in told["errors"]] == [path]


# --- samples


async def test_samples_are_shown_with_all_that_was_measured(world: World):
    full = measured(
        1,
        context="Sample.Clock",
        power_w=11_000.0,
        current_l1_a=16.0,
        voltage_l1_v=230.0,
        soc_ratio=0.5,
        frequency_hz=50.0,
        temperature_c=float("inf"),
        extra='{"Current.Offered_a":16.0,"RPM_rpm":5.0}',
        quality=1 | 8,
    )
    await world.storage.write(begun("tx-1"), full)

    answer = await world.http.get(f"{TX1}/samples")

    assert answer.json() == {
        "items": [
            {
                "at": "2025-06-15T15:07:40.000Z",
                "received_at": "2025-06-15T15:07:40.000Z",
                "context": "Sample.Clock",
                "energy_wh": 1234.5,
                "power_w": 11_000.0,
                "current_a": {"L1": 16.0, "L2": None, "L3": None},
                "voltage_v": {"L1": 230.0, "L2": None, "L3": None},
                "soc": 0.5,
                "frequency_hz": 50.0,
                "temperature_c": None,
                "limit_a": 16.0,
                "extra": {"Current.Offered_a": 16.0, "RPM_rpm": 5.0},
                "quality": ["receive-time", "after-end"],
            }
        ],
        "next_cursor": None,
    }


async def test_the_oldest_samples_come_first_in_parts(world: World):
    await world.storage.write(
        begun("tx-1"), *(measured(number // 2, energy_wh=1000.0 + number) for number in range(7))
    )
    found: list[float] = []
    asked: dict[str, Any] = {"limit": 3}
    for number in range(3):
        part = (await world.http.get(f"{TX1}/samples", params=asked)).json()
        found += [one["energy_wh"] for one in part["items"]]
        asked["cursor"] = part["next_cursor"]
        await world.storage.write(measured(-1 - number, energy_wh=5.0))
    assert found == [1000.0 + number for number in range(7)]
    assert asked["cursor"] is None


@pytest.mark.parametrize("cursor", ["MTo1", "MTo1Ong", "x", "", "MTo1OjU1NTU1NTU1NTU1NTU1NTU1NTU1NTU1NQ"])
async def test_a_cursor_that_no_list_of_samples_gave_is_refused(world: World, cursor: str):
    await world.storage.write(begun("tx-1"))
    problem_of(await world.http.get(f"{TX1}/samples", params={"cursor": cursor}), "invalid", 422)
