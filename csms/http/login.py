"""Logging in with the token, once, for a browser: it gets a cookie that scripts can't read and other pages can't send."""

from __future__ import annotations

import email.message
import hmac
from collections import OrderedDict
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from csms.domain.errors import FieldProblem
from csms.http.bodies import body_of
from csms.http.openapi import problems, takes
from csms.http.problems import Refused
from csms.http.sessions import COOKIE, LASTS_S, LOGIN_PATH, LOGOUT_PATH, Sessions

FAILURES_MAX = 5
"""So many in a row from one address, …"""
FORGIVEN_AFTER_S = 10.0
"""… and one more each so many machine seconds."""
ADDRESSES_MAX = 1000

_FIELDS_MAX = 8
_FORM = "application/x-www-form-urlencoded"


class LoginBody(BaseModel):
    """Who logs in."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    token: str = Field(min_length=1, max_length=4096, description="The setting `api_token`.")


class Attempts:
    """Counts failed logins by address, within bounds."""

    def __init__(self, machine_s: Callable[[], float]) -> None:
        """Know of none; `machine_s` is the time in monotonic seconds."""
        self._machine_s = machine_s
        self._failures: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """How many weigh on an address, as of when."""

    def check(self, address: str) -> None:
        """Refuse an address with too many of late, whatever it presents."""
        weight = self._weight(address)
        if weight > FAILURES_MAX - 1:
            wait_s = int((weight - FAILURES_MAX + 1) * FORGIVEN_AFTER_S) + 1
            raise Refused(
                "too-many-attempts",
                f"Too many logins from {address} failed; try again in {wait_s} s.",
                headers={"Retry-After": str(wait_s)},
            )

    def failed(self, address: str) -> None:
        """Take note of a failure."""
        self._failures[address] = (self._weight(address) + 1, self._machine_s())
        self._failures.move_to_end(address)
        if len(self._failures) > ADDRESSES_MAX:
            self._failures.popitem(last=False)

    def _weight(self, address: str) -> float:
        weight, since_s = self._failures.get(address, (0.0, 0.0))
        return max(0.0, weight - (self._machine_s() - since_s) / FORGIVEN_AFTER_S)


def router(
    *, api_token: bytes | None, sessions: Sessions | None, machine_s: Callable[[], float]
) -> APIRouter:
    """Serve the login; without a token everybody is in already."""
    routes = APIRouter(tags=["login"])
    attempts = Attempts(machine_s)
    nobody: dict[str, Any] = {"security": [{}]}

    @routes.post(
        LOGIN_PATH,
        summary="Log in",
        status_code=204,
        openapi_extra=takes(LoginBody, the_token={"token": "a-token-of-sixteen-or-more"}) | nobody,
        responses={
            204: {"description": "The cookie is set; where no token is asked for, none is needed"},
            **problems(
                *("malformed-json", "too-large", "unsupported-media-type", "invalid"), "too-many-attempts"
            ),
        },
    )
    async def login(request: Request) -> Response:
        """Set a cookie that counts as the token for 12 hours, or until `logout`. A form is taken too."""
        address = request.client.host if request.client else ""
        presented = await _presented(request)
        response = Response(status_code=204, headers={"Cache-Control": "no-store"})
        if api_token is None or sessions is None:
            return response
        attempts.check(address)  # not before the body has come: others may fail meanwhile
        if not hmac.compare_digest(presented.encode("utf-8", "surrogatepass"), api_token):
            attempts.failed(address)
            raise Refused("unauthorized", "The token is not this server's.")
        _set_cookie(request, response, sessions.issue(), LASTS_S)
        return response

    @routes.post(
        LOGOUT_PATH,
        summary="Log out",
        status_code=204,
        openapi_extra=nobody,
        responses={204: {"description": "The cookie counts no more"}, **problems("unavailable")},
    )
    async def logout(request: Request) -> Response:
        """End the login of the cookie, here and wherever it was copied to."""
        response = Response(status_code=204, headers={"Cache-Control": "no-store"})
        if sessions is not None:
            await sessions.end(request.cookies.get(COOKIE, ""))
        _set_cookie(request, response, "", 0)
        return response

    _ = login, logout
    return routes


async def _presented(request: Request) -> str:
    about = email.message.Message()
    about["content-type"] = request.headers.get("content-type", "")
    if about.get_content_type() != _FORM:
        return (await body_of(LoginBody)(request)).token
    try:
        form = parse_qs((await request.body()).decode(errors="replace"), max_num_fields=_FIELDS_MAX)
    except ValueError:
        form = {}
    tokens = form.get("token", [])
    if len(tokens) != 1:
        raise Refused(
            "invalid", "token: must be said once", errors=[FieldProblem("token", "must be said once")]
        )
    return tokens[0]


def _set_cookie(request: Request, response: Response, value: str, lasts_s: int) -> None:
    # Behind a proxy that speaks TLS only the page's own address tells that it does.
    secure = request.scope["scheme"] == "https" or request.headers.get("origin", "").startswith("https://")
    response.set_cookie(
        COOKIE, value, max_age=lasts_s, path="/", secure=secure, httponly=True, samesite="strict"
    )
