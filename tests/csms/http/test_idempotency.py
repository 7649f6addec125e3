"""The same POST again is answered alike and not done twice."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from csms.http import idempotency
from csms.http.security import Security
from tests.csms.http.app import Frame, problem_of

pytestmark = pytest.mark.anyio


def restarted(frame: Frame) -> Frame:
    """Return the application of a later process on the same store."""
    later = Frame(frame.security)
    later.store = frame.store
    later.build()
    return later


async def do(client: httpx.AsyncClient, key: str | None, body: object, path: str = "/do") -> httpx.Response:
    return await client.post(path, json=body, headers={} if key is None else {"Idempotency-Key": key})


async def test_the_same_request_again_is_answered_alike_and_not_done(frame: Frame, client: httpx.AsyncClient):
    first = await do(client, "a", {"n": 1})
    again = await do(client, "a", {"n": 1})
    assert (first.status_code, first.json()) == (again.status_code, again.json()) == (201, {"done": 1})
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert frame.done == [{"n": 1}]


async def test_without_a_key_it_is_done_again(frame: Frame, client: httpx.AsyncClient):
    await do(client, None, 1)
    await do(client, None, 1)
    assert frame.done == [1, 1]


@pytest.mark.parametrize(("path", "body"), [("/do", {"n": 2}), ("/echo", {"n": 1}), ("/do?x=1", {"n": 1})])
async def test_a_key_is_for_one_request(client: httpx.AsyncClient, path: str, body: object):
    await do(client, "a", {"n": 1})
    problem_of(await do(client, "a", body, path), "idempotency-key-reused", 422)


async def test_what_was_refused_may_be_tried_again(frame: Frame, client: httpx.AsyncClient):
    problem_of(await do(client, "a", {"fail": True}), "conflict", 409)
    assert (await do(client, "a", {"n": 1})).status_code == 201


async def test_while_the_first_is_under_way_a_second_waits_outside(frame: Frame, client: httpx.AsyncClient):
    frame.gate.clear()
    first = asyncio.create_task(do(client, "a", 1))
    await frame.reached.wait()
    problem_of(await do(client, "a", 1), "request-under-way", 409)
    frame.gate.set()
    assert (await first).status_code == 201
    assert frame.done == [1]


async def test_after_a_day_it_is_forgotten(frame: Frame, client: httpx.AsyncClient):
    await do(client, "a", 1)
    frame.clock.s = idempotency.KEEP_US / 1e6 - 1
    await do(client, "a", 1)
    assert frame.done == [1]
    frame.clock.s += 1
    await do(client, "a", 1)
    assert frame.done == [1, 1]


async def test_a_restart_forgets_nothing(frame: Frame, client: httpx.AsyncClient):
    first = await do(client, "a", {"n": 1})
    async with restarted(frame).client() as later:
        again = await do(later, "a", {"n": 1})
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert again.headers["idempotency-replayed"] == "true"
    assert frame.done == [{"n": 1}]


async def test_of_what_was_begun_when_the_server_ended_nobody_knows(frame: Frame, client: httpx.AsyncClient):
    frame.gate.clear()
    first = asyncio.create_task(do(client, "a", 1))
    await frame.reached.wait()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    later = restarted(frame)
    async with later.client() as again:
        problem_of(await do(again, "a", 1), "outcome-unknown", 409)
        problem_of(await do(again, "a", 2), "idempotency-key-reused", 422)
        assert later.done == []
        assert (await do(again, "b", 1)).status_code == 201


async def test_after_a_fault_of_ours_nobody_knows_either(frame: Frame, client: httpx.AsyncClient):
    problem_of(await do(client, "a", {"break": True}), "internal", 500)
    problem_of(await do(client, "a", {"break": True}), "outcome-unknown", 409)


async def test_what_can_not_be_noted_is_not_done(frame: Frame, client: httpx.AsyncClient):
    frame.store.broken = True
    problem_of(await do(client, "a", 1), "unavailable", 503)
    assert frame.done == []
    frame.store.broken = False
    assert (await do(client, "a", 1)).status_code == 201


async def test_an_answer_that_can_not_be_kept_leaves_all_the_same(frame: Frame, client: httpx.AsyncClient):
    frame.gate.clear()
    first = asyncio.create_task(do(client, "a", 1))
    await frame.reached.wait()
    frame.store.broken = True
    frame.gate.set()
    assert (await first).status_code == 201
    frame.store.broken = False
    problem_of(await do(client, "a", 1), "outcome-unknown", 409)


async def test_a_secret_is_told_again_but_never_kept(frame: Frame, client: httpx.AsyncClient):
    first = await do(client, "a", 1, "/secret")
    again = await do(client, "a", 1, "/secret")
    assert first.json() == again.json() == {"key": "a secret"}
    assert "a secret" not in str(frame.store.answers)
    later = restarted(frame)
    async with later.client() as other:
        gone = await do(other, "a", 1, "/secret")
    problem_of(gone, "answer-not-kept", 409)
    assert gone.headers["location"] == "/thing"
    assert (frame.done, later.done) == (["secret"], [])


async def test_only_so_many_secrets_are_remembered(
    frame: Frame, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(idempotency, "SECRETS_MAX", 1)
    await do(client, "a", 1, "/secret")
    await do(client, "b", 1, "/secret")
    problem_of(await do(client, "a", 1, "/secret"), "answer-not-kept", 409)
    assert (await do(client, "b", 1, "/secret")).json() == {"key": "a secret"}


async def test_what_was_asked_can_not_be_told_from_what_is_kept(frame: Frame, client: httpx.AsyncClient):
    await do(client, "a", {"uid": "04A2B3C4"})
    other = Frame(Security.of(api_token=None, key=b"another"))
    async with other.client() as client_of_other:
        await do(client_of_other, "a", {"uid": "04A2B3C4"})
    assert frame.store.answers["a"].request != other.store.answers["a"].request


@pytest.mark.parametrize("key", ["", "  ", "x" * 256])
async def test_an_odd_key_is_refused(client: httpx.AsyncClient, key: str):
    problem_of(await do(client, key, 1), "bad-request", 400)


async def test_two_keys_are_refused(client: httpx.AsyncClient):
    headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "b"), ("Content-Type", "application/json")]
    problem_of(await client.post("/do", content="1", headers=headers), "bad-request", 400)


async def test_too_large_a_body_is_refused_with_a_key_too(client: httpx.AsyncClient):
    headers = {"Idempotency-Key": "a", "Content-Type": "application/json"}
    problem_of(await client.post("/do", content=b" " * 2_000_000, headers=headers), "too-large", 413)


async def test_other_methods_take_no_key(client: httpx.AsyncClient):
    assert (await client.get("/thing", headers={"Idempotency-Key": ""})).status_code == 200
