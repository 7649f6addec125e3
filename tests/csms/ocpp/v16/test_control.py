"""The balancing's orders as 1.6 payloads: to the letter, by the standard's schemas, and rounded down."""

from __future__ import annotations

import json
import math
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
    ReadConfiguration,
    Setting,
    StationOrder,
    WriteConfiguration,
)
from csms.domain.errors import Invalid
from csms.ocpp.own_profiles import LARGEST_LIMIT, owner_of
from csms.ocpp.v16 import DIALECT
from tests.csms.ocpp import payloads

START_US = 1_790_000_000_123_456
START = "2026-09-21T14:13:20.123Z"

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
        "ocpp_transaction_id": "42",
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


# --- shapes


def test_a_running_limit_is_the_transactions_own_profile_with_its_step_down_inside():
    assert _shape(_limit()) == (
        "SetChargingProfile",
        {
            "connectorId": 2,
            "csChargingProfiles": {
                "chargingProfileId": 1_500_002,
                "transactionId": 42,
                "stackLevel": 0,
                "chargingProfilePurpose": "TxProfile",
                "chargingProfileKind": "Absolute",
                "chargingSchedule": {
                    "startSchedule": START,
                    "chargingRateUnit": "A",
                    "chargingSchedulePeriod": [
                        {"startPeriod": 0, "limit": 16.0},
                        {"startPeriod": 900, "limit": 6.0},
                    ],
                },
            },
        },
    )


def test_a_failsafe_is_the_connectors_default_profile():
    form = ProfileForm(unit=RateUnit.WATT, stack_level=3)
    assert _shape(_failsafe(limit=1380.0, form=form)) == (
        "SetChargingProfile",
        {
            "connectorId": 2,
            "csChargingProfiles": {
                "chargingProfileId": 1_000_002,
                "stackLevel": 3,
                "chargingProfilePurpose": "TxDefaultProfile",
                "chargingProfileKind": "Absolute",
                "chargingSchedule": {
                    "startSchedule": START,
                    "chargingRateUnit": "W",
                    "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 1380.0}],
                },
            },
        },
    )


@pytest.mark.parametrize(
    ("placement", "running", "failsafe"),
    [
        (Placement.TRANSACTION, (2, 1_500_002, "TxProfile", 42), (2, 1_000_002, "TxDefaultProfile", None)),
        (
            Placement.DEFAULT,
            (2, 1_000_002, "TxDefaultProfile", None),
            (2, 1_000_002, "TxDefaultProfile", None),
        ),
        (
            Placement.STATION,
            (0, 1_900_000, "ChargePointMaxProfile", None),
            (0, 1_900_000, "ChargePointMaxProfile", None),
        ),
    ],
)
def test_each_placement_has_its_connector_id_and_purpose(placement, running, failsafe):
    def stand(order: StationOrder) -> tuple[Any, ...]:
        _, payload = _shape(order)
        profile = payload["csChargingProfiles"]
        return (
            payload["connectorId"],
            profile["chargingProfileId"],
            profile["chargingProfilePurpose"],
            profile.get("transactionId"),
        )

    form = ProfileForm(placement=placement)
    assert stand(_limit(form=form)) == running
    assert stand(_failsafe(form=form)) == failsafe


def test_a_profile_that_names_no_transaction_needs_no_number_of_one():
    for placement in (Placement.DEFAULT, Placement.STATION):
        order = _limit(ocpp_transaction_id="abc", form=ProfileForm(placement=placement))
        assert _shape(order)[0] == "SetChargingProfile"
    with pytest.raises(Invalid, match=r"^ocpp_transaction_id: 'abc' is no number"):
        DIALECT.shape_order(_limit(ocpp_transaction_id="abc"))


def test_without_a_lease_there_is_one_period():
    for form in (ProfileForm(), ProfileForm(periods_max=1)):
        _, payload = _shape(_limit(lease_s=None, form=form))
        schedule = payload["csChargingProfiles"]["chargingSchedule"]
        assert schedule["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 16.0}]


def test_a_lease_is_refused_where_there_is_no_place_for_it():
    with pytest.raises(Invalid, match=r"^lease_s: this station takes one period"):
        DIALECT.shape_order(_limit(form=ProfileForm(periods_max=1)))


@pytest.mark.parametrize(("lease_s", "start_period"), [(1.0, 1), (1.999, 1), (900.0, 900), (899.9999, 899)])
def test_a_lease_ends_at_a_whole_second_and_none_too_late(lease_s, start_period):
    _, payload = _shape(_limit(lease_s=lease_s))
    _, second = payload["csChargingProfiles"]["chargingSchedule"]["chargingSchedulePeriod"]
    assert second == {"startPeriod": start_period, "limit": 6.0}


@pytest.mark.parametrize("lease_s", [0.0, 0.999, -900.0, math.nan, math.inf, 2.0**31])
def test_a_lease_that_is_none_is_refused(lease_s):
    with pytest.raises(Invalid, match=r"^lease_s: must be at least 1 s"):
        DIALECT.shape_order(_limit(lease_s=lease_s))


@pytest.mark.parametrize("evse", [0, -1, 65_536])
def test_an_evse_that_is_no_connector_is_refused(evse):
    for order in (_limit(evse=evse), _failsafe(evse=evse), ClearOwnProfiles(evse, ProfileForm())):
        with pytest.raises(Invalid, match=r"^evse: must be from 1 to 65535"):
            DIALECT.shape_order(order)


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
    judge = payloads.validator("v16", "SetChargingProfile")
    running = _limit(evse=evse, form=form, limit=limit, failsafe=failsafe, lease_s=lease_s, start_us=start_us)
    for order in (running, _failsafe(evse=evse, form=form, limit=failsafe, start_us=start_us)):
        action, payload = DIALECT.shape_order(order)
        assert action == "SetChargingProfile"
        assert payloads.errors(judge, payload.decode()) == []
        profile = json.loads(payload)["csChargingProfiles"]
        assert profile["chargingProfileId"] in OWN_PROFILE_IDS
        assert owner_of(profile["chargingProfileId"]) in {0, evse}
        assert not {"validFrom", "validTo", "recurrencyKind"} & profile.keys()
        assert not {"duration", "minChargingRate"} & profile["chargingSchedule"].keys()
        for period in profile["chargingSchedule"]["chargingSchedulePeriod"]:
            assert "numberPhases" not in period


@given(
    first=st.tuples(EVSES, st.sampled_from(Placement)), second=st.tuples(EVSES, st.sampled_from(Placement))
)
def test_two_profiles_of_ours_share_an_id_only_where_one_replaces_the_other(first, second):
    def stand(evse: int, placement: Placement) -> tuple[int, int]:
        _, payload = _shape(_limit(evse=evse, form=ProfileForm(placement=placement)))
        return payload["csChargingProfiles"]["chargingProfileId"], payload["connectorId"]

    (first_id, first_connector), (second_id, second_connector) = stand(*first), stand(*second)
    assert (first_id == second_id) == ((first_connector, first[1]) == (second_connector, second[1]))


# --- limits, rounded down (quirk 61)


@pytest.mark.parametrize(
    ("limit", "sent"),
    [
        (0.0, "0.0"),
        (-0.0, "0.0"),
        (0.04, "0.0"),
        (0.1 * 3, "0.3"),
        (0.7 + 0.1, "0.8"),  # 0.7999999999999999
        (1.1 * 3, "3.3"),  # 3.3000000000000003
        (2.3 + 3.7 - 1e-12, "6.0"),
        (5.99, "5.9"),
        (5.9999, "5.9"),
        (6, "6.0"),
        (8.1, "8.1"),
        (8.19, "8.1"),
        (8.199999, "8.1"),
        (16.05, "16.0"),
        (32.0 - 2**-48, "32.0"),
        (11_039.99, "11039.9"),
        (LARGEST_LIMIT, "10000000.0"),
    ],
)
def test_61_limits_are_rounded_down_to_one_decimal(limit, sent):
    _, payload = DIALECT.shape_order(_failsafe(limit=limit))
    assert b'"limit":%s}' % sent.encode() in payload
    _, payload = DIALECT.shape_order(_limit(limit=7.0, failsafe=limit))
    assert b'"startPeriod":900,"limit":%s}' % sent.encode() in payload


@pytest.mark.parametrize("limit", [-0.1, -1e-9, math.nan, math.inf, -math.inf, LARGEST_LIMIT * 1.01])
def test_what_is_no_limit_is_refused(limit):
    for order in (_limit(limit=limit), _limit(failsafe=limit), _failsafe(limit=limit)):
        with pytest.raises(Invalid, match=r"^limit: must be from 0 to 10000000"):
            DIALECT.shape_order(order)


# --- the other orders


@pytest.mark.parametrize(
    ("order", "action", "payload"),
    [
        (ReadConfiguration(), "GetConfiguration", {}),
        (ReadConfiguration(("A", "b")), "GetConfiguration", {"key": ["A", "b"]}),
        (
            ReadConfiguration((Setting.LOCAL_LIST, Setting.STARTS_UNAUTHORIZED)),
            "GetConfiguration",
            {"key": ["LocalAuthListEnabled"]},
        ),
        (WriteConfiguration("K", "60"), "ChangeConfiguration", {"key": "K", "value": "60"}),
        (
            WriteConfiguration(Setting.SAMPLE_INTERVAL, "60"),
            "ChangeConfiguration",
            {"key": "MeterValueSampleInterval", "value": "60"},
        ),
        (
            ClearOwnProfiles(2, ProfileForm(stack_level=3)),
            "ClearChargingProfile",
            {"connectorId": 2, "stackLevel": 3},
        ),
        (
            ClearOwnProfiles(2, ProfileForm(placement=Placement.DEFAULT)),
            "ClearChargingProfile",
            {"connectorId": 2, "stackLevel": 0},
        ),
        (
            ClearOwnProfiles(1, ProfileForm(placement=Placement.STATION)),
            "ClearChargingProfile",
            {"id": 1_900_000},
        ),
    ],
)
def test_what_else_is_ordered(order, action, payload):
    assert _shape(order) == (action, payload)
    assert payloads.allows(payloads.validator("v16", action), json.dumps(payload))


@pytest.mark.parametrize(
    ("order", "path"),
    [
        (ReadConfiguration(("x" * 51,)), r"key\[0\]"),
        (WriteConfiguration("x" * 51, "1"), "key"),
        (WriteConfiguration("K", "x" * 501), "value"),
    ],
)
def test_an_order_that_breaks_the_schema_is_refused(order, path):
    with pytest.raises(Invalid, match=f"^{path}: is longer than"):
        DIALECT.shape_order(order)
