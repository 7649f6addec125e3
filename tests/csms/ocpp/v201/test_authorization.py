from __future__ import annotations

import json

import pytest

from csms.domain.answers import AuthorizationAnswer
from csms.domain.token import Judgement, Verdict
from csms.ocpp.v201 import DIALECT
from csms.ocpp.v201.authorization import STATUSES
from tests.csms.ocpp import payloads


@pytest.mark.parametrize(
    ("verdict", "status"),
    [
        (Verdict.ACCEPTED, "Accepted"),
        (Verdict.BLOCKED, "Blocked"),
        (Verdict.EXPIRED, "Expired"),
        (Verdict.INVALID, "Unknown"),
        (Verdict.CONCURRENT_TX, "ConcurrentTx"),
    ],
)
def test_each_verdict_has_its_word(verdict, status):
    payload = DIALECT.encode("Authorize", AuthorizationAnswer(Judgement(verdict=verdict)))
    assert isinstance(payload, bytes)
    assert json.loads(payload) == {"idTokenInfo": {"status": status}}
    assert payloads.validator("v201", "AuthorizeResponse").is_valid(json.loads(payload))


def test_no_verdict_is_without_a_word_and_no_two_share_one():
    assert STATUSES.keys() == set(Verdict)
    assert len(set(STATUSES.values())) == len(Verdict)


@pytest.mark.parametrize(("group", "sent"), [("x" * 36, "x" * 36), ("x" * 37, None)])
def test_a_groups_name_is_left_out_where_it_is_too_long_and_never_cut(group, sent):
    judgement = Judgement(verdict=Verdict.ACCEPTED, group=group)
    payload = DIALECT.encode("Authorize", AuthorizationAnswer(judgement))
    assert isinstance(payload, bytes)
    told = json.loads(payload)["idTokenInfo"].get("groupIdToken")
    assert told == (None if sent is None else {"idToken": sent, "type": "Central"})
