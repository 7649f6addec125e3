"""Nothing that was acknowledged is lost or doubled when the process is killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from tests.csms.storage.engines import SqliteEngine

PROGRAM = Path(__file__).with_name("kill_program.py")
ROOT = Path(__file__).parents[3]
KILLED_AFTER = (1, 2, 5, 17, 49, 111, 230, 500, 901, 1500)
"""Acknowledgements, so that no moment depends on how fast the machine is."""


def killed_after(acknowledgements: int, url: str, first: int) -> list[tuple[int, int]]:
    """Run the program until it has said so many, kill it, and return all that it could say."""
    with subprocess.Popen(
        [sys.executable, str(PROGRAM), url, str(first)],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={"PYTHONPATH": "."},
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(acknowledgements)]
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.readlines()
    assert process.returncode == -signal.SIGKILL
    pairs = [line.split() for line in lines if line.endswith(b"\n")]
    return [(int(number), int(ocpp_id)) for number, ocpp_id in pairs]


def test_what_was_acknowledged_before_a_kill_is_there_once(sqlite: SqliteEngine):
    acknowledged: dict[int, int] = {}
    for moment in KILLED_AFTER:
        # What was not acknowledged is sent again, as a station does.
        heard = killed_after(moment, sqlite.url, len(acknowledged))
        acknowledged |= dict(heard)
        assert len(heard) >= moment
        assert list(acknowledged) == list(range(len(acknowledged)))

        stored = sqlite.rows("SELECT device_started_at, ocpp_id FROM transactions")
        by_number = {int(row["device_started_at"]): row["ocpp_id"] for row in stored}
        assert len(by_number) == len(stored)
        assert acknowledged.keys() <= by_number.keys()

        samples = sqlite.rows("SELECT at_us FROM samples")
        assert sorted(row["at_us"] for row in samples) == sorted(by_number)
        events = {int(row["data"]) for row in sqlite.rows("SELECT data FROM events")}
        assert acknowledged.keys() <= events

    assert len(set(acknowledged.values())) == len(acknowledged)
    (tokens,) = sqlite.rows("SELECT count(*) AS n FROM tokens")
    assert tokens["n"] == 1
    assert sqlite.rows("PRAGMA integrity_check") == [{"integrity_check": "ok"}]
