"""The commands, as somebody types and reads them."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path

import pytest

from csms import cli as csms_cli
from simulators import cli, scenario
from tests.end_to_end.server import ROOT, environment
from tests.simulators.central import DEADLINE_S, central_system


@pytest.fixture
def run(capsys):
    """Type a command; returns its exit code and what it printed."""

    def typed(*arguments: str, main=cli.main):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        out, err = capsys.readouterr()
        return ended.value.code or 0, out, err

    return typed


@pytest.mark.parametrize("command", ["station", "fleet", "scenarios"])
def test_each_command_shows_an_example_in_its_help(run, command):
    code, out, _ = run(command, "--help")
    assert code == 0
    assert "Example: python -m simulators" in " ".join(out.split())


def test_the_servers_command_leads_to_them(run):
    code, out, _ = run("simulate", "fleet", "--help", main=csms_cli.main)
    assert code == 0
    assert "csms simulate fleet" in out


def test_the_scenarios_at_hand_are_listed_with_what_they_are(run):
    code, out, _ = run("scenarios")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == scenario.names()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--scenario", "nonsense"], "scenarios at hand"),
        (["--scenario", "european-week"], "in which folder"),
        (["--scenario", "first-look", "--meter-url", "ftp://x"], "--meter-url"),
    ],
)
def test_what_can_not_be_played_is_refused(run, arguments, complaint):
    code, out, err = run("fleet", "--url", "ws://127.0.0.1:9/", *arguments)
    assert (code, out) == (2, "")
    assert complaint in err


@pytest.mark.anyio
async def test_a_fleet_as_a_process_of_its_own_reports_to_stdout_and_ends_cleanly_on_ctrl_c():
    async with central_system() as central:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "simulators", "fleet", "--url", central.url),
            *("--scenario", "first-look", "--report", "-"),
            cwd=ROOT,
            env=environment(),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        await central.first("StatusNotification")
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(DEADLINE_S):
            out, err = await process.communicate()
    assert process.returncode == 130
    assert json.loads(out)["title"].startswith("Three chargers")
    assert b"Traceback" not in err
    assert b"online" in err


@pytest.mark.anyio
async def test_a_station_by_hand_as_a_process_of_its_own_plays_what_is_piped_to_it(tmp_path: Path):
    journal = tmp_path / "journal.jsonl"
    async with central_system() as central:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "csms", "simulate", "station", "--url", central.url),
            *("--id", "CP-{9}", "--key", "secret", "--version", "2.0.1", "--speed", "60"),
            *("--journal", str(journal)),
            cwd=ROOT,
            env=environment(),
            stdin=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(DEADLINE_S):
            _, err = await process.communicate(b"plug\ncard TAG\nwait 30\nunplug\n")
        assert process.returncode == 0, err
        events = [one["eventType"] for one in central.told("TransactionEvent")]
        assert (events[0], events[-1]) == ("Started", "Ended")
        assert central.headers[0] is not None
        assert journal.read_text().count('"TransactionEvent"') == len(events)
