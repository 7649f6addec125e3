"""What touches our profiles."""

from __future__ import annotations

import pytest

from csms.domain.control import Placement, ProfileEffect, ProfileForm

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
