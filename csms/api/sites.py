"""Sites over REST: their configuration, their check, what is shared among their cars, caps and readings."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Mapping
from typing import Annotated, Any, cast
from urllib.parse import quote

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel

from csms.api.site_bodies import SITE_EXAMPLE, CapBody, ReadingBody, Site
from csms.api.site_views import Allocation, Cap, Check, SitePage
from csms.domain.errors import Conflict, FieldProblem, NotFound, Outdated
from csms.http.bodies import body_of, read_object
from csms.http.conditions import check_match, check_replacement, etag, relied_on, unchanged
from csms.http.openapi import gives, heeds, problems, takes
from csms.http.pages import AskedPage, page_of
from csms.http.problems import Refused
from csms.sites import SiteDocument, Sites

BASE = "/api/v1/sites"
TAKEN: tuple[type[BaseModel], ...] = (Site, CapBody, ReadingBody)
GIVEN: tuple[type[BaseModel], ...] = (SitePage, Check, Allocation, Cap)
"""What the routes here take and give, for the API's description; a `Site` is both."""

router = APIRouter(prefix=BASE, tags=["sites"])

_CAP_EXAMPLE = {"limit_a": 40, "until": "2027-01-04T18:00:00Z", "reason": "kitchen at work"}
_CAP_PER_PHASE = {"limit_a": {"L1": 40, "L2": 40, "L3": 25}, "limit_w": 20_000}
_READING = {"at": "2027-01-04T07:00:00Z", "current_a": {"L1": 31.2, "L2": 28.9, "L3": 30.4}}
_POWER_READING = {"power_w": 20_650}
_BODY = ("malformed-json", "too-large", "unsupported-media-type", "invalid")
_STORED = ("unavailable",)


def _sites(request: Request) -> Sites:
    return cast("Sites", request.app.state.sites)


AskedSites = Annotated[Sites, Depends(_sites)]
SiteId = Annotated[str, Path(description="The site's id.", examples=["depot"])]
NodeId = Annotated[str, Path(description="The id of one of its nodes.", examples=["main"])]
MeterId = Annotated[str, Path(description="The id of one of its meters.", examples=["grid"])]
SiteBody = Annotated[dict[str, object], Depends(read_object)]


@router.get(
    "",
    summary="List sites",
    responses={200: gives(SitePage, "Sites by their ids"), **problems("invalid", *_STORED)},
)
async def list_sites(sites: AskedSites, asked: AskedPage) -> Response:
    """Return a part of all sites."""
    page = page_of(await sites.list_sites(), asked, key=lambda site: site.id)
    return JSONResponse({"items": [site.config for site in page.items], "next_cursor": page.next_cursor})


@router.post(
    "",
    summary="Add a site",
    status_code=201,
    openapi_extra=takes(Site, a_small_depot=SITE_EXAMPLE) | heeds("Idempotency-Key"),
    responses={
        201: gives(Site, "It is added", headers=("Location", "ETag")),
        **problems("conflict", "request-under-way", "idempotency-key-reused", *_BODY, *_STORED),
    },
)
async def add_site(sites: AskedSites, body: SiteBody) -> Response:
    """Add a site; its id must be a new one. Everything that is wrong with it is told at once."""
    with _without_condition():
        return _created(await sites.put_site(body, create=True))


@router.get(
    "/{site_id}",
    summary="Show a site",
    openapi_extra=heeds("If-None-Match"),
    responses={
        200: gives(Site, "The site, every member said", headers=("ETag",)),
        304: {"description": "`If-None-Match` names the present `ETag`"},
        **problems("not-found", *_STORED),
    },
)
async def show_site(sites: AskedSites, site_id: SiteId, request: Request) -> Response:
    """Return a site's configuration; the `ETag` is what a change of it must name."""
    site = await sites.get_site(site_id)
    if unchanged(request, site.version):
        return Response(status_code=304, headers=_tagged(site))
    return JSONResponse(site.config, headers=_tagged(site))


@router.put(
    "/{site_id}",
    summary="Replace a site, or add it",
    openapi_extra=takes(Site, a_small_depot=SITE_EXAMPLE) | heeds("If-Match", "If-None-Match"),
    responses={
        200: gives(Site, "It is replaced", headers=("ETag",)),
        201: gives(Site, "It is added", headers=("Location", "ETag")),
        **problems("not-found", "conflict", "outdated", "precondition-required", *_BODY, *_STORED),
    },
)
async def put_site(sites: AskedSites, site_id: SiteId, body: SiteBody, request: Request) -> Response:
    """Replace a site at run time, or add it. Replacing needs `If-Match` with the `ETag` of what is replaced."""
    present = await _present(sites, site_id)
    check_replacement(request, None if present is None else present.version)
    config = _of_this_id(body, site_id)
    if present is None:
        with _without_condition():
            return _created(await sites.put_site(config, create=True))
    site = await sites.put_site(config, expected=relied_on(request, present.version))
    return JSONResponse(site.config, headers=_tagged(site))


@router.delete(
    "/{site_id}",
    summary="Remove a site",
    openapi_extra=heeds("If-Match"),
    status_code=204,
    responses={204: {"description": "It is gone"}, **problems("not-found", "outdated", *_STORED)},
)
async def remove_site(sites: AskedSites, site_id: SiteId, request: Request) -> Response:
    """Remove a site; its stations stay, belong to none, and our profiles there are cleared. `If-Match` is heeded where it is sent."""
    site = await sites.get_site(site_id)
    check_match(request, site.version)
    await sites.delete_site(site_id, expected=relied_on(request, site.version))
    return Response(status_code=204)


@router.get(
    "/{site_id}/check",
    summary="Check a site",
    responses={200: gives(Check, "What is wrong or odd about it"), **problems("not-found", *_STORED)},
)
async def check_site(sites: AskedSites, site_id: SiteId) -> Response:
    """Tell whether its failsafes fit beside the worst load of others, which ones would, and what is odd."""
    return _shown(Check.model_validate(await sites.check_site(site_id)))


@router.get(
    "/{site_id}/allocation",
    summary="Show what is shared among the cars, and why",
    responses={
        200: gives(Allocation, "As of the newest step"),
        **problems("not-found", "busy"),
    },
)
async def show_allocation(sites: AskedSites, site_id: SiteId) -> Response:
    """Return the circuits with what flows and may flow, and for each EVSE its grant, the reason, and its orders."""
    return _shown(Allocation.model_validate(sites.allocation(site_id)))


@router.put(
    "/{site_id}/nodes/{node_id}/cap",
    summary="Limit a node",
    openapi_extra=takes(CapBody, all_phases_for_a_while=_CAP_EXAMPLE, each_phase_and_power=_CAP_PER_PHASE),
    responses={200: gives(Cap, "It limits"), **problems("not-found", "conflict", *_BODY, *_STORED)},
)
async def put_cap(
    sites: AskedSites, site_id: SiteId, node_id: NodeId, body: Annotated[CapBody, Depends(body_of(CapBody))]
) -> Response:
    """Limit a node in place of the operator's last cap. The lowest of all sources counts, and none lifts a rating."""
    with _without_condition():
        return _shown(Cap.of(await sites.put_cap(site_id, node_id, body.cap())))


@router.delete(
    "/{site_id}/nodes/{node_id}/cap",
    summary="Limit a node no more",
    status_code=204,
    responses={204: {"description": "It limits no more"}, **problems("not-found", *_STORED)},
)
async def remove_cap(sites: AskedSites, site_id: SiteId, node_id: NodeId) -> Response:
    """Remove the operator's cap; those of other sources stay."""
    await sites.delete_cap(site_id, node_id)
    return Response(status_code=204)


@router.post(
    "/{site_id}/meters/{meter_id}/readings",
    summary="Tell what a meter read",
    status_code=204,
    openapi_extra=takes(ReadingBody, current_on_each_phase=_READING, power_now=_POWER_READING)
    | heeds("Idempotency-Key"),
    responses={
        204: {"description": "It counts"},
        **problems("not-found", "request-under-way", "idempotency-key-reused", *_BODY),
    },
)
async def add_reading(
    sites: AskedSites,
    site_id: SiteId,
    meter_id: MeterId,
    body: Annotated[ReadingBody, Depends(body_of(ReadingBody))],
) -> Response:
    """Take a reading; the balancing answers to it at once. Readings are not stored."""
    sites.add_reading(site_id, meter_id, body.reading())
    return Response(status_code=204)


@contextlib.contextmanager
def _without_condition() -> Generator[None]:
    """Let what another process changed in the same moment be a conflict: 412 is for conditions that were sent."""
    try:
        yield
    except Outdated as error:
        raise Conflict(str(error)) from error


async def _present(sites: Sites, site_id: str) -> SiteDocument | None:
    try:
        return await sites.get_site(site_id)
    except NotFound:
        return None


def _of_this_id(body: Mapping[str, object], site_id: str) -> Mapping[str, object]:
    if body.get("id", site_id) != site_id:
        message = f"must be {site_id!r}, as in the address; a site's id can't be changed"
        raise Refused("invalid", f"id: {message}", errors=[FieldProblem("id", message)])
    return {**body, "id": site_id}


def _created(site: SiteDocument) -> Response:
    place = {"Location": f"{BASE}/{quote(site.id, safe='')}"}
    return JSONResponse(site.config, 201, {**_tagged(site), **place})


def _tagged(site: SiteDocument) -> dict[str, str]:
    return {"ETag": etag(site.version), "Cache-Control": "no-cache"}


def _shown(model: BaseModel) -> Response:
    content: dict[str, Any] = model.model_dump(mode="json")
    return JSONResponse(content)
