"""The HTTP side of the real server: who is let in, and that it refuses to start open to others."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.end_to_end.server import Server, ServerFailed

pytestmark = pytest.mark.end_to_end
TOKEN = "a-token-of-sixteen-or-more"
SITE = {"id": "depot", "nodes": [{"id": "main", "rating_a": 63}]}


def ask(server: Server, method: str, path: str, **how: Any) -> httpx.Response:
    with httpx.Client(base_url=f"http://127.0.0.1:{server.http_port}", trust_env=False) as client:
        return client.request(method, path, **how)


def test_open_to_others_without_a_token_it_does_not_start_and_proposes_one(tmp_path: Path):
    server = Server(tmp_path, http_host="0.0.0.0")
    with pytest.raises(ServerFailed) as failed:
        server.start()
    assert "can be reached by others" in str(failed.value)
    proposed = re.search(r'api_token = "([\w-]{16,})"', str(failed.value))
    assert proposed is not None
    server.settings["api_token"] = proposed[1]
    server.start()
    try:
        assert ask(server, "GET", "/api/v1/sites").status_code == 401
        headers = {"Authorization": f"Bearer {proposed[1]}"}
        assert ask(server, "GET", "/api/v1/sites", headers=headers).status_code == 200
        assert ask(server, "GET", "/healthz/live").status_code == 200
    finally:
        assert server.stop() == 0


def test_on_this_machine_it_is_open_to_its_programs_and_closed_to_foreign_pages(server: Server):
    port = server.http_port
    assert ask(server, "POST", "/api/v1/sites", json=SITE).status_code == 201
    assert ask(server, "GET", "/api/v1/sites/depot", headers={"Host": f"localhost:{port}"}).status_code == 200
    for headers in (
        {"Host": "evil.example"},
        {"Host": "127.0.0.1:1"},
        {"Origin": "http://evil.example"},
        {"Origin": f"http://localhost:{port}"},
    ):
        refused = ask(server, "DELETE", "/api/v1/sites/depot", headers=headers)
        assert (refused.status_code, refused.headers["content-type"]) == (403, "application/problem+json")
    own = {"Origin": f"http://127.0.0.1:{port}"}
    assert ask(server, "DELETE", "/api/v1/sites/depot", headers=own).status_code == 204


def test_a_site_outlives_a_kill(server: Server):
    added = ask(server, "POST", "/api/v1/sites", json=SITE)
    server.kill()
    server.start()
    shown = ask(server, "GET", "/api/v1/sites/depot")
    assert (shown.json(), shown.headers["etag"]) == (added.json(), added.headers["etag"])


def test_a_token_never_reaches_the_log(tmp_path: Path):
    server = Server(tmp_path, api_token=TOKEN, log_level="debug")
    server.start()
    for credentials in (TOKEN, TOKEN + "-wrong"):
        ask(server, "GET", "/api/v1/sites", headers={"Authorization": f"Bearer {credentials}"})
    ask(server, "GET", f"/api/v1/sites?token={TOKEN}")
    server.stop()
    assert TOKEN not in "\n".join(server.log.lines)
    assert server.complaints() == []
