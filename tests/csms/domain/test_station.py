"""What a station may be called, and which of its EVSEs are free."""

from __future__ import annotations

import pytest

from csms.domain.station import ConnectorState, Registration, StationState, is_station_id
from csms.domain.transaction import StartKey, Transaction


@pytest.mark.parametrize("text", ["CP-1", "DE*ABC*E1:2@x|+=_.", "...", "a" * 48])
def test_letters_digits_and_a_few_marks_make_a_station_id(text: str) -> None:
    assert is_station_id(text)


@pytest.mark.parametrize("text", ["", ".", "..", "a" * 49, "a b", "a/b", "ä", "a\n", "a\0", "a#b"])
def test_anything_else_is_no_station_id(text: str) -> None:
    assert not is_station_id(text)


NOON_US = 1_780_000_000_000_000


def _charging(evse: int, *, ended: bool = False) -> Transaction:
    return Transaction(
        id=f"id-{evse}",
        ocpp_id=str(evse),
        key=StartKey(evse, 1, b"tag", "noon", 0.0),
        started_at_us=NOON_US,
        last_energy_wh=None,
        last_energy_at_us=None,
        ended_at_us=NOON_US if ended else None,
    )


@pytest.mark.parametrize(
    ("told", "transactions", "all_charging"),
    [
        ((), (1,), False),
        ((0,), (1,), False),
        ((0, 1), (), False),
        ((0, 1), (1,), True),
        ((0, 1, 2), (1,), False),
        ((0, 1, 2), (1, 2), True),
        ((1,), (1, 2), True),
        ((1,), (0,), False),
    ],
)
def test_no_evse_is_free_where_each_that_the_station_has_told_of_charges(
    told: tuple[int, ...], transactions: tuple[int, ...], all_charging: bool
) -> None:
    state = StationState(
        id="CP-1",
        site_id=None,
        managed=False,
        registration=Registration.ACCEPTED,
        connectors={(evse, min(evse, 1)): ConnectorState("Available", None, NOON_US) for evse in told},
        transactions={str(evse): _charging(evse) for evse in transactions},
    )
    assert state.evses == set(told) - {0}
    assert state.all_charging is all_charging


def test_an_evse_whose_transaction_has_ended_is_free() -> None:
    state = StationState(
        id="CP-1",
        site_id=None,
        managed=False,
        registration=Registration.ACCEPTED,
        connectors={(1, 1): ConnectorState("Available", None, NOON_US)},
        transactions={"1": _charging(1, ended=True)},
    )
    assert not state.all_charging
