"""A site judged by physics: areas above limits, exactly, and whose fault they were."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.charger import ChargerModel
from simulators.draws import Draws
from simulators.hardware import ChargerSpec, EvseSpec
from simulators.meter import Series
from simulators.site import Overload, SimulatedSite, SiteNode
from simulators.vehicle import Vehicle, VehicleSpec


def node(
    name: str = "main", parent: str | None = None, limit: float | Series = 100.0, base: Series | None = None
) -> SiteNode:
    limits = limit if isinstance(limit, Series) else Series.level((limit, limit, limit))
    return SiteNode(id=name, parent=parent, limit_a=limits, base=base)


def drawing(*points: tuple[float, float]) -> Draws:
    draws = Draws()
    for at_s, current_a in points:
        draws.add(at_s, (current_a, 0.0, 0.0))
    return draws


def first_phase(site: SimulatedSite, to_s: float = 100.0, name: str = "main", **more) -> Overload:
    return next(one for one in site.overloads(0.0, to_s, **more) if (one.node, one.phase) == (name, 0))


def test_within_its_limit_a_circuit_has_an_account_of_nothing_and_its_peak() -> None:
    site = SimulatedSite([node()], [("main", drawing((0, 40), (50, 40), (50, 90), (60, 0)))])
    account = first_phase(site)
    assert (account.ampere_s, account.caused_ampere_s, account.overloaded_s) == (0, 0, 0)
    assert (account.peak_a, account.peak_at_s, account.peak_limit_a, account.worst_over_a) == (90, 50, 100, 0)


def test_a_rectangle_above_the_limit_is_counted_whole() -> None:
    site = SimulatedSite([node()], [("main", drawing((0, 0), (10, 0), (10, 110), (30, 110), (30, 0)))])
    account = first_phase(site)
    assert (account.ampere_s, account.overloaded_s, account.worst_over_a) == (200, 20, 10)


def test_a_ramp_is_counted_from_where_it_crosses() -> None:
    site = SimulatedSite([node()], [("main", drawing((0, 80), (40, 120)))])
    account = first_phase(site, to_s=40.0)
    assert account.ampere_s == pytest.approx(200)
    assert account.overloaded_s == pytest.approx(20)
    assert (account.peak_a, account.peak_at_s) == (120, 40)


def test_the_last_current_goes_on_and_nothing_was_before_the_first() -> None:
    site = SimulatedSite([node()], [("main", drawing((20, 110), (30, 110)))])
    assert first_phase(site).ampere_s == 800


def test_phases_are_accounts_of_their_own() -> None:
    draws = Draws()
    draws.add(0, (10, 110, 20))
    account = {one.phase: one.ampere_s for one in SimulatedSite([node()], [("main", draws)]).overloads(0, 10)}
    assert account == {0: 0, 1: 100, 2: 0}


def test_a_charger_that_never_drew_changes_nothing() -> None:
    assert first_phase(SimulatedSite([node()], [("main", Draws())])).peak_a == 0


def test_what_flows_below_flows_through_every_circuit_above() -> None:
    nodes = [node("leaf", "mid", 20), node("mid", "main", 50), node("main", limit=60), node("other", "main")]
    site = SimulatedSite(nodes)
    site.attach("leaf", drawing((0, 16)))
    site.attach("mid", drawing((0, 30)))
    site.attach("other", drawing((0, 20)))
    assert {name: first_phase(site, name=name).peak_a for name in ("leaf", "mid", "main", "other")} == {
        "leaf": 16, "mid": 46, "main": 66, "other": 20,
    }  # fmt: skip
    assert first_phase(site).ampere_s == pytest.approx(600)
    assert site.current_a("main", 5.0) == (66, 0, 0)
    assert site.current_a("main", 5.0, chargers=False) == (0, 0, 0)
    assert site.below("mid") == {"mid", "leaf"}


def test_base_load_counts_and_a_step_of_it_excuses_for_the_reaction_time() -> None:
    base = Series((0.0, 50.0), ((50, 0, 0), (70, 0, 0)))
    draws = drawing((0, 40), (60, 40), (60, 20))
    site = SimulatedSite([node(base=base)], [("main", draws)])
    assert first_phase(site).ampere_s == 100
    assert first_phase(site).caused_ampere_s == 100
    assert first_phase(site, reaction_s=4.0).caused_ampere_s == pytest.approx(60)
    assert first_phase(site, reaction_s=10.0).caused_ampere_s == 0


def test_a_step_on_another_phase_or_downwards_excuses_nothing() -> None:
    base = Series((0.0, 50.0), ((50, 9, 0), (50, 90, 0)))
    site = SimulatedSite([node(base=base)], [("main", drawing((0, 40), (50, 40), (50, 60)))])
    assert first_phase(site, reaction_s=100.0).caused_ampere_s == 500
    falling = Series((0.0, 50.0), ((50, 0, 0), (40, 0, 0)))
    site = SimulatedSite([node(base=falling)], [("main", drawing((0, 40), (50, 40), (50, 70)))])
    assert first_phase(site, reaction_s=100.0).caused_ampere_s == 500


def test_a_lower_cap_is_a_limit_from_its_moment_on() -> None:
    caps = Series((0.0, 50.0, 80.0), ((100, 100, 100), (60, 100, 100), (100, 100, 100)))
    site = SimulatedSite([node(limit=caps)], [("main", drawing((0, 90), (55, 90), (55, 50)))])
    account = first_phase(site, reaction_s=5.0)
    assert (account.ampere_s, account.caused_ampere_s, account.worst_over_a) == (150, 0, 30)
    assert account.peak_limit_a == 100


def test_an_interpolated_base_load_is_followed_along_its_lines() -> None:
    base = Series((0.0, 100.0), ((90, 0, 0), (110, 0, 0)), stepped=False)
    assert first_phase(SimulatedSite([node(base=base)])).ampere_s == pytest.approx(250)


def test_rounding_is_no_overload() -> None:
    site = SimulatedSite([node(limit=0.3)], [("main", drawing((0, 0.1))), ("main", drawing((0, 0.2)))])
    account = first_phase(site)
    assert (account.ampere_s, account.worst_over_a) == (0, 0)


@pytest.mark.parametrize("nodes", [[node("a", "b")], [node("a"), node("a")]])
def test_a_site_that_cannot_be_is_refused(nodes) -> None:
    with pytest.raises(ValueError, match="circuits"):
        SimulatedSite(nodes)


def test_a_charger_hangs_on_a_circuit_that_exists_and_time_passes() -> None:
    with pytest.raises(ValueError, match="no circuit"):
        SimulatedSite([node()]).attach("nowhere", Draws())
    with pytest.raises(ValueError, match="no time"):
        SimulatedSite([node()]).overloads(5, 5)


lines = st.lists(
    st.tuples(st.floats(0, 100), st.floats(0, 60)), min_size=1, max_size=8
).map(lambda points: drawing(*sorted(points)))  # fmt: skip


@given(st.lists(lines, max_size=4), st.floats(0, 120), st.floats(1, 100))
def test_areas_are_those_of_a_fine_sum(many, limit_a, to_s) -> None:
    site = SimulatedSite([node(limit=limit_a)], [("main", draws) for draws in many])
    account = first_phase(site, to_s=to_s)
    steps = 500
    width_s = to_s / steps
    middles_s = [(step + 0.5) * width_s for step in range(steps)]
    currents_a = [site.current_a("main", at_s)[0] for at_s in middles_s]
    over_a = [max(0.0, current_a - limit_a) for current_a in currents_a]
    jumps = sum(len(draws.points) for draws in many)
    assert account.ampere_s == pytest.approx(sum(over_a) * width_s, abs=jumps * 60 * width_s + 1e-3)
    assert account.peak_a >= max(currents_a) - 1e-9


def test_a_station_with_rotated_phases_loads_the_phases_it_hangs_on() -> None:
    spec = ChargerSpec(id="C1", evses=(EvseSpec(rotation=(2, 0, 1), reaction_s=0.0),))
    model = ChargerModel(spec, 0.0)
    model.plug(1, Vehicle(VehicleSpec(phases=1, max_a=32)), 0.0)
    model.start(1, "T", 0.0)
    model.advance(10.0)
    site = SimulatedSite([node(limit=30)], [("main", model.draws[1])])
    assert {one.phase: one.ampere_s for one in site.overloads(0, 10)} == {0: 0, 1: 0, 2: 20}
