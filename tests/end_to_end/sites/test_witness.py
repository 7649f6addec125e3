"""The witness itself: made-up overloads that it must see, and what it must let pass."""

from __future__ import annotations

import pytest

from simulators.draws import Amperes, Draws
from simulators.site import SimulatedSite
from tests.end_to_end.sites.witness import Level, Witness, circuit

RATED: Amperes = (20.0, 20.0, 20.0)
NOTHING: Amperes = (0.0, 0.0, 0.0)


class Made:
    """A main circuit of 20 A with a board of 16 A below it, and one charger on the board."""

    def __init__(self) -> None:
        self.limit, self.base = Level(0.0, RATED), Level(0.0, NOTHING)
        self.board_limit = Level(0.0, (16.0, 16.0, 16.0))
        site = SimulatedSite(
            (
                circuit("main", None, self.limit, self.base),
                circuit("board", "main", self.board_limit, Level(0.0, NOTHING)),
            )
        )
        self.draws = Draws()
        site.attach("board", self.draws)
        self.witness = Witness(site)

    def draw(self, *steps: tuple[float, Amperes]) -> Made:
        """Draw a current from each moment on, until the next."""
        for at_s, current_a in steps:
            self.draws.add_stretch(at_s, self.draws.now_a, at_s, current_a)
        self.draws.add(100.0, self.draws.now_a)
        return self

    def places(self) -> set[tuple[str, int]]:
        """Return the circuits and phases that the witness complains of between 0 and 100 s."""
        return {(breach.node, breach.phase) for breach in self.witness.breaches(0.0, 100.0)}


def test_a_site_within_its_limits_is_left_alone():
    assert Made().draw((0.0, (16.0, 0.0, 16.0))).places() == set()


def test_an_overload_is_seen_on_its_circuit_and_phase():
    assert Made().draw((10.0, (0.0, 17.0, 0.0))).places() == {("board", 1)}


def test_an_overload_of_a_tenth_of_a_second_is_seen():
    made = Made().draw((10.0, (0.0, 17.0, 0.0)), (10.1, NOTHING))
    (breach,) = made.witness.breaches(0.0, 100.0)
    assert breach.over_a == pytest.approx(1.0)
    assert breach.ampere_s == pytest.approx(0.1)
    assert "board L2: 1.00 A above its limit" in str(breach)


def test_a_ramp_that_peaks_between_two_points_of_others_is_seen():
    made = Made()
    made.draws.add(0.0, NOTHING)
    made.draws.add(50.0, (0.0, 0.0, 16.5))
    made.draws.add(50.0, NOTHING)
    assert made.draw().places() == {("board", 2)}


def test_the_load_of_others_counts():
    made = Made().draw((0.0, (15.0, 15.0, 15.0)))
    made.base.step(50.0, (0.0, 6.0, 0.0))
    assert made.places() == {("main", 1)}


def test_a_limit_that_fell_counts_from_then_on():
    made = Made().draw((0.0, (15.0, 15.0, 15.0)))
    made.limit.step(50.0, (14.0, 14.0, 30.0))
    assert made.places() == {("main", 0), ("main", 1)}


def test_what_is_excused_passes_on_the_circuit_and_above():
    made = Made().draw((10.0, (0.0, 21.0, 0.0)), (20.0, NOTHING))
    made.witness.excuse("a charger that disobeys", "board", 10.0, 10.0, (0.0, 5.0, 0.0))
    assert made.places() == set()


def test_more_than_the_excuse_says_is_seen():
    made = Made().draw((10.0, (0.0, 21.5, 0.0)), (20.0, NOTHING))
    made.witness.excuse("a charger that disobeys", "board", 10.0, 10.0, (0.0, 5.0, 0.0))
    assert made.places() == {("board", 1)}


def test_an_excuse_is_for_its_phases_only():
    made = Made().draw((10.0, (0.0, 17.0, 0.0)), (20.0, NOTHING))
    made.witness.excuse("a charger that disobeys", "board", 10.0, 10.0, (5.0, 0.0, 5.0))
    assert made.places() == {("board", 1)}


def test_what_lasts_longer_than_its_excuse_is_seen():
    made = Made().draw((10.0, (0.0, 17.0, 0.0)), (20.5, NOTHING))
    made.witness.excuse("a charger that disobeys", "board", 10.0, 10.0, (0.0, 5.0, 0.0))
    (breach,) = made.witness.breaches(0.0, 100.0)
    assert breach.ampere_s == pytest.approx(0.5)


def test_a_lower_limit_excuses_its_own_circuit_alone():
    made = Made().draw((0.0, (15.0, 15.0, 15.0)), (60.0, NOTHING))
    made.limit.step(50.0, (14.0, 14.0, 14.0))
    made.witness.excuse_alone("a cap", "board", 50.0, 10.0, (9.0, 9.0, 9.0))
    assert made.places() == {("main", 0), ("main", 1), ("main", 2)}
    made.witness.excuse_alone("a cap", "main", 50.0, 10.0, (9.0, 9.0, 9.0))
    assert made.places() == set()


def test_what_goes_down_excuses_nothing():
    made = Made().draw((10.0, (0.0, 17.0, 0.0)), (20.0, NOTHING))
    made.witness.excuse("others drew less", "board", 10.0, 10.0, (0.0, -5.0, 0.0))
    made.witness.excuse("and something happened", "board", 10.0, 10.0, (0.0, 1.0, 0.0))
    assert made.places() == set()
