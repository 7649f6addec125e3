"""Builds the HTTP application: the layer that every request passes, and the routes behind it."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI

from csms.api import events as event_routes
from csms.api import sites as site_routes
from csms.http import openapi, server
from csms.http.security import Security
from csms.live import Broadcaster
from csms.sites import Sites


def build(
    *,
    not_ready: Callable[[], str | None],
    sites: Sites,
    events: Broadcaster,
    security: Security,
    machine_s: Callable[[], float],
) -> FastAPI:
    """Return the HTTP application.

    `not_ready` names what is wrong, None for nothing; `machine_s` is the time in monotonic seconds.
    """
    app = server.build(not_ready=not_ready, security=security, machine_s=machine_s)
    app.state.sites = sites
    app.state.events = events
    app.include_router(site_routes.router)
    app.include_router(event_routes.router)
    openapi.install(app, taken=site_routes.TAKEN, given=site_routes.GIVEN)
    return app
