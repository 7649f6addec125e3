"""The ledger of a site: sums per circuit of what every EVSE may draw, and what must be kept of it."""

from __future__ import annotations

import math

import pytest

from balancer.ledger import Ledger, full_current_a
from balancer.observations import Verdict
from balancer.orders import ExposureRow, InstallFailsafe, SetLimit
from balancer.settings import Settings
from balancer.site import EvseKey, Node
from tests.balancer.desk import alike, evse, key, make_site

NODES = [
    Node(id="main", parent=None, rating_a=alike(63.0)),
    Node(id="board", parent="main", rating_a=alike(32.0)),
]
SITE = make_site([evse(1), evse(2, node="board", rotation=(1,))], nodes=NODES)


def ledger(*rows: ExposureRow) -> Ledger:
    return Ledger(SITE, Settings(), rows, now_s=0.0)


def known(**worst_a: float) -> Ledger:
    """A ledger in which every EVSE is proven to draw nothing, but for `worst_a`."""
    return ledger(*(ExposureRow(key(number), None, 0.0, None, 0.0) for number in (1, 2)))


def test_who_is_unknown_counts_at_its_maximum_on_the_phases_it_is_wired_to():
    found = ledger()
    totals = found.totals(found.exposures(0.0))
    assert totals == {"main": (32.0, 64.0, 32.0), "board": (0.0, 32.0, 0.0)}


def test_who_draws_nothing_costs_nothing():
    found = known()
    assert found.totals(found.exposures(0.0)) == {"main": alike(0.0), "board": alike(0.0)}


def test_an_order_counts_from_its_handing_out_until_its_end():
    found = known()
    found.hand_out(InstallFailsafe(1, key(1), 6.0))
    assert found.exposures(0.0)[key(1)] == alike(6.0)
    answered = found.answered(1, Verdict.NOT_SENT, 0.0)
    assert answered is found[key(1)]
    assert found.exposures(0.0)[key(1)] == alike(0.0)
    assert found.answered(1, Verdict.NOT_SENT, 0.0) is None


def test_only_what_changed_must_be_kept():
    found = ledger()
    assert {row.evse for row in found.rows(0.0)} == {key(1), key(2)}
    assert found.rows(0.0) == ()
    assert known().rows(0.0) == ()
    found[key(1)].connected()
    found.hand_out(InstallFailsafe(1, key(1), 0.0))
    found.answered(1, Verdict.ACCEPTED, 1.0)
    assert found.rows(1.0) == (ExposureRow(key(1), None, 0.0, None, 0.0),)


def test_what_is_kept_never_counts_less_than_the_ledger_does():
    found = known()
    account = found[key(1)]
    account.began("tx", 0.0)
    found.hand_out(SetLimit(1, key(1), "tx", 16.0, 0.0, 900.0, -60.0, raises=True))
    (row,) = found.rows(0.0)
    again = ledger(row, ExposureRow(key(2), None, 0.0, None, 0.0))
    for now_s in (0.0, 840.0, 869.9, 870.0, 5000.0):
        assert again.exposures(now_s)[key(1)] == account.exposure(now_s)


def test_a_lease_counts_until_its_end_and_a_margin():
    found = known()
    found[key(1)].began("tx", 0.0)
    found.hand_out(SetLimit(1, key(1), "tx", 16.0, 0.0, 900.0, -60.0, raises=True))
    found.answered(1, Verdict.ACCEPTED, 0.0)
    counted_a = [found.exposures(now_s)[key(1)] for now_s in (840.0, 869.9, 870.0)]
    assert counted_a == [alike(16.0), alike(16.0), alike(0.0)]


def test_the_ledger_knows_its_own_and_only_these():
    found = ledger()
    assert key(1) in found
    assert EvseKey("CP-9", 1) not in found
    assert found.find(key(9)) is None
    assert [account.evse.key for account in found.of_station("CP-2")] == [key(2)]
    assert found.next_s(0.0) == math.inf
    with pytest.raises(KeyError):
        found[key(9)]


@pytest.mark.parametrize(
    ("others", "full_a"),
    [
        ({"max_a": 16.0}, 16.0),
        ({"supply": "DC", "min_a": 0.0, "max_a": 40.0}, 40.0),
        ({"supply": "DC", "min_a": 0.0, "max_a": 500.0, "max_power_w": 65_550.0, "efficiency": 1.0}, 100.0),
        ({"supply": "DC", "min_a": 0.0, "max_a": 80.0, "max_power_w": 65_550.0, "efficiency": 1.0}, 80.0),
    ],
)
def test_the_hardwares_maximum_is_on_the_side_of_the_grid(others, full_a):
    assert full_current_a(evse(1, **others), 230.0) == pytest.approx(full_a)
