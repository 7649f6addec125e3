from __future__ import annotations

import json

import pytest

from simulators import scenario as scenarios
from simulators.scenario import ScenarioError
from simulators.staging import stage
from simulators.traces import TraceError, read_base_load, read_sessions, read_site

DAY_S = 86_400.0
SITE = {
    "nodes": [
        {"id": 0, "parent": -1, "cap_a": [250, 250, 240]},
        {"id": 1, "parent": 0, "cap_a": [80, 80, 80]},
    ],
    "chargers": [
        {"id": 0, "name": "A", "node": 1, "rotation": 1, "phases": 3, "max_a": 32, "min_a": 6, "step_a": 0.1},
        {"id": 1, "name": "B", "node": 0, "rotation": 2, "phases": 1, "max_a": 16, "min_a": 6, "step_a": 0.1},
    ],
    "base_load_node": 0,
    "voltage": 230,
}
SESSIONS = """session_id,charger,arrival_s,departure_s,energy_kwh,ev_phases,ev_max_a,ev_min_a,pack_kwh,soc0
one,1,90000,95000,7.5,1,32.0,6,77.0,0.5
two,0,80000,99000,17.48,3,16.0,6,60.0,0.25
three,0,200000,210000,1,3,16.0,6,60.0,0.25
"""
BASE = "t_s,L1,L2,L3\n0.00,38.5,31.5,35\n300.00,39,32,35.5\n100000,40,33,36\n"
SCENARIO = """
title = "Traced"
starts_s = 86400
lasts_s = 86400
[traces]
site = "site.json"
sessions = "sessions.csv"
base_load = "base.csv"
version = "mixed"
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "site.json").write_text(json.dumps(SITE))
    (tmp_path / "sessions.csv").write_text(SESSIONS)
    (tmp_path / "base.csv").write_text(BASE)
    return tmp_path


def test_sessions_come_in_order_of_arrival_with_their_units(folder):
    first, second, _ = read_sessions(folder / "sessions.csv")
    assert (first.charger, first.arrives_s, first.wants_wh, first.pack_wh) == (0, 80000, 17480, 60000)
    assert (second.phases, second.max_a, second.soc) == (1, 32, 0.5)


def test_a_site_says_which_phase_each_charger_begins_on(folder):
    site = read_site(folder / "site.json")
    assert [charger.rotation for charger in site.chargers] == [(1, 2, 0), (2,)]
    assert site.nodes[0].parent is None
    assert site.nodes[1].parent == "0"


def test_a_base_load_holds_each_value_until_the_next(folder):
    series = read_base_load(folder / "base.csv")
    assert series.at(299) == (38.5, 31.5, 35)
    assert series.at(300) == (39, 32, 35.5)


@pytest.mark.parametrize(
    ("file", "text", "complaint"),
    [
        ("site.json", "{}", "voltage"),
        ("site.json", "[", "site.json"),
        ("sessions.csv", SESSIONS.replace("7.5", "much"), "line 2: energy_kwh"),
        ("sessions.csv", SESSIONS.replace("soc0", "soc"), "soc0"),
        ("base.csv", "t_s,L1,L2,L3\n", "ascend"),
        ("base.csv", "t_s,L1,L2,L3\n5,1,1,1\n5,1,1,1\n", "ascend"),
    ],
)
def test_a_broken_file_is_refused_with_the_place(folder, file, text, complaint):
    (folder / file).write_text(text)
    reader = {"site.json": read_site, "sessions.csv": read_sessions, "base.csv": read_base_load}[file]
    with pytest.raises(TraceError, match=complaint):
        reader(folder / file)
    with pytest.raises(ScenarioError, match=complaint):
        stage(scenarios.parse(SCENARIO), url="ws://x/", begins_s=0.0, folder=folder)


def test_a_missing_file_is_refused(folder):
    with pytest.raises(TraceError, match="nowhere"):
        read_sessions(folder / "nowhere.csv")


def test_a_traced_scenario_has_the_chargers_cars_and_loads_of_its_day(folder):
    begins_s = 10 * DAY_S
    staged = stage(scenarios.parse(SCENARIO), url="ws://x/", begins_s=begins_s, folder=folder)
    assert [cast.spec.id for cast in staged.casts] == ["A", "B"]
    assert [cast.node for cast in staged.casts] == ["1", "0"]
    # `two` came before the scenario begins and is still there; `three` comes after its end.
    assert [[visit.arrives_s - begins_s for visit in cast.visits] for cast in staged.casts] == [
        [-6400],
        [3600],
    ]
    root, branch = staged.nodes
    assert root.limit_a.at(begins_s) == (250, 250, 240)
    assert root.base is not None
    assert branch.base is None
    assert root.base.at(begins_s + 100000 - DAY_S) == (40, 33, 36)


def test_traces_need_their_folder():
    with pytest.raises(ScenarioError, match="which folder"):
        stage(scenarios.parse(SCENARIO), url="ws://x/", begins_s=0.0)
