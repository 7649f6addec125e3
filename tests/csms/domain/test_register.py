"""What may be registered; that each rule names its field, also what HTTP's own description lets through."""

from __future__ import annotations

from typing import Any

import pytest

from csms.domain.errors import Invalid
from csms.domain.register import NewToken, check_key, check_site_id, check_station_id, check_token
from csms.domain.token import TokenStatus


def test_what_is_right_is_let_through() -> None:
    check_station_id("a*_=:+|@.-9")
    check_site_id(None)
    check_site_id("depot")
    check_key("0123456789abcdef")
    check_key("é" * 8)
    check_token(NewToken(uid="04", group="FLEET", note="x", max_concurrent=1, expires_at_us=0))


@pytest.mark.parametrize("station_id", ["", ".", "..", "a/b", "é", "x" * 49, "CP\n"])
def test_what_can_be_no_id_is_refused(station_id: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_station_id(station_id)
    assert [problem.path for problem in refused.value.problems] == ["id"]


def test_what_can_be_no_site_is_refused() -> None:
    with pytest.raises(Invalid) as refused:
        check_site_id("")
    assert [problem.path for problem in refused.value.problems] == ["site_id"]


@pytest.mark.parametrize("key", ["", "é" * 7, "x" * 41, "0123456789abcdef ", "0123456789\x00abcdef"])
def test_what_can_be_no_key_is_refused_without_telling_it(key: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_key(key)
    assert [problem.path for problem in refused.value.problems] == ["key"]
    assert not key or key not in str(refused.value)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("uid", {"uid": ""}),
        ("type", {"type": "RFID"}),
        ("status", {"status": TokenStatus.SEEN}),
        ("group", {"group": "x" * 21}),
        ("note", {"note": ""}),
        ("max_concurrent", {"max_concurrent": 0}),
        ("max_concurrent", {"max_concurrent": 2**63}),
        ("expires_at", {"expires_at_us": -1}),
        ("expires_at", {"expires_at_us": 2**63}),
    ],
)
def test_what_can_be_no_token_is_refused(path: str, said: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as refused:
        check_token(NewToken(**{"uid": "04", **said}))
    assert [problem.path for problem in refused.value.problems] == [path]
