"""The server's REST side as an operator's program uses it."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

TIMEOUT_S = 60.0
Json = dict[str, Any]


class Rest:
    """Talks to one server; an answer that is an error is the test's matter."""

    def __init__(self, port: int) -> None:
        self._client = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}/api/v1",
            timeout=TIMEOUT_S,
            # A connection that is kept may be closed by the server in the moment in which it is used again.
            limits=httpx.Limits(max_keepalive_connections=0),
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def ask(
        self, method: str, path: str, body: object = None, *, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """Ask, and return whatever comes."""
        return await self._client.request(method, path, json=body, headers=headers)

    async def get(self, path: str, **query: str | int | bool) -> Any:
        """Return what stands there."""
        answer = await self._client.get(path, params=query)
        assert answer.is_success, f"GET {path}: {answer.status_code} {answer.text}"
        return answer.json()

    async def add(self, path: str, body: Json) -> Json:
        """Add a resource and return it."""
        answer = await self.ask("POST", path, body)
        assert answer.status_code == 201, f"POST {path}: {answer.status_code} {answer.text}"
        return answer.json()

    async def change(self, path: str, body: Json) -> Json:
        """Change a resource as it is now and return it."""
        now = await self.ask("GET", path)
        answer = await self.ask("PATCH", path, body, headers={"If-Match": now.headers["ETag"]})
        assert answer.is_success, f"PATCH {path}: {answer.status_code} {answer.text}"
        return answer.json()

    async def command(
        self, station: str, command: str, body: Json, *, wait_s: int | None = None
    ) -> httpx.Response:
        """Send a neutral command, or `ocpp/Action` raw, and wait for its end for so long."""
        folder = "" if command.startswith("ocpp/") else "commands/"
        headers = {} if wait_s is None else {"Prefer": f"wait={wait_s}"}
        return await self.ask(
            "POST", f"/stations/{quote(station, safe='')}/{folder}{command}", body, headers=headers
        )
