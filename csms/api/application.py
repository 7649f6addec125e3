"""Builds the HTTP application: the layer that every request passes, and the routes behind it."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI
from pydantic import BaseModel

from csms.api import commands as command_routes
from csms.api import sites as site_routes
from csms.gateway.remote_control import RemoteControl
from csms.http import openapi, server
from csms.http.login import LoginBody
from csms.http.security import Security
from csms.sites import Sites


def build(
    *,
    not_ready: Callable[[], str | None],
    sites: Sites,
    security: Security,
    clock: server.HttpClock,
    store: server.HttpStore,
    remote_control: RemoteControl,
) -> FastAPI:
    """Return the HTTP application.

    `not_ready` names what is wrong, None for nothing.
    """
    app = server.build(not_ready=not_ready, security=security, clock=clock, store=store)
    app.state.sites = sites
    app.state.remote_control = remote_control
    taken: list[type[BaseModel]] = [LoginBody]
    given: list[type[BaseModel]] = []
    for routes in (site_routes, command_routes):
        app.include_router(routes.router)
        taken += routes.TAKEN
        given += routes.GIVEN
    openapi.install(app, taken=taken, given=given)
    return app
