"""Events over REST: a stream of what happens, that is resumed where it broke off."""

from __future__ import annotations

import re
from typing import Annotated, Literal, cast

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from csms.api.site_views import Allocation
from csms.domain.logged import FOLLOWED, KINDS, Followed, OnRequest
from csms.http import event_stream
from csms.http.event_stream import EventStream
from csms.http.openapi import heeds, problems
from csms.http.problems import Refused
from csms.live import Broadcaster, Wanted
from csms.usecases.balancing.view import SiteState

PATH = "/api/v1/events"
HEADER = "last-event-id"
NUMBER_MAX = 2**63 - 1
FILTERS_MAX = 100
_NUMBER = re.compile(r"[0-9]{1,19}")

TAKEN: tuple[type[BaseModel], ...] = ()
GIVEN: tuple[type[BaseModel], ...] = ()
"""A stream has no bodies of JSON."""

router = APIRouter(tags=["events"])

_EXAMPLE = (
    "retry: 3000\nid: 41\n\n"
    "id: 42\nevent: connector.status\n"
    'data: {"station_id":"CP-1","evse":1,"connector":1,"status":"Charging","error":null}\n\n'
)

# For `itemSchema`, which is OpenAPI 3.2's: 3.1 has no words for the parts of a stream.
_EVENT = {
    "type": "object",
    "required": ["event", "data"],
    "properties": {
        "id": {"type": "string", "pattern": "^[0-9]+$", "description": "The number; none: it passes."},
        "event": {"type": "string", "enum": list(KINDS)},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "description": "The changed members of what it is about.",
        },
        "retry": {"type": "integer"},
    },
}

Kind = Literal[Followed, OnRequest]
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9*_=:+|@.-]{1,48}$")]


class EventQuery(BaseModel):
    """Which events are asked for; of a parameter that is given several times any counts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    station: list[Id] = Field(default=[], max_length=FILTERS_MAX, description="Only of these stations.")
    site: list[Id] = Field(default=[], max_length=FILTERS_MAX, description="Only of these sites.")
    kind: list[Kind] = Field(
        default=[],
        max_length=FILTERS_MAX,
        description=f"Only of these kinds. Without it: {', '.join(FOLLOWED)}.",
    )
    after: int | None = Field(
        default=None,
        ge=0,
        le=NUMBER_MAX,
        description="Go on after this number, as `Last-Event-ID` says, which counts where both are there; "
        "for those who can't send headers.",
    )


def _broadcaster(request: Request) -> Broadcaster:
    return cast("Broadcaster", request.app.state.events)


@router.get(
    PATH,
    summary="Follow what happens",
    openapi_extra=heeds("Last-Event-ID"),
    responses={
        200: {
            "description": "Server-sent events for as long as both sides like",
            "content": {
                event_stream.MEDIA_TYPE: {"itemSchema": _EVENT, "example": _EXAMPLE},
            },
        },
        **problems("invalid", "busy", "unavailable"),
    },
)
async def follow_events(
    broadcaster: Annotated[Broadcaster, Depends(_broadcaster)],
    asked: Annotated[EventQuery, Query()],
    request: Request,
) -> Response:
    """Send events as they are committed, in that order; `Last-Event-ID` resumes without gaps and doubles.

    Messages without an `id` show what is true now and pass: readings of transactions and states of sites. The alarm
    `events-missed` says that events in between are gone: get the present state anew.
    """
    wanted = Wanted(
        kinds=frozenset(asked.kind or FOLLOWED),
        stations=frozenset(station.lower() for station in asked.station),
        sites=frozenset(asked.site),
    )
    last = _last_event_id(request)
    follower = await broadcaster.follow(asked.after if last is None else last, wanted)
    return EventStream(
        follower.messages(), ended=follower.leave, send_timeout_s=broadcaster.options.send_timeout_s
    )


def site_state(state: SiteState) -> dict[str, object]:
    """Return a site's state as `site.state` shows it: the allocation, without its alarms."""
    return Allocation.model_validate(state).model_dump(mode="json", exclude={"alarms"})


def _last_event_id(request: Request) -> int | None:
    values = request.headers.getlist(HEADER)
    if not values:
        return None
    if len(values) > 1 or not _NUMBER.fullmatch(values[0]) or int(values[0]) > NUMBER_MAX:
        raise Refused("bad-request", "Last-Event-ID must be the `id` of an event.", place="header")
    return int(values[0])
