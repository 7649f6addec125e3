"""Liveness and readiness for whoever watches the process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse


def router(not_ready: Callable[[], str | None]) -> APIRouter:
    """Serve `/healthz/live` and `/healthz/ready`; `not_ready` names what is wrong, None for nothing."""
    routes = APIRouter(prefix="/healthz", tags=["health"])

    nobody: dict[str, Any] = {"security": [{}]}

    @routes.get("/live", summary="The process answers", openapi_extra=nobody)
    async def live() -> JSONResponse:
        return JSONResponse({"status": "live"})

    @routes.get(
        "/ready",
        summary="Stations and requests can be served",
        responses={503: {"description": "Not now"}},
        openapi_extra=nobody,
    )
    async def ready() -> JSONResponse:
        reason = not_ready()
        if reason is None:
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": "not ready", "reason": reason}, status_code=503)

    _ = live, ready
    return routes
