from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.agenda import Agenda
from simulators.site_clock import SiteClock, format_utc, parse_utc


def test_site_time_runs_so_many_times_as_fast_from_where_it_was_set():
    machine_s = iter([100.0, 100.0, 102.0, 102.0, 103.0])
    clock = SiteClock(60, now_s=1000.0, monotonic_s=lambda: next(machine_s))
    assert clock.now_s() == 1000.0
    assert clock.now_s() == 1120.0
    clock.set(5000.0)
    assert clock.now_s() == 5060.0
    assert clock.machine_s(120) == 2


def test_time_that_stands_still_is_refused():
    with pytest.raises(ValueError, match="speed"):
        SiteClock(0)


@pytest.mark.anyio
async def test_what_is_past_is_not_waited_for():
    clock = SiteClock(1000, now_s=50.0)
    await clock.sleep_until(10.0)
    await clock.sleep_until(60.0)
    assert clock.now_s() >= 60.0


@given(st.floats(0, 4e9))
def test_timestamps_are_read_as_they_were_written(at_s):
    assert parse_utc(format_utc(at_s)) == pytest.approx(at_s, abs=6e-4)


@pytest.mark.parametrize(
    ("text", "at_s"),
    [("1970-01-01T00:00:10Z", 10), ("1970-01-01T01:00:10+01:00", 10), ("1970-01-01T00:00:10", 10)],
)
def test_timestamps_may_have_any_offset_or_none(text, at_s):
    assert parse_utc(text) == at_s


def test_an_agenda_is_kept_in_order_with_what_is_noted_meanwhile():
    agenda = Agenda()
    done: list[tuple[str, float]] = []

    def first(at_s: float) -> None:
        done.append(("first", at_s))
        agenda.at(2.5, lambda at_s: done.append(("between", at_s)))

    agenda.at(3.0, lambda at_s: done.append(("third", at_s)))
    agenda.at(2.0, first)
    agenda.at(3.0, lambda at_s: done.append(("fourth", at_s)))
    agenda.at(9.0, lambda at_s: done.append(("later", at_s)))
    assert agenda.next_s() == 2.0
    agenda.keep(3.0)
    assert done == [("first", 2.0), ("between", 2.5), ("third", 3.0), ("fourth", 3.0)]
    assert agenda.next_s() == 9.0
    agenda.keep(9.0)
    assert agenda.next_s() == float("inf")
