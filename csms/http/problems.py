"""Every error of the HTTP layer as problem+json (RFC 9457)."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException


def problem(status: int, title: str, detail: str, *, kind: str = "about:blank") -> JSONResponse:
    """Return a problem+json response; `kind` is the stable `type`."""
    body = {"type": kind, "title": title, "status": status, "detail": detail}
    return JSONResponse(body, status_code=status, media_type="application/problem+json")


def install(app: FastAPI) -> None:
    """Make `app` answer its errors as problem+json."""

    async def on_http_error(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for nothing else
        response = problem(error.status_code, HTTPStatus(error.status_code).phrase, str(error.detail))
        response.headers.update(error.headers or {})
        return response

    app.add_exception_handler(HTTPException, on_http_error)
