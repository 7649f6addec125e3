"""Stations over REST: registered, seen, changed and removed, and their raw messages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, cast
from urllib.parse import quote

import msgspec
from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response
from pydantic import BaseModel

from csms.api.answers import json_of, listed, shown
from csms.api.station_models import (
    MessagePage,
    NewStationBody,
    Station,
    StationPage,
    StationPatch,
    StationWithKey,
)
from csms.domain.history import LoggedMessage
from csms.domain.station import MessageLogPolicy
from csms.domain.times import format_utc
from csms.http.bodies import body_of
from csms.http.conditions import check_match, judged, relied_on
from csms.http.openapi import gives, heeds, problems, takes
from csms.http.pages import AskedPage, first_page, last_seen, whole
from csms.usecases.station_keeping import StationKeeping

BASE = "/api/v1/stations"
TAKEN: tuple[type[BaseModel], ...] = (NewStationBody, StationPatch)
GIVEN: tuple[type[BaseModel], ...] = (StationPage, Station, StationWithKey, MessagePage)
"""What the routes here take and give, for the API's description."""

router = APIRouter(prefix=BASE, tags=["stations"])

_BODY = ("malformed-json", "too-large", "unsupported-media-type", "invalid")
_STORED = ("unavailable",)
_NESTING_MAX = 64
"""Levels of a raw frame that every reader of JSON takes."""


def _keeping(request: Request) -> StationKeeping:
    return cast("StationKeeping", request.app.state.stations)


Keeping = Annotated[StationKeeping, Depends(_keeping)]
StationId = Annotated[
    str, Path(description="The station's id, in any case of its letters.", examples=["CP-1"])
]


@router.get(
    "",
    summary="List stations",
    responses={200: gives(StationPage, "Stations by their ids"), **problems("invalid", *_STORED)},
)
async def list_stations(keeping: Keeping, asked: AskedPage) -> Response:
    """Return a part of all registered stations."""
    rest = await keeping.stations(after=last_seen(asked) or "", limit=asked.limit + 1)
    page = first_page(rest, asked, key=lambda station: station.entry.id.lower())
    return listed([Station.of(station) for station in page.items], page.next_cursor)


@router.post(
    "",
    summary="Register a station",
    status_code=201,
    openapi_extra=takes(
        NewStationBody,
        with_a_key_that_is_made={"id": "CP-1"},
        with_a_key={"id": "CP-2", "key": "0123456789abcdef"},
    )
    | heeds("Idempotency-Key"),
    responses={
        201: gives(StationWithKey, "It may connect", headers=("Location", "ETag")),
        **problems("conflict", "request-under-way", "idempotency-key-reused", *_BODY, *_STORED),
    },
)
async def add_station(
    keeping: Keeping, body: Annotated[NewStationBody, Depends(body_of(NewStationBody))]
) -> Response:
    """Register a station. The key that is made for it is in this answer and nowhere else."""
    added = await keeping.add(
        body.id,
        site_id=body.site_id,
        key=body.key,
        keyless=body.keyless,
        managed=body.managed,
        message_log=MessageLogPolicy(body.message_log),
    )
    station = await keeping.station(added.id)
    model = StationWithKey.made(station, added.key if body.key is None else None)
    return _secret(shown(model, revision=station.entry.revision, status=201, location=_place(added.id)))


@router.get(
    "/{station_id}",
    summary="Show a station",
    responses={200: gives(Station, "The station", headers=("ETag",)), **problems("not-found", *_STORED)},
)
async def show_station(keeping: Keeping, station_id: StationId) -> Response:
    """Return a station; the `ETag` stands for what a PATCH may change, not for what is measured."""
    station = await keeping.station(station_id)
    return shown(Station.of(station), revision=station.entry.revision)


@router.patch(
    "/{station_id}",
    summary="Change a station",
    openapi_extra=takes(
        StationPatch,
        manage_it={"managed": True},
        give_it_another_key={"new_key": True},
        turn_it_away={"registration": "Rejected"},
    )
    | heeds("If-Match"),
    responses={
        200: gives(StationWithKey, "It is changed", headers=("ETag",)),
        **problems("not-found", "conflict", "outdated", *_BODY, *_STORED),
    },
)
async def change_station(
    keeping: Keeping,
    station_id: StationId,
    request: Request,
    body: Annotated[StationPatch, Depends(body_of(StationPatch))],
) -> Response:
    """Change what is named in the body; that counts at once. A site is changed by its own configuration."""
    revision = (await keeping.station(station_id)).entry.revision
    check_match(request, revision)
    with judged(request):
        changed = await keeping.change(
            station_id, body.change(), expected_revision=relied_on(request, revision)
        )
    station = await keeping.station(changed.id)
    return _secret(shown(StationWithKey.made(station, changed.key), revision=station.entry.revision))


@router.delete(
    "/{station_id}",
    summary="Remove a station",
    openapi_extra=heeds("If-Match"),
    status_code=204,
    responses={
        204: {"description": "It may not connect any more"},
        **problems("not-found", "conflict", "outdated", *_STORED),
    },
)
async def remove_station(keeping: Keeping, station_id: StationId, request: Request) -> Response:
    """Remove a station and end its connection; its transactions stay.

    Refused while a site's configuration names it, and while somebody charges at it. Of one that is not connected
    the transactions that were left open end with their last readings.
    """
    check_match(request, (await keeping.station(station_id)).entry.revision)
    with judged(request):
        await keeping.remove(station_id)
    return Response(status_code=204)


@router.get(
    "/{station_id}/messages",
    summary="List a station's raw messages",
    responses={
        200: gives(MessagePage, "Messages, newest first"),
        **problems("not-found", "invalid", *_STORED),
    },
)
async def list_messages(keeping: Keeping, station_id: StationId, asked: AskedPage) -> Response:
    """Return a part of what the station and the server said, as far as it is kept (see its `message_log`)."""
    after = last_seen(asked)
    before = None if after is None else whole(after)
    page = first_page(
        await keeping.messages(station_id, before=before, limit=asked.limit + 1),
        asked,
        key=lambda message: str(message.number),
    )
    return json_of({"items": [_message(one) for one in page.items], "next_cursor": page.next_cursor})


def _message(message: LoggedMessage) -> dict[str, object]:
    return {
        "at": format_utc(message.at_us),
        "direction": message.direction,
        "frame": _frame(message.frame),
        "deviation": message.deviation,
    }


def _frame(text: str) -> msgspec.Raw | str:
    """Return a frame as it came where it is a JSON array: what it holds is nobody's to interpret.

    One that only some readers of JSON can take, for its numbers or its nesting, would hide all beside it from others.
    """
    try:
        frame = msgspec.json.decode(text, type=list[Any])
    except (msgspec.DecodeError, RecursionError):
        return text
    return msgspec.Raw(text.encode()) if _is_shallow(frame) else text


def _is_shallow(frame: list[Any]) -> bool:
    """Tell whether nothing in it is nested too deep."""
    level: list[Any] = [frame]
    for _ in range(_NESTING_MAX):
        level = [inner for one in level for inner in _members(one)]
        if not level:
            return True
    return False


def _members(value: object) -> Iterable[Any]:
    if isinstance(value, dict):
        return cast("dict[str, Any]", value).values()
    return cast("list[Any]", value) if isinstance(value, list) else ()


def _secret(response: Response) -> Response:
    """Let nobody keep an answer that may hold a key."""
    response.headers["Cache-Control"] = "no-store"
    return response


def _place(station_id: str) -> str:
    return f"{BASE}/{quote(station_id, safe='')}"
