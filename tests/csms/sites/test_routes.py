"""News go to the station that they are about."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from csms.sites.routes import by_station
from tests.csms.sites.real_store import touched
from tests.csms.storage.some_records import (
    CLOSED,
    COMMAND,
    EVENT,
    OPENED,
    SAMPLE,
    SIGNED,
    STATUS,
    TOKEN_SEEN,
    TRANSACTION_EVENT,
    UPDATED,
    VARIABLE,
)

OTHER: Any = {"station_id": "CP-2"}


def test_each_station_gets_its_own_in_order():
    mine, theirs = touched("CP-1"), touched("CP-2")
    assert by_station([STATUS, theirs, SAMPLE, mine]) == {"cp-1": [STATUS, SAMPLE, mine], "cp-2": [theirs]}


def test_what_bears_on_no_limit_is_left_out():
    assert by_station([TOKEN_SEEN, EVENT, COMMAND, SIGNED, TRANSACTION_EVENT, VARIABLE]) == {}


def test_what_is_learned_of_a_transaction_goes_to_its_station():
    assert by_station([UPDATED]) == {"cp-1": [UPDATED]}


def test_an_end_is_of_the_station_that_all_else_is_about():
    assert by_station([CLOSED, replace(EVENT, station_id="CP-7")]) == {"cp-7": [CLOSED]}


def test_an_end_of_nobody_knows_which_station_is_for_all():
    assert by_station([CLOSED]) == {None: [CLOSED]}
    both = [OPENED, replace(OPENED, **OTHER), CLOSED]
    assert by_station(both) == {"cp-1": [OPENED], "cp-2": [both[1]], None: [CLOSED]}
