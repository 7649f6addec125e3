"""What calls of 2.0.1 that are not the balancer's do to profiles; in doubt ours are gone and foreign ones stay."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from csms.domain.control import Placement, ProfileEffect
from csms.ocpp.schemas import request_schema
from csms.ocpp.v201 import DIALECT
from csms.ocpp.v201.dialect import OUTBOUND
from tests.csms.ocpp import payloads

NOW_US = 1_790_000_000_000_000
BEFORE, AHEAD = "2026-09-21T14:12:20Z", "2026-09-21T14:13:21Z"
BEARING = {"SetChargingProfile", "ClearChargingProfile", "RequestStartTransaction"}


def _effects(action: str, payload: dict[str, Any]) -> tuple[ProfileEffect, ...]:
    checked = DIALECT.check_call(action, json.dumps(payload).encode())
    return DIALECT.profile_effects(action, checked, NOW_US)


def _schedule(*limits: float, unit: str = "A", **changes: Any) -> dict[str, Any]:
    periods = [{"startPeriod": 60 * number, "limit": limit} for number, limit in enumerate(limits)]
    return {
        "id": 1,
        "startSchedule": BEFORE,
        "chargingRateUnit": unit,
        "chargingSchedulePeriod": periods,
    } | changes


def _profile(purpose: str = "TxProfile", *schedules: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "id": 5,
        "stackLevel": 2,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Absolute",
        "chargingSchedule": list(schedules or (_schedule(8.0),)),
    } | changes


def _set(evse: int, profile: dict[str, Any]) -> tuple[ProfileEffect, ...]:
    return _effects("SetChargingProfile", {"evseId": evse, "chargingProfile": profile})


def _clear(**criteria: Any) -> tuple[ProfileEffect, ...]:
    return _effects("ClearChargingProfile", {"chargingProfileCriteria": criteria} if criteria else {})


# --- setting


@pytest.mark.parametrize(
    ("evse", "purpose", "placement", "caps", "of_transaction"),
    [
        (1, "TxProfile", Placement.TRANSACTION, False, True),
        (1, "TxDefaultProfile", Placement.DEFAULT, False, False),
        (0, "TxDefaultProfile", Placement.DEFAULT, False, False),
        (0, "ChargingStationMaxProfile", Placement.STATION, True, False),
    ],
)
def test_a_foreign_profile_sets_its_limit_and_may_take_the_place_of_ours(
    evse, purpose, placement, caps, of_transaction
):
    assert _set(evse, _profile(purpose)) == (
        ProfileEffect(
            evse=evse,
            profile_id=5,
            clears_own=True,
            placement=placement,
            stack_level=2,
            sets=True,
            limit_a=8.0,
            caps=caps,
            of_transaction=of_transaction,
        ),
    )


def test_constraints_of_somebody_outside_can_only_lower_and_take_nothing_of_ours():
    """K01.FR.22: no central system may send them; a raw call can."""
    assert _set(1, _profile("ChargingStationExternalConstraints")) == (
        ProfileEffect(evse=1, profile_id=5, sets=True, limit_a=8.0, caps=True),
    )


@pytest.mark.parametrize(
    ("schedules", "limit_a", "limit_w"),
    [
        ((_schedule(6.0, 16.0, 0.0),), 16.0, None),
        ((_schedule(1380.0, 11_000.5, unit="W"),), None, 11_000.5),
        # The car chooses one (K15): the highest of all counts.
        ((_schedule(6.0), _schedule(10.0, 20.0), _schedule(8.0)), 20.0, None),
        ((_schedule(6.0), _schedule(1380.0, unit="W")), None, None),
        ((_schedule(6.0), _schedule(8.0, duration=3600)), None, None),
        ((_schedule(6.0, startSchedule=AHEAD),), None, None),
    ],
)
def test_the_highest_limit_counts_in_its_unit_where_it_holds_for_good(schedules, limit_a, limit_w):
    (effect,) = _set(1, _profile("TxProfile", *schedules))
    assert (effect.sets, effect.limit_a, effect.limit_w) == (True, limit_a, limit_w)


@pytest.mark.parametrize(
    ("changes", "limit_a"),
    [({"validFrom": BEFORE}, 8.0), ({"validFrom": AHEAD}, None), ({"validTo": AHEAD}, None)],
)
def test_the_limit_is_unknown_where_the_profile_is_not_always_valid(changes, limit_a):
    (effect,) = _set(1, _profile(**changes))
    assert effect.limit_a == limit_a


@pytest.mark.parametrize(("profile_id", "owner"), [(1_000_002, 2), (1_500_002, 2), (1_900_000, 0)])
def test_a_profile_under_an_id_of_ours_takes_ours_away_wherever_it_stands(profile_id, owner):
    """K01.FR.05."""
    ours, foreign = _set(1, _profile(id=profile_id))
    assert ours == ProfileEffect(evse=owner, profile_id=profile_id, clears_own=True)
    assert (foreign.evse, foreign.sets, foreign.limit_a) == (1, True, 8.0)


@pytest.mark.parametrize(
    ("evse", "purpose", "profile_id", "gives_way"),
    [
        (2, "TxDefaultProfile", 1_000_002, True),
        (2, "TxProfile", 1_500_002, True),
        (0, "ChargingStationMaxProfile", 1_900_000, True),
        (2, "TxProfile", 1_000_002, False),
        (1, "TxDefaultProfile", 1_000_002, False),
        (0, "TxDefaultProfile", 1_000_001, False),
        (2, "TxDefaultProfile", 5, False),
    ],
)
def test_only_what_has_the_id_of_ours_there_surely_gives_way_to_it(evse, purpose, profile_id, gives_way):
    """K01.FR.05; of twins (K01.FR.06, .39) nothing says which one a station goes by."""
    assert _set(evse, _profile(purpose, id=profile_id))[-1].gives_way is gives_way


# --- starting


def _start(**members: Any) -> tuple[ProfileEffect, ...]:
    token = {"idToken": "T", "type": "ISO14443"}
    return _effects("RequestStartTransaction", {"idToken": token, "remoteStartId": 1, **members})


def test_a_remote_start_brings_its_profile_along():
    """K05."""
    effect = ProfileEffect(evse=2, profile_id=5, sets=True, limit_a=8.0, of_transaction=True)
    assert _start(evseId=2, chargingProfile=_profile()) == (effect,)
    (anywhere,) = _start(chargingProfile=_profile())
    assert anywhere.evse == 0


def test_a_remote_start_without_a_profile_touches_none():
    assert _start(evseId=2) == ()


# --- clearing


@pytest.mark.parametrize(
    ("criteria", "evse", "placement", "stack_level", "clears_foreign"),
    [
        ({}, 0, None, None, True),
        ({"evseId": 2}, 2, None, None, False),
        ({"evseId": 0}, 0, None, None, False),
        ({"chargingProfilePurpose": "TxProfile"}, 0, Placement.TRANSACTION, None, False),
        ({"chargingProfilePurpose": "ChargingStationMaxProfile"}, 0, Placement.STATION, None, False),
        # K10.FR.06: nobody may ask for that, so nobody knows what it does.
        ({"chargingProfilePurpose": "ChargingStationExternalConstraints"}, 0, None, None, False),
        ({"evseId": 3, "chargingProfilePurpose": "TxDefaultProfile", "stackLevel": 1}, 3, Placement.DEFAULT, 1, False),
    ],
)  # fmt: skip
def test_a_clearing_by_criteria_takes_ours_that_match(criteria, evse, placement, stack_level, clears_foreign):
    assert _clear(**criteria) == (
        ProfileEffect(
            evse=evse,
            profile_id=None,
            clears_own=True,
            placement=placement,
            stack_level=stack_level,
            clears_foreign=clears_foreign,
        ),
    )


def test_a_clearing_by_id_takes_that_one_alone():
    """K10.FR.03."""
    criteria = {"evseId": 1, "stackLevel": 0}
    (foreign,) = _effects(
        "ClearChargingProfile", {"chargingProfileId": 5, "chargingProfileCriteria": criteria}
    )
    assert foreign == ProfileEffect(evse=0, profile_id=5, clears_foreign=True)
    ours, _ = _effects("ClearChargingProfile", {"chargingProfileId": 1_500_002})
    assert ours == ProfileEffect(evse=2, profile_id=1_500_002, clears_own=True)


# --- everything else


def test_nothing_else_touches_profiles():
    random = Random(201)
    for action in OUTBOUND.keys() - BEARING:
        payload = payloads.valid(request_schema("v201", action), random)
        assert DIALECT.profile_effects(action, json.dumps(payload).encode(), NOW_US) == ()


@pytest.mark.parametrize("action", sorted(BEARING))
def test_every_call_that_may_leave_has_its_effects_told(action, scaled):
    schema, random = request_schema("v201", action), Random(action)
    for _ in range(scaled(100, 3000)):
        payload = payloads.valid(schema, random)
        effects = _effects(action, payload)
        assert effects or (action == "RequestStartTransaction" and "chargingProfile" not in payload)
