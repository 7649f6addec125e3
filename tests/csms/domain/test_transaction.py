"""A transaction's ids, its register, and its end."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.token import Verdict
from csms.domain.told import End, MeterStart, MeterStop, Place, Register, Start, StartToken, Told
from csms.domain.transaction import ClosedBy, StartKey, Transaction, usable_ocpp_id

SECOND = 1_000_000
HOUR = 3600 * SECOND
START_US = 1_780_000_000 * SECOND


def _transaction(
    *, meter_start_wh: float = 1000.0, last_wh: float | None = None, last_us: int | None = None
) -> Transaction:
    return Transaction(
        id="id",
        ocpp_id="7",
        key=StartKey(1, 1, b"token", "then", meter_start_wh),
        started_at_us=START_US,
        last_energy_wh=last_wh,
        last_energy_at_us=last_us,
    )


@pytest.mark.parametrize("text", ["1", "2147483648", "007", "4f0a-uuid", "-x"])
def test_a_positive_number_or_any_other_text_may_name_a_transaction(text: str) -> None:
    assert usable_ocpp_id(text) == text


@pytest.mark.parametrize("text", [None, "", "0", "-1", "-0", "00"])
def test_nothing_and_zero_and_negative_numbers_name_none(text: str | None) -> None:
    assert usable_ocpp_id(text) is None


def test_a_start_key_knows_its_place() -> None:
    assert StartKey(2, 1, b"", "", 0.0).place == (2, 1)


def test_a_register_may_rise_as_fast_as_the_strongest_charger() -> None:
    transaction = _transaction()
    transaction.take_reading(1000.0 + 3_750_000, START_US + HOUR)
    assert (transaction.last_energy_wh, transaction.last_energy_at_us) == (3_751_000.0, START_US + HOUR)


@pytest.mark.parametrize(
    ("energy_wh", "at_us"),
    [
        (2999.9, START_US + 2 * HOUR),  # lower than before
        (5000.0, START_US + HOUR - 1),  # older than the last reading
        (5_000_000_000.0, START_US + 2 * HOUR),  # a thousand chargers' worth
        (float("nan"), START_US + 2 * HOUR),
        (float("inf"), START_US + 2 * HOUR),
    ],
)
def test_an_implausible_register_is_not_remembered(energy_wh: float, at_us: int) -> None:
    transaction = _transaction(last_wh=3000.0, last_us=START_US + HOUR)
    transaction.take_reading(energy_wh, at_us)
    assert (transaction.last_energy_wh, transaction.last_energy_at_us) == (3000.0, START_US + HOUR)


@given(st.lists(st.tuples(st.floats(), st.integers(START_US - HOUR, START_US + 9 * HOUR))))
def test_whatever_is_read_the_remembered_register_only_rises(readings: list[tuple[float, int]]) -> None:
    transaction = _transaction()
    last = (1000.0, START_US)
    for energy_wh, at_us in readings:
        transaction.take_reading(energy_wh, at_us)
        now = (transaction.last_energy_wh or 1000.0, transaction.last_energy_at_us or START_US)
        assert now >= last or (now[0] >= last[0] and now[1] >= last[1])
        last = now


def test_an_end_that_never_came_is_the_last_reading() -> None:
    transaction = _transaction(last_wh=3000.0, last_us=START_US + HOUR)
    assert transaction.infer_end(START_US + 2 * HOUR, 4000.0) == (START_US + HOUR, 3000.0)
    assert transaction.closed_by is ClosedBy.NEXT_START
    assert not transaction.active


def test_an_end_that_never_came_is_not_later_than_the_next_start() -> None:
    transaction = _transaction(last_wh=3000.0, last_us=START_US + 3 * HOUR)
    assert transaction.infer_end(START_US + 2 * HOUR, 4000.0) == (START_US + 2 * HOUR, 3000.0)


@pytest.mark.parametrize(("last_wh", "last_us"), [(None, None), (1000.0, START_US), (None, START_US + 1)])
def test_an_end_without_any_reading_is_the_next_start(last_wh: float | None, last_us: int | None) -> None:
    transaction = _transaction(last_wh=last_wh, last_us=last_us)
    assert transaction.infer_end(START_US + HOUR, 4000.0) == (START_US + HOUR, 4000.0)


def test_an_end_without_any_plausible_register_delivered_nothing() -> None:
    assert _transaction().infer_end(START_US + HOUR, 0.0) == (START_US + HOUR, 1000.0)


def test_a_reported_end_is_taken_as_it_is_and_recognised_when_it_comes_again() -> None:
    transaction = _transaction()
    assert transaction.active
    assert not transaction.ended_with("device time", 5.0)
    transaction.end(START_US - 1, "device time", 5.0)
    assert (transaction.ended_at_us, transaction.meter_stop_wh) == (START_US - 1, 5.0)
    assert transaction.closed_by is ClosedBy.STATION
    assert transaction.ended_with("device time", 5.0)
    assert not transaction.ended_with("device time", 6.0)
    assert not transaction.ended_with("another time", 5.0)


def test_a_reported_end_replaces_an_inferred_one() -> None:
    transaction = _transaction()
    transaction.infer_end(START_US + HOUR, 4000.0)
    transaction.end(START_US + 2 * HOUR, "device time", 9000.0)
    assert (transaction.closed_by, transaction.meter_stop_wh) == (ClosedBy.STATION, 9000.0)


@pytest.mark.parametrize(
    ("last_wh", "last_us", "end"),
    [(None, None, (START_US, None)), (1500.0, START_US + HOUR, (START_US + HOUR, 1500.0))],
)
def test_one_whose_station_is_no_more_ends_with_its_last_reading(
    last_wh: float | None, last_us: int | None, end: tuple[int, float | None]
) -> None:
    transaction = _transaction(last_wh=last_wh, last_us=last_us)
    assert transaction.give_up() == end
    assert (transaction.ended_at_us, transaction.meter_stop_wh) == end
    assert transaction.closed_by is ClosedBy.STATION_REMOVED


# --- told by events


def _told(**said: Any) -> Told:
    return Told(**({"last_seq_no": 0, "start": Start(0, 0, START_US, "then")} | said))


def _learned(told: Told) -> Transaction:
    transaction = Transaction(
        id="id",
        ocpp_id="a-b",
        key=StartKey(0, 0, b"", "", 0.0),
        started_at_us=0,
        last_energy_wh=None,
        last_energy_at_us=None,
    )
    transaction.learn(told)
    return transaction


END = End(9, START_US + HOUR, "later", "Local", 0)
BEGIN = MeterStart(0, 0, START_US, 1000.0)


def test_a_transaction_becomes_what_its_events_told() -> None:
    told = _told(place=Place(0, 0, 2, 1), token=StartToken(0, b"token", "Blocked"), meter_start=BEGIN)
    transaction = _learned(told)
    assert transaction.key == StartKey(2, 1, b"token", "then", 1000.0)
    assert (transaction.started_at_us, transaction.verdict) == (START_US, Verdict.BLOCKED)
    assert (transaction.orphan, transaction.active, transaction.meter_start_wh) == (False, True, 1000.0)


def test_without_its_started_it_is_an_orphan_and_nothing_is_claimed() -> None:
    transaction = _learned(Told(last_seq_no=1, start=Start(1, 1, START_US, "then")))
    assert transaction.key == StartKey(0, 0, b"", "then", 0.0)
    assert (transaction.orphan, transaction.verdict, transaction.meter_start_wh) == (True, None, None)


def test_an_end_that_was_inferred_gives_way_to_a_told_one() -> None:
    transaction = _learned(_told(meter_start=BEGIN))
    assert transaction.infer_end(START_US + 2 * HOUR, None) == (START_US + 2 * HOUR, 1000.0)
    transaction.learn(_told(meter_start=BEGIN, end=END, meter_stop=MeterStop(1, 9, START_US + HOUR, 1500.0)))
    assert (transaction.closed_by, transaction.ended_at_us) == (ClosedBy.STATION, START_US + HOUR)
    assert (transaction.meter_stop_wh, transaction.device_ended_at) == (1500.0, "later")


def test_the_first_reading_of_a_transaction_that_said_no_register_is_believed() -> None:
    transaction = _learned(_told())
    transaction.take_reading(9e9, START_US + SECOND)
    assert transaction.last_energy_wh == 9e9
    transaction.learn(_told(end=END))
    assert transaction.meter_stop_wh == 9e9


@pytest.mark.parametrize(
    ("registers", "stop_wh"),
    [
        (((HOUR, 1200.0), (2 * HOUR, 1300.0)), 1300.0),
        (((HOUR, 1200.0), (2 * HOUR, 3.0)), 1200.0),
        (((HOUR, 1200.0), (2 * HOUR, 9e12)), 1200.0),
        (((2 * HOUR, 3.0),), None),
        (((0, 1000.0),), None),
        ((), None),
    ],
)
def test_the_last_plausible_register_after_the_first_stands_in_for_one_at_the_end(
    registers: tuple[tuple[int, float], ...], stop_wh: float | None
) -> None:
    kept = tuple(Register(START_US + after_us, energy_wh) for after_us, energy_wh in registers)
    assert _learned(_told(meter_start=BEGIN, registers=kept, end=END)).meter_stop_wh == stop_wh


@pytest.mark.parametrize(("after_us", "stop_wh"), [(0, None), (HOUR, 1700.0)])
def test_a_reading_beside_the_events_stands_in_where_it_is_newer_than_the_first_register(
    after_us: int, stop_wh: float | None
) -> None:
    transaction = _learned(_told(meter_start=BEGIN))
    transaction.take_reading(1700.0, START_US + after_us)
    transaction.learn(_told(meter_start=BEGIN, end=END))
    assert transaction.meter_stop_wh == stop_wh
