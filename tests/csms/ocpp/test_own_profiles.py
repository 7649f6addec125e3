"""Ids and limits of our charging profiles, which all OCPP versions share."""

from __future__ import annotations

import math
from decimal import ROUND_FLOOR, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.control import OWN_PROFILE_IDS, Placement
from csms.ocpp.own_profiles import LARGEST_LIMIT, owner_of, rounded_down, stand


@given(limit=st.floats(0, LARGEST_LIMIT))
def test_61_no_limit_grows_by_more_than_an_artefact_or_shrinks_by_a_tenth(limit):
    sent = rounded_down(limit)
    assert sent - limit <= 1e-7 + math.ulp(limit)
    assert limit - sent < 0.1 + math.ulp(limit)
    assert rounded_down(sent) == sent
    assert Decimal(repr(sent)) == Decimal(repr(sent)).quantize(Decimal("0.1"), ROUND_FLOOR)


@given(evse=st.integers(1, 65_535), placement=st.sampled_from(Placement))
def test_whose_profile_it_is_shows_in_its_id(evse, placement):
    stands_at, profile_id = stand(evse, placement)
    assert profile_id in OWN_PROFILE_IDS
    assert owner_of(profile_id) == stands_at


@pytest.mark.parametrize("profile_id", [-1, 0, OWN_PROFILE_IDS.start - 1, OWN_PROFILE_IDS.stop])
def test_all_other_ids_are_not_ours(profile_id):
    assert owner_of(profile_id) is None
