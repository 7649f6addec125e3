"""The page that shows the API's description loads nothing from elsewhere, and runs no script but its own."""

from __future__ import annotations

import base64
import hashlib
import re

import httpx
import pytest

from csms.http.server import OPENAPI_PATH
from tests.csms.http.app import GUARDED, TOKEN, Frame

pytestmark = pytest.mark.anyio
PAGE = "/api/docs"


async def test_all_that_the_page_loads_comes_from_this_server(client: httpx.AsyncClient):
    page = await client.get(PAGE)
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    loaded = [
        address
        for address in re.findall(r'(?:src|href)="([^"]+)"', page.text)
        if not address.startswith("data:")
    ]
    assert len(loaded) == 2
    for address in loaded:
        answer = await client.get(address)
        assert answer.status_code == 200, address
        assert answer.content
    (description,) = re.findall(r'url: "([^"]+)"', page.text)
    assert description == OPENAPI_PATH


async def test_its_policy_allows_its_own_script_and_no_other(client: httpx.AsyncClient):
    page = await client.get(PAGE)
    policy = dict(part.split(" ", 1) for part in page.headers["content-security-policy"].split("; "))
    (script,) = re.findall(r"<script>(.*?)</script>", page.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == f"'self' 'sha256-{digest}'"
    assert policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert "http" not in page.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["none", "..%2fcore.py", "../core.py", "", "%00"])
async def test_nothing_but_its_files_is_served(client: httpx.AsyncClient, path: str):
    answer = await client.get(f"{PAGE}/files/{path}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


async def test_who_may_not_ask_does_not_see_it():
    async with Frame(GUARDED).client() as client:
        assert (await client.get(PAGE)).status_code == 401
        assert (await client.get(PAGE, headers={"Authorization": f"Bearer {TOKEN}"})).status_code == 200
