"""The server's REST side as a client sees it: sites, caps, readings, decisions of the moment."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import httpx

_TIMEOUT_S = 30.0


class Rest:
    """Talks to one server, whichever of its processes is running."""

    def __init__(self, port: int) -> None:
        self.base_url = f"http://127.0.0.1:{port}/api/v1"
        # A connection that is kept may be closed by the server in the moment in which it is used again.
        limits = httpx.Limits(max_keepalive_connections=0)
        self._client = httpx.AsyncClient(timeout=_TIMEOUT_S, limits=limits, trust_env=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def add_site(self, site: dict[str, Any]) -> dict[str, Any]:
        """Add a site."""
        return await self._ask("POST", "/sites", site)

    async def allocation(self, site_id: str) -> dict[str, Any]:
        """Return what a site's balancing has decided."""
        return await self._ask("GET", f"/sites/{site_id}/allocation")

    async def cap(self, site_id: str, node: str, limit_a: float) -> None:
        """Cap a circuit on each phase."""
        await self._ask("PUT", f"/sites/{site_id}/nodes/{node}/cap", {"limit_a": limit_a, "reason": "a test"})

    async def uncap(self, site_id: str, node: str) -> None:
        """Take the cap away."""
        await self._ask("DELETE", f"/sites/{site_id}/nodes/{node}/cap")

    async def call(self, station_id: str, action: str, payload: dict[str, Any]) -> None:
        """Let an operator ask a station something in OCPP's own words; it must be accepted."""
        headers = {"Prefer": "wait=50"}
        command = await self._ask("POST", f"/stations/{station_id}/ocpp/{action}", payload, headers)
        assert command["response"] == {"status": "Accepted"}, command

    def readings_url(self, site_id: str, meter: str) -> str:
        """Return where a meter's readings go."""
        return f"{self.base_url}/sites/{site_id}/meters/{meter}/readings"

    async def _ask(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Any:
        answer = await self._client.request(method, self.base_url + path, json=body, headers=headers)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None
