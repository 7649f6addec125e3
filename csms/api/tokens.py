"""Tokens over REST. A uid never stands in an address's path: paths reach logs."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel

from csms.api.answers import listed, shown
from csms.api.token_models import NewTokenBody, SeenQuery, Token, TokenPage, TokenPatch, TokenQuery
from csms.http.bodies import body_of
from csms.http.conditions import check_match, judged, relied_on
from csms.http.openapi import gives, heeds, problems, takes
from csms.http.pages import first_page, last_numbered, numbered
from csms.usecases.token_keeping import TokenKeeping

BASE = "/api/v1/tokens"
TAKEN: tuple[type[BaseModel], ...] = (NewTokenBody, TokenPatch)
GIVEN: tuple[type[BaseModel], ...] = (TokenPage, Token)
"""What the routes here take and give, for the API's description."""

router = APIRouter(prefix=BASE, tags=["tokens"])

_BODY = ("malformed-json", "too-large", "unsupported-media-type", "invalid")
_STORED = ("unavailable",)
_FIRST = (-(2**63), "")
_EXAMPLE = {"uid": "04A2B3C4", "note": "Front desk", "expires_at": "2027-12-31T23:00:00Z"}


def _keeping(request: Request) -> TokenKeeping:
    return cast("TokenKeeping", request.app.state.tokens)


Keeping = Annotated[TokenKeeping, Depends(_keeping)]
TokenId = Annotated[
    str, Path(description="The token's id here, not its uid.", examples=["4c1d9a7e0b5f4e2d8a3c6b9f0e1d2c3b"])
]


@router.get(
    "",
    summary="List tokens",
    responses={200: gives(TokenPage, "Tokens, the oldest first"), **problems("invalid", *_STORED)},
)
async def list_tokens(keeping: Keeping, asked: Annotated[TokenQuery, Query()]) -> Response:
    """Return a part of all tokens, or those with one uid."""
    seen = asked.seen == "true"
    after = last_numbered(asked) or _FIRST
    if asked.uid is not None:
        rest = await keeping.tokens_with_uid(asked.uid, seen=seen)
        return listed([Token.of(token) for token in rest], None)
    rest = await keeping.tokens(after=after, limit=asked.limit + 1, seen=seen)
    page = first_page(rest, asked, key=lambda token: numbered(token.entry.created_at_us, token.entry.id))
    return listed([Token.of(token) for token in page.items], page.next_cursor)


@router.post(
    "",
    summary="Register a token",
    status_code=201,
    openapi_extra=takes(NewTokenBody, a_card=_EXAMPLE) | heeds("Idempotency-Key"),
    responses={
        201: gives(Token, "It may charge", headers=("Location", "ETag")),
        **problems("conflict", "request-under-way", "idempotency-key-reused", *_BODY, *_STORED),
    },
)
async def add_token(
    keeping: Keeping, body: Annotated[NewTokenBody, Depends(body_of(NewTokenBody))]
) -> Response:
    """Register a token. One that was charged with before keeps its id, and so its transactions."""
    token = await keeping.add(body.token())
    place = f"{BASE}/{token.entry.id}"
    return shown(Token.of(token), revision=token.entry.revision, status=201, location=place)


@router.get(
    "/{token_id}",
    summary="Show a token",
    responses={
        200: gives(Token, "The token", headers=("ETag",)),
        **problems("not-found", "invalid", *_STORED),
    },
)
async def show_token(keeping: Keeping, token_id: TokenId, asked: Annotated[SeenQuery, Query()]) -> Response:
    """Return a token."""
    token = await keeping.token(token_id, seen=asked.seen == "true")
    return shown(Token.of(token), revision=token.entry.revision)


@router.patch(
    "/{token_id}",
    summary="Change a token",
    openapi_extra=takes(
        TokenPatch, block_it={"status": "Blocked"}, let_it_end={"expires_at": "2027-12-31T23:00:00Z"}
    )
    | heeds("If-Match"),
    responses={
        200: gives(Token, "It is changed", headers=("ETag",)),
        **problems("not-found", "conflict", "outdated", *_BODY, *_STORED),
    },
)
async def change_token(
    keeping: Keeping,
    token_id: TokenId,
    request: Request,
    body: Annotated[TokenPatch, Depends(body_of(TokenPatch))],
) -> Response:
    """Change what is named in the body; it counts for the next message of a charger."""
    revision = (await keeping.token(token_id)).entry.revision
    check_match(request, revision)
    with judged(request):
        token = await keeping.change(token_id, body.of, expected_revision=relied_on(request, revision))
    return shown(Token.of(token), revision=token.entry.revision)


@router.delete(
    "/{token_id}",
    summary="Remove a token",
    openapi_extra=heeds("If-Match"),
    status_code=204,
    responses={
        204: {"description": "It is one that nobody registered"},
        **problems("not-found", "conflict", "outdated", *_STORED),
    },
)
async def remove_token(keeping: Keeping, token_id: TokenId, request: Request) -> Response:
    """Remove a token. One that was charged with stays behind as `Seen`, so that its transactions stay its own."""
    revision = (await keeping.token(token_id)).entry.revision
    check_match(request, revision)
    with judged(request):
        await keeping.remove(token_id, expected_revision=relied_on(request, revision))
    return Response(status_code=204)
