"""What a station may be called."""

from __future__ import annotations

import pytest

from csms.domain.station import is_station_id


@pytest.mark.parametrize("text", ["CP-1", "DE*ABC*E1:2@x|+=_.", "...", "a" * 48])
def test_letters_digits_and_a_few_marks_make_a_station_id(text: str) -> None:
    assert is_station_id(text)


@pytest.mark.parametrize("text", ["", ".", "..", "a" * 49, "a b", "a/b", "ä", "a\n", "a\0", "a#b"])
def test_anything_else_is_no_station_id(text: str) -> None:
    assert not is_station_id(text)
