from __future__ import annotations

import pytest
from msgspec import UNSET

from csms.ocpp.values import given_id, said


@pytest.mark.parametrize(("value", "expected"), [("x", "x"), (" ", " "), ("", None), (UNSET, None)])
def test_an_empty_text_says_nothing(value, expected):
    assert said(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, 0), (-7, -7), (2**31 - 1, 2**31 - 1), (2**31, None), (-(2**31), None), (UNSET, None)],
)
def test_an_id_of_ours_fits_into_32_bits(value, expected):
    assert given_id(value) == expected
