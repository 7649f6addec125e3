"""What a 2.0.1 station's answers to limits and clearings mean."""

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
from csms.ocpp.v201 import DIALECT

ACCEPTED, REJECTED = OrderVerdict.ACCEPTED, OrderVerdict.REJECTED
UNSUPPORTED, UNKNOWN, NOT_SENT = OrderVerdict.UNSUPPORTED, OrderVerdict.UNKNOWN, OrderVerdict.NOT_SENT

FORM = ProfileForm()
FAILSAFE = FailsafeOrder(evse=1, limit=0.0, form=FORM, start_us=0)
LIMIT = LimitOrder(
    evse=1,
    ocpp_transaction_id="t1",
    limit=16.0,
    failsafe=0.0,
    lease_s=900.0,
    form=FORM,
    start_us=0,
)
CLEAR = ClearOwnProfiles(1, FORM)
WRITE, READ = WriteConfiguration("A.B", "1"), ReadConfiguration()


def _answered(payload: Any) -> CommandResult:
    return CommandResult(CommandState.ANSWERED, response=json.dumps(payload).encode())


def _error(code: str, description: str = "", *, ours: bool = False) -> CommandResult:
    error = CommandError(code, description, b"{}", ours=ours)
    return CommandResult(CommandState.CALL_ERROR, error=error)


@pytest.mark.parametrize(
    ("order", "status", "verdict"),
    [
        (LIMIT, "Accepted", ACCEPTED),
        (LIMIT, " accepted ", ACCEPTED),
        (FAILSAFE, "Rejected", REJECTED),
        (CLEAR, "Accepted", ACCEPTED),
        (CLEAR, "Unknown", ACCEPTED),
        (LIMIT, "Unknown", UNKNOWN),
        (LIMIT, "NotSupported", UNSUPPORTED),
        (LIMIT, None, UNKNOWN),
        (LIMIT, 1, UNKNOWN),
    ],
)
def test_a_status_says_how_an_order_ended(order, status, verdict):
    outcome = DIALECT.read_outcome(order, _answered({"status": status}))
    assert outcome == OrderOutcome(verdict=verdict, detail=status if isinstance(status, str) else "")


@pytest.mark.parametrize(
    ("info", "detail"),
    [
        ({"reasonCode": "DuplicateProfile"}, "Rejected: DuplicateProfile"),
        (
            {"reasonCode": "InvalidSchedule", "additionalInfo": "2 periods"},
            "Rejected: InvalidSchedule, 2 periods",
        ),
        ({"reasonCode": 5, "additionalInfo": ""}, "Rejected"),
        ({}, "Rejected"),
        (None, "Rejected"),
        ("DuplicateProfile", "Rejected"),
    ],
)
def test_the_reason_of_a_refusal_is_told_with_it(info, detail):
    outcome = DIALECT.read_outcome(LIMIT, _answered({"status": "Rejected", "statusInfo": info}))
    assert outcome == OrderOutcome(verdict=REJECTED, detail=detail)


@pytest.mark.parametrize("response", [b"{}", b"", b"[]", b'{"status":"\xff"}', b'{"status":'])
def test_an_answer_without_a_readable_status_leaves_it_open(response):
    result = CommandResult(CommandState.ANSWERED, response=response)
    assert DIALECT.read_outcome(LIMIT, result).verdict is UNKNOWN


@pytest.mark.parametrize("order", [LIMIT, CLEAR, WRITE, READ])
@pytest.mark.parametrize(
    ("result", "verdict", "detail"),
    [
        # K01.FR.29
        (_error("NotSupported", "no such thing"), UNSUPPORTED, "NotSupported: no such thing"),
        (_error("NotImplemented"), UNSUPPORTED, "NotImplemented"),
        (_error("PropertyConstraintViolation", "evse"), REJECTED, "PropertyConstraintViolation: evse"),
        (_error("FormatViolation", "malformed", ours=True), UNKNOWN, "FormatViolation: malformed"),
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
        ("RequestStartTransaction", _answered({"status": "Accepted"}), EffectStage.ACCEPTED),
        ("SetChargingProfile", _error("InternalError"), EffectStage.REFUSED),
        ("SetChargingProfile", CommandResult(CommandState.TIMED_OUT), EffectStage.UNKNOWN),
    ],
)
def test_a_call_with_effects_ends_in_a_stage(action, result, stage):
    assert DIALECT.effect_stage(action, b"{}", result) is stage


@pytest.mark.parametrize(
    ("payload", "unknown"),
    [
        (b"{}", EffectStage.ACCEPTED),
        (b'{"chargingProfileCriteria":{}}', EffectStage.ACCEPTED),
        (b'{"chargingProfileId":5}', EffectStage.ACCEPTED),
        (b'{"chargingProfileCriteria":{"evseId":0}}', EffectStage.REFUSED),
        (b'{"chargingProfileCriteria":{"stackLevel":0}}', EffectStage.REFUSED),
    ],
)
def test_a_clearing_that_finds_nothing_changes_only_what_it_asked_for_everywhere(payload, unknown):
    """K10.FR.01: Unknown."""
    stages = [
        DIALECT.effect_stage("ClearChargingProfile", payload, _answered({"status": status}))
        for status in ("Unknown", "Accepted")
    ]
    assert stages == [unknown, EffectStage.ACCEPTED]
