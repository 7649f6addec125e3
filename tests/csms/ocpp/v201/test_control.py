"""The balancing's orders as 2.0.1 payloads: to the letter, and by the standard's schemas."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.control import (
    OWN_PROFILE_IDS,
    ClearOwnProfiles,
    FailsafeOrder,
    LimitOrder,
    Placement,
    ProfileForm,
    RateUnit,
    StationOrder,
)
from csms.domain.errors import Invalid
from csms.ocpp.own_profiles import owner_of
from csms.ocpp.v201 import DIALECT
from tests.csms.ocpp import payloads

START_US = 1_790_000_000_123_456
START = "2026-09-21T14:13:20.123Z"
TRANSACTION = "7f3c1e52-0d5c-4c7a-9a8d-0a4b6f3e2d11"

FORMS = st.builds(
    ProfileForm,
    unit=st.sampled_from(RateUnit),
    placement=st.sampled_from(Placement),
    stack_level=st.integers(0, 999),
    periods_max=st.integers(2, 24),
)
EVSES = st.integers(1, 65_535)
LIMITS = st.floats(0, 350_000)


def _limit(**changes: Any) -> LimitOrder:
    order: dict[str, Any] = {
        "evse": 2,
        "ocpp_transaction_id": TRANSACTION,
        "limit": 16.0,
        "failsafe": 6.0,
        "lease_s": 900.0,
        "form": ProfileForm(),
        "start_us": START_US,
    }
    return LimitOrder(**(order | changes))


def _failsafe(**changes: Any) -> FailsafeOrder:
    order: dict[str, Any] = {"evse": 2, "limit": 6.0, "form": ProfileForm(), "start_us": START_US}
    return FailsafeOrder(**(order | changes))


def _shape(order: StationOrder) -> tuple[str, dict[str, Any]]:
    action, payload = DIALECT.shape_order(order)
    return action, json.loads(payload)


def test_a_running_limit_is_the_transactions_own_profile_with_its_step_down_inside():
    assert _shape(_limit()) == (
        "SetChargingProfile",
        {
            "evseId": 2,
            "chargingProfile": {
                "id": 1_500_002,
                "stackLevel": 0,
                "chargingProfilePurpose": "TxProfile",
                "chargingProfileKind": "Absolute",
                "chargingSchedule": [
                    {
                        "id": 1,
                        "startSchedule": START,
                        "chargingRateUnit": "A",
                        "chargingSchedulePeriod": [
                            {"startPeriod": 0, "limit": 16.0},
                            {"startPeriod": 900, "limit": 6.0},
                        ],
                    }
                ],
                "transactionId": TRANSACTION,
            },
        },
    )


def test_a_failsafe_is_the_default_profile_of_its_evse():
    form = ProfileForm(unit=RateUnit.WATT, stack_level=3)
    assert _shape(_failsafe(limit=1380.07, form=form)) == (
        "SetChargingProfile",
        {
            "evseId": 2,
            "chargingProfile": {
                "id": 1_000_002,
                "stackLevel": 3,
                "chargingProfilePurpose": "TxDefaultProfile",
                "chargingProfileKind": "Absolute",
                "chargingSchedule": [
                    {
                        "id": 1,
                        "startSchedule": START,
                        "chargingRateUnit": "W",
                        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 1380.0}],
                    }
                ],
            },
        },
    )


@pytest.mark.parametrize(
    ("placement", "running", "failsafe"),
    [
        (
            Placement.TRANSACTION,
            (2, 1_500_002, "TxProfile", TRANSACTION),
            (2, 1_000_002, "TxDefaultProfile", None),
        ),
        (
            Placement.DEFAULT,
            (2, 1_000_002, "TxDefaultProfile", None),
            (2, 1_000_002, "TxDefaultProfile", None),
        ),
        (
            Placement.STATION,
            (0, 1_900_000, "ChargingStationMaxProfile", None),
            (0, 1_900_000, "ChargingStationMaxProfile", None),
        ),
    ],
)
def test_each_placement_has_its_evse_id_and_purpose(placement, running, failsafe):
    def stand(order: StationOrder) -> tuple[Any, ...]:
        _, payload = _shape(order)
        profile = payload["chargingProfile"]
        return (
            payload["evseId"],
            profile["id"],
            profile["chargingProfilePurpose"],
            profile.get("transactionId"),
        )

    form = ProfileForm(placement=placement)
    assert stand(_limit(form=form)) == running
    assert stand(_failsafe(form=form)) == failsafe


def test_a_transactions_profile_keeps_its_id_and_stack_level_whatever_it_says():
    """K01.FR.39: another id at the same stack level of a transaction is refused."""
    stands = set()
    for order in (
        _limit(),
        _limit(limit=0.0, lease_s=None),
        _limit(limit=32.0, start_us=START_US + 300_000_000),
    ):
        profile = _shape(order)[1]["chargingProfile"]
        stands.add((profile["id"], profile["stackLevel"], profile["transactionId"]))
    assert len(stands) == 1


def test_a_lease_is_refused_where_there_is_no_place_for_it():
    with pytest.raises(Invalid, match=r"^lease_s: this station takes one period"):
        DIALECT.shape_order(_limit(form=ProfileForm(periods_max=1)))


@pytest.mark.parametrize("evse", [0, -1, 65_536])
def test_an_evse_that_is_none_is_refused(evse):
    for order in (_limit(evse=evse), _failsafe(evse=evse), ClearOwnProfiles(evse, ProfileForm())):
        with pytest.raises(Invalid, match=r"^evse: must be from 1 to 65535"):
            DIALECT.shape_order(order)


def test_a_transaction_id_that_no_station_can_have_given_is_refused():
    with pytest.raises(Invalid, match=r"^chargingProfile\.transactionId: is longer than 36"):
        DIALECT.shape_order(_limit(ocpp_transaction_id="x" * 37))


@given(
    evse=EVSES,
    form=FORMS,
    limit=LIMITS,
    failsafe=LIMITS,
    lease_s=st.none() | st.floats(1, 100_000),
    start_us=st.integers(1_577_836_800_000_000, 4_000_000_000_000_000),
)
def test_every_order_fits_the_standards_schema_and_never_runs_out(
    evse, form, limit, failsafe, lease_s, start_us
):
    judge = payloads.validator("v201", "SetChargingProfileRequest")
    running = _limit(evse=evse, form=form, limit=limit, failsafe=failsafe, lease_s=lease_s, start_us=start_us)
    for order in (running, _failsafe(evse=evse, form=form, limit=failsafe, start_us=start_us)):
        action, payload = DIALECT.shape_order(order)
        assert action == "SetChargingProfile"
        assert payloads.errors(judge, payload.decode()) == []
        profile = json.loads(payload)["chargingProfile"]
        assert profile["id"] in OWN_PROFILE_IDS
        assert owner_of(profile["id"]) in {0, evse}
        assert not {"validFrom", "validTo", "recurrencyKind"} & profile.keys()
        (schedule,) = profile["chargingSchedule"]
        assert not {"duration", "minChargingRate"} & schedule.keys()
        starts = [period["startPeriod"] for period in schedule["chargingSchedulePeriod"]]
        assert starts[0] == 0
        assert starts == sorted(set(starts))
        for period in schedule["chargingSchedulePeriod"]:
            assert not {"numberPhases", "phaseToUse"} & period.keys()
            assert round(period["limit"], 1) == period["limit"]


@pytest.mark.parametrize(
    ("placement", "payload"),
    [
        (Placement.TRANSACTION, {"chargingProfileCriteria": {"evseId": 2, "stackLevel": 3}}),
        (Placement.DEFAULT, {"chargingProfileCriteria": {"evseId": 2, "stackLevel": 3}}),
        (Placement.STATION, {"chargingProfileId": 1_900_000}),
    ],
)
def test_a_clearing_takes_all_of_ours_from_the_evse(placement, payload):
    order = ClearOwnProfiles(2, ProfileForm(placement=placement, stack_level=3))
    assert _shape(order) == ("ClearChargingProfile", payload)
    judge = payloads.validator("v201", "ClearChargingProfileRequest")
    assert payloads.allows(judge, json.dumps(payload))
