"""The decision log runs again, to the same orders; a different balancer is found out."""

from __future__ import annotations

import math
import zlib

import msgspec
import pytest

from balancer.observations import Answered, CapSet, Measured, SiteChanged, Verdict
from balancer.orders import InstallFailsafe, SetLimit
from balancer.site import EvseKey, Site
from csms.domain.errors import StorageError
from csms.domain.site import LoggedDecision
from csms.usecases.balancing.decisions import (
    START,
    STEPS,
    LoggedStep,
    from_plain,
    packed,
    read_start,
    to_plain,
)
from csms.usecases.balancing.replay import replay
from tests.csms.usecases.balancing.scripted import FakeStation, World, site_config

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
