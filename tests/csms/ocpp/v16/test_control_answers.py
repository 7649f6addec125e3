"""What a 1.6 station's answers to the balancing's orders mean."""

from __future__ import annotations

import json
from typing import Any

import pytest

from csms.domain.commands import CommandError, CommandResult, CommandState
from csms.domain.control import (
    ClearOwnProfiles,
    EffectStage,
    FailsafeOrder,
    LimitOrder,
    OrderOutcome,
    OrderVerdict,
    ProfileForm,
    ReadConfiguration,
    WriteConfiguration,
)
from csms.ocpp.v16 import DIALECT
from csms.ocpp.v16.capabilities import smart_charging

ACCEPTED, REJECTED = OrderVerdict.ACCEPTED, OrderVerdict.REJECTED
UNSUPPORTED, UNKNOWN, NOT_SENT = OrderVerdict.UNSUPPORTED, OrderVerdict.UNKNOWN, OrderVerdict.NOT_SENT

FORM = ProfileForm()
FAILSAFE = FailsafeOrder(evse=1, limit=0.0, form=FORM, start_us=0)
LIMIT = LimitOrder(
    evse=1,
    ocpp_transaction_id="42",
    limit=16.0,
    failsafe=0.0,
    lease_s=900.0,
    form=FORM,
    start_us=0,
)


def _answered(payload: Any) -> CommandResult:
    return CommandResult(CommandState.ANSWERED, response=json.dumps(payload).encode())


def _error(code: str, description: str = "", *, ours: bool = False) -> CommandResult:
    error = CommandError(code, description, b"{}", ours=ours)
    return CommandResult(CommandState.CALL_ERROR, error=error)


WRITE, CLEAR, READ = WriteConfiguration("K", "1"), ClearOwnProfiles(1, ProfileForm()), ReadConfiguration()


@pytest.mark.parametrize(
    ("order", "status", "verdict"),
    [
        (LIMIT, "Accepted", ACCEPTED),
        (LIMIT, "accepted", ACCEPTED),
        (LIMIT, " ACCEPTED ", ACCEPTED),
        (LIMIT, "Rejected", REJECTED),
        (FAILSAFE, "NotSupported", UNSUPPORTED),
        (FAILSAFE, "Not Supported", UNSUPPORTED),
        (FAILSAFE, "NotImplemented", UNSUPPORTED),
        (WRITE, "Accepted", ACCEPTED),
        (WRITE, "NotSupported", UNSUPPORTED),
        (CLEAR, "Accepted", ACCEPTED),
        (CLEAR, "Unknown", ACCEPTED),
        # Words that nobody knows may mean anything.
        (LIMIT, "Unknown", UNKNOWN),
        (LIMIT, "Perhaps", UNKNOWN),
        (LIMIT, "", UNKNOWN),
        (LIMIT, None, UNKNOWN),
        (LIMIT, 1, UNKNOWN),
        (LIMIT, {"status": "Accepted"}, UNKNOWN),
    ],
)
def test_a_status_says_how_an_order_ended(order, status, verdict):
    outcome = DIALECT.read_outcome(order, _answered({"status": status}))
    assert outcome == OrderOutcome(verdict=verdict, detail=status if isinstance(status, str) else "")


def test_a_change_that_counts_after_a_reboot_is_accepted_and_says_so():
    for status in ("RebootRequired", "rebootRequired"):
        outcome = DIALECT.read_outcome(WRITE, _answered({"status": status}))
        assert outcome == OrderOutcome(verdict=ACCEPTED, detail=status, reboot_required=True)


@pytest.mark.parametrize("response", [b"{}", b"", b"[]", b'{"status":"\xff"}', b'{"status":'])
def test_an_answer_without_a_readable_status_leaves_it_open(response):
    result = CommandResult(CommandState.ANSWERED, response=response)
    assert DIALECT.read_outcome(LIMIT, result).verdict is UNKNOWN


@pytest.mark.parametrize("order", [LIMIT, WRITE, CLEAR, READ])
@pytest.mark.parametrize(
    ("result", "verdict", "detail"),
    [
        (_error("NotSupported", "no such thing"), UNSUPPORTED, "NotSupported: no such thing"),
        (_error("NotImplemented"), UNSUPPORTED, "NotImplemented"),
        (_error("notimplemented"), UNSUPPORTED, "notimplemented"),
        (_error("Accepted"), REJECTED, "Accepted"),
        (
            _error("PropertyConstraintViolation", "stackLevel"),
            REJECTED,
            "PropertyConstraintViolation: stackLevel",
        ),
        (_error("FormationViolation", "malformed", ours=True), UNKNOWN, "FormationViolation: malformed"),
        (CommandResult(CommandState.TIMED_OUT), UNKNOWN, "no answer came"),
        (CommandResult(CommandState.NOT_SENT), NOT_SENT, "not_sent"),
        (CommandResult(CommandState.EXPIRED), NOT_SENT, "expired"),
    ],
)
def test_an_order_without_an_answer_ends_too(order, result, verdict, detail):
    assert DIALECT.read_outcome(order, result) == OrderOutcome(verdict=verdict, detail=detail)


@pytest.mark.parametrize(
    ("action", "result", "stage"),
    [
        ("SetChargingProfile", _answered({"status": "Accepted"}), EffectStage.ACCEPTED),
        ("SetChargingProfile", _answered({"status": "Rejected"}), EffectStage.REFUSED),
        ("SetChargingProfile", _answered({"status": "NotSupported"}), EffectStage.REFUSED),
        ("SetChargingProfile", _answered({"status": "Unknown"}), EffectStage.UNKNOWN),
        ("RemoteStartTransaction", _answered({"status": "Accepted"}), EffectStage.ACCEPTED),
        ("SetChargingProfile", _error("InternalError"), EffectStage.REFUSED),
        ("SetChargingProfile", _error("FormationViolation", ours=True), EffectStage.UNKNOWN),
        ("SetChargingProfile", CommandResult(CommandState.TIMED_OUT), EffectStage.UNKNOWN),
    ],
)
def test_a_call_with_effects_ends_in_a_stage(action, result, stage):
    assert DIALECT.effect_stage(action, b"{}", result) is stage


@pytest.mark.parametrize(
    ("payload", "unknown"),
    [
        # What is not found at all is gone; what is not found where it was looked for may be elsewhere.
        (b"{}", EffectStage.ACCEPTED),
        (b'{"id":5}', EffectStage.ACCEPTED),
        (b'{"id":5,"connectorId":1}', EffectStage.REFUSED),
        (b'{"connectorId":0}', EffectStage.REFUSED),
        (b'{"stackLevel":0}', EffectStage.REFUSED),
        (b'{"chargingProfilePurpose":"TxProfile"}', EffectStage.REFUSED),
    ],
)
def test_a_clearing_that_finds_nothing_changes_only_what_it_asked_for_everywhere(payload, unknown):
    stages = [
        DIALECT.effect_stage("ClearChargingProfile", payload, result)
        for result in (
            _answered({"status": "Unknown"}),
            _answered({"status": "Accepted"}),
            _error("GenericError"),
        )
    ]
    assert stages == [unknown, EffectStage.ACCEPTED, EffectStage.REFUSED]


# --- configuration as it is read (quirk 27, 15)


def test_a_configuration_is_read_as_the_station_wrote_it():
    answer = {
        "configurationKey": [
            {"key": "ChargeProfileMaxStackLevel", "readonly": True, "value": "9"},
            {"key": "meterValueSampleInterval", "readonly": False, "value": 60},
            {"key": "AuthorizationKey", "readonly": False},
            {"key": "A", "readonly": False, "value": None},
            {"key": "B", "value": True, "vendor": {"x": 1}},
            {"key": "C", "value": 1.50},
            {"key": "D", "value": "é\n\"'"},
            {"key": "E", "value": ["a", 1]},
        ],
        "unknownKey": ["X", 5, None],
    }
    outcome = DIALECT.read_outcome(READ, _answered(answer))
    assert outcome == OrderOutcome(
        verdict=ACCEPTED,
        smart_charging=smart_charging(outcome.values),
        values={
            "ChargeProfileMaxStackLevel": "9",
            "meterValueSampleInterval": "60",
            "AuthorizationKey": "",
            "A": "",
            "B": "true",
            "C": "1.5",
            "D": "é\n\"'",
            "E": '["a", 1]',
        },
        unknown_keys=("X", "5", ""),
    )
    assert outcome.smart_charging is not None
    assert outcome.smart_charging.stack_level_max == 9
    assert outcome.smart_charging.sample_interval_s == 60


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"configurationKey": None, "unknownKey": None},
        {"configurationKey": [], "unknownKey": []},
        {"configurationKey": {}, "unknownKey": "X"},
        {"configurationKey": [None, 5, {"value": "keyless"}, {"key": 5, "value": "x"}]},
    ],
)
def test_a_configuration_that_says_nothing_is_an_answer(answer):
    nothing = OrderOutcome(verdict=ACCEPTED, smart_charging=smart_charging({}))
    assert DIALECT.read_outcome(READ, _answered(answer)) == nothing
    one_key = ReadConfiguration(("K",))
    assert DIALECT.read_outcome(one_key, _answered(answer)) == OrderOutcome(verdict=ACCEPTED)


@pytest.mark.parametrize(
    "response",
    [b"", b"[]", b'{"configurationKey":[{"key":"a","value":"\\ud800"}]}', b'{"unknownKey":["\xff"]}'],
)
def test_a_configuration_that_can_not_be_read_leaves_it_open(response):
    result = CommandResult(CommandState.ANSWERED, response=response)
    assert DIALECT.read_outcome(READ, result).verdict is UNKNOWN


def test_a_large_configuration_is_read_whole():
    keys = [{"key": f"Vendor.{number}", "readonly": False, "value": "x" * 500} for number in range(1500)]
    outcome = DIALECT.read_outcome(READ, _answered({"configurationKey": keys}))
    assert len(outcome.values) == 1500
    assert set(outcome.values.values()) == {"x" * 500}
