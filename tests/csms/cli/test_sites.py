"""`csms site …`, as somebody types and reads it."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.csms.cli.typing_commands import Run, Said

DEPOT = """
id = "depot"
name = "The [bold]depot"
timezone = "Europe/Berlin"
mode = "enforce"

[[nodes]]
id = "board"
parent = "main"
rating_a = {L1 = 63, L2 = 63, L3 = 32}

[[nodes]]
id = "main"
rating_a = 250
max_power_w = 170000
meter = "grid"

[[meters]]
id = "grid"
measures = "node_total"
fallback_a = {L1 = 178, L2 = 146, L3 = 162}

[[evses]]
station = "CP-1"
node = "board"
failsafe_a = 6

[[evses]]
station = "CP-2"
node = "main"
rotation = ["L2"]
priority = 3

[[evses]]
station = "FAST"
node = "main"
supply = "DC"
max_power_w = 50000
"""
TOO_MUCH = DEPOT.replace("failsafe_a = 6", "failsafe_a = 20").replace("L3 = 32", "L3 = 16")


@pytest.fixture
def depot(tmp_path: Path) -> str:
    (tmp_path / "depot.toml").write_text(DEPOT)
    return "depot.toml"


def add(run: Run, text: str, *options: str) -> Said:
    Path("site.toml").write_text(text)
    return run("site", "add", "site.toml", *options)


def in_store(statement: str) -> list[Any]:
    with closing(sqlite3.connect("headroom.sqlite3")) as store:
        return store.execute(statement).fetchall()


# --- add


def test_an_empty_list_of_sites_says_how_to_add_one(run: Run):
    assert run("site", "show") == Said(0, "No sites yet. Add one: csms site add FILE\n", "")


def test_a_site_is_added_and_listed(run: Run, depot: str):
    for station in ("CP-1", "CP-2", "FAST"):
        run("station", "add", station, "--no-key")

    said = run("site", "add", depot)

    assert said == Said(0, "Site depot is saved; a running server takes it over within seconds.\n", "")
    row = run("site", "show").out.splitlines()[1]
    assert re.match(r"depot +The \[bold\]depot +enforce +fair +2 +3 +1 *$", row)
    assert set(in_store("SELECT site_id FROM stations")) == {("depot",)}


def test_a_site_may_come_as_json(run: Run):
    Path("yard.json").write_text('{"id": "yard", "nodes": [{"id": "main", "rating_a": 32}]}')
    said = run("site", "add", "yard.json")
    assert said.code == 0
    assert "Note: nodes[0].meter: nothing measures at main" in said.out
    ((config,),) = in_store("SELECT config FROM sites")
    assert json.loads(config)["nodes"][0]["rating_a"] == {"L1": 32, "L2": 32, "L3": 32}


def test_stations_that_are_not_there_yet_are_noted_and_belong_to_the_site_when_they_come(
    run: Run, depot: str
):
    said = run("site", "add", depot)
    assert said.code == 0
    assert "Note: evses[0].station: CP-1 is not registered; csms station add CP-1" in said.out
    run("station", "add", "CP-1")
    assert re.search(r"^CP-1 +depot ", run("station", "list").out, re.MULTILINE)


def test_of_many_notes_some_are_printed(run: Run):
    evses = "".join(f'[[evses]]\nstation = "CP-{number}"\nnode = "main"\n' for number in range(50))
    said = add(run, f'id = "depot"\n[[nodes]]\nid = "main"\nrating_a = 63\n{evses}')
    assert said.out.count("is not registered") == 19
    assert "Note: … and 31 more like these" in said.out


def test_every_problem_of_a_site_is_told_and_nothing_is_stored(run: Run):
    said = add(run, DEPOT.replace('"Europe/Berlin"', '"Berlin"').replace("rating_a = 250", "rating = 250"))
    assert (said.code, said.out) == (2, "")
    for problem in (
        "timezone: there is no time zone",
        "nodes[1].rating_a: must be",
        "nodes[1].rating: is unk",
    ):
        assert f"  site.toml: {problem}" in said.err
    assert not Path("headroom.sqlite3").exists()


@pytest.mark.parametrize("command", ["add", "check"])
def test_a_file_that_is_no_text_is_refused(run: Run, command: str):
    Path("site.toml").write_bytes(b"id = 'd\xff'")
    said = run("site", command, "site.toml")
    assert (said.code, said.out) == (2, "")
    assert "site.toml: is not UTF-8 (byte 7); save it as UTF-8" in said.err


def test_a_file_that_is_not_there_is_refused(run: Run):
    said = run("site", "add", "site.toml")
    assert (said.code, said.out) == (2, "")
    assert "site.toml: can't be read (No such file or directory)" in said.err


def test_a_file_of_another_kind_is_refused(run: Run):
    said = add(run, "{")
    assert (said.code, said.out) == (2, "")
    assert "site.toml: site: is not TOML" in said.err


def test_a_site_is_replaced_only_on_request(run: Run, depot: str):
    run("site", "add", depot)
    changed = DEPOT.replace("rating_a = 250", "rating_a = 260")

    said = add(run, changed)
    assert (said.code, said.out) == (2, "")
    assert "there is a site depot already; --replace puts this one in its place" in said.err

    assert add(run, changed, "--replace").code == 0
    assert in_store("SELECT revision FROM sites") == [(2,)]


def test_replacing_a_site_by_itself_changes_nothing(run: Run, depot: str):
    run("site", "add", depot)
    said = run("site", "add", depot, "--replace")
    assert (said.code, said.out.splitlines()[-1]) == (0, "Site depot is as depot.toml says already.")
    assert in_store("SELECT revision FROM sites") == [(1,)]


def test_a_station_that_is_no_longer_in_its_site_is_free_for_another_one(run: Run, depot: str):
    run("station", "add", "FAST")
    run("site", "add", depot)
    yard = 'id = "yard"\nnodes = [{id = "main", rating_a = 63}]\nevses = [{station = "FAST", node = "main"}]'

    said = add(run, yard)
    assert (said.code, said.out) == (2, "")
    assert "site.toml: evses[0].station: FAST belongs to the site depot; take it out there first" in said.err

    assert add(run, DEPOT.partition('[[evses]]\nstation = "FAST"')[0], "--replace").code == 0
    assert in_store("SELECT site_id FROM stations") == [(None,)]
    assert add(run, yard).code == 0
    assert in_store("SELECT site_id FROM stations") == [("yard",)]


def test_a_site_whose_failsafes_do_not_fit_is_saved_only_while_it_observes(run: Run):
    said = add(run, TOO_MUCH)
    assert (said.code, said.out) == (2, "")
    assert "site.toml: nodes[0].rating_a.L3: board: the failsafes (20 A)" in said.err
    assert "mode observe" in said.err
    assert in_store("SELECT * FROM sites") == []

    said = add(run, TOO_MUCH.replace("enforce", "observe"))
    assert said.code == 0
    assert "But: nodes[0].rating_a.L3: board: the failsafes (20 A)" in said.out
    assert in_store("SELECT revision FROM sites") == [(1,)]


def test_a_site_that_somebody_else_changes_in_the_same_moment_is_refused(run: Run, depot: str):
    run("site", "add", depot)
    with closing(sqlite3.connect("headroom.sqlite3")) as store, store:
        store.execute("CREATE TRIGGER late BEFORE UPDATE ON sites BEGIN SELECT RAISE(ABORT, 'late'); END")
    said = add(run, DEPOT.replace("rating_a = 250", "rating_a = 260"), "--replace")
    assert (said.code, said.out) == (2, "")
    assert "was changed by somebody else just now; try again" in said.err


# --- show


def test_a_site_is_drawn_with_all_that_hangs_on_its_circuits(run: Run, depot: str):
    run("station", "add", "CP-1")
    run("station", "add", "CP-2", "--unmanaged")
    run("site", "add", depot)
    with closing(sqlite3.connect("headroom.sqlite3")) as store, store:
        store.executemany(
            "INSERT INTO caps VALUES ('depot', ?, ?, ?, ?, ?, ?, ?, ?, 0)",
            [
                ("board", "rest", 40, 40, 40, None, None, "works on the roof"),
                ("main", "grid", 100, 90.5, None, 99_500, 4_102_444_800_000_000, None),
                ("main", "yesterday", 1, 1, 1, None, 1, None),
                ("shed", "rest", 1, 1, 1, None, None, None),
            ],
        )

    said = run("site", "show", "depot")

    assert said.code == 0
    assert [line.strip(" │├└─") for line in said.out.splitlines()] == [
        "The [bold]depot (depot): enforce, fair, Europe/Berlin, revision 1",
        "main: 3 x 250 A, 170 kW",
        "meter grid: all that flows here; silent for 10 s, others count as L1 178 A, L2 146 A, L3 162 A",
        "cap by grid: L1 100 A, L2 90.5 A, 99.5 kW, until 2100-01-01T00:00:00.000Z",
        "CP-2 EVSE 1: AC on L2, 6 to 32 A, failsafe 0 A, priority 3, unmanaged",
        "FAST EVSE 1: DC on L1 L2 L3, 50 kW, failsafe 0 A, not registered",
        "board: L1 63 A, L2 63 A, L3 32 A",
        "cap by rest: 3 x 40 A (works on the roof)",
        "CP-1 EVSE 1: AC on L1 L2 L3, 6 to 32 A, failsafe 6 A",
    ]


def test_a_name_can_not_move_the_cursor(run: Run):
    add(run, DEPOT.replace("The [bold]depot", "\\u001b[2Jgone"))
    assert "\x1b" not in run("site", "show").out + run("site", "show", "depot").out


@pytest.mark.parametrize("command", ["show", "check", "remove"])
def test_a_site_that_is_not_there_is_told(run: Run, command: str):
    said = run("site", command, "depot")
    assert (said.code, said.out) == (2, "")
    assert "there is no site depot" in said.err


# --- check


def test_checking_a_file_tells_the_worst_case_and_leaves_nothing_behind(run: Run, depot: str, tmp_path: Path):
    said = run("site", "check", depot)

    assert said.code == 0
    assert re.search(r"^main +L1 +250 +178 +6 +66 *$", said.out, re.MULTILINE)
    assert re.search(r"^main +power +170 kW +54.08 kW *$", said.out, re.MULTILINE)
    assert "A failsafe of 6 A or more fits for 2 of 3 EVSEs" in said.out
    assert re.search(r"^CP-2 +1 +main +0 +6 *$", said.out, re.MULTILINE)
    assert said.out.endswith("Site depot keeps every rule.\n")
    assert [path.name for path in tmp_path.iterdir()] == [depot]


def test_checking_a_file_looks_at_the_stations_that_are_there(run: Run, depot: str):
    run("station", "add", "CP-1", "--unmanaged")
    said = run("site", "check", depot)
    assert "CP-1 is unmanaged, so nothing is sent to it; csms station manage CP-1" in said.out
    assert "CP-2 is not registered" in said.out


def test_a_site_that_breaks_a_rule_fails_its_check_with_a_proposal(run: Run):
    Path("site.toml").write_text(TOO_MUCH)
    said = run("site", "check", "site.toml")
    assert said.code == 1
    assert re.search(r"^CP-1 +1 +board +20 +6 *$", said.out, re.MULTILINE)
    assert "Broken: nodes[0].rating_a.L3: board: the failsafes (20 A)" in said.out
    assert said.out.endswith("Site depot breaks a rule.\n")


def test_a_file_that_describes_no_site_fails_its_check_with_every_problem(run: Run):
    Path("site.toml").write_text('id = "de pot"\n[[nodes]]\nid = "main"\n')
    said = run("site", "check", "site.toml")
    assert said.code == 1
    assert [line.partition(": ")[2].partition(":")[0] for line in said.out.splitlines()] == [
        "nodes[0].rating_a",
        "id",
    ]


def test_a_saved_site_is_checked_by_its_id(run: Run, depot: str):
    run("site", "add", depot)
    assert run("site", "check", "depot").out.endswith("Site depot keeps every rule.\n")
    add(run, TOO_MUCH.replace("enforce", "observe"), "--replace")
    assert run("site", "check", "depot").code == 1


# --- remove


def test_a_removed_site_is_gone_and_its_stations_are_free(run: Run, depot: str):
    run("station", "add", "CP-1")
    run("site", "add", depot)
    said = run("site", "remove", "depot")
    assert said == Said(
        0,
        "Site depot is removed; a running server lets go of it within seconds, and clears its limits at the "
        "chargers as they are connected.\n",
        "",
    )
    assert run("site", "show").out.startswith("No sites yet")
    assert in_store("SELECT site_id FROM stations") == [(None,)]
    assert run("site", "add", depot).code == 0


# --- quickness


def test_help_loads_neither_the_server_nor_the_balancer():
    program = (
        "import sys, csms.cli; "
        "print(sorted({'numpy', 'balancer', 'csms.app', 'fastapi', 'simulators'}.intersection(sys.modules)))"
    )
    said = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout == "[]\n"


def test_ids_of_sites_differ_in_more_than_case(run: Run, depot: str):
    run("site", "add", depot)
    said = add(run, DEPOT.replace('"depot"', '"Depot"'))
    assert (said.code, said.out) == (2, "")
    assert "there is a site depot already; case tells no sites apart" in said.err
