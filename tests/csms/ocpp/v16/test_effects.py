"""What calls of 1.6 that are not the balancer's do to profiles; in doubt ours are gone and foreign ones stay."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from csms.domain.control import OWN_PROFILE_IDS, Placement, ProfileEffect
from csms.ocpp.own_profiles import owner_of
from csms.ocpp.schemas import request_schema
from csms.ocpp.v16 import DIALECT
from csms.ocpp.v16.dialect import OUTBOUND
from tests.csms.ocpp import payloads

NOW_US = 1_790_000_000_000_000
BEFORE, NOW, AHEAD = "2026-09-21T14:12:20Z", "2026-09-21T16:13:20+02:00", "2026-09-21T14:13:21Z"


def _effects(action: str, payload: dict[str, Any]) -> tuple[ProfileEffect, ...]:
    checked = DIALECT.check_call(action, json.dumps(payload).encode())
    return DIALECT.profile_effects(action, checked, NOW_US)


def _profile(
    purpose: str = "TxProfile", limits: tuple[float, ...] = (8.0,), **changes: Any
) -> dict[str, Any]:
    schedule = {
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [
            {"startPeriod": 60 * number, "limit": limit} for number, limit in enumerate(limits)
        ],
    }
    schedule |= changes.pop("schedule", {})
    profile = {
        "chargingProfileId": 5,
        "stackLevel": 2,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Absolute",
        "chargingSchedule": schedule,
    }
    return profile | changes


def _set(connector: int, profile: dict[str, Any]) -> tuple[ProfileEffect, ...]:
    return _effects("SetChargingProfile", {"connectorId": connector, "csChargingProfiles": profile})


def _clear(**criteria: Any) -> tuple[ProfileEffect, ...]:
    return _effects("ClearChargingProfile", criteria)


# --- setting


@pytest.mark.parametrize(
    ("connector", "purpose", "placement", "caps", "of_transaction"),
    [
        (1, "TxProfile", Placement.TRANSACTION, False, True),
        (1, "TxDefaultProfile", Placement.DEFAULT, False, False),
        (0, "TxDefaultProfile", Placement.DEFAULT, False, False),
        (0, "ChargePointMaxProfile", Placement.STATION, True, False),
    ],
)
def test_a_foreign_profile_sets_its_limit_and_may_take_the_place_of_ours(
    connector, purpose, placement, caps, of_transaction
):
    assert _set(connector, _profile(purpose)) == (
        ProfileEffect(
            evse=connector,
            profile_id=5,
            clears_own=True,
            placement=placement,
            stack_level=2,
            gives_way=True,
            sets=True,
            limit_a=8.0,
            caps=caps,
            of_transaction=of_transaction,
        ),
    )


@pytest.mark.parametrize(
    ("unit", "limits", "limit_a", "limit_w"),
    [
        ("A", (6.0, 16.0, 0.0), 16.0, None),
        ("A", (0,), 0.0, None),
        ("W", (1380.0, 11_000.5), None, 11_000.5),
    ],
)
def test_the_highest_limit_counts_in_its_unit(unit, limits, limit_a, limit_w):
    profile = _profile(limits=limits)
    profile["chargingSchedule"]["chargingRateUnit"] = unit
    (effect,) = _set(1, profile)
    assert (effect.limit_a, effect.limit_w) == (limit_a, limit_w)


@pytest.mark.parametrize("purpose", ["TxProfile", "TxDefaultProfile", "ChargePointMaxProfile"])
@pytest.mark.parametrize(
    ("changes", "limit_a"),
    [
        ({"schedule": {"startSchedule": BEFORE}}, 8.0),
        ({"schedule": {"startSchedule": NOW}}, 8.0),
        ({"validFrom": BEFORE}, 8.0),
        ({"chargingProfileKind": "Relative"}, 8.0),
        ({"chargingProfileKind": "Recurring", "recurrencyKind": "Daily"}, 8.0),
        # There is a time for which it says nothing: what then applies is unknown.
        ({"schedule": {"startSchedule": AHEAD}}, None),
        ({"schedule": {"startSchedule": "0001-01-01T00:00:00Z"}}, None),
        ({"schedule": {"duration": 3600}}, None),
        ({"schedule": {"chargingSchedulePeriod": [{"startPeriod": 1, "limit": 8.0}]}}, None),
        ({"schedule": {"chargingSchedulePeriod": []}}, None),
        ({"validFrom": AHEAD}, None),
        ({"validTo": AHEAD}, None),
        ({"validTo": BEFORE}, None),
    ],
)
def test_the_limit_is_unknown_where_the_profile_does_not_hold_for_good(purpose, changes, limit_a):
    (effect,) = _set(0, _profile(purpose, **changes))
    assert (effect.sets, effect.limit_a, effect.limit_w) == (True, limit_a, None)


@pytest.mark.parametrize(
    ("profile_id", "owner"),
    [
        (1_000_000, 0),
        (1_000_001, 1),
        (1_000_002, 2),
        (1_065_535, 65_535),
        (1_065_536, 0),
        (1_500_000, 0),
        (1_500_002, 2),
        (1_565_535, 65_535),
        (1_900_000, 0),
        (1_999_999, 0),
    ],
)
def test_a_profile_under_an_id_of_ours_takes_ours_away_wherever_it_stands(profile_id, owner):
    ours, foreign = _set(1, _profile(chargingProfileId=profile_id))
    assert ours == ProfileEffect(evse=owner, profile_id=profile_id, clears_own=True)
    assert (foreign.evse, foreign.sets, foreign.limit_a) == (1, True, 8.0)
    assert owner_of(profile_id) == owner


@pytest.mark.parametrize("profile_id", [-1, 0, OWN_PROFILE_IDS.start - 1, OWN_PROFILE_IDS.stop])
def test_all_other_ids_are_not_ours(profile_id):
    (effect,) = _set(1, _profile(chargingProfileId=profile_id))
    assert effect.profile_id == profile_id
    assert owner_of(profile_id) is None


# --- starting


def test_a_remote_start_brings_its_profile_along():
    assert _effects(
        "RemoteStartTransaction", {"connectorId": 2, "idTag": "T", "chargingProfile": _profile()}
    ) == (ProfileEffect(evse=2, profile_id=5, sets=True, limit_a=8.0, of_transaction=True),)


def test_a_remote_start_that_names_no_connector_may_bring_it_to_any():
    (effect,) = _effects("RemoteStartTransaction", {"idTag": "T", "chargingProfile": _profile()})
    assert effect.evse == 0
    ours, _ = _effects(
        "RemoteStartTransaction", {"idTag": "T", "chargingProfile": _profile(chargingProfileId=1_000_003)}
    )
    assert ours == ProfileEffect(evse=3, profile_id=1_000_003, clears_own=True)


def test_a_remote_start_without_a_profile_touches_none():
    assert _effects("RemoteStartTransaction", {"connectorId": 2, "idTag": "T"}) == ()


# --- clearing


@pytest.mark.parametrize(
    ("criteria", "evse", "placement", "stack_level", "clears_foreign"),
    [
        ({}, 0, None, None, True),
        # What stands on connector 0 limits connector 2 as well, and stays.
        ({"connectorId": 2}, 2, None, None, False),
        # Only the station's own by the standard, all of them at some stations.
        ({"connectorId": 0}, 0, None, None, False),
        ({"chargingProfilePurpose": "TxProfile"}, 0, Placement.TRANSACTION, None, False),
        ({"chargingProfilePurpose": "TxDefaultProfile"}, 0, Placement.DEFAULT, None, False),
        ({"chargingProfilePurpose": "ChargePointMaxProfile"}, 0, Placement.STATION, None, False),
        ({"stackLevel": 0}, 0, None, 0, False),
        (
            {"connectorId": 3, "chargingProfilePurpose": "TxProfile", "stackLevel": 1},
            3,
            Placement.TRANSACTION,
            1,
            False,
        ),
    ],
)
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


@pytest.mark.parametrize(
    "criteria", [{}, {"connectorId": 2}, {"stackLevel": 2}, {"chargingProfilePurpose": "TxProfile"}]
)
def test_a_clearing_by_a_foreign_id_takes_it_wherever_it_is_and_leaves_ours(criteria):
    assert _clear(id=5, **criteria) == (ProfileEffect(evse=0, profile_id=5, clears_foreign=True),)


def test_a_clearing_by_an_id_of_ours_takes_it_from_its_evse():
    ours = ProfileEffect(evse=2, profile_id=1_500_002, clears_own=True)
    foreign = ProfileEffect(evse=0, profile_id=1_500_002, clears_foreign=True)
    assert _clear(id=1_500_002) == _clear(id=1_500_002, connectorId=1, stackLevel=7) == (ours, foreign)


# --- everything else


def test_nothing_else_touches_profiles():
    random = Random(16)
    for action in OUTBOUND.keys() - {"SetChargingProfile", "ClearChargingProfile", "RemoteStartTransaction"}:
        payload = payloads.valid(request_schema("v16", action), random)
        assert _effects(action, payload) == ()


@pytest.mark.parametrize("action", ["SetChargingProfile", "ClearChargingProfile", "RemoteStartTransaction"])
def test_every_call_that_may_leave_has_its_effects_told(action, scaled):
    schema, random = request_schema("v16", action), Random(action)
    for _ in range(scaled(100, 3000)):
        payload = payloads.valid(schema, random)
        effects = _effects(action, payload)
        assert effects or (action == "RemoteStartTransaction" and "chargingProfile" not in payload)


# --- configuration, and starts


def test_a_configuration_write_names_its_key_and_other_calls_write_none():
    payload = DIALECT.check_call("ChangeConfiguration", b'{"key": "LocalPreAuthorize", "value": "true"}')
    assert DIALECT.written_keys("ChangeConfiguration", payload) == ("LocalPreAuthorize",)
    assert DIALECT.written_keys("GetConfiguration", b'{"key": ["LocalPreAuthorize"]}') == ()


def test_a_session_begins_remotely_with_one_action():
    assert DIALECT.remote_starts == {"RemoteStartTransaction"}
