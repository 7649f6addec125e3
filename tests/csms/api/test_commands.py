"""Commands over REST: the real application and store, and stations that do what the test says."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from csms.domain.commands import CommandError, CommandState, Priority
from csms.domain.records import CommandRecorded, ConnectorStatusRecorded
from csms.domain.token import TokenStatus
from csms.http.security import Security
from csms.storage import NewToken
from tests.csms.api.world import World, opened
from tests.csms.http.app import problem_of
from tests.csms.ocpp.v16.some_profiles import PROFILE
from tests.csms.storage.engines import NOW_US, SqliteEngine
from tests.csms.storage.some_records import CLOSED, OPENED, TOKEN_SEEN, but

pytestmark = pytest.mark.anyio
STATIONS = "/api/v1/stations"
ONE = f"{STATIONS}/CP-1"
SECURITY = Security.of(api_token=None, key=b"of the installation")
STATUS = ConnectorStatusRecorded(
    station_id="CP-1",
    site_id=None,
    evse=1,
    connector=1,
    status="Available",
    error=None,
    info=None,
    vendor_error=None,
    at_us=NOW_US,
    device_at_us=None,
    received_at_us=NOW_US,
)


@contextlib.asynccontextmanager
async def with_station(folder: Path) -> AsyncIterator[World]:
    async with opened(folder, security=SECURITY) as world:
        with contextlib.suppress(Exception):
            await world.storage.add_station("CP-1")
        await world.storage.add_token(NewToken(uid="TAG"))
        await world.storage.write(STATUS)
        world.stations.connected.add("CP-1")
        yield world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with with_station(tmp_path) as world:
        yield world


async def ask(world: World, name: str, body: Any, **headers: str) -> httpx.Response:
    return await world.http.post(f"{ONE}/commands/{name}", json=body, headers=headers)


async def nothing_was_sent(world: World) -> bool:
    listed = (await world.http.get(f"{ONE}/commands")).json()
    return world.stations.asked.empty() and listed["items"] == []


async def test_a_command_is_taken_as_soon_as_it_is_queued(world: World):
    answer = await ask(world, "reset", {"type": "soft"})
    assert answer.status_code == 202
    body = answer.json()
    assert {name: body[name] for name in ("station_id", "name", "action", "state", "request")} == {
        "station_id": "CP-1",
        "name": "reset",
        "action": "Reset",
        "state": "queued",
        "request": {"type": "Soft"},
    }
    assert (body["response"], body["error"], body["warning"], body["answered_at"]) == (None,) * 4
    assert answer.headers["location"] == f"/api/v1/commands/{body['id']}"
    command = await world.stations.answer()
    assert (command.id, command.priority) == (body["id"], Priority.OPERATOR)
    assert command.expires_s == 300


async def test_the_resource_shows_how_it_ended(world: World):
    asked = await ask(world, "reset", {"type": "soft"}, Prefer="wait=0")
    await world.stations.answer()
    shown = await world.http.get(asked.headers["location"])
    for _ in range(1000):
        if shown.json()["state"] == "answered":
            break
        shown = await world.http.get(asked.headers["location"])
    body = shown.json()
    assert (body["state"], body["response"]) == ("answered", {"status": "Accepted"})
    assert body["answered_at"] == body["ended_at"] is not None
    assert body["created_at"] == asked.json()["created_at"]


@pytest.mark.parametrize(
    ("state", "response"),
    [
        (CommandState.ANSWERED, b'{"status":"Rejected"}'),
        (CommandState.CALL_ERROR, None),
        (CommandState.TIMED_OUT, None),
        (CommandState.NOT_SENT, None),
        (CommandState.EXPIRED, None),
    ],
)
async def test_who_prefers_to_wait_gets_the_end_and_no_end_is_an_error_of_http(
    world: World, state: CommandState, response: bytes | None
):
    waiting = asyncio.create_task(ask(world, "clear-cache", {}, Prefer="wait=50"))
    await world.stations.answer(state, response)
    answer = await waiting
    assert (answer.status_code, answer.headers["preference-applied"]) == (200, "wait=50")
    assert answer.json()["state"] == state.value
    assert answer.json()["response"] == (None if response is None else json.loads(response))


async def test_an_answer_is_shown_as_it_came_also_with_numbers_that_nobody_can_hold(world: World):
    waiting = asyncio.create_task(ask(world, "clear-cache", {}, Prefer="wait=50"))
    await world.stations.answer(CommandState.ANSWERED, b'{"status":"Accepted","odd":1e999,"exact":1.50}')
    answer = await waiting
    assert answer.status_code == 200, answer.text
    assert '"response":{"status":"Accepted","odd":1e999,"exact":1.50}' in answer.text
    listed = await world.http.get(f"{ONE}/commands")
    assert (listed.status_code, "1e999" in listed.text) == (200, True)


async def test_an_error_is_shown_with_its_details_as_they_came(world: World):
    waiting = asyncio.create_task(ask(world, "clear-cache", {}, Prefer="wait=50"))
    await world.stations.answer(
        CommandState.CALL_ERROR, None, error=CommandError("InternalError", "no memory", b'{"left":-1e999}')
    )
    answer = await waiting
    assert answer.status_code == 200, answer.text
    assert (
        '"error":{"code":"InternalError","description":"no memory","details":{"left":-1e999}}' in answer.text
    )


async def test_when_the_time_is_over_it_is_still_under_way(world: World):
    answer = await ask(world, "clear-cache", {}, Prefer="respond-async, wait=0")
    assert (answer.status_code, answer.headers["preference-applied"]) == (202, "wait=0")
    assert answer.json()["state"] == "queued"


async def test_a_wish_to_wait_for_too_long_is_cut(world: World):
    waiting = asyncio.create_task(ask(world, "clear-cache", {}, Prefer="wait=86400"))
    await world.stations.answer()
    assert (await waiting).headers["preference-applied"] == "wait=60"


@pytest.mark.parametrize("prefer", ["wait", "wait=-1", "wait=x", "", "handling=strict"])
async def test_what_is_no_preference_is_none(world: World, prefer: str):
    answer = await ask(world, "clear-cache", {}, Prefer=prefer)
    assert answer.status_code == 202
    assert "preference-applied" not in answer.headers


NAMED: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
    (
        "remote-start",
        {"evse": 1, "token": "TAG"},
        "RemoteStartTransaction",
        {"connectorId": 1, "idTag": "***"},
    ),
    ("unlock", {"evse": 1, "connector": 1}, "UnlockConnector", {"connectorId": 1}),
    ("unlock", {"evse": 1}, "UnlockConnector", {"connectorId": 1}),
    (
        "change-availability",
        {"evse": None, "operative": True},
        "ChangeAvailability",
        {"connectorId": 0, "type": "Operative"},
    ),
    ("trigger-message", {"message": "Heartbeat"}, "TriggerMessage", {"requestedMessage": "Heartbeat"}),
    ("get-configuration", {}, "GetConfiguration", {}),
    ("get-configuration", {"keys": ["A"]}, "GetConfiguration", {"key": ["A"]}),
    ("set-configuration", {"key": "A", "value": ""}, "ChangeConfiguration", {"key": "A", "value": ""}),
    (
        "set-configuration",
        {"key": "AuthorizationKey", "value": "0123456789abcdef"},
        "ChangeConfiguration",
        {"key": "AuthorizationKey", "value": "***"},
    ),
    ("clear-charging-profile", {"profile_id": 3}, "ClearChargingProfile", {"id": 3}),
    (
        "get-composite-schedule",
        {"evse": 1, "duration_s": 600, "unit": "A"},
        "GetCompositeSchedule",
        {"connectorId": 1, "duration": 600, "chargingRateUnit": "A"},
    ),
    ("data-transfer", {"vendor_id": "v", "data": "d"}, "DataTransfer", {"vendorId": "v", "data": "d"}),
]


@pytest.mark.parametrize(("name", "body", "action", "request_shown"), NAMED)
async def test_each_name_becomes_its_action_and_secrets_are_hidden(
    world: World, name: str, body: dict[str, Any], action: str, request_shown: dict[str, Any]
):
    answer = await ask(world, name, body)
    assert (answer.status_code, answer.json()["action"]) == (202, action), answer.text
    assert answer.json()["request"] == request_shown
    assert answer.json()["warning"] is None
    sent = await world.stations.answer()
    assert "***" not in sent.payload.decode()


async def test_a_charging_profile_goes_as_it_is(world: World):
    answer = await ask(world, "set-charging-profile", {"evse": 1, "profile": PROFILE})
    assert answer.status_code == 202, answer.text
    assert answer.json()["request"] == {"connectorId": 1, "csChargingProfiles": PROFILE}
    wrong = {**PROFILE, "stackLevel": "0"}
    refused = await ask(world, "set-charging-profile", {"evse": 1, "profile": wrong})
    problem = problem_of(refused, "invalid", 422)
    assert problem["errors"] == [
        {"path": "profile.stackLevel", "message": "must be an integer", "in": "body"}
    ]


# --- raw calls


async def test_a_raw_call_goes_under_the_name_of_its_action(world: World):
    answer = await world.http.post(f"{ONE}/ocpp/Reset", json={"type": "Hard"})
    assert answer.status_code == 202
    assert (answer.json()["name"], answer.json()["request"]) == ("Reset", {"type": "Hard"})
    assert json.loads((await world.stations.answer()).payload) == {"type": "Hard"}


@pytest.mark.parametrize(
    ("action", "body", "path"),
    [
        ("Reset", {"type": "Softly"}, "type"),
        ("Reset", {}, "type"),
        ("Reset", {"type": "Soft", "more": 1}, ""),
        ("BootNotification", {"chargePointVendor": "v", "chargePointModel": "m"}, "action"),
        ("Nonsense", {}, "action"),
    ],
)
async def test_what_breaks_the_schema_is_refused_with_its_place_and_nothing_is_sent(
    world: World, action: str, body: Any, path: str
):
    problem = problem_of(await world.http.post(f"{ONE}/ocpp/{action}", json=body), "invalid", 422)
    assert [error["path"] for error in problem["errors"]] == [path]
    assert await nothing_was_sent(world)


@pytest.mark.parametrize(
    ("name", "body", "path"),
    [
        ("reset", {"type": "gently"}, "type"),
        ("reset", {"type": "soft", "evse": 1}, "evse"),
        ("reset", {"type": "soft", "force": True}, "force"),
        ("remote-start", {"token": "x" * 21}, "token"),
        ("remote-start", {"evse": "1", "token": "TAG"}, "evse"),
        ("remote-stop", {"transaction_id": "unheard-of"}, "transaction_id"),
        ("unlock", {"evse": 1, "connector": 2}, "connector"),
        ("trigger-message", {"message": "Nonsense"}, "message"),
        ("data-transfer", {"vendor_id": "v", "data": {}}, "data"),
        ("get-composite-schedule", {"evse": 1, "duration_s": 2**31}, "duration_s"),
    ],
)
async def test_a_body_that_can_not_be_meant_is_refused_where_it_is_wrong(
    world: World, name: str, body: Any, path: str
):
    problem = problem_of(await ask(world, name, body), "invalid", 422)
    assert [error["path"] for error in problem["errors"]] == [path]
    assert await nothing_was_sent(world)


# --- who is asked


async def test_an_unknown_station_is_not_found(world: World):
    problem_of(await world.http.post(f"{STATIONS}/CP-9/commands/clear-cache", json={}), "not-found", 404)
    problem_of(await world.http.post(f"{STATIONS}/CP-9/ocpp/ClearCache", json={}), "not-found", 404)
    problem_of(await world.http.get(f"{STATIONS}/CP-9/commands"), "not-found", 404)
    problem_of(await world.http.get("/api/v1/commands/none"), "not-found", 404)
    problem_of(await ask(world, "sing", {}), "not-found", 404)


async def test_a_station_is_found_in_any_case(world: World):
    answer = await world.http.post(f"{STATIONS}/cp-1/commands/clear-cache", json={})
    assert answer.json()["station_id"] == "CP-1"


async def test_a_station_that_is_away_is_a_conflict(world: World):
    world.stations.connected.clear()
    problem_of(await ask(world, "clear-cache", {}), "station-not-connected", 409)
    assert await nothing_was_sent(world)


async def test_a_full_queue_is_busy(world: World):
    world.stations.full = True
    answer = await ask(world, "clear-cache", {})
    problem_of(answer, "busy", 503)
    assert answer.headers["retry-after"]
    assert await nothing_was_sent(world)


async def test_a_station_that_goes_in_the_same_moment_was_not_asked(world: World):
    world.stations.gone_when_called = True
    answer = await ask(world, "clear-cache", {}, Prefer="wait=50")
    assert (answer.status_code, answer.json()["state"]) == (200, "not_sent")
    assert "not connected" in answer.json()["error"]["description"]


# --- what goes with a warning


async def test_an_evse_that_was_never_reported_goes_with_a_warning(world: World):
    answer = await ask(world, "unlock", {"evse": 7})
    assert answer.status_code == 202
    assert "connector 1 of EVSE 7" in answer.json()["warning"]
    assert (await world.stations.answer()).action == "UnlockConnector"


@pytest.mark.parametrize("token", ["STRANGER", "BLOCKED"])
async def test_a_token_that_may_not_charge_goes_with_a_warning_that_does_not_name_it(
    world: World, token: str
):
    await world.storage.add_token(NewToken(uid="BLOCKED", status=TokenStatus.BLOCKED))
    answer = await ask(world, "remote-start", {"evse": 1, "token": token})
    assert answer.status_code == 202
    assert "the token would be told" in answer.json()["warning"]
    assert token not in answer.text


async def test_a_transaction_is_stopped_as_its_station_names_it(world: World):
    await world.storage.write(TOKEN_SEEN, OPENED)
    answer = await ask(world, "remote-stop", {"transaction_id": OPENED.id})
    assert (answer.json()["request"], answer.json()["warning"]) == ({"transactionId": 17}, None)
    assert (await world.stations.answer()).priority is Priority.STOP


async def test_a_transaction_that_has_ended_is_stopped_with_a_warning(world: World):
    await world.storage.write(TOKEN_SEEN, OPENED)
    await world.storage.write(CLOSED)
    answer = await ask(world, "remote-stop", {"transaction_id": OPENED.id})
    assert answer.json()["warning"] == "the transaction has ended"


async def test_another_stations_transaction_is_not_stopped(world: World):
    await world.storage.add_station("CP-2")
    await world.storage.write(TOKEN_SEEN, but(OPENED, station_id="CP-2"))
    problem_of(await ask(world, "remote-stop", {"transaction_id": OPENED.id}), "invalid", 422)
    assert await nothing_was_sent(world)


# --- lists, events, restarts


async def test_commands_are_listed_in_pages_the_newest_first(world: World):
    made = [(await ask(world, "clear-cache", {})).json()["id"] for _ in range(5)]
    listed: list[str] = []
    cursor: str | None = None
    while True:
        query = {"limit": "2"} | ({} if cursor is None else {"cursor": cursor})
        page = (await world.http.get(f"{ONE}/commands", params=query)).json()
        listed += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert listed == made[::-1]
    for query in ({"cursor": "x"}, {"limit": "0"}):
        problem_of(await world.http.get(f"{ONE}/commands", params=query), "invalid", 422)


async def test_those_who_follow_hear_of_each_command_but_not_what_it_carries(tmp_path: Path):
    async with with_station(tmp_path) as world:
        asked = await ask(world, "remote-start", {"evse": 1, "token": "TAG"})
    (line,) = SqliteEngine(tmp_path).rows("SELECT station_id, data FROM events WHERE kind = 'command.state'")
    told = json.loads(line["data"])
    assert (line["station_id"], told["id"], told["state"]) == ("CP-1", asked.json()["id"], "queued")
    assert "request" not in told


async def test_what_a_restart_cut_off_is_final_afterwards(tmp_path: Path):
    async with with_station(tmp_path) as world:
        for state in ("queued", "sent"):
            await world.storage.write(
                CommandRecorded(
                    state, "CP-1", None, "reset", "Reset", state, b"{}", None, None, 1, None, None
                )
            )
    async with opened(tmp_path) as later:
        for state, final in (("queued", "not_sent"), ("sent", "timed_out")):
            shown = (await later.http.get(f"/api/v1/commands/{state}")).json()
            assert (shown["state"], shown["answered_at"]) == (final, None)
            assert shown["ended_at"]


async def test_the_same_command_again_is_not_sent_twice_not_even_after_a_restart(tmp_path: Path):
    async with with_station(tmp_path) as world:
        first = await ask(world, "clear-cache", {}, **{"Idempotency-Key": "a"})
        again = await ask(world, "clear-cache", {}, **{"Idempotency-Key": "a"})
        assert first.json() == again.json()
        assert world.stations.asked.qsize() == 1
        problem_of(
            await ask(world, "reset", {"type": "soft"}, **{"Idempotency-Key": "a"}),
            "idempotency-key-reused",
            422,
        )
    async with opened(tmp_path, security=SECURITY) as later:
        later.stations.connected.add("CP-1")
        third = await ask(later, "clear-cache", {}, **{"Idempotency-Key": "a"})
        assert (third.status_code, third.json()) == (202, first.json())
        assert later.stations.asked.empty()
