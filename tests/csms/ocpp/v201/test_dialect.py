from __future__ import annotations

import pytest

from csms.domain.answers import Forbidden, HeartbeatAnswer
from csms.ocpp.rpc.errors import ERROR_CODES_V2, ErrorKind, Refusal
from csms.ocpp.v201 import DIALECT
from csms.ocpp.v201.dialect import INBOUND


def test_the_dialect_says_who_it_is():
    assert (DIALECT.version, DIALECT.subprotocol) == ("2.0.1", "ocpp2.0.1")
    assert DIALECT.error_codes == ERROR_CODES_V2
    assert DIALECT.transaction_messages == {"MeterValues": "samples", "TransactionEvent": "transaction.event"}


@pytest.mark.parametrize("action", sorted(INBOUND))
def test_b02_b03_who_was_not_accepted_gets_a_security_error_for_any_action(action):
    assert DIALECT.encode(action, Forbidden("not yet")) == Refusal(ErrorKind.SECURITY, "not yet")
    assert DIALECT.error_codes[ErrorKind.SECURITY] == "SecurityError"


@pytest.mark.parametrize("action", sorted(INBOUND.keys() - {"Heartbeat"}))
def test_an_answer_to_something_else_is_our_fault(action):
    refusal = DIALECT.encode(action, HeartbeatAnswer(0))
    assert isinstance(refusal, Refusal)
    assert refusal.kind is ErrorKind.INTERNAL
