"""Conditional requests as RFC 9110 has them."""

from __future__ import annotations

import pytest
from fastapi import Request

from csms.domain.site import SiteVersion
from csms.http.conditions import check_match, check_replacement, etag, unchanged
from csms.http.problems import Refused


def request(**headers: str) -> Request:
    named = [(name.replace("_", "-").encode(), text.encode()) for name, text in headers.items()]
    return Request({"type": "http", "headers": named})


def kind_of(refused: pytest.ExceptionInfo[Refused]) -> str:
    return refused.value.kind


@pytest.mark.parametrize("matching", ['"3"', '"1", "3"', "*", ' "3" '])
def test_the_present_revision_may_be_replaced(matching: str):
    check_replacement(request(if_match=matching), 3)


@pytest.mark.parametrize("other", ['"2"', '"4", "5"', 'W/"3"', '""'])
def test_another_revision_may_not(other: str):
    with pytest.raises(Refused) as refused:
        check_replacement(request(if_match=other), 3)
    assert kind_of(refused) == "outdated"
    assert refused.value.headers == {"ETag": '"3"'}


def test_replacing_without_having_looked_is_refused():
    with pytest.raises(Refused) as refused:
        check_replacement(request(), 3)
    assert kind_of(refused) == "precondition-required"
    assert "If-Match" in refused.value.detail


def test_creating_needs_no_condition():
    check_replacement(request(), None)
    check_replacement(request(if_none_match="*"), None)


@pytest.mark.parametrize("matching", ['"1"', "*"])
def test_what_is_gone_can_not_be_replaced(matching: str):
    with pytest.raises(Refused) as refused:
        check_replacement(request(if_match=matching), None)
    assert kind_of(refused) == "outdated"


def test_who_wants_to_create_does_not_replace():
    with pytest.raises(Refused) as refused:
        check_replacement(request(if_none_match="*"), 3)
    assert kind_of(refused) == "outdated"
    with pytest.raises(Refused) as refused:
        check_replacement(request(if_none_match='"2"'), 3)
    assert kind_of(refused) == "precondition-required"


def test_a_match_is_heeded_only_where_it_is_said():
    check_match(request(), 3)
    with pytest.raises(Refused):
        check_match(request(if_match='"2"'), 3)


@pytest.mark.parametrize("odd", ["3", '"3', "'3'", "", '"3" "4"', '"3",', "*, *", '"\x7f"', "W/"])
def test_what_is_no_tag_is_refused(odd: str):
    with pytest.raises(Refused) as refused:
        check_match(request(if_match=odd), 3)
    assert kind_of(refused) == "bad-request"


@pytest.mark.parametrize("seen", ['"3"', 'W/"3"', '"2", "3"', "*"])
def test_who_has_it_already_is_told_so(seen: str):
    assert unchanged(request(if_none_match=seen), 3)


def test_who_has_another_or_none_gets_it():
    assert not unchanged(request(if_none_match='"2"'), 3)
    assert not unchanged(request(), 3)


def test_a_tag_is_the_version_in_quotes():
    assert etag(7) == '"7"'
    assert etag(SiteVersion(7, 1_750_000_000_000_000)) == '"7-1750000000000000"'
