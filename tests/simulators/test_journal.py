"""The journal: what was sent, what became of it, and nothing else."""

from __future__ import annotations

import json

from simulators.journal import Journal, read


def test_a_call_is_open_until_it_is_answered() -> None:
    journal = Journal("C1")
    entry = journal.sent("1", "Heartbeat", '[2,"1","Heartbeat",{}]', 10.0)
    assert (entry.fate, entry.acknowledged, journal.acknowledged()) == (None, False, [])
    assert journal.ended("1", "answered", 10.5, '[3,"1",{}]') is entry
    assert (entry.acknowledged, entry.ended_at_s) == (True, 10.5)
    assert journal.acknowledged() == journal.acknowledged("Heartbeat") == [entry]
    assert journal.acknowledged("Authorize") == []


def test_only_a_result_acknowledges() -> None:
    journal = Journal("C1")
    for number, fate in enumerate(("refused", "unanswered", "lost", "answered")):
        journal.sent(str(number), "StopTransaction", "…", 0.0, fact="StopTransaction#1", attempt=number + 1)
        journal.ended(str(number), fate, 1.0)
    assert [entry.attempt for entry in journal.acknowledged()] == [4]
    assert {entry.fact for entry in journal.entries} == {"StopTransaction#1"}


def test_a_lost_connection_ends_what_is_open_and_late_answers_are_strays() -> None:
    journal = Journal("C1")
    journal.sent("1", "MeterValues", "…", 0.0)
    assert [entry.fate for entry in journal.lose_open(2.0)] == ["lost"]
    assert journal.ended("1", "answered", 3.0) is None
    assert journal.counts == {"sent": 1, "lost": 1, "stray": 1}
    assert journal.acknowledged() == []


def test_lines_are_json_and_can_be_read_back_even_when_the_last_was_cut() -> None:
    lines: list[str] = []
    journal = Journal("C1", lines.append)
    journal.sent("1", "Heartbeat", '[2,"1","Heartbeat",{}]', 10.0)
    journal.heard('[2,"9","Reset",{}]', 10.2, '[3,"9",{}]')
    journal.note("connected", 10.3, attempt=2)
    journal.ended("1", "answered", 10.5, '[3,"1",{}]')
    assert all(line.endswith("\n") for line in lines)
    kinds = [json.loads(line)["kind"] for line in lines]
    assert kinds == ["heard", "connected", "call"]
    assert read([*lines, lines[-1][:30]]) == journal.entries
    assert journal.received == [(10.2, '[2,"9","Reset",{}]', '[3,"9",{}]')]


def test_a_large_fleet_keeps_nothing_but_counts() -> None:
    lines: list[str] = []
    journal = Journal("C1", lines.append, keep=False)
    journal.sent("1", "Heartbeat", "…", 0.0)
    journal.ended("1", "answered", 1.0)
    journal.heard("…", 2.0, None)
    assert (journal.entries, journal.received, len(lines)) == ([], [], 2)
    assert journal.counts == {"sent": 1, "answered": 1, "heard": 1}
