"""Verdicts on tokens."""

from __future__ import annotations

from typing import Any

import pytest

from csms.domain.answers import AuthorizationAnswer
from csms.domain.events import AuthorizationRequested
from csms.domain.token import Judgement, TokenStatus, Verdict
from csms.ports import OpenTransactionsOfToken, Policy, RoomToStart, TokenByHmac
from tests.csms.usecases.world import NOON, World, hmac_of, start, status, stop


def _authorize(world: World, uid: str, station: str = "CP-1") -> Judgement:
    answer = world.send(AuthorizationRequested(uid=uid, token_type="ISO14443"), station=station)
    assert isinstance(answer, AuthorizationAnswer)
    return answer.judgement


def test_an_accepted_token_is_told_with_its_expiry_and_group_and_costs_no_look_up(world: World) -> None:
    world.add_token("CARD", expires_at_us=NOON + 1, group="fleet")
    assert _authorize(world, "CARD") == Judgement(
        verdict=Verdict.ACCEPTED, expires_at_us=NOON + 1, group="fleet"
    )
    assert world.lookups == []
    assert world.tables.log == []


@pytest.mark.parametrize(
    ("token", "verdict"),
    [
        ({"status": TokenStatus.BLOCKED}, Verdict.BLOCKED),
        ({"status": TokenStatus.BLOCKED, "expires_at_us": NOON}, Verdict.BLOCKED),
        ({"expires_at_us": NOON}, Verdict.EXPIRED),
        ({"status": TokenStatus.SEEN}, Verdict.INVALID),
        ({"max_concurrent": 0}, Verdict.CONCURRENT_TX),
        ({"max_concurrent": 1}, Verdict.ACCEPTED),
    ],
)
def test_each_reason_to_refuse_has_its_verdict(world: World, token: dict[str, Any], verdict: Verdict) -> None:
    world.add_token("CARD", **token)
    assert _authorize(world, "CARD").verdict is verdict


def test_an_unknown_token_is_looked_up_once_and_is_invalid(world: World) -> None:
    assert _authorize(world, "NOBODY") == Judgement(verdict=Verdict.INVALID)
    assert world.lookups == [TokenByHmac(hmac_of("NOBODY"))]
    assert world.tables.log == []


def test_a_token_that_the_index_does_not_hold_yet_is_found_in_the_store(world: World) -> None:
    world.add_token_behind_the_index("NEW")
    assert _authorize(world, "NEW").verdict is Verdict.ACCEPTED


@pytest.mark.parametrize("known", [True, False])
def test_a_site_may_accept_tokens_that_nobody_registered(world: World, known: bool) -> None:
    world.policy = Policy(accept_unknown_tokens=True)
    if known:
        world.add_token("GUEST", TokenStatus.SEEN)
    assert _authorize(world, "GUEST").verdict is Verdict.ACCEPTED


def test_a_site_that_accepts_all_still_refuses_what_an_operator_blocked(world: World) -> None:
    world.policy = Policy(accept_unknown_tokens=True)
    world.add_token("CARD", TokenStatus.BLOCKED)
    assert _authorize(world, "CARD").verdict is Verdict.BLOCKED


def test_a_token_at_its_limit_is_refused_at_another_station(world: World) -> None:
    world.add_token("CARD", max_concurrent=1)
    world.send(start(uid="CARD"), station="CP-2")
    assert _authorize(world, "CARD").verdict is Verdict.CONCURRENT_TX
    assert world.lookups[-1] == OpenTransactionsOfToken(hmac_of("CARD"))


def test_a_token_below_its_limit_is_accepted(world: World) -> None:
    world.add_token("CARD", max_concurrent=2)
    world.send(start(uid="CARD"), station="CP-2")
    assert _authorize(world, "CARD").verdict is Verdict.ACCEPTED


def test_a_token_at_its_limit_may_be_presented_where_it_charges_for_it_may_want_to_stop(world: World) -> None:
    world.add_token("CARD", max_concurrent=1)
    world.send(start(uid="CARD"))
    assert _authorize(world, "CARD").verdict is Verdict.ACCEPTED


def test_once_it_has_stopped_here_its_limit_counts_again(world: World) -> None:
    world.add_token("CARD", max_concurrent=1)
    world.send(start(uid="CARD"), station="CP-2")
    world.send(start(uid="CARD"))
    world.send(stop(world.state().transactions.popitem()[0], uid="CARD"))
    assert _authorize(world, "CARD").verdict is Verdict.CONCURRENT_TX


@pytest.mark.parametrize(
    ("groups", "verdict"),
    [
        (("fleet", "fleet"), Verdict.ACCEPTED),
        (("fleet", "other"), Verdict.CONCURRENT_TX),
        ((None, None), Verdict.CONCURRENT_TX),
    ],
)
def test_a_token_may_be_presented_to_stop_what_another_of_its_group_charges(
    world: World, groups: tuple[str | None, str | None], verdict: Verdict
) -> None:
    world.add_token("MINE", group=groups[0])
    world.add_token("YOURS", group=groups[1], max_concurrent=0)
    world.send(start(uid="MINE"))
    assert _authorize(world, "YOURS").verdict is verdict


# --- gated stations


@pytest.mark.parametrize(("has_room", "verdict"), [(True, Verdict.ACCEPTED), (False, Verdict.CONCURRENT_TX)])
def test_at_a_gated_station_a_good_token_waits_for_room(
    world: World, has_room: bool, verdict: Verdict
) -> None:
    world.add_token("CARD", group="fleet")
    world.state().gated, world.has_room = True, has_room
    assert _authorize(world, "CARD") == Judgement(verdict=verdict, group="fleet")
    assert world.lookups == [RoomToStart("CP-1")]


def test_at_a_gated_station_nobody_waits_who_may_not_charge_or_charges_already(world: World) -> None:
    world.add_token("CARD")
    world.add_token("OLD", TokenStatus.BLOCKED)
    world.state().gated, world.has_room = True, False
    assert _authorize(world, "OLD").verdict is Verdict.BLOCKED
    world.send(status())
    world.send(start(uid="CARD"))
    assert _authorize(world, "CARD").verdict is Verdict.ACCEPTED
    assert RoomToStart("CP-1") not in world.lookups


@pytest.mark.parametrize("evses", [(), (1, 2)])
@pytest.mark.parametrize("uid", ["MINE", "YOURS"])
@pytest.mark.parametrize(("has_room", "verdict"), [(True, Verdict.ACCEPTED), (False, Verdict.CONCURRENT_TX)])
def test_who_charges_at_a_gated_station_waits_for_room_where_an_evse_may_be_free_for_a_second_start(
    world: World, evses: tuple[int, ...], uid: str, has_room: bool, verdict: Verdict
) -> None:
    world.add_token("MINE", group="fleet", max_concurrent=1)
    world.add_token("YOURS", group="fleet", max_concurrent=0)
    for evse in (0, *evses):
        world.send(status(evse))
    world.send(start(uid="MINE"))
    world.state().gated, world.has_room = True, has_room
    assert _authorize(world, uid).verdict is verdict


def test_who_charges_at_a_gated_station_may_stop_without_room_once_all_its_evses_are_taken(
    world: World,
) -> None:
    world.add_token("CARD")
    world.add_token("OTHER")
    for evse in (1, 2):
        world.send(status(evse))
    world.send(start(uid="CARD"))
    world.send(start(uid="OTHER", evse=2))
    world.state().gated, world.has_room = True, False
    assert _authorize(world, "CARD").verdict is Verdict.ACCEPTED
    world.add_token("STRANGER")
    assert _authorize(world, "STRANGER").verdict is Verdict.CONCURRENT_TX
    world.send(stop(world.state().transactions.popitem()[0], uid="OTHER"))
    assert _authorize(world, "CARD").verdict is Verdict.CONCURRENT_TX


def test_who_starts_at_a_gated_station_without_room_is_kept_and_answered(world: World) -> None:
    world.add_token("CARD")
    world.state().gated, world.has_room = True, False
    world.send(start(uid="CARD"))
    assert len(world.tables.transactions) == 1
