"""Transactions and their samples over REST."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel

from csms.api.answers import listed, shown
from csms.api.transaction_models import (
    SamplePage,
    Transaction,
    TransactionPage,
    TransactionPatch,
    TransactionsAsked,
    sample_of,
)
from csms.domain.history import TransactionEntry
from csms.http.bodies import body_of
from csms.http.conditions import check_match, judged, relied_on
from csms.http.openapi import gives, heeds, problems, takes
from csms.http.pages import AskedPage, first_page, last_numbered, numbered, whole
from csms.usecases.transaction_keeping import TransactionKeeping

BASE = "/api/v1/transactions"
TAKEN: tuple[type[BaseModel], ...] = (TransactionPatch,)
GIVEN: tuple[type[BaseModel], ...] = (TransactionPage, Transaction, SamplePage)
"""What the routes here take and give, for the API's description."""

router = APIRouter(prefix=BASE, tags=["transactions"])

_BODY = ("malformed-json", "too-large", "unsupported-media-type", "invalid")
_STORED = ("unavailable",)
_FIRST_SAMPLE = (-(2**63), 0)
_EXAMPLE = {"departure_at": "2027-01-04T15:30:00Z", "energy_needed_wh": 18_000}


def _keeping(request: Request) -> TransactionKeeping:
    return cast("TransactionKeeping", request.app.state.transactions)


Keeping = Annotated[TransactionKeeping, Depends(_keeping)]
TransactionId = Annotated[
    str,
    Path(description="Our id, not the one that OCPP knows.", examples=["1d5e8a6b4f3c4b7e9a0d2c1f8e7b6a59"]),
]


@router.get(
    "",
    summary="List transactions",
    responses={
        200: gives(TransactionPage, "Transactions, newest first"),
        **problems("invalid", *_STORED),
    },
)
async def list_transactions(keeping: Keeping, asked: Annotated[TransactionsAsked, Query()]) -> Response:
    """Return a part of all transactions; those that begin meanwhile change nothing in the parts to come."""
    rest = await keeping.transactions(asked.query(), before=last_numbered(asked), limit=asked.limit + 1)
    page = first_page(rest, asked, key=lambda one: numbered(one.started_at_us, one.id))
    return listed([Transaction.model_validate(one) for one in page.items], page.next_cursor)


@router.get(
    "/{transaction_id}",
    summary="Show a transaction",
    responses={
        200: gives(Transaction, "The transaction", headers=("ETag",)),
        **problems("not-found", *_STORED),
    },
)
async def show_transaction(keeping: Keeping, transaction_id: TransactionId) -> Response:
    """Return a transaction; the `ETag` stands for what a PATCH may change, not for what is measured."""
    return _shown(await keeping.transaction(transaction_id))


@router.patch(
    "/{transaction_id}",
    summary="Wish something for a transaction",
    openapi_extra=takes(TransactionPatch, what_the_driver_said=_EXAMPLE, in_no_hurry={"priority": -1})
    | heeds("If-Match"),
    responses={
        200: gives(Transaction, "It is kept", headers=("ETag",)),
        **problems("not-found", "conflict", "outdated", *_BODY, *_STORED),
    },
)
async def change_transaction(
    keeping: Keeping,
    transaction_id: TransactionId,
    request: Request,
    body: Annotated[TransactionPatch, Depends(body_of(TransactionPatch))],
) -> Response:
    """Keep what a driver or operator wishes for a transaction that runs.

    OCPP 1.6 can't carry it, so people and programs say it here. The balancing does not heed it yet.
    """
    revision = (await keeping.transaction(transaction_id)).revision
    check_match(request, revision)
    with judged(request):
        return _shown(
            await keeping.wish(transaction_id, body.of, expected_revision=relied_on(request, revision))
        )


@router.get(
    "/{transaction_id}/samples",
    summary="List a transaction's samples",
    responses={
        200: gives(SamplePage, "Samples, the oldest first"),
        **problems("not-found", "invalid", *_STORED),
    },
)
async def list_samples(keeping: Keeping, transaction_id: TransactionId, asked: AskedPage) -> Response:
    """Return a part of what was measured, the registers of start and end included."""
    last = last_numbered(asked)
    after = _FIRST_SAMPLE if last is None else (last[0], whole(last[1]))
    page = first_page(
        await keeping.samples(transaction_id, after=after, limit=asked.limit + 1),
        asked,
        key=lambda sample: numbered(sample.at_us, sample.number),
    )
    return listed([sample_of(sample) for sample in page.items], page.next_cursor)


def _shown(entry: TransactionEntry) -> Response:
    return shown(Transaction.model_validate(entry), revision=entry.revision)
