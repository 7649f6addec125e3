"""What others draw, from a meter that includes the own chargers and samples of these that come at other times."""

from __future__ import annotations

from balancer.base_load import BaseLoad
from balancer.settings import Settings
from balancer.site import EvseKey, Meter
from balancer.units import NO_AMPERES, Amperes
from tests.balancer.desk import alike, evse, key, make_site

NOBODY = NO_AMPERES
METER = Meter(id="grid", measures="node_total", fallback_a=alike(50.0))


class Watch:
    """A meter of the whole site and two chargers."""

    def __init__(self) -> None:
        self.base = BaseLoad(make_site([evse(1), evse(2)], 100.0, meters=[METER]), Settings(), 0.0)
        self.may: dict[EvseKey, Amperes] = {}

    def read(self, at_s: float, current_a: float) -> None:
        assert self.base.read("grid", at_s, alike(current_a), at_s)

    def sample(self, at_s: float, current_a: float, number: int = 1) -> None:
        self.base.sample(key(number), at_s, alike(current_a))

    def at(self, now_s: float) -> tuple[float, float]:
        """What is seen and what may be at worst."""
        found = self.base.estimate(now_s, lambda key: self.may.get(key, NOBODY))["main"]
        return found.seen_a[0], found.worst_a[0]


def settled(own_a: float, other_a: float, *, until_s: float = 30.0) -> Watch:
    """A car that draws the same all the time, sampled and read every 5 s."""
    watch = Watch()
    watch.may[key(1)] = alike(own_a)
    at_s = 0.0
    while at_s < until_s:
        at_s += 5.0
        watch.sample(at_s - 1.0, own_a)
        watch.read(at_s, own_a + other_a)
        watch.at(at_s)
    return watch


def test_the_part_of_the_own_chargers_is_taken_off():
    assert settled(16.0, 20.0).at(30.0) == (20.0, 20.0)


def test_a_car_that_stops_by_itself_does_not_make_the_others_look_smaller():
    watch = settled(16.0, 20.0)
    watch.read(35.0, 20.0)  # the car has stopped, and its last sample says 16 A
    assert watch.at(35.0) == (20.0, 20.0)
    watch.sample(36.0, 0.0)
    watch.read(40.0, 20.0)
    assert watch.at(60.0) == (20.0, 20.0)


def test_a_car_that_is_being_raised_may_be_what_rose():
    watch = settled(6.0, 20.0)
    watch.base.moved(key(1), 31.0)
    watch.may[key(1)] = alike(16.0)
    watch.read(35.0, 36.0)
    assert watch.at(35.0) == (20.0, 30.0)
    watch.sample(36.0, 16.0)
    watch.read(40.0, 36.0)
    watch.sample(41.0, 16.0)
    assert watch.at(41.0) == (20.0, 20.0)


def test_a_reading_between_two_very_different_samples_says_little_and_is_dropped_for_a_better_one():
    watch = settled(6.0, 20.0)
    watch.read(35.0, 36.0)
    watch.sample(36.0, 16.0)
    assert watch.at(36.0) == (20.0, 30.0)
    watch.read(40.0, 36.0)
    watch.sample(41.0, 16.0)
    assert watch.at(41.0) == (20.0, 20.0)


def test_when_readings_say_little_for_long_the_least_that_they_can_mean_counts():
    watch = settled(6.0, 20.0)
    at_s = 30.0
    while at_s < 150.0:
        at_s += 5.0
        high = at_s % 10 == 0.0
        watch.sample(at_s - 1.0, 16.0 if high else 6.0)
        watch.read(at_s, 26.0)
        watch.at(at_s)
    seen_a, worst_a = watch.at(at_s)
    assert 8.0 <= seen_a <= worst_a <= 20.0


def test_a_sample_that_is_far_older_than_a_reading_says_nothing_of_it():
    watch = settled(16.0, 20.0)
    watch.may[key(1)] = alike(32.0)
    watch.read(100.0, 60.0)
    assert watch.at(100.0) == (28.0, 60.0)


def test_a_car_without_a_sample_may_draw_nothing_or_all():
    watch = Watch()
    watch.read(1.0, 40.0)
    assert watch.at(1.0) == (40.0, 40.0)
    watch.may[key(2)] = alike(32.0)
    watch.read(2.0, 40.0)
    assert watch.at(2.0) == (40.0, 40.0)  # the reading before was certain, and is held
    assert watch.at(40.0) == (50.0, 50.0)  # silent: the fallback


def test_a_first_reading_is_as_old_as_it_says_however_short_ago_somebody_began_to_listen():
    """Found over REST: within `max_age_s` of the start an old reading counted as a fresh one."""
    for said_s, is_stale, seen_a in ((999.0, False, 20.0), (989.0, True, 20.0), (900.0, False, 50.0)):
        base = BaseLoad(make_site([evse(1), evse(2)], 100.0, meters=[METER]), Settings(), 1_000.0)
        assert base.read("grid", said_s, alike(20.0), 1_000.0)
        found = base.estimate(1_000.0, lambda _: NOBODY)["main"]
        assert (found.is_stale, found.worst_a[0]) == (is_stale, seen_a)
