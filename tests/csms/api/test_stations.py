"""Stations over REST: registered, seen, changed and removed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from csms.clock import SystemClock
from csms.domain.records import SampleRecorded, StationBooted, StationConnected
from csms.domain.station import KEPT_CONNECTORS, MessageLogPolicy, Registration, StationIdentity
from csms.storage import station_key_matches
from tests.csms.api.world import BEGAN_US, World, begun, opened, site
from tests.csms.http.app import problem_of
from tests.csms.storage.engines import SECRET
from tests.csms.storage.some_records import CLOSED, SAMPLE, STATUS, but

pytestmark = pytest.mark.anyio
STATIONS = "/api/v1/stations"
CP1 = f"{STATIONS}/CP-1"


class Connected:
    """Stations that a test says are connected, and what they were told."""

    def __init__(self) -> None:
        self.stations: set[str] = set()
        self.revised: list[StationIdentity] = []
        self.dismissed: list[str] = []

    def online(self) -> frozenset[str]:
        return frozenset(self.stations)

    def revise(self, station: StationIdentity) -> None:
        self.revised.append(station)

    def dismiss(self, station_id: str, reason: str) -> None:
        self.dismissed.append(station_id)


@pytest.fixture
def connected() -> Connected:
    return Connected()


@pytest.fixture
async def world(tmp_path: Path, connected: Connected) -> AsyncIterator[World]:
    async with opened(tmp_path, connections=connected) as world:
        yield world


async def add(world: World, **body: Any) -> dict[str, Any]:
    answer = await world.http.post(STATIONS, json={"id": "CP-1", **body})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def accepts(world: World, key: str) -> bool:
    return station_key_matches(SECRET, await world.storage.find_station("CP-1"), key.encode())


# --- registering


async def test_a_station_is_registered_with_a_key_that_is_shown_once(world: World):
    answer = await world.http.post(STATIONS, json={"id": "CP-1"})

    added = answer.json()
    assert (answer.status_code, answer.headers["location"]) == (201, CP1)
    assert answer.headers["cache-control"] == "no-store"
    assert await accepts(world, added.pop("key"))
    again = await world.http.get(CP1)
    assert again.json() == added
    assert again.headers["etag"] == answer.headers["etag"]
    assert (added["connected"], added["managed"], added["message_log"]) == (False, True, "all")
    assert (added["has_key"], added["evses"], added["registration"]) == (True, [], "Accepted")


async def test_a_key_of_ones_own_is_not_shown_again(world: World):
    assert (await add(world, key="0123456789abcdef"))["key"] is None
    assert await accepts(world, "0123456789abcdef")


async def test_a_station_may_be_registered_without_a_key(world: World):
    added = await add(world, keyless=True, managed=False, message_log="off", site_id="yard")
    assert (added["key"], added["has_key"], added["managed"]) == (None, False, False)
    assert (added["message_log"], added["site_id"]) == ("off", "yard")


@pytest.mark.parametrize("station_id", ["CP-1", "cp-1"])
async def test_an_id_is_taken_once_whatever_its_case(world: World, station_id: str):
    await add(world)
    told = problem_of(await world.http.post(STATIONS, json={"id": station_id}), "conflict", 409)
    assert "already" in told["detail"]


async def test_a_station_that_a_site_names_belongs_to_it(world: World):
    await world.add()
    problem_of(await world.http.post(STATIONS, json={"id": "CP-1", "site_id": "yard"}), "conflict", 409)
    assert (await add(world))["site_id"] == "depot"


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "id"),
        ({"id": ""}, "id"),
        ({"id": "."}, "id"),
        ({"id": ".."}, "id"),
        ({"id": "a/b"}, "id"),
        ({"id": "a#b"}, "id"),
        ({"id": "CP-1\n"}, "id"),
        ({"id": "CP\x00"}, "id"),
        ({"id": "<b>CP</b>"}, "id"),
        ({"id": "x" * 49}, "id"),
        ({"id": 5}, "id"),
        ({"id": "CP-1", "key": "too-short"}, "key"),
        ({"id": "CP-1", "key": "x" * 41}, "key"),
        ({"id": "CP-1", "key": "0123456789 \n abcdef"}, "key"),
        ({"id": "CP-1", "site_id": ""}, "site_id"),
        ({"id": "CP-1", "managed": "yes"}, "managed"),
        ({"id": "CP-1", "managed": 1}, "managed"),
        ({"id": "CP-1", "message_log": "some"}, "message_log"),
        ({"id": "CP-1", "vendor": "x"}, "vendor"),
    ],
)
async def test_what_can_be_no_station_is_refused_with_its_field(world: World, body: Any, path: str):
    told = problem_of(await world.http.post(STATIONS, json=body), "invalid", 422)
    assert [error["path"] for error in told["errors"]] == [path]
    assert body.get("key") is None or body["key"] not in str(told)


@pytest.mark.parametrize(
    "content", [b'{"id":"CP-1","id":"CP-2"}', b'{"id":"CP-1","x":NaN}', b'{"id":1e999}', b"{"]
)
async def test_a_body_that_is_no_strict_json_is_refused(world: World, content: bytes):
    headers = {"Content-Type": "application/json"}
    problem_of(await world.http.post(STATIONS, content=content, headers=headers), "malformed-json", 400)


# --- seeing


async def test_a_station_is_shown_with_what_it_said_and_what_runs(world: World, connected: Connected):
    await add(world)
    now_us = SystemClock().now_us()
    await world.storage.write(
        StationConnected("1.6", 1, now_us, "CP-1"),
        StationBooted("Acme", "One", "S-1", "1.0", "{}", "Accepted", now_us, "CP-1"),
        but(STATUS, error="GroundFailure"),
        but(STATUS, evse=2, connector=2, status="Available"),
        but(STATUS, evse=0, connector=0, status="Available"),
        begun("tx-1"),
        reading(now_us - 5_000_000, power_w=11_000.0, current_l1_a=16.0, current_l3_a=15.5),
        reading(now_us, energy_wh=2500.0),
        reading(now_us - 60_000_000, power_w=1.0, energy_wh=1.0, current_l1_a=1.0),
        reading(now_us - 5_000_000, transaction_id=None, evse=2, power_w=5.0),
    )
    connected.stations.add("CP-1")

    shown = (await world.http.get(f"{STATIONS}/cp-1")).json()

    assert {
        "id": "CP-1",
        "connected": True,
        "vendor": "Acme",
        "model": "One",
        "serial": "S-1",
    }.items() <= shown.items()
    assert (shown["firmware"], shown["boot_status"], shown["security_profile"]) == ("1.0", "Accepted", 1)
    assert shown["connected_at"] == shown["last_seen_at"]
    first, second = shown["evses"]
    assert first == {
        "id": 1,
        "connectors": [
            {"id": 1, "status": "Charging", "error": "GroundFailure", "status_at": "2025-06-15T15:06:40.000Z"}
        ],
        "transaction_id": "tx-1",
        "current_a": {"L1": 16.0, "L2": None, "L3": 15.5},
        "power_w": 11_000.0,
        "energy_wh": 2500.0,
        "limit_a": None,
        "limit_reason": None,
    }
    assert (second["id"], second["transaction_id"], second["power_w"]) == (2, None, None)


def reading(at_us: int, **said: Any) -> SampleRecorded:
    return but(SAMPLE, **{"at_us": at_us, "device_at_us": at_us, "energy_wh": None, **said})


async def test_old_readings_are_not_shown_as_those_of_now(world: World):
    await add(world)
    await world.storage.write(begun("tx-1"), but(SAMPLE, power_w=11_000.0))

    (evse,) = (await world.http.get(CP1)).json()["evses"]

    assert (evse["transaction_id"], evse["power_w"], evse["energy_wh"]) == ("tx-1", None, None)


async def test_of_transactions_that_never_ended_the_newest_of_each_evse_is_shown_of_so_many_evses(
    world: World,
):
    await add(world)
    begins = [
        begun(f"{evse}-{nth}", evse=evse, started_at_us=BEGAN_US + nth)
        for evse in range(1, KEPT_CONNECTORS + 3)
        for nth in (0, 2, 1)
    ]
    await world.storage.write(*begins)

    shown = (await world.http.get(CP1)).json()["evses"]

    newest = [f"{evse}-2" for evse in range(1, KEPT_CONNECTORS + 1)]
    assert [evse["transaction_id"] for evse in shown] == newest


async def test_readings_that_no_json_can_carry_are_shown_as_unknown(world: World):
    await add(world)
    await world.storage.write(begun("tx-1"), reading(SystemClock().now_us(), power_w=float("inf")))

    (evse,) = (await world.http.get(CP1)).json()["evses"]

    assert evse["power_w"] is None


async def test_a_limit_is_shown_where_a_site_enforces_it(world: World):
    await add(world)
    await world.storage.write(STATUS)
    await world.add(site(mode="enforce"))
    await world.eventually("depot", id="main")
    state = await world.allocation()
    granted = {evse["station"]: evse for evse in state["evses"]}["CP-1"]

    (evse,) = (await world.http.get(CP1)).json()["evses"]

    assert granted["managed"]
    assert (evse["limit_a"], evse["limit_reason"]) == (granted["grant_a"], granted["reason"]["text"])


@pytest.mark.parametrize("path", ["CP-2", "%00", "a%2Fb", "..%2f", "%23", "%3Cb%3E", "x" * 300, "%ff"])
async def test_a_station_that_is_not_there_is_not_found(world: World, path: str):
    await add(world)
    for method in ("GET", "DELETE", "PATCH"):
        problem_of(await world.http.request(method, f"{STATIONS}/{path}", json={}), "not-found", 404)
    problem_of(await world.http.get(f"{STATIONS}/{path}/messages"), "not-found", 404)


async def test_an_odd_id_is_shown_under_its_address(world: World):
    odd = "a*_=:+|@.-9"
    answer = await world.http.post(STATIONS, json={"id": odd})
    assert (await world.http.get(answer.headers["location"])).json()["id"] == odd


async def test_stations_are_listed_in_parts_by_their_ids_whatever_their_case(world: World):
    for name in ("b", "A", "d", "C"):
        await world.storage.add_station(name, keyless=True)
    found: list[str] = []
    asked: dict[str, Any] = {"limit": 2}
    for _ in range(2):
        part = (await world.http.get(STATIONS, params=asked)).json()
        found += [one["id"] for one in part["items"]]
        asked["cursor"] = part["next_cursor"]
        await world.storage.add_station(f"a{len(found)}", keyless=True)
    assert found == ["A", "b", "C", "d"]
    assert asked["cursor"] is None


async def test_head_tells_what_get_would(world: World):
    await add(world)
    got, head = await world.http.get(CP1), await world.http.head(CP1)
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", got.headers["etag"])
    assert head.headers["content-length"] == str(len(got.content))
    assert (await world.http.head(f"{STATIONS}/none")).status_code == 404
    assert (await world.http.head(f"{CP1}/nothing")).status_code == 404


# --- changing


async def test_a_change_counts_at_once(world: World, connected: Connected):
    await add(world)
    change = {"managed": False, "message_log": "errors", "registration": "Pending"}

    changed = (await world.http.patch(CP1, json=change)).json()

    assert change.items() <= changed.items()
    assert changed["key"] is None
    (told,) = connected.revised
    assert (told.id, told.managed) == ("CP-1", False)
    assert (told.message_log, told.registration) == (MessageLogPolicy.ERRORS, Registration.PENDING)


async def test_what_is_left_out_of_a_change_stays(world: World):
    added = await add(world, managed=False, message_log="off")
    key = added.pop("key")
    assert (await world.http.patch(CP1, json={})).json() == {**added, "key": None}
    assert await accepts(world, key)


async def test_a_site_hears_at_once_that_its_station_is_managed(world: World):
    await add(world, managed=False)
    await world.add()
    await world.eventually("depot", id="main")

    await world.http.patch(CP1, json={"managed": True})

    for _ in range(2000):
        state = await world.allocation()
        if any(one["id"] == "CP-1" and one["managed"] for one in state["stations"]):
            return
        await world.http.post("/api/v1/sites/depot/meters/grid/readings", json={"current_a": 1})
    raise AssertionError("it never heard")


async def test_a_new_key_counts_beside_the_one_before_until_that_is_revoked(world: World):
    first = (await add(world))["key"]

    changed = (await world.http.patch(CP1, json={"new_key": True})).json()
    second = changed["key"]
    assert changed["has_previous_key"]
    assert [await accepts(world, key) for key in (first, second)] == [True, True]

    third = "a key of my own 123"
    changed = (await world.http.patch(CP1, json={"key": third})).json()
    assert changed["key"] is None
    assert [await accepts(world, key) for key in (first, second, third)] == [False, True, True]

    changed = (await world.http.patch(CP1, json={"revoke_previous_key": True})).json()
    assert not changed["has_previous_key"]
    assert [await accepts(world, key) for key in (second, third)] == [False, True]

    changed = (await world.http.patch(CP1, json={"keyless": True})).json()
    assert (changed["has_key"], changed["has_previous_key"]) == (False, False)


@pytest.mark.parametrize(
    "body",
    [
        {"key": "0123456789abcdef", "new_key": True},
        {"keyless": True, "new_key": True},
        {"key": "0123456789abcdef", "keyless": True},
        {"key": "short"},
        {"key": None},
        {"managed": None},
        {"managed": "true"},
        {"registration": "Maybe"},
        {"message_log": None},
        {"site_id": "yard"},
        {"id": "CP-2"},
        {"connected": True},
        [],
    ],
)
async def test_a_change_that_can_not_be_meant_is_refused_and_changes_nothing(world: World, body: Any):
    await add(world)
    before = await world.http.get(CP1)
    problem_of(await world.http.patch(CP1, json=body), "invalid", 422)
    after = await world.http.get(CP1)
    assert (after.headers["etag"], after.json()) == (before.headers["etag"], before.json())


async def test_a_condition_is_heeded(world: World):
    await add(world)
    seen = (await world.http.get(CP1)).headers["etag"]
    first = await world.http.patch(CP1, json={"managed": False}, headers={"If-Match": seen})
    assert first.headers["etag"] != seen
    for method in ("PATCH", "DELETE"):
        answer = await world.http.request(method, CP1, json={}, headers={"If-Match": seen})
        problem_of(answer, "outdated", 412)
    fresh = {"If-Match": first.headers["etag"]}
    assert (await world.http.patch(CP1, json={"managed": True}, headers=fresh)).status_code == 200


# --- removing


async def test_a_removed_station_may_not_connect_and_its_history_stays(world: World, connected: Connected):
    await add(world)
    await world.storage.write(STATUS, begun("tx-1"), but(CLOSED, stop_token_hmac=None))
    connected.stations.add("CP-1")

    assert (await world.http.delete(CP1)).status_code == 204

    assert connected.dismissed == ["CP-1"]
    assert await world.storage.find_station("CP-1") is None
    problem_of(await world.http.delete(CP1), "not-found", 404)
    kept = (await world.http.get("/api/v1/transactions", params={"station": "CP-1"})).json()["items"]
    assert [one["id"] for one in kept] == ["tx-1"]
    assert (await add(world))["evses"] == []


async def test_a_station_that_a_site_names_is_not_removed(world: World):
    await add(world)
    await world.add()
    told = problem_of(await world.http.delete(CP1), "conflict", 409)
    assert "depot" in told["detail"]
    await world.http.delete("/api/v1/sites/depot")
    assert (await world.http.delete(CP1)).status_code == 204


async def test_a_station_at_which_somebody_charges_is_not_removed(world: World, connected: Connected):
    await add(world)
    await world.storage.write(begun("tx-1"))
    connected.stations.add("CP-1")
    told = problem_of(await world.http.delete(CP1), "conflict", 409)
    assert "tx-1" in told["detail"]
    assert connected.dismissed == []


async def test_what_a_vanished_station_left_open_ends_with_its_last_reading(world: World):
    await add(world)
    later_us = SAMPLE.at_us + 60_000_000
    await world.storage.write(
        begun("tx-1"), but(SAMPLE, at_us=later_us, device_at_us=later_us), begun("tx-2", ocpp_id="18", evse=2)
    )

    assert (await world.http.delete(CP1)).status_code == 204

    one = (await world.http.get("/api/v1/transactions/tx-1")).json()
    assert (one["active"], one["state"], one["closed_by"]) == (False, "Ended", "station-removed")
    assert (one["ended_at"], one["meter_stop_wh"], one["energy_wh"]) == (
        "2025-06-15T15:07:40.000Z",
        1234.5,
        234.5,
    )
    other = (await world.http.get("/api/v1/transactions/tx-2")).json()
    assert (other["ended_at"], other["meter_stop_wh"]) == (other["started_at"], 1000.0)


# --- messages


async def test_messages_come_newest_first_as_they_were_kept(world: World):
    await add(world)
    log = world.storage.message_log
    frames = [
        '[2,"1","Heartbeat",{}]',
        '[3,"1",{"a":1e99,"a":[1]}]',
        "{broken",
        '{"no":"array"}',
        '["\\ud800"]',
    ]
    for number, frame in enumerate(frames):
        log.append("CP-1", 1_000_000 * number, "in", frame, "odd" if number == 2 else None)
    log.append("CP-2", 0, "in", "[]", None)

    answer = await world.http.get(f"{STATIONS}/cp-1/messages")

    assert answer.status_code == 200, answer.text
    items = answer.json()["items"]
    assert [one["at"] for one in items] == [f"1970-01-01T00:00:0{number}.000Z" for number in (4, 3, 2, 1, 0)]
    assert items[4] == {
        "at": "1970-01-01T00:00:00.000Z",
        "direction": "in",
        "frame": [2, "1", "Heartbeat", {}],
        "deviation": None,
    }
    assert isinstance(items[3]["frame"], list)
    assert (items[2]["frame"], items[2]["deviation"]) == ("{broken", "odd")
    assert items[1]["frame"] == '{"no":"array"}'


@pytest.mark.parametrize(
    "frame",
    [
        f"[{'9' * 5000}]",
        "[1e999]",
        "[" * 65 + "]" * 65,
        f'[{{"x":{"[" * 63 + "]" * 63}}}]',
        "[" * 2000 + "]" * 2000,
    ],
)
async def test_a_frame_that_not_every_reader_takes_is_told_as_text(world: World, frame: str):
    await add(world)
    world.storage.message_log.append("CP-1", 0, "in", frame, None)
    answer = await world.http.get(f"{CP1}/messages")
    assert answer.json()["items"][0]["frame"] == frame


async def test_messages_come_in_parts_that_stay_while_more_are_said(world: World):
    await add(world)
    log = world.storage.message_log
    found: list[int] = []
    asked: dict[str, Any] = {"limit": 2}
    for number in range(5):
        log.append("CP-1", number, "out", f"[{number}]", None)
    for _ in range(3):
        part = (await world.http.get(f"{CP1}/messages", params=asked)).json()
        found += [one["frame"][0] for one in part["items"]]
        asked["cursor"] = part["next_cursor"]
        log.append("CP-1", 9, "in", "[9]", None)
    assert found == [4, 3, 2, 1, 0]
    assert asked["cursor"] is None


@pytest.mark.parametrize(
    "cursor", ["MTp4", "MTo5OTk5OTk5OTk5OTk5OTk5OTk5OTk5", "MTo=", "x", "MTo5MjIzMzcyMDM2ODU0Nzc1ODA4"]
)
async def test_a_cursor_that_no_list_of_messages_gave_is_refused(world: World, cursor: str):
    await add(world)
    problem_of(await world.http.get(f"{CP1}/messages", params={"cursor": cursor}), "invalid", 422)
