"""Logging in once for a browser, and what its cookie is good for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from csms.http import login
from csms.http.security import Security
from csms.http.sessions import COOKIE, LASTS_S, Sessions
from tests.csms.http.app import ADDRESS, GUARDED, TOKEN, Frame, problem_of
from tests.csms.http.keeping import Keeping

pytestmark = pytest.mark.anyio
LOGIN, LOGOUT = "/api/v1/login", "/api/v1/logout"
OURS = {"Origin": ADDRESS}
FOREIGN = {"Origin": "https://evil.example"}


async def logged_in(client: httpx.AsyncClient) -> str:
    answer = await client.post(LOGIN, json={"token": TOKEN})
    assert answer.status_code == 204, answer.text
    return answer.cookies[COOKIE]


async def test_a_login_sets_a_cookie_that_scripts_and_other_pages_can_not_use():
    async with Frame(GUARDED).client() as client:
        answer = await client.post(LOGIN, json={"token": TOKEN})
    cookie = answer.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/", f"Max-Age={LASTS_S}"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    assert TOKEN not in cookie
    assert answer.headers["cache-control"] == "no-store"


async def test_behind_tls_the_cookie_stays_there():
    async with Frame(Security.of(api_token=TOKEN, allowed_hosts=["site.example"])).client() as client:
        answer = await client.post(LOGIN, json={"token": TOKEN}, headers={"Origin": "https://site.example"})
    assert "Secure" in answer.headers["set-cookie"]


async def test_a_form_is_taken_too():
    async with Frame(GUARDED).client() as client:
        assert (await client.post(LOGIN, data={"token": TOKEN})).status_code == 204
        assert (await client.get("/thing")).status_code == 200
        twice = b"token=a&token=b"
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        problem_of(await client.post(LOGIN, content=twice, headers=form), "invalid", 422)
        endless = b"token=a" + b"&x=y" * 1000
        problem_of(await client.post(LOGIN, content=endless, headers=form), "invalid", 422)


async def test_the_cookie_counts_as_the_token():
    async with Frame(GUARDED).client() as client:
        problem_of(await client.get("/thing"), "unauthorized", 401)
        await logged_in(client)
        assert (await client.get("/thing")).status_code == 200
        assert (await client.post("/thing", headers=OURS)).status_code == 200


@pytest.mark.parametrize("headers", [FOREIGN, {}, {"Origin": "null"}, {"Origin": "http://"}])
async def test_another_page_can_not_change_anything_with_the_cookie(headers: dict[str, str]):
    async with Frame(GUARDED).client() as client:
        await logged_in(client)
        problem_of(await client.post("/thing", headers=headers), "foreign-origin", 403)


async def test_whoever_sends_the_token_is_no_page_and_a_wrong_one_is_wrong():
    async with Frame(GUARDED).client() as client:
        await logged_in(client)
        bearer = {"Authorization": f"Bearer {TOKEN}", **FOREIGN}
        assert (await client.post("/thing", headers=bearer)).status_code == 200
        problem_of(await client.get("/thing", headers={"Authorization": "Bearer wrong"}), "unauthorized", 401)


async def test_another_page_can_not_log_anybody_in_or_out():
    async with Frame(GUARDED).client() as client:
        await logged_in(client)
        for path in (LOGIN, LOGOUT):
            problem_of(await client.post(path, json={"token": TOKEN}, headers=FOREIGN), "foreign-origin", 403)


async def test_after_the_logout_the_cookie_counts_nowhere_and_never_again():
    frame = Frame(GUARDED)
    async with frame.client() as client:
        value = await logged_in(client)
        answer = await client.post(LOGOUT)
        assert (answer.status_code, "Max-Age=0" in answer.headers["set-cookie"]) == (204, True)
    later = Frame(GUARDED)
    later.store = frame.store
    later.build()
    for one in (frame, later):
        async with one.client(cookie=f"{COOKIE}={value}") as thief:
            problem_of(await thief.get("/thing"), "unauthorized", 401)


async def test_a_login_outlives_a_restart_and_not_another_token_or_installation():
    frame = Frame(GUARDED)
    async with frame.client() as client:
        value = await logged_in(client)
    others = {
        200: GUARDED,
        401: Security.of(api_token="another-token-of-16", key=GUARDED.key),
        4010: Security.of(api_token=TOKEN),
    }
    for status, security in others.items():
        async with Frame(security).client(cookie=f"{COOKIE}={value}") as client:
            assert (await client.get("/thing")).status_code == status or status == 4010
            if status == 4010:
                assert (await client.get("/thing")).status_code == 401


async def test_a_login_ends_by_itself():
    frame = Frame(GUARDED)
    async with frame.client() as client:
        value = await logged_in(client)
        frame.clock.s = LASTS_S - 1.0
        assert (await client.get("/thing")).status_code == 200
        frame.clock.s = LASTS_S
    async with frame.client(cookie=f"{COOKIE}={value}") as client:
        problem_of(await client.get("/thing"), "unauthorized", 401)


@pytest.mark.parametrize("odd", ["", "x", "a.b.c", f"{'0' * 32}.9999999999999999.{'0' * 64}"])
async def test_a_cookie_that_is_not_ours_is_none(odd: str):
    async with Frame(GUARDED).client(cookie=f"{COOKIE}={odd}") as client:
        problem_of(await client.get("/thing"), "unauthorized", 401)
        assert (await client.post(LOGOUT)).status_code == 204


async def test_a_cookie_can_not_be_prolonged():
    frame = Frame(GUARDED)
    async with frame.client() as client:
        session_id, until_us, signature = (await logged_in(client)).split(".")
    longer = f"{session_id}.{int(until_us) + 1}.{signature}"
    async with frame.client(cookie=f"{COOKIE}={longer}") as client:
        problem_of(await client.get("/thing"), "unauthorized", 401)


async def test_after_some_failures_an_address_must_wait_even_with_the_right_token():
    frame = Frame(GUARDED)
    async with frame.client() as client:
        for _ in range(login.FAILURES_MAX):
            problem_of(await client.post(LOGIN, json={"token": "wrong"}), "unauthorized", 401)
        refused = await client.post(LOGIN, json={"token": TOKEN})
        problem_of(refused, "too-many-attempts", 429)
        frame.clock.s += float(refused.headers["retry-after"])
        await logged_in(client)


async def test_who_tries_many_at_once_gets_no_more_tries():
    """Bodies that come late are judged by what failed meanwhile."""
    heads_are_in, late = asyncio.Event(), 20
    begun = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal begun
        begun += 1
        if begun == late:
            heads_are_in.set()
        await heads_are_in.wait()
        yield b'{"token":"wrong"}'

    async with Frame(GUARDED).client() as client:
        answers = await asyncio.gather(
            *(
                client.post(LOGIN, content=body(), headers={"Content-Type": "application/json"})
                for _ in range(late)
            )
        )
    assert sorted(answer.status_code for answer in answers) == [401] * 5 + [429] * 15


class SlowReading(Keeping):
    """The first reading of the ended logins lasts until `go_on`."""

    def __init__(self) -> None:
        super().__init__()
        self.reading, self.go_on = asyncio.Event(), asyncio.Event()

    async def ended_sessions(self) -> dict[str, int]:
        found = await super().ended_sessions()
        if not self.reading.is_set():
            self.reading.set()
            await self.go_on.wait()
        return found


async def test_a_login_that_ends_while_another_request_reads_the_ended_ones_stays_ended():
    store = SlowReading()
    sessions = Sessions(key=b"k", api_token=b"t", store=store, now_us=lambda: 0)
    value = sessions.issue()
    asking = asyncio.create_task(sessions.holds(value))
    await store.reading.wait()
    await sessions.end(value)
    store.go_on.set()
    assert await asking is False
    assert await sessions.holds(value) is False


async def test_only_so_many_addresses_are_remembered(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(login, "ADDRESSES_MAX", 2)
    attempts = login.Attempts(lambda: 0.0)
    for address in ("a", "b", "c"):
        for _ in range(login.FAILURES_MAX):
            attempts.failed(address)
    attempts.check("a")
    with pytest.raises(Exception, match="Too many logins from c"):
        attempts.check("c")


async def test_without_a_token_everybody_is_in_already(client: httpx.AsyncClient):
    for path in (LOGIN, LOGOUT):
        answer = await client.post(path, json={"token": "anything"})
        assert answer.status_code == 204
    assert COOKIE not in (await client.post(LOGIN, json={"token": "x"})).cookies


async def test_a_logout_that_can_not_be_kept_says_so():
    frame = Frame(GUARDED)
    async with frame.client() as client:
        await logged_in(client)
        frame.store.broken = True
        problem_of(await client.post(LOGOUT), "unavailable", 503)
