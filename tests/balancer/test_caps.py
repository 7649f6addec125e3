"""Caps: the lowest of all sources, and who says so."""

from __future__ import annotations

import math

import pytest

from balancer.caps import Caps
from balancer.observations import CapSet
from tests.balancer.desk import alike, evse, make_site

SITE = make_site([evse(1)], 32.0, max_power_w=20_000.0)


def test_without_caps_the_ratings_hold():
    bound = Caps().bounds(SITE)["main"]
    assert (bound.limit_a, bound.source_a) == (alike(32.0), (None, None, None))
    assert (bound.limit_w, bound.source_w) == (20_000.0, None)
    assert Caps().next_s() == math.inf


def test_the_lowest_source_wins_on_each_phase_and_none_lifts_a_rating():
    caps = Caps()
    assert caps.set(CapSet("main", "dso", (20.0, 63.0, 12.0), 30_000.0, 0.0))
    assert caps.set(CapSet("main", "operator", (16.0, 63.0, 12.0), None, 0.0))
    bound = caps.bounds(SITE)["main"]
    assert bound.limit_a == (16.0, 32.0, 12.0)
    assert bound.source_a == ("operator", None, "dso")
    assert bound.limit_w == 20_000.0


def test_a_newer_cap_of_a_source_takes_the_place_of_its_older_one():
    caps = Caps()
    caps.set(CapSet("main", "dso", alike(10.0), None, 0.0))
    caps.set(CapSet("main", "dso", None, 5_000.0, 1.0))
    bound = caps.bounds(SITE)["main"]
    assert (bound.limit_a, bound.limit_w, bound.source_w) == (alike(32.0), 5_000.0, "dso")


def test_a_cap_ends_when_it_says_or_is_cleared():
    caps = Caps()
    caps.set(CapSet("main", "dso", alike(10.0), None, 0.0, until_s=50.0))
    caps.set(CapSet("main", "operator", alike(12.0), None, 0.0))
    assert caps.next_s() == 50.0
    caps.expire(49.9)
    assert caps.bounds(SITE)["main"].limit_a == alike(10.0)
    caps.expire(50.0)
    assert caps.bounds(SITE)["main"].limit_a == alike(12.0)
    caps.clear("main", "operator")
    caps.clear("nowhere", "nobody")
    assert caps.bounds(SITE)["main"].limit_a == alike(32.0)


@pytest.mark.parametrize(
    ("limit_a", "limit_w"),
    [(None, None), ((math.nan, 1.0, 1.0), None), ((-1.0, 1.0, 1.0), None), (None, math.nan), (None, -1.0)],
)
def test_a_cap_that_can_not_be_meant_is_refused(limit_a, limit_w):
    assert not Caps().set(CapSet("main", "dso", limit_a, limit_w, 0.0))
