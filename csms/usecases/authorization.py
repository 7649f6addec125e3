"""May this token charge here now?"""

from __future__ import annotations

from typing import cast

from msgspec import Struct, structs

from csms.domain.answers import AuthorizationAnswer
from csms.domain.events import AuthorizationRequested
from csms.domain.records import TokenSeen
from csms.domain.station import StationState
from csms.domain.token import Judgement, Token, TokenStatus, Verdict
from csms.ports import Context, OpenTransactionsOfToken, Outcome, RoomToStart, TokenByHmac


class Presented(Struct, frozen=True):
    """A token as a station presented it, and what is known of it."""

    uid: str
    type: str
    hmac: bytes
    token: Token | None
    """None: nobody registered it and nobody has charged with it yet."""


def authorize(
    state: StationState, event: AuthorizationRequested, context: Context
) -> Outcome | TokenByHmac | OpenTransactionsOfToken | RoomToStart:
    """Judge a token that is presented; nothing of it is kept.

    Nobody says whether it is presented to start or to stop. So a token that has (itself or through its
    group) a transaction open on this station is judged without regard to how many others it has open:
    told ConcurrentTx, its holder could not stop. A second start is judged again when it is reported.

    At a gated station a good token waits for room, and without any is told ConcurrentTx: of OCPP 1.6's words
    the one that says "not now". Who charges there waits too while it may be for a second start: only where
    no EVSE is free he certainly wants to stop. Whoever starts there all the same is kept and answered as anywhere.
    """
    presented = present(context, event.uid, event.token_type)
    if not isinstance(presented, Presented):
        return presented
    charges_here = _charges_here(state, presented, context)
    judgement = judge(presented.token, context) if charges_here else judge_for_charging(presented, context)
    if not isinstance(judgement, Judgement):
        return judgement
    only_stops = charges_here and state.all_charging
    if state.gated and not only_stops and judgement.verdict is Verdict.ACCEPTED:
        room = RoomToStart(state.id)
        if room not in context.found:
            return room
        if not context.found[room]:
            judgement = structs.replace(judgement, verdict=Verdict.CONCURRENT_TX)
    return Outcome(AuthorizationAnswer(judgement))


def present(context: Context, uid: str, token_type: str) -> Presented | TokenByHmac:
    """Find a token in the index, or else in the store: it may be newer than the index."""
    hmac = context.token_hmac(uid, token_type)
    token = context.tokens.get(hmac)
    if token is None:
        lookup = TokenByHmac(hmac)
        if lookup not in context.found:
            return lookup
        token = cast("Token | None", context.found[lookup])
    return Presented(uid, token_type, hmac, token)


def judge(token: Token | None, context: Context) -> Judgement:
    """Judge a token by itself, whatever else it is charging."""
    unknown = Verdict.ACCEPTED if context.policy.accept_unknown_tokens else Verdict.INVALID
    if token is None:
        return Judgement(verdict=unknown)
    if token.status is TokenStatus.BLOCKED:
        verdict = Verdict.BLOCKED
    elif token.expires_at_us is not None and token.expires_at_us <= context.received_at_us:
        verdict = Verdict.EXPIRED
    elif token.status is TokenStatus.SEEN:
        verdict = unknown
    else:
        verdict = Verdict.ACCEPTED
    return Judgement(verdict=verdict, expires_at_us=token.expires_at_us, group=token.group)


def judge_for_charging(
    presented: Presented, context: Context, *, spared: int = 0
) -> Judgement | OpenTransactionsOfToken:
    """Judge a token that wants to charge; `spared` of its open transactions end with this very start."""
    judgement, token = judge(presented.token, context), presented.token
    if token is None or token.max_concurrent is None or judgement.verdict is not Verdict.ACCEPTED:
        return judgement
    lookup = OpenTransactionsOfToken(presented.hmac)
    if lookup not in context.found:
        return lookup
    if cast("int", context.found[lookup]) - spared >= token.max_concurrent:
        return structs.replace(judgement, verdict=Verdict.CONCURRENT_TX)
    return judgement


def same_holder(context: Context, one: bytes, other: bytes) -> bool:
    """Tell whether two tokens are the same or of the same group (either may stop the other's charging)."""
    if one == other:
        return True
    a, b = context.tokens.get(one), context.tokens.get(other)
    return a is not None and b is not None and a.group is not None and a.group == b.group


def token_seen(presented: Presented | None, context: Context) -> tuple[TokenSeen, ...]:
    """Return the record that makes a token nobody registered known, as far as it is needed."""
    if presented is None or presented.token is not None:
        return ()
    return (
        TokenSeen(context.new_id(), presented.uid, presented.type, presented.hmac, context.received_at_us),
    )


def _charges_here(state: StationState, presented: Presented, context: Context) -> bool:
    return any(
        transaction.active and same_holder(context, presented.hmac, transaction.key.token_hmac)
        for transaction in state.transactions.values()
    )
