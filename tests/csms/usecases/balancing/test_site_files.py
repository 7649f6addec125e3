from __future__ import annotations

import copy
import json
from typing import Any

import msgspec
import pytest

from csms.domain.site import KnownStation
from csms.domain.site_check import SiteCheck
from csms.usecases.balancing.site_files import check_site, read_site, read_site_data

TOML = """
id = "depot"
nodes = [{id = "main", rating_a = 63}]
evses = [{station = "CP-1", node = "main"}]
"""
SITE: dict[str, Any] = {
    "id": "depot",
    "nodes": [
        {"id": "main", "rating_a": 63, "meter": "grid", "max_power_w": 40_000},
        {"id": "board", "parent": "main", "rating_a": {"L1": 32, "L2": 32, "L3": 16}},
    ],
    "meters": [{"id": "grid", "measures": "other_loads", "fallback_a": {"L1": 30, "L2": 20, "L3": 10}}],
    "evses": [
        {"station": "CP-1", "evse": 1, "node": "board", "failsafe_a": 6, "priority": 1},
        {"station": "CP-1", "evse": 2, "node": "board"},
        {"station": "CP-2", "node": "main", "rotation": ["L2"], "failsafe_a": 6.1},
    ],
}


def site(**said: Any) -> dict[str, Any]:
    return {**copy.deepcopy(SITE), **said}


def known(name: str, site_id: str | None = None, *, registered: bool = True, managed: bool = True):
    return KnownStation(id=name, registered=registered, managed=managed, site_id=site_id)


BOTH = (known("CP-1"), known("CP-2"))


def checked(data: dict[str, Any], stations: tuple[KnownStation, ...] = BOTH) -> SiteCheck:
    read = read_site_data(data)
    assert read.config is not None, read.problems
    return check_site(read.config, stations)


# --- reading


@pytest.mark.parametrize(
    ("text", "suffix"),
    [
        (TOML, ".toml"), (TOML, ".TOML"), (TOML, ""), (TOML, ".site"),
        (json.dumps(SITE), ".json"), (json.dumps(SITE), ""), (f"\n\t {json.dumps(SITE)}", ".txt"),
    ],
)  # fmt: skip
def test_a_site_is_read_from_json_and_from_toml(text: str, suffix: str):
    read = read_site(text, suffix)

    assert (read.id, read.problems) == ("depot", ())
    assert read.config is not None
    assert json.loads(read.config)["timezone"] == "UTC"


def test_what_was_read_is_read_again_as_the_same():
    first = read_site_data(site(name="Größe 8 ⚡"))
    assert first.config is not None

    assert read_site(first.config.decode(), ".json") == first


@pytest.mark.parametrize(
    ("text", "suffix", "problem"),
    [
        ("{", ".json", "is not JSON: Expecting property name enclosed in double quotes: line 1"),
        (TOML, ".json", "is not JSON"),
        (json.dumps(SITE), ".toml", "is not TOML"),
        ("id = ", "", "is not TOML: Invalid value"),
        ('{"nominal_voltage_v": NaN}', "", "is not JSON: NaN is no number in JSON"),
        ("[" * 100_000, "", "is nested deeper than any site"),
        ('{"a":' * 100_000, "", "is nested deeper than any site"),
        (f'{{"nominal_voltage_v": {"9" * 400}}}', "", "holds a number that is larger"),
        (f'{{"nominal_voltage_v": {"9" * 5000}}}', "", "is not JSON: Exceeds the limit"),
        ('{"id": "d", "name": "\\ud800", "nodes": [{"id": "m", "rating_a": 1}]}', "", "holds half of a char"),
        ("[]", "", "must be an object"),
    ],
)
def test_what_can_not_be_read_says_why(text: str, suffix: str, problem: str):
    read = read_site(text, suffix)

    assert (read.id, read.config) == (None, None)
    assert any(message.startswith(problem) for _, message in read.problems)


def test_every_problem_is_told_with_its_place():
    data = site(timezone="Mars/Olympus", colour="red")
    data["nodes"][1]["rating_a"]["L2"] = -1

    read = read_site_data(data)

    assert (read.id, read.config) == ("depot", None)
    assert [path for path, _ in read.problems] == ["colour", "timezone", "nodes[1].rating_a.L2"]


# --- checking


def test_a_site_that_keeps_every_rule_is_all_right():
    check = checked(site())

    assert (check.site_id, check.ok, check.problems, check.warnings) == ("depot", True, (), ())


def test_the_worst_case_is_told_for_each_node_and_phase():
    main, board = checked(site()).nodes

    assert main.id == "main"
    assert main.rating_a == {"L1": 63, "L2": 63, "L3": 63}
    assert main.base_a == {"L1": 30, "L2": 20, "L3": 10}
    assert main.failsafe_a == {"L1": 6, "L2": 12.1, "L3": 6}
    assert main.left_a == {"L1": 27, "L2": 30.9, "L3": 47}
    assert (main.max_power_w, main.left_w) == (40_000, 40_000 - 230 * 84.1)
    assert board.left_a == {"L1": 26, "L2": 26, "L3": 10}
    assert (board.max_power_w, board.left_w) == (None, None)


def test_the_evses_that_may_keep_6_amperes_are_told():
    data = site()
    data["evses"].insert(0, {"station": "CP-3", "node": "board"})

    check = checked(data, (*BOTH, known("CP-3", registered=False)))

    # The board's third phase carries two of three; the one with priority is among them.
    assert [(evse.station, evse.evse, evse.proposed_a, evse.may_keep) for evse in check.evses] == [
        ("CP-3", 1, 6.0, True),
        ("CP-1", 1, 6.0, True),
        ("CP-1", 2, 0.0, False),
        ("CP-2", 1, 6.1, True),
    ]
    assert [evse.failsafe_a for evse in check.evses] == [0, 6, 0, 6.1]
    assert [(evse.registered, evse.managed) for evse in check.evses] == [
        (False, False), (True, True), (True, True), (True, True),
    ]  # fmt: skip


def test_failsafes_that_do_not_fit_are_told_with_the_phase_and_the_remedy():
    data = site()
    data["evses"][1]["failsafe_a"] = 10.5

    check = checked(data)

    assert not check.ok
    (found,) = check.problems
    assert found.path == "nodes[1].rating_a.L3"
    assert found.message == (
        "board: the failsafes (16.5 A) and the worst load of others (0 A) are 0.5 A above its limit (16 A); "
        "lower failsafe_a of EVSEs below it to what is proposed"
    )
    assert [evse.proposed_a for evse in check.evses] == [6, 6, 6.1]


def test_others_that_draw_too_much_by_themselves_are_told_so():
    data = site()
    data["meters"][0]["fallback_a"]["L1"] = 64

    (found,) = checked(data).problems

    assert found.path == "nodes[0].rating_a.L1"
    assert "others alone draw more than it carries: correct the limit, or fallback_a" in found.message


def test_power_that_does_not_fit_is_told_in_watts():
    data = site()
    data["nodes"][0]["max_power_w"] = 18_000

    (found,) = checked(data).problems

    assert found.path == "nodes[0].max_power_w"
    assert (
        "(5543 W) and the worst load of others (13800 W) are 1343 W above its limit (18000 W)"
        in found.message
    )


def test_a_station_of_another_site_is_a_problem():
    (found,) = checked(site(), (known("CP-1", "yard"), known("CP-2", "depot"))).problems

    assert (found.path, found.message[:29]) == ("evses[0].station", "CP-1 belongs to the site yard")


def test_stations_to_which_nothing_can_be_sent_are_warned_of_once():
    check = checked(site(), (known("CP-1", managed=False), known("CP-2", "depot", registered=False)))

    assert check.ok
    assert [(found.path, found.message) for found in check.warnings] == [
        ("evses[0].station", "CP-1 is unmanaged, so nothing is sent to it; csms station manage CP-1"),
        ("evses[2].station", "CP-2 is not registered; csms station add CP-2"),
    ]


def test_another_spelling_of_a_station_is_a_problem_and_no_warning():
    check = checked(site(), (known("cp-1"), known("CP-2")))

    assert [found.message for found in check.problems] == ["CP-1 is registered as cp-1; write it so"]
    assert check.warnings == ()


@pytest.mark.parametrize(("metered", "warned"), [("main", False), ("board", False), (None, True)])
def test_a_root_at_which_nothing_measures_is_warned_of(metered: str | None, warned: bool):
    data = site()
    del data["nodes"][0]["meter"]
    for node in data["nodes"]:
        if node["id"] == metered:
            node["meter"] = "grid"
    data["meters"][0]["fallback_a"] = 1

    check = checked(data)

    assert [found.path for found in check.warnings] == (["nodes[0].meter"] if warned else [])


def test_a_stored_site_that_breaks_a_newer_rule_is_told_and_breaks_nothing():
    check = check_site(b'{"id": "depot", "nodes": []}', ())

    assert (check.site_id, check.ok) == ("depot", False)
    assert [(found.path, found.message) for found in check.problems] == [
        ("nodes", "a site has at least one node")
    ]


def test_a_check_is_plain_json():
    check = checked(site())

    assert msgspec.json.decode(msgspec.json.encode(check), type=SiteCheck) == check
