"""What a sample says of the site's phases, and what it doesn't say."""

from __future__ import annotations

import pytest

from balancer.site import Evse, EvseKey
from csms.usecases.balancing.currents import site_current
from tests.csms.usecases.balancing.scripted import sample


def evse(*rotation: int, **more: object) -> Evse:
    return Evse(key=EvseKey("CP-1", 1), node="main", rotation=rotation, **more)


@pytest.mark.parametrize(
    ("rotation", "said", "power_w", "expected"),
    [
        ((0, 1, 2), (1.0, 2.0, 3.0), None, (1.0, 2.0, 3.0)),
        ((1, 2, 0), (1.0, 2.0, 3.0), None, (3.0, 1.0, 2.0)),
        ((1,), (9.0, None, None), None, (0.0, 9.0, 0.0)),
        ((1,), (None, 9.0, None), None, (0.0, 9.0, 0.0)),
        ((2,), (None, None, None), 2300.0, (0.0, 0.0, 10.0)),
        ((2,), (None, None, None), None, None),
        ((0, 1, 2), (None, None, None), 6900.0, None),
        ((0, 1, 2), (10.0, None, None), None, None),
        ((0, 1, 2), (10.0, None, None), 2300.0, (10.0, 0.0, 0.0)),
        ((0, 1, 2), (10.0, None, None), 6900.0, (10.0, 10.0, 10.0)),
        ((0, 1, 2), (10.0, None, None), 4600.0, None),
        ((2, 0), (10.0, 4.0, None), None, (4.0, 0.0, 10.0)),
    ],
)
def test_currents_are_those_of_the_sites_phases(rotation, said, power_w, expected):
    found = site_current(evse(*rotation), sample("CP-1", "t", 0, said, power_w=power_w), 230.0)
    assert found == (None if expected is None else pytest.approx(expected))


def test_direct_current_is_read_by_its_power_alone():
    charger = evse(0, 1, 2, supply="DC", max_power_w=50_000.0, efficiency=0.9)
    assert site_current(charger, sample("CP-1", "t", 0, 100.0), 230.0) is None
    found = site_current(charger, sample("CP-1", "t", 0, 100.0, power_w=10_000.0), 230.0)
    assert found == pytest.approx((16.95,) * 3, abs=0.01)
