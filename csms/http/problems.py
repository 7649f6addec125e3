"""Every error of the HTTP layer as problem+json (RFC 9457); the one place where errors of the trade become statuses."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, cast

from fastapi import APIRouter, FastAPI, Path, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from msgspec import Struct
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match

from csms.domain.errors import (
    Busy,
    Conflict,
    FieldProblem,
    HeadroomError,
    Invalid,
    NotConnected,
    NotFound,
    Outdated,
    RecordRefused,
    StorageError,
)

MEDIA_TYPE = "application/problem+json"
BASE = "/problems/"
"""What every `type` begins with."""
RETRY_AFTER_S = 5
"""What somebody is told to wait before asking again, where only time can help."""

FIELDS_MAX = 100
"""So many fields are blamed in one answer; its `detail` says how many there are."""

Place = Literal["body", "query", "path", "header"]


class Kind(Struct, frozen=True):
    """A kind of problem: its status, its title and what to do about it."""

    status: int
    title: str
    remedy: str


KINDS = {
    "bad-request": Kind(400, "Bad request", "Send it as HTTP and the API's description have it."),
    "malformed-json": Kind(
        400, "The body is not JSON", "Send one JSON value in UTF-8, each name once, numbers finite."
    ),
    "unauthorized": Kind(
        401, "Who are you?", "Send `Authorization: Bearer` with the setting `api_token`, or log in."
    ),
    "forbidden": Kind(403, "Forbidden", "You may not do that."),
    "foreign-origin": Kind(
        403,
        "Another page's request",
        "Only the server's own pages may ask; set `api_token` for other clients.",
    ),
    "unknown-host": Kind(
        403, "Not a name of this server", "Use a loopback address, or add the name to `http_allowed_hosts`."
    ),
    "not-found": Kind(404, "Not found", "Look whether the address is right; lists tell what there is."),
    "method-not-allowed": Kind(405, "Method not allowed", "`Allow` names the methods that there are."),
    "conflict": Kind(409, "It contradicts what is there", "Look what is there, then decide anew."),
    "request-under-way": Kind(
        409, "The same request is under way", "Ask again with the same `Idempotency-Key` when it has ended."
    ),
    "outcome-unknown": Kind(
        409,
        "Nobody knows whether it was done",
        "The server ended, or failed, in the middle of it: look whether it was done; a fresh `Idempotency-Key` "
        "does it again.",
    ),
    "answer-not-kept": Kind(
        409,
        "It was done, and the answer is gone",
        "The answer held a secret, and such ones outlive no restart: look what there is.",
    ),
    "station-not-connected": Kind(409, "Station not connected", "Try again when the station is connected."),
    "outdated": Kind(
        412, "Changed since", "Get it anew, apply your change to that, and send it with its `ETag`."
    ),
    "too-large": Kind(413, "Too large", "Send less in one body."),
    "unsupported-media-type": Kind(
        415, "Unsupported media type", "Send `Content-Type: application/json`, not compressed."
    ),
    "invalid": Kind(422, "It can't be meant", "`errors` tells each field and what it should be."),
    "idempotency-key-reused": Kind(
        422, "Another request had this key", "Use a fresh `Idempotency-Key` for each new request."
    ),
    "precondition-required": Kind(
        428, "Say what you have seen", "Send `If-Match` with the `ETag` that you got when you looked."
    ),
    "too-many-attempts": Kind(429, "Too many failed attempts", "Try again after `Retry-After` seconds."),
    "internal": Kind(500, "Our fault", "The server's log tells what went wrong."),
    "busy": Kind(503, "Not now", "Try again after `Retry-After` seconds."),
    "unavailable": Kind(503, "Can't be stored now", "Try again after `Retry-After` seconds."),
}
"""All kinds; the name is the end of `type`. docs/problems.md shows them to people."""

_BY_STATUS = {
    400: "bad-request",
    401: "unauthorized",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    409: "conflict",
    413: "too-large",
    415: "unsupported-media-type",
    422: "invalid",
    503: "unavailable",
}
"""For errors that the framework raises."""

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

# Derived classes before what they derive from.
_OF_THE_TRADE: tuple[tuple[type[HeadroomError], str], ...] = (
    (NotFound, "not-found"),
    (Invalid, "invalid"),
    (Outdated, "outdated"),
    (Conflict, "conflict"),
    (NotConnected, "station-not-connected"),
    (Busy, "busy"),
    (RecordRefused, "conflict"),
    (StorageError, "unavailable"),
)


class FieldError(BaseModel):
    """What is wrong with one field."""

    path: str = Field(description="Where, as `nodes[2].rating_a.L1`; empty: all of it.")
    message: str = Field(description="What it should be.")
    in_: Place = Field(alias="in", description="Which part of the request it is.")


class Problem(BaseModel):
    """An error as RFC 9457 has it."""

    type: str = Field(description="Which kind of error, stable; docs/problems.md lists all.")
    title: str
    status: int
    detail: str = Field(description="What went wrong, for people.")
    errors: list[FieldError] | None = Field(
        default=None, description=f"Only where fields are to blame: the first {FIELDS_MAX}."
    )


class Refused(HTTPException):
    """A request that ends with a problem of a known kind."""

    def __init__(
        self,
        kind: str,
        detail: str,
        *,
        errors: Iterable[FieldProblem] = (),
        place: Place = "body",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Blame `errors`, fields in `place`; `kind` is a name in `KINDS`."""
        super().__init__(KINDS[kind].status, detail, dict(headers or {}))
        self.kind = kind
        self.errors = tuple(errors)
        self.place: Place = place


def problem(
    kind: str,
    detail: str,
    *,
    errors: Iterable[FieldProblem] = (),
    place: Place = "body",
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Return a problem+json response; `kind` is a name in `KINDS`."""
    about = KINDS[kind]
    body: dict[str, Any] = {
        "type": BASE + kind,
        "title": about.title,
        "status": about.status,
        "detail": detail,
    }
    blamed = itertools.islice(errors, FIELDS_MAX)
    fields = [{"path": error.path, "message": error.message, "in": place} for error in blamed]
    if fields:
        body["errors"] = fields
    return JSONResponse(body, about.status, {"Cache-Control": "no-store", **(headers or {})}, MEDIA_TYPE)


def answer(error: Exception) -> JSONResponse | None:
    """Return what `error` is to whoever asked; None where nobody foresaw it."""
    if isinstance(error, Refused):
        return problem(
            error.kind, error.detail, errors=error.errors, place=error.place, headers=error.headers
        )
    if isinstance(error, HTTPException):
        kind = _BY_STATUS.get(error.status_code, "bad-request" if error.status_code < 500 else "internal")  # noqa: PLR2004
        return problem(kind, str(error.detail), headers=error.headers)
    if isinstance(error, RequestValidationError):
        return _unfit(error)
    if isinstance(error, HeadroomError):
        return _of_the_trade(error)
    return None


def _of_the_trade(error: HeadroomError) -> JSONResponse | None:
    kind = next((name for known, name in _OF_THE_TRADE if isinstance(error, known)), None)
    if kind is None:
        return None
    if isinstance(error, Invalid):
        return problem(kind, str(error), errors=error.problems)
    waiting = {"Retry-After": str(RETRY_AFTER_S)} if kind in {"busy", "unavailable"} else None
    return problem(kind, str(error), headers=waiting)


def _unfit(error: RequestValidationError) -> JSONResponse:
    found = cast("list[dict[str, Any]]", error.errors())
    place = cast("Place", found[0]["loc"][0] if found else "body")
    fields = [
        FieldProblem(path_text(detail["loc"][1:]), _sentence(detail["msg"]))
        for detail in found
        if detail["loc"][0] == place
    ]
    return problem("invalid", summary(fields), errors=fields, place=place)


def summary(fields: list[FieldProblem]) -> str:
    """Return the first of `fields` in one line, and how many more there are."""
    if not fields:
        return "The request is not as described."
    first = fields[0]
    more = f" (and {len(fields) - 1} more)" if len(fields) > 1 else ""
    return f"{first.path}: {first.message}{more}" if first.path else f"{first.message}{more}"


def path_text(place: Iterable[str | int]) -> str:
    """Write where a field is, as `nodes[2].rating_a.L1`."""
    text = ""
    for step in place:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def _sentence(message: str) -> str:
    return message.removeprefix("Value error, ")


def install(app: FastAPI) -> None:
    """Make `app` answer its errors as problem+json."""

    async def on_error(request: Request, error: Exception) -> JSONResponse:
        if isinstance(error, HTTPException) and error.status_code == 405:  # noqa: PLR2004
            # RFC 9110 §15.5.6: all methods of the address; the framework names those of its first route only.
            return problem("method-not-allowed", str(error.detail), headers={"Allow": _allowed(app, request)})
        return answer(error) or problem("internal", "Something unforeseen happened; the server's log has it.")

    for kind in (HTTPException, RequestValidationError, HeadroomError):
        app.add_exception_handler(kind, on_error)


def _allowed(app: FastAPI, request: Request) -> str:
    def is_served(method: str) -> bool:
        # `csms.http.heads` asks for GET in place of HEAD.
        scope = {**request.scope, "method": "GET" if method == "HEAD" else method}
        return any(route.matches(scope)[0] is Match.FULL for route in app.routes)

    return ", ".join(filter(is_served, _METHODS))


router = APIRouter(prefix=BASE.rstrip("/"), tags=["problems"])


@router.get("/{kind}", summary="What a kind of problem means")
async def explain(
    kind: Annotated[
        str, Path(description="What stands behind `/problems/` in a `type`.", examples=["conflict"])
    ],
) -> JSONResponse:
    """Return a kind's title, status and remedy; every problem's `type` is such an address."""
    about = KINDS.get(kind)
    if about is None:
        raise Refused("not-found", f"There is no kind of problem {kind[:60]!r}.")
    return JSONResponse(
        {"type": BASE + kind, "title": about.title, "status": about.status, "remedy": about.remedy}
    )
