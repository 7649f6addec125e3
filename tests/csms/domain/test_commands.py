"""Where commands stand."""

from __future__ import annotations

from csms.domain.commands import CommandState, Priority


def test_a_command_that_waits_or_has_left_is_not_final_and_all_else_is() -> None:
    assert {state for state in CommandState if not state.final} == {CommandState.QUEUED, CommandState.SENT}


def test_stops_leave_before_limits_and_limits_before_people_and_people_before_reports() -> None:
    assert sorted(Priority) == [Priority.STOP, Priority.LIMIT, Priority.OPERATOR, Priority.BACKGROUND]
