"""Who may ask: whoever has the token; without one only this machine's own programs and pages."""

from __future__ import annotations

import httpx
import pytest

from csms.http.security import Security
from tests.csms.http.app import GUARDED, OPEN, TOKEN, Frame, problem_of

pytestmark = pytest.mark.anyio
METHODS = ["GET", "POST"]


async def ask(
    security: Security, method: str = "GET", path: str = "/thing", **headers: str
) -> httpx.Response:
    async with Frame(security).client() as client:
        return await client.request(
            method, path, headers={name.title(): text for name, text in headers.items()}
        )


# --- with a token


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("path", ["/thing", "/nothing", "/api/openapi.json", "/problems/invalid", "/healthz"])
async def test_where_a_token_is_set_it_is_asked_for_everywhere(method: str, path: str):
    response = await ask(GUARDED, method, path)
    problem_of(response, "unauthorized", 401)
    assert response.headers["www-authenticate"] == 'Bearer realm="headroom"'


@pytest.mark.parametrize(
    "credentials",
    [f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer", "Bearer ", "Bearer \xe4\xf6", "bearer x"],
)
async def test_a_wrong_token_is_refused(credentials: str):
    async with Frame(GUARDED).client() as client:
        response = await client.get("/thing", headers=[(b"Authorization", credentials.encode("latin-1"))])
    problem_of(response, "unauthorized", 401)
    assert "invalid_token" in response.headers["www-authenticate"]


@pytest.mark.parametrize("credentials", [TOKEN, f"Basic {TOKEN}", f"Token {TOKEN}", ""])
async def test_other_credentials_than_a_bearer_are_refused(credentials: str):
    problem_of(await ask(GUARDED, authorization=credentials), "unauthorized", 401)


@pytest.mark.parametrize("host", ["x/api/v1/login?", "x/api/v1/login#", "x\\api/v1/login?", "[", "a:b:c", ""])
async def test_no_name_that_is_asked_for_opens(host: str):
    async with Frame(GUARDED).client(host=host) as client:
        problem_of(await client.get("/thing"), "unauthorized", 401)


async def test_two_authorizations_are_refused():
    async with Frame(GUARDED).client() as client:
        twice = [("Authorization", f"Bearer {TOKEN}"), ("Authorization", "Bearer other")]
        problem_of(await client.get("/thing", headers=twice), "unauthorized", 401)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
@pytest.mark.parametrize("method", METHODS)
async def test_the_token_opens(scheme: str, method: str):
    assert (await ask(GUARDED, method, authorization=f"{scheme} {TOKEN}")).json() == {"shown": True}


async def test_who_has_the_token_may_come_under_any_name():
    headers = {"host": "depot.example", "origin": "https://depot.example", "authorization": f"Bearer {TOKEN}"}
    assert (await ask(GUARDED, **headers)).status_code == 200


@pytest.mark.parametrize("security", [OPEN, GUARDED])
async def test_health_is_open(security: Security):
    assert (await ask(security, path="/healthz/live", host="10.0.0.7:8080")).status_code == 200


@pytest.mark.parametrize(
    "path", ["/healthz/../thing", "/healthz%2f..%2fthing", "/healthz/none", "/Healthz/live"]
)
async def test_nothing_else_hides_behind_health(path: str):
    async with Frame(GUARDED).client() as client:
        request = client.build_request("GET", "/")
        request.url = request.url.copy_with(raw_path=path.encode())
        assert (await client.send(request)).status_code in {401, 404}


# --- without one


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "host", ["127.0.0.1:8080", "localhost:8080", "LocalHost:8080", "[::1]:8080", "127.8.9.1:8080"]
)
async def test_without_a_token_this_machines_names_are_open(method: str, host: str):
    assert (await ask(OPEN, method, host=host)).status_code == 200


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8080",
        "localhost.evil.example:8080",
        "127.0.0.1.evil.example:8080",
        "127.0.0.1",
        "127.0.0.1:9999",
        "localhost:80",
        "192.168.1.4:8080",
        "0.0.0.0:8080",
        "[::]:8080",
        "user@127.0.0.1:8080",
        "127.0.0.1:8080:8080",
        "127.0.0.1:8080, evil.example",
        "127.1:8080",
        "[evil]:8080",
        "",
    ],
)
async def test_names_that_are_not_this_machines_are_refused(method: str, host: str):
    problem_of(await ask(OPEN, method, host=host), "unknown-host", 403)


async def test_two_hosts_are_refused():
    async with Frame().client() as client:
        twice = [("Host", "127.0.0.1:8080"), ("Host", "evil.example")]
        problem_of(await client.get("/thing", headers=twice), "unknown-host", 403)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost:8080", "[::1]:8080"])
async def test_its_own_pages_may_ask(method: str, host: str):
    assert (await ask(OPEN, method, host=host, origin=f"http://{host}")).status_code == 200


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "https://127.0.0.1:8080",
        "http://127.0.0.1:3000",
        "http://127.0.0.1",
        "http://localhost:8080",
        "http://127.0.0.1:8080.evil.example",
        "http://127.0.0.1:8080/",
        "http://user@127.0.0.1:8080",
        "null",
        "http://[",
        "",
    ],
)
async def test_pages_of_others_may_not(method: str, origin: str):
    problem_of(await ask(OPEN, method, host="127.0.0.1:8080", origin=origin), "foreign-origin", 403)


@pytest.mark.parametrize("host", ["depot.example", "Depot.Example:8443", "exact.example:444"])
async def test_a_proxys_names_are_open_where_they_are_listed(host: str):
    security = Security.of(api_token=None, allowed_hosts=["Depot.example", "exact.example:444"])
    for origin in (f"https://{host}", f"http://{host}"):
        assert (await ask(security, "POST", host=host, origin=origin)).status_code == 200
    problem_of(await ask(security, host=host, origin="https://evil.example"), "foreign-origin", 403)


@pytest.mark.parametrize(
    "host", ["exact.example", "exact.example:445", "a.depot.example", "depot.example.evil"]
)
async def test_a_name_that_is_listed_opens_no_other(host: str):
    security = Security.of(api_token=None, allowed_hosts=["depot.example", "exact.example:444"])
    problem_of(await ask(security, host=host), "unknown-host", 403)
