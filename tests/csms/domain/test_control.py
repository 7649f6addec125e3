"""What touches our profiles."""

from __future__ import annotations

import pytest

from csms.domain.control import FailsafeOrder, LimitOrder, Placement, ProfileEffect, ProfileForm, placement_of

TRANSACTION, DEFAULT, STATION = Placement.TRANSACTION, Placement.DEFAULT, Placement.STATION


def _effect(
    placement: Placement | None, stack_level: int | None, *, clears_own: bool = True
) -> ProfileEffect:
    return ProfileEffect(
        evse=1, profile_id=None, clears_own=clears_own, placement=placement, stack_level=stack_level
    )


@pytest.mark.parametrize(
    ("form", "touched"),
    [
        # The failsafe is a default wherever the running limit is not the station's.
        (TRANSACTION, {None, TRANSACTION, DEFAULT}),
        (DEFAULT, {None, DEFAULT}),
        (STATION, {None, STATION}),
    ],
)
def test_only_profiles_of_the_purposes_that_we_use_can_take_ours_away(
    form: Placement, touched: set[Placement | None]
) -> None:
    ours = ProfileForm(placement=form)
    assert {one for one in (None, *Placement) if _effect(one, None).takes_ours(ours)} == touched


def test_only_profiles_at_our_stack_level_can_take_ours_away() -> None:
    ours = ProfileForm(stack_level=2)
    assert [level for level in (None, 0, 1, 2, 3) if _effect(None, level).takes_ours(ours)] == [None, 2]


def test_what_only_sets_another_profile_takes_nothing_away() -> None:
    assert not _effect(None, None, clears_own=False).takes_ours(ProfileForm())


@pytest.mark.parametrize(
    ("placement", "failsafe"),
    [
        (Placement.TRANSACTION, Placement.DEFAULT),
        (Placement.DEFAULT, Placement.DEFAULT),
        (Placement.STATION, Placement.STATION),
    ],
)
def test_a_failsafe_outlives_every_transaction(placement, failsafe):
    form = ProfileForm(placement=placement)
    limit = LimitOrder(
        evse=1, ocpp_transaction_id="1", limit=6.0, failsafe=0.0, lease_s=None, form=form, start_us=0
    )
    assert placement_of(limit) is placement
    assert placement_of(FailsafeOrder(evse=1, limit=0.0, form=form, start_us=0)) is failsafe
