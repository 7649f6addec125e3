"""Who may ask: a bearer token where one is set, or a login's cookie; otherwise this machine alone.

Without a token the only guard is that nobody else can reach a loopback address. A page that somebody has open in a
browser can, so the name that it asks for (DNS rebinding) and the page that asks (cross-site requests) are checked.
A browser sends a cookie by itself, so what changes something must come from a page of ours.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
import secrets
from collections.abc import Iterable

from fastapi import Request
from msgspec import Struct, field
from starlette.types import ASGIApp, Receive, Scope, Send

from csms.http.problems import Refused
from csms.http.sessions import COOKIE, LOGIN_PATHS, Sessions

OPEN_PREFIX = "/healthz/"
"""Whoever watches the process needs no token."""

_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?")
_HTTP_PORT = 80
_SHOWN_MAX = 100
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""RFC 9110 §9.2.1: they change nothing."""


class Security(Struct, frozen=True, kw_only=True):
    """What the operator decided."""

    api_token: bytes | None = None
    """Always asked for where it is set; without one the listener must be bound to a loopback address."""
    allowed_hosts: frozenset[str] = frozenset()
    """Names, `name` or `name:port`, under which it is reached besides (a proxy's); lower case."""
    key: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    """Of the installation: what is signed or made unreadable with it stays good after a restart."""

    @classmethod
    def of(
        cls, *, api_token: str | None, allowed_hosts: Iterable[str] = (), key: bytes | None = None
    ) -> Security:
        """Return it as settings say it; without a `key` one is made up for this process."""
        return cls(
            api_token=None if api_token is None else api_token.encode(),
            allowed_hosts=frozenset(name.lower() for name in allowed_hosts),
            key=secrets.token_bytes(32) if key is None else key,
        )


class Guard:
    """Middleware that lets in who may ask."""

    def __init__(self, app: ASGIApp, *, security: Security, sessions: Sessions | None) -> None:
        """Stand before `app`; `sessions` are the logins, None where no token is set."""
        self._app = app
        self._security = security
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request of somebody who may ask; raises `Refused` for others."""
        if scope["type"] == "http" and not scope["path"].startswith(OPEN_PREFIX):
            await self._check(Request(scope))
        await self._app(scope, receive, send)

    async def _check(self, request: Request) -> None:
        if self._security.api_token is None:
            self._check_host(request)
        elif request.scope["path"] in LOGIN_PATHS:  # `request.url` may count on the Host header
            self._check_page(request, required=False)
        elif await self._is_logged_in(request):
            self._check_page(request, required=request.method not in _SAFE)
        else:
            _check_token(request, self._security.api_token)

    async def _is_logged_in(self, request: Request) -> bool:
        """Tell whether a cookie counts; who sends a token too is judged by that."""
        value = request.cookies.get(COOKIE)
        if self._sessions is None or value is None or "authorization" in request.headers:
            return False
        return await self._sessions.holds(value)

    def _check_page(self, request: Request, *, required: bool) -> None:
        """Refuse what another server's page lets a browser send (CSRF); `required`: the page must be said."""
        if "origin" not in request.headers and not required:
            return
        origin, host = _only(request, "origin"), _only(request, "host")
        scheme, _, page = origin.partition("://")
        names = self._security.allowed_hosts
        ours = page == host or page in names or page.partition(":")[0] in names
        if scheme not in {"http", "https"} or not page or not ours:
            raise Refused(
                "foreign-origin",
                f"A page of {origin[:_SHOWN_MAX]!r} asks; with the login's cookie only pages of {host[:_SHOWN_MAX]!r} may.",
            )

    def _check_host(self, request: Request) -> None:
        host = _only(request, "host")
        ours = self._own_schemes(host, request.scope.get("server"))
        if not ours:
            raise Refused(
                "unknown-host",
                f"The request asks for {host[:_SHOWN_MAX]!r}, which is not how this server is reached.",
            )
        if "origin" not in request.headers:
            return
        origin = _only(request, "origin")
        if origin not in {f"{scheme}://{host}" for scheme in ours}:
            raise Refused(
                "foreign-origin", f"A page of {origin[:_SHOWN_MAX]!r} asks; only pages of {host!r} may."
            )

    def _own_schemes(self, host: str, server: tuple[str, int | None] | None) -> tuple[str, ...]:
        """Return under which schemes pages come from `host`; none: it is not ours."""
        match = _HOST.fullmatch(host)
        if match is None:
            return ()
        port = int(match["port"] or _HTTP_PORT)
        if server is not None and port == server[1] and _is_loopback(match["name"]):
            return ("http",)
        if host in self._security.allowed_hosts or match["name"] in self._security.allowed_hosts:
            return ("http", "https")  # the proxy before us speaks TLS, or it doesn't
        return ()


def _only(request: Request, header: str) -> str:
    """Return the value of a header; two of them are a trick."""
    values = request.headers.getlist(header)
    return values[0].lower() if len(values) == 1 else ""


def _is_loopback(name: str) -> bool:
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def _check_token(request: Request, expected: bytes) -> None:
    presented = _presented(request)
    if presented is None:
        raise Refused(
            "unauthorized",
            "The server asks for its token: Authorization: Bearer TOKEN.",
            headers={"WWW-Authenticate": 'Bearer realm="headroom"'},
        )
    if not hmac.compare_digest(presented, expected):
        raise Refused(
            "unauthorized",
            "The token is not this server's.",
            headers={"WWW-Authenticate": 'Bearer realm="headroom", error="invalid_token"'},
        )


def _presented(request: Request) -> bytes | None:
    """Return the token that the request carries."""
    values = [value for name, value in request.scope["headers"] if name == b"authorization"]
    if len(values) != 1:
        return None
    scheme, _, token = values[0].partition(b" ")
    return token.strip() if scheme.lower() == b"bearer" else None
