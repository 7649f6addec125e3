"""What a controller knows is written and read back whole: who reads it goes on as the writer would."""

from __future__ import annotations

import dataclasses
import enum
import math
import typing
from dataclasses import replace
from random import Random

import msgspec
import pytest

from balancer.controller import Controller, Decision
from balancer.memory import Memory
from balancer.observations import Capability, Observation, StartAsked
from balancer.settings import Settings
from balancer.site import EvseKey, Site
from csms.domain.errors import StorageError
from csms.usecases.balancing import memories
from tests.balancer.virtual.chaos import WILD, Chaos, random_world
from tests.balancer.virtual.sites import one_fuse, random_site


def read_back(controller: Controller) -> Controller:
    written = msgspec.msgpack.encode(memories.to_plain(controller.memory()))
    memory = memories.from_plain(msgspec.msgpack.decode(written))
    read = Controller(memory.site, settings=memory.settings, now_s=memory.now_s)
    read.take_over(memory)
    return read


class Twins:
    """A controller, and another one that is made anew of its own memory after each step."""

    def __init__(self, controller: Controller) -> None:
        self._first, self._second = controller, read_back(controller)
        self.orders = 0

    def step(self, now_s: float, observations: typing.Sequence[Observation]) -> Decision:
        decision = self._first.step(now_s, observations)
        assert self._second.step(now_s, observations) == decision
        self._second = read_back(self._second)
        self.orders += len(decision.orders)
        return decision

    def __getattr__(self, name: str) -> object:
        return getattr(self._first, name)


@pytest.mark.soak
@pytest.mark.parametrize("measures", [None, "node_total", "other_loads"])
def test_who_is_made_of_a_memory_at_each_step_decides_the_same_all_the_time(measures, scaled):
    for seed in range(scaled(2, 100)):
        random, faults = Random(seed), replace(WILD, crashes=0)
        world = random_world(random, random_site(random, measures=measures), faults)
        world.start()
        world.host.controller = twins = Twins(world.host.controller)
        Chaos(random, world, faults).run(40)
        assert twins.orders > 10


def test_who_waits_for_consent_is_remembered():
    keys = [EvseKey("CP-1", 1), EvseKey("CP-2", 1)]
    site = one_fuse(2, 32.0)
    twins = Twins(Controller(site, now_s=0.0))
    twins.step(1.0, [Capability(key, movable=False, gated=True) for key in keys])
    first = twins.step(2.0, [StartAsked(key, 2.0) for key in keys])
    assert sorted(first.starts.values()) == [False, True]
    assert twins.step(3.0, ()).starts == first.starts


def test_all_types_that_a_memory_may_hold_can_be_written():
    """What is missing would be found out at the end of a site's first day only."""
    found: set[type] = set()

    def walk(kind: object) -> None:
        for part in typing.get_args(kind):
            walk(part)
        if not isinstance(kind, type) or kind in found or kind in {Site, Settings}:
            return
        fields = hasattr(kind, "_fields") or dataclasses.is_dataclass(kind)
        if fields or issubclass(kind, enum.Enum):
            found.add(kind)
        if fields:
            for part in typing.get_type_hints(kind).values():
                walk(part)

    walk(Memory)
    assert {kind.__name__: kind for kind in found - {Memory}} == memories._KINDS


def fresh() -> dict:
    return memories.to_plain(Controller(one_fuse(1, 32.0), now_s=0.0).memory())


def without_a_member(plain: dict) -> None:
    del plain["books"][1]["accounts"][1][1][1]["owner"]


def with_another_kind(plain: dict) -> None:
    plain["books"][1]["accounts"][1][1][0] = "Konto"


def with_another_alarm(plain: dict) -> None:
    plain["told"].append(["AlarmKind", "unheard-of"])


def without_a_part(plain: dict) -> None:
    del plain["visits"]


def of_another_site(plain: dict) -> None:
    plain["site"]["nodes"] = []


@pytest.mark.parametrize(
    "spoil", [without_a_member, with_another_kind, with_another_alarm, without_a_part, of_another_site]
)
def test_what_another_release_wrote_is_refused(spoil):
    plain = fresh()
    memories.from_plain(plain)
    spoil(plain)
    with pytest.raises(StorageError, match="this release"):
        memories.from_plain(plain)


def test_what_never_ends_and_never_was_is_read_back():
    memory = memories.from_plain(msgspec.msgpack.decode(msgspec.msgpack.encode(fresh())))
    (account,) = memory.books.accounts.values()
    assert account.confirmed_s == -math.inf
    assert account.obedience.settings is account.settings is memory.settings
