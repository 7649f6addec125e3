"""The decision log runs again, to the same orders; a different balancer is found out."""

from __future__ import annotations

import math
import zlib
from itertools import pairwise

import msgspec
import pytest

from balancer.observations import Answered, CapSet, Measured, SiteChanged, Verdict
from balancer.orders import InstallFailsafe, SetLimit
from balancer.site import EvseKey, Site
from csms.domain.errors import StorageError
from csms.domain.site import LoggedDecision
from csms.usecases.balancing.decisions import (
    MEMORY,
    START,
    STEPS,
    LoggedStep,
    from_plain,
    packed,
    read_memory,
    read_start,
    read_steps,
    to_plain,
)
from csms.usecases.balancing.replay import replay
from tests.csms.usecases.balancing.scripted import FakeStation, World, sample, site_config

KEY = EvseKey("CP-1", 1)


def eventful() -> World:
    world = World(FakeStation("CP-1"), FakeStation("CP-2"))
    world.run(5)
    world.plug_in("CP-1", "t1")
    world.run(40)
    world.plug_in("CP-2", "t2")
    world.run(60)
    world.boot("CP-1")
    world.run(20)
    world.revise(nodes=[{"id": "main", "rating_a": 20}])
    world.run(60)
    world.start()
    world.run(30)
    world.unplug("CP-1")
    world.run(60)
    return world


def test_the_same_decisions_come_out_again():
    world = eventful()
    assert [entry.kind for entry in world.decisions].count(START) == 2
    assert replay(world.decisions) == []


def test_another_decision_is_told():
    world = eventful()
    for index, entry in enumerate(world.decisions):
        if entry.kind != STEPS:
            continue
        steps = msgspec.msgpack.decode(zlib.decompress(entry.data), type=list[LoggedStep])
        found = next((number for number, step in enumerate(steps) if step.orders), None)
        if found is None:
            continue
        steps[found] = LoggedStep(steps[found].now_s, steps[found].observations, ())
        world.decisions[index] = msgspec.structs.replace(entry, data=packed(steps))
        break
    (difference,) = replay(world.decisions)
    assert difference.logged == ()
    assert difference.replayed


def test_what_stands_before_the_first_start_is_skipped():
    world = eventful()
    assert replay(world.decisions[1:4]) == []


def test_a_log_of_another_format_is_refused():
    data = packed({"now_s": 0.0, "site": {}, "settings": {}, "restored": [], "format": 99})
    with pytest.raises(StorageError, match="99"):
        read_start(data)
    with pytest.raises(StorageError):
        replay([LoggedDecision(number=1, at_us=0, kind=START, data=data)])


DAY_S = 86_400.0


def days(count: int) -> World:
    """A site over some days: cars come and go, a charger boots, and the site changes while others charge."""
    world = World(FakeStation("CP-1"), FakeStation("CP-2"), samples=False)
    world.run(5)
    for day in range(count):
        world.plug_in("CP-1", f"morning-{day}", wants_a=12.0)
        world.run(3 * 3600)
        world.plug_in("CP-2", f"noon-{day}")
        world.run(600)
        world.tell(sample("CP-1", f"morning-{day}", world.now_us, 11.0))
        world.run(3600)
        world.boot("CP-2")
        world.revise(nodes=[{"id": "main", "rating_a": 20 + day}])
        world.run(8 * 3600)
        world.unplug("CP-1")
        world.run(6 * 3600)
        world.unplug("CP-2")
        world.run(DAY_S - 18 * 3600 - 600)
    return world


def orders(line: LoggedDecision) -> int:
    """Return how many steps of a line have orders."""
    return sum(bool(step.orders) for step in read_steps(line.data))


def without_orders(line: LoggedDecision) -> LoggedDecision:
    steps = [LoggedStep(step.now_s, step.observations, ()) for step in read_steps(line.data)]
    return msgspec.structs.replace(line, data=packed(steps))


def test_a_log_without_its_beginning_runs_from_its_first_memory_on():
    """Lines older than the retention are deleted: wherever that cuts, at most a day can't be run again."""
    lines = days(3).decisions
    places = [index for index, entry in enumerate(lines) if entry.kind == MEMORY]
    times_s = [lines[0].at_us / 1e6, *(lines[index].at_us / 1e6 for index in places)]
    assert [line.kind for line in lines].count(START) == 1
    assert len(places) >= 2
    assert all(DAY_S <= then - before < DAY_S + 3600 for before, then in pairwise(times_s))
    for cut in [1, places[0] // 2, places[0], places[0] + 1, places[-1] - 1, places[-1]]:
        assert replay(lines[cut:]) == []
    for place in places:
        ran = lines[place:]
        last = max(index for index, one in enumerate(ran) if one.kind == STEPS and orders(one))
        ran[last] = without_orders(ran[last])
        # So it was run, and not skipped.
        assert len(replay(ran)) == orders(lines[place + last])
    assert replay(lines[places[-1] + 1 :]) == []


def test_who_ran_from_the_start_is_not_made_anew_by_a_memory():
    lines = days(2).decisions
    lines = [msgspec.structs.replace(line, data=b"") if line.kind == MEMORY else line for line in lines]
    assert replay(lines) == []


def test_a_start_after_a_memory_begins_anew():
    world = days(2)
    world.start()
    world.plug_in("CP-1", "late")
    world.run(600)
    place = next(index for index, entry in enumerate(world.decisions) if entry.kind == MEMORY)
    assert replay(world.decisions[place:]) == []


def test_a_memory_of_another_format_is_refused():
    with pytest.raises(StorageError, match="99"):
        read_memory(packed({"memory": {}, "format": 99}))


@pytest.mark.parametrize(
    "told",
    [
        Answered(3, Verdict.REJECTED, 1.5),
        CapSet("main", "dso", (math.inf, 2.0, 3.0), None, 1.0),
        Measured(KEY, 2.0, (1.0, 2.0, 3.0), wants=False),
        SetLimit(1, KEY, "t", 6.0, 0.0, None, 1.0, raises=True, total_a=None),
        InstallFailsafe(2, KEY, 0.0),
        SiteChanged(Site.parse(site_config()), 3.0),
    ],
)
def test_what_is_told_and_ordered_is_read_back_as_it_was(told: object):
    assert from_plain(msgspec.msgpack.decode(msgspec.msgpack.encode(to_plain(told)))) == told


def test_quiet_hours_cost_little():
    world = World(FakeStation("CP-1"), FakeStation("CP-2"))
    world.run(3600)
    assert sum(len(entry.data) for entry in world.decisions) < 5_000
