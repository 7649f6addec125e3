from __future__ import annotations

import itertools

import pytest

from simulators import scenario as scenarios
from simulators.scenario import ScenarioError
from simulators.schedules import Version
from simulators.staging import stage

URL = "ws://127.0.0.1:1/"

SMALL = """
title = "Small"
seed = 3
speed = 60
[[nodes]]
id = "main"
limit_a = [63, 63, 63]
base_a = [1, 2, 3]
[[stations]]
id = "A-{n}"
count = 4
version = "mixed"
connectors = 2
phases = 1
node = "main"
faults = "odd"
[arrivals]
sessions = 3
[faults.odd]
drop = 0.5
outages = [{ from_s = 10, until_s = 20, kind = "power" }]
reboots = [{ at_s = 30 }]
disobeys = [{ from_s = 1, until_s = 2, offered_a = 32 }]
forgets_at_s = [5]
"""


@pytest.mark.parametrize("name", scenarios.names())
def test_every_scenario_that_comes_along_can_be_read(name):
    assert scenarios.load(name).title


@pytest.mark.parametrize("name", [name for name in scenarios.names() if name != "european-week"])
def test_every_scenario_without_traces_can_be_staged(name):
    staged = stage(scenarios.load(name), url=URL, begins_s=1000.0)
    ids = [cast.spec.id for cast in staged.casts]
    assert len(ids) == len(set(ids)) > 0


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("title = ", "Invalid value"),
        ('title = "x"', r"no \[\[stations\]\]"),
        ('title = "x"\nspeeed = 3\n[[stations]]', "speeed"),
        ('title = "x"\nspeed = 0\n[[stations]]', "speed"),
        ('title = "x"\n[[stations]]\nversion = "3.0"', "version"),
        ('title = "x"\n[[stations]]\nfaults = "none"', "faults.none"),
        ('title = "x"\n[[stations]]\nnode = "roof"', "roof"),
        ('title = "x"\ncars = []\n[[stations]]', "cars"),
        ('title = "x"\n[[stations]]\n[traces]\nsite = "s"\nsessions = "t"', "one of them"),
    ],
)
def test_what_can_not_be_played_is_refused_with_its_place(text, complaint):
    with pytest.raises(ScenarioError, match=complaint):
        scenarios.parse(text)


def test_a_scenario_that_is_not_there_is_refused_with_those_that_are(tmp_path):
    with pytest.raises(ScenarioError, match="first-look"):
        scenarios.load("nonsense")
    with pytest.raises(ScenarioError, match="Is a directory"):
        scenarios.load(f"{tmp_path}/")


def test_a_mistake_in_a_file_is_told_with_the_file(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("title = 3")
    with pytest.raises(ScenarioError, match=r"mine\.toml"):
        scenarios.load(str(file))


def test_the_same_seed_gives_the_same_cars_whenever_it_begins():
    small = scenarios.parse(SMALL)
    first, later = (stage(small, url=URL, begins_s=begins_s) for begins_s in (0.0, 5000.0))
    other = stage(scenarios.changed(small, seed=4), url=URL, begins_s=0.0)
    for one, two in zip(first.casts, later.casts, strict=True):
        assert [visit.vehicle for visit in one.visits] == [visit.vehicle for visit in two.visits]
        assert [visit.token for visit in one.visits] == [visit.token for visit in two.visits]
        arrivals_s = [visit.arrives_s + 5000 for visit in one.visits]
        assert [visit.arrives_s for visit in two.visits] == pytest.approx(arrivals_s)
    assert first.casts[0].visits[0].arrives_s != other.casts[0].visits[0].arrives_s


def test_cars_come_one_after_the_other_to_each_evse():
    staged = stage(scenarios.parse(SMALL), url=URL, begins_s=0.0)
    for cast in staged.casts:
        for evse in (1, 2):
            visits = [visit for visit in cast.visits if visit.evse == evse]
            assert len(visits) == 3
            for earlier, later in itertools.pairwise(visits):
                assert earlier.arrives_s < earlier.departs_s < later.arrives_s


def test_stations_turn_versions_rotations_and_have_their_faults():
    staged = stage(scenarios.parse(SMALL), url=URL, begins_s=100.0)
    specs = [cast.spec.charger for cast in staged.casts]
    assert [spec.rules.version for spec in specs] == [Version.V16, Version.V201] * 2
    assert [spec.evses[0].rotation for spec in specs] == [(0,), (1,), (2,), (0,)]
    assert staged.casts[0].faults.drop == 0.5
    assert len(staged.casts[0].faults.scheduled) == 4
    assert staged.nodes[0].base is not None
    assert staged.ends_s == 100.0 + 3600.0


def test_chaos_is_drawn_for_each_station():
    text = SMALL.replace("drop = 0.5", "chaos = 1.0")
    staged = stage(scenarios.parse(text), url=URL, begins_s=0.0)
    assert len({str(cast.faults) for cast in staged.casts}) == 4


def test_a_fast_site_waits_for_answers_in_the_machines_time():
    small = scenarios.parse(SMALL)
    for speed, timeout_s in ((1, 30), (5, 6), (600, 2)):
        staged = stage(scenarios.changed(small, speed=float(speed)), url=URL, begins_s=0.0)
        assert staged.casts[0].spec.answer_timeout_s == timeout_s


def test_a_rotation_that_is_none_is_refused():
    text = SMALL.replace("phases = 1", 'phases = 3\nrotation = "RRT"')
    with pytest.raises(ScenarioError, match="RRT"):
        stage(scenarios.parse(text), url=URL, begins_s=0.0)
