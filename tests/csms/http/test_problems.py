"""Every error is a problem of a known kind and says nothing of the inside."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest

from csms.domain.errors import FieldProblem
from csms.http import problems
from csms.http.problems import KINDS
from tests.csms.http.app import Frame, problem_of

pytestmark = pytest.mark.anyio
DOCUMENT = Path(__file__).parents[3] / "docs/problems.md"


@pytest.mark.parametrize(
    ("fault", "kind", "status"),
    [
        ("not-found", "not-found", 404),
        ("invalid", "invalid", 422),
        ("conflict", "conflict", 409),
        ("outdated", "outdated", 412),
        ("not-connected", "station-not-connected", 409),
        ("busy", "busy", 503),
        ("refused-record", "conflict", 409),
        ("storage", "unavailable", 503),
    ],
)
async def test_errors_of_the_trade_are_translated(
    client: httpx.AsyncClient, fault: str, kind: str, status: int
):
    problem_of(await client.get(f"/faults/{fault}"), kind, status)


async def test_what_is_invalid_names_its_fields(client: httpx.AsyncClient):
    body = problem_of(await client.get("/faults/invalid"), "invalid", 422)
    assert body["errors"] == [{"path": "a.b", "message": "is odd", "in": "body"}]


@pytest.mark.parametrize("fault", ["busy", "storage"])
async def test_where_time_helps_it_says_how_long(client: httpx.AsyncClient, fault: str):
    assert int((await client.get(f"/faults/{fault}")).headers["retry-after"]) > 0


@pytest.mark.parametrize("fault", ["bug", "configuration"])
async def test_a_fault_of_ours_says_nothing_of_the_inside(client: httpx.AsyncClient, fault: str):
    response = await client.get(f"/faults/{fault}")
    problem_of(response, "internal", 500)
    assert "secret" not in response.text
    assert "Traceback" not in response.text


async def test_a_fault_of_ours_does_not_end_the_service(client: httpx.AsyncClient):
    await client.get("/faults/bug")
    assert (await client.get("/thing")).json() == {"shown": True}


@pytest.mark.parametrize(
    "path", ["/", "/nothing", "/thing/", "/api/v1/none", "/%00", "/..%2f..", "/api/docs/files/none"]
)
async def test_what_is_not_there_is_a_problem(client: httpx.AsyncClient, path: str):
    problem_of(await client.get(path), "not-found", 404)


@pytest.mark.parametrize("method", ["PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"])
async def test_a_method_that_is_not_there_is_a_problem_and_names_the_others(
    client: httpx.AsyncClient, method: str
):
    response = await client.request(method, "/thing")
    problem_of(response, "method-not-allowed", 405)
    assert response.headers["allow"]


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=1001",
        "limit=-1",
        "limit=many",
        "limit=1e3",
        "limit=" + "9" * 400,
        "limt=5",
        "cursor=%00",
        "cursor=nonsense",
        "cursor=" + "A" * 2000,
        "cursor=" + "%ff" * 10,
    ],
)
async def test_absurd_queries_are_problems(client: httpx.AsyncClient, query: str):
    body = problem_of(await client.get(f"/numbers?{query}"), "invalid", 422)
    assert body["errors"][0]["in"] == "query"


async def test_each_kind_is_explained_where_its_type_points(client: httpx.AsyncClient):
    for kind, about in KINDS.items():
        told = (await client.get(f"/problems/{kind}")).json()
        assert (told["title"], told["status"]) == (about.title, about.status)
    problem_of(await client.get("/problems/none"), "not-found", 404)


def test_the_document_lists_every_kind():
    told = re.findall(
        r"^\| `/problems/([a-z-]+)` \| (\d+) \| (.+?) \| (.+?) \|$", DOCUMENT.read_text("utf-8"), re.MULTILINE
    )
    assert told == [(kind, str(about.status), about.title, about.remedy) for kind, about in KINDS.items()]


def test_kinds_have_statuses_that_http_has():
    assert {about.status for about in KINDS.values()} <= {status.value for status in HTTPStatus}


async def test_nobody_keeps_a_problem_for_later(frame: Frame):
    async with frame.client() as client:
        assert (await client.get("/nothing")).headers["cache-control"] == "no-store"


def test_the_first_of_very_many_fields_are_blamed():
    fields = [FieldProblem(f"f{number}", "is odd") for number in range(50_000)]
    answer = problems.answer(problems.Refused("invalid", problems.summary(fields), errors=fields))
    assert answer is not None
    body = json.loads(bytes(answer.body))
    assert [error["path"] for error in body["errors"]] == [f"f{number}" for number in range(100)]
    assert body["detail"] == "f0: is odd (and 49999 more)"
