"""Whole runs, as the commands start them, at a tiny central system."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from simulators import scenario as scenarios
from simulators.journal import read
from simulators.run import DONE, INCOMPLETE, INTERRUPTED, Run
from simulators.scenario import ScenarioError
from simulators.screen import Screen
from simulators.site_meter import Lines
from tests.simulators.central import DEADLINE_S, START, Central, central_system

pytestmark = pytest.mark.anyio

TWO_OF_EACH = """
title = "Four chargers, four cars"
speed = 120
lasts_s = 3600
boot_spread_s = 5
[[nodes]]
id = "main"
limit_a = [63, 63, 63]
base_a = [10, 20, 30]
[[stations]]
id = "RUN-{n}"
count = 4
version = "mixed"
node = "main"
[[cars]]
phases = 3
[[cars]]
phases = 1
max_a = 32
[arrivals]
first_s = [10, 30]
stay_s = [120, 180]
energy_kwh = [5, 9]
[meter]
every_s = 10
"""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def run_of(central: Central, text: str = TWO_OF_EACH, **options: Any) -> Run:
    return Run(
        scenario=scenarios.parse(text),
        url=central.url,
        screen=Screen(options.pop("stream", io.StringIO())),
        **options,
    )


async def test_a_fleet_runs_to_its_end_and_reports_what_truly_happened(tmp_path: Path):
    stream, readings = io.StringIO(), io.StringIO()
    journal, report = tmp_path / "journal.jsonl", tmp_path / "report.json"
    async with central_system() as central:
        run = run_of(
            central, journal=journal, report_to=report, sink=Lines(readings), draws=True, stream=stream
        )
        assert await run.run() == DONE
    told = json.loads(report.read_text())
    sessions = [session for station in told["stations"] for session in station["sessions"]]
    assert len(sessions) == 4
    assert all(
        abs(one["meter_stop_wh"] - one["meter_start_wh"] - one["energy_wh"]) <= 1 < one["energy_wh"]
        for one in sessions
    )
    assert told["site_from"].startswith("2026-03-02T07:00")
    assert {circuit["phase"] for circuit in told["circuits"]} == {"L1", "L2", "L3"}
    assert all(circuit["peak_a"] > 10 for circuit in told["circuits"])
    assert told["reaction_s"] == 1 + 2 + 32 / 8
    assert told["progress"]["connected"] == 4
    assert told["stations"][0]["draws"]["1"]
    # Every acknowledged call stands in the journal; the two that asked for the time are nobody's.
    entries = read(journal.read_text().splitlines())
    assert all(entry.acknowledged for entry in entries)
    assert len(entries) == len(central.calls) - 2
    assert "4/4 sessions ended" in stream.getvalue()
    assert "stations keep their own" in stream.getvalue(), "this server's time stands still"
    lines = [json.loads(line) for line in readings.getvalue().splitlines()]
    assert max(line["current_a"]["L3"] for line in lines) > 30
    assert lines[0]["at"] >= "2026-03-02T07:00"


async def test_a_fleet_with_its_own_clock_never_asks_for_the_time():
    async with central_system() as central:
        central.now = lambda: START.replace(year=1999)
        run = run_of(central, own_clock=True, behind_h=24)
        assert await run.run() == DONE
        assert len(central.told("BootNotification")) == 4
        assert not any("1999" in json.dumps(payload) for _, payload in central.calls)


async def test_stations_go_by_the_time_of_a_server_that_runs_as_fast():
    stream = io.StringIO()
    begins_s = asyncio.get_running_loop().time()

    def fast() -> datetime:
        return START + timedelta(seconds=120 * (asyncio.get_running_loop().time() - begins_s))

    async with central_system(now=fast) as central:
        assert await run_of(central, stream=stream).run() == DONE
    assert "keep their own" not in stream.getvalue()


async def test_what_is_never_acknowledged_is_told_by_the_exit_code():
    text = TWO_OF_EACH.replace("lasts_s = 3600", "lasts_s = 300")
    async with central_system() as central:
        central.replies["StartTransaction"] = lambda _payload: None
        run = run_of(central, text.replace('version = "mixed"', 'version = "1.6"'), drain_s=0.1)
        assert await run.run() == INCOMPLETE


async def test_an_interrupt_ends_a_run_at_once_and_the_report_is_still_written(tmp_path: Path):
    report = tmp_path / "report.json"
    async with central_system() as central:
        running = asyncio.create_task(run_of(central, report_to=report).run())
        await central.first("StatusNotification")
        os.kill(os.getpid(), signal.SIGINT)
        assert await asyncio.wait_for(running, DEADLINE_S) == INTERRUPTED
    assert json.loads(report.read_text())["title"] == "Four chargers, four cars"


async def test_an_interrupt_ends_the_wait_for_a_server_that_is_not_there():
    async with central_system() as central:
        away = Central()
        away.port = central.port
    stream = io.StringIO()
    failed = asyncio.Event()
    run = run_of(away, stream=stream)
    complain = run.screen.complain
    run.screen.complain = lambda what: (complain(what), failed.set())
    running = asyncio.create_task(run.run())
    await asyncio.wait_for(failed.wait(), DEADLINE_S)
    os.kill(os.getpid(), signal.SIGTERM)
    assert await asyncio.wait_for(running, DEADLINE_S) == INTERRUPTED
    assert "RUN-1: " in stream.getvalue()


async def test_a_station_by_hand_does_what_is_typed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    typed = """
        help
        plug 1 3 16 50   # a comment
        plug
        card
        card TAG
        wait 90
        show
        nonsense
        offline soon
        fault GroundFailure
        fault -
        unplug 7
        unplug
        wait 5
        boot
        quit
        plug
    """
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    stream = io.StringIO()
    text = 'title = "By hand"\nspeed = 60\nlasts_s = 1e9\nboot_spread_s = 0\n[[stations]]\nid = "HAND"'
    async with central_system() as central:
        assert await run_of(central, text, by_hand=True, stream=stream).run() == DONE
        assert central.told("StartTransaction")[0]["idTag"] == "TAG"
        assert central.told("StopTransaction")
    said = stream.getvalue()
    assert "hold a card" in said
    assert "transaction 1 of TAG" in said
    assert "16.0 16.0 16.0 A" in said
    for complaint in (
        "plug: HAND/1 has a car already",
        "card: say which",
        "nonsense: not known",
        "offline: soon is no number",
        "unplug: there is no EVSE 7",
    ):
        assert complaint in said


async def test_a_meter_without_a_circuit_is_refused():
    text = TWO_OF_EACH.replace("every_s = 10", 'node = "roof"')
    async with central_system() as central:
        with pytest.raises(ScenarioError, match="roof"):
            await run_of(central, text, sink=Lines(io.StringIO())).run()


async def test_on_a_terminal_progress_stays_in_its_line():
    stream = Terminal()
    async with central_system() as central:
        await run_of(central, stream=stream).run()
    assert "\r\x1b[2K2026-03-02" in stream.getvalue()


def test_the_same_complaint_is_made_once():
    stream = io.StringIO()
    screen = Screen(stream)
    for what in ("A: refused", "B: refused", "C: timed out", "D: refused"):
        screen.complain(what)
    assert stream.getvalue() == "A: refused\nC: timed out\nD: refused\n"
