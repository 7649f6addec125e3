"""Builds the HTTP application: the layer that every request passes, and the routes behind it."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI

from csms.api import commands as command_routes
from csms.api import events as event_routes
from csms.api import sites as site_routes
from csms.api import stations, tokens, transactions
from csms.api.resources import Resources
from csms.http import openapi, server
from csms.http.login import LoginBody
from csms.http.security import Security
from csms.live import Broadcaster
from csms.sites import Sites

_ROUTES = (site_routes, stations, command_routes, tokens, transactions, event_routes)
"""The modules of the API; each has a `router`, and says in `TAKEN` and `GIVEN` what its bodies are."""


def build(
    *,
    not_ready: Callable[[], str | None],
    sites: Sites,
    resources: Resources,
    events: Broadcaster,
    security: Security,
    clock: server.HttpClock,
    store: server.HttpStore,
) -> FastAPI:
    """Return the HTTP application.

    `not_ready` names what is wrong, None for nothing.
    """
    app = server.build(not_ready=not_ready, security=security, clock=clock, store=store)
    app.state.sites = sites
    app.state.stations = resources.stations
    app.state.tokens = resources.tokens
    app.state.transactions = resources.transactions
    app.state.remote_control = resources.remote_control
    app.state.events = events
    for routes in _ROUTES:
        app.include_router(routes.router)
    openapi.install(
        app,
        taken=[LoginBody, *(model for routes in _ROUTES for model in routes.TAKEN)],
        given=[model for routes in _ROUTES for model in routes.GIVEN],
    )
    return app
