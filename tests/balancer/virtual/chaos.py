"""Seeded chance over a world: cars come and go, messages get lost, stations vanish, boot, lie, and the host dies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from balancer.observations import Capability, CapSet
from balancer.site import EvseKey, Site
from tests.balancer.virtual.charger import Car, Foreign
from tests.balancer.virtual.measuring import Timing
from tests.balancer.virtual.network import Fate
from tests.balancer.virtual.sites import alike
from tests.balancer.virtual.world import World


@dataclass(frozen=True)
class Faults:
    """Which kinds of events may happen, with weights; cars always come and go."""

    bad_calls: float = 0.1
    """The share of calls that are lost, late or doubled."""
    disconnects: int = 3
    boots: int = 1
    """Of stations that keep their profiles."""
    crashes: int = 1
    watts: bool = True
    """Some chargers take watts only."""
    base_steps: int = 0
    cap_steps: int = 0
    meter_outages: int = 0
    forgetful_boots: int = 0
    foreign: int = 0
    disobedience: int = 0
    site_changes: int = 0


CALM = Faults()
"""No event after which an overload would be excused: nothing at all may flow too much."""
WILD = Faults(
    base_steps=3, cap_steps=2, meter_outages=1, forgetful_boots=1, foreign=1, disobedience=1, site_changes=1
)


def random_fate(random: Random, share: float) -> Fate:
    """What happens to a call of which `share` go wrong."""
    prompt = Fate(request_s=random.uniform(0.0, 0.4), answer_s=random.uniform(0.0, 0.4))
    if random.random() >= share:
        return prompt
    return random.choice(
        [
            Fate(request_lost=True),
            Fate(request_s=prompt.request_s, answer_lost=True),
            Fate(request_s=random.uniform(0.5, 30.0)),
            Fate(answer_s=random.uniform(0.5, 15.0)),
            Fate(request_s=prompt.request_s, twice=True),
            Fate(request_s=random.uniform(0.5, 15.0), answer_lost=True, twice=True),
        ]
    )


def random_car(random: Random) -> Car:
    """A car of one to three phases whose appetite changes, also to nothing and back, at once or in no time at all."""
    plan = [(0.0, random.choice([0.0, 8.0, 16.0, 32.0]))]
    while random.random() < 0.75:
        plan.append(
            (plan[-1][0] + random.uniform(5.0, 900.0), random.choice([0.0, 3.5, 6.0, 11.0, 16.0, 32.0]))
        )
    return Car(
        phases=random.choice([1, 2, 3, 3]),
        plan=tuple(plan),
        sleeps_after_pause_s=random.choice([0.0, 0.0, 30.0, 400.0]),
    )


def random_world(random: Random, site: Site, faults: Faults, timing: Timing | None = None) -> World:
    """A world in which `faults` may happen; each charger has a reaction time and a clock error as declared."""
    capabilities: dict[EvseKey, Capability] = {}
    for evse in site.evses:
        capabilities[evse.key] = Capability(
            evse.key,
            leases=random.random() < 0.85,
            clock_error_s=random.choice([0.0, 2.0, 20.0]),
            obeys_within_s=random.choice([2.0, 10.0, 10.0, 20.0]),
            in_watts=faults.watts and evse.supply == "AC" and random.random() < 0.15,
        )
    world = World(
        site,
        capabilities=capabilities,
        keeps_profiles=lambda _: random.random() < 0.5,
        timing=timing or Timing(apart=random.random() < 0.5, late_s=random.choice([0.0, 0.0, 4.0])),
        chance=lambda: random_fate(random, faults.bad_calls),
    )
    world.keep_history = False
    for charger in world.chargers():
        capability = capabilities[charger.evse.key]
        charger.clock_error_s = random.choice([-1.0, 0.0, 1.0]) * capability.clock_error_s
        charger.reaction_s = random.uniform(0.0, capability.obeys_within_s)
        charger.offers_late = random.random() < 0.3
        charger.in_watts = capability.in_watts
    return world


class Chaos:
    """Causes one event after another."""

    def __init__(self, random: Random, world: World, faults: Faults) -> None:
        """Let `faults` happen to `world`."""
        self.random, self.world, self.faults = random, world, faults
        kinds: list[tuple[Callable[[], None], int]] = [
            (self._plug, 8),
            (self._unplug, 3),
            (self._disconnect, faults.disconnects),
            (self._boot_keeping, faults.boots),
            (self._crash, faults.crashes),
            (self._base_step, faults.base_steps if world.site.meters else 0),
            (self._cap_step, faults.cap_steps),
            (self._meter_outage, faults.meter_outages if world.site.meters else 0),
            (self._boot_forgetting, faults.forgetful_boots),
            (self._foreign, faults.foreign),
            (self._disobey, faults.disobedience),
            (self._change_site, faults.site_changes),
        ]
        self._kinds = [kind for kind, weight in kinds for _ in range(weight)]

    def run(self, events: int, *, pause_s: float = 60.0) -> None:
        """Cause so many events, seldom at once, sometimes with a long quiet time between them."""
        for _ in range(events):
            self.random.choice(self._kinds)()
            self.world.run(
                self.random.choice([0.01, 0.3, 4.0, pause_s, pause_s, pause_s * 5]) * self.random.random()
            )
        self.world.run(60.0)

    def _station(self) -> str:
        return self.random.choice(list(self.world.stations))

    def _key(self) -> EvseKey:
        return self.random.choice([evse.key for evse in self.world.site.evses])

    def _plug(self) -> None:
        self.world.plug(self._key(), random_car(self.random))

    def _unplug(self) -> None:
        self.world.unplug(self._key())

    def _disconnect(self) -> None:
        name = self._station()
        self.world.disconnect(name, noticed_after_s=self.random.choice([0.0, 0.0, 5.0, 40.0]))
        away_s = self.random.choice([0.1, 5.0, 120.0, 1500.0]) * self.random.random()
        self.world.agenda.after(away_s, lambda: self.world.reconnect(name))

    def _boot_keeping(self) -> None:
        self._boot(forgets=False)

    def _boot_forgetting(self) -> None:
        self._boot(forgets=True)

    def _boot(self, *, forgets: bool) -> None:
        dark_s = self.random.uniform(1.0, 40.0)
        self.world.boot(
            self._station(), dark_s=dark_s, away_s=dark_s + self.random.uniform(0.0, 60.0), forgets=forgets
        )

    def _crash(self) -> None:
        world, random = self.world, self.random
        if world.host.controller is None:
            return
        down_s = random.choice([0.01, 3.0, 60.0, 600.0]) * random.random()
        back_s = {name: random.choice([0.1, 10.0, 200.0]) * random.random() for name in world.stations}
        if random.random() < 0.5:
            world.crash(down_s=down_s, rows_kept=random.randint(0, 6), back_after_s=back_s.__getitem__)
            return
        world.crash_in_next_decision(
            orders=random.randint(0, 3),
            rows=random.randint(0, 6),
            down_s=down_s,
            back_after_s=back_s.__getitem__,
        )

    def _base_step(self) -> None:
        meter = self.random.choice(self.world.site.meters)
        node = next(node for node in self.world.site.nodes if node.meter == meter.id)
        worst_a = min(meter.fallback_a)
        load_a = tuple(self.random.choice([0.0, 0.5, 1.0, self.random.random()]) * worst_a for _ in range(3))
        self.world.load(node.id, (load_a[0], load_a[1], load_a[2]))

    def _cap_step(self) -> None:
        node = self.random.choice(self.world.site.nodes)
        source = self.random.choice(["dso", "operator"])
        if self.random.random() < 0.4:
            self.world.uncap(node.id, source)
            return
        rating_a = min(node.rating_a)
        limit_a = rating_a * self.random.choice([0.3, 0.6, 0.9, 1.5])
        until_s = self.random.choice([None, self.world.now_s + self.random.uniform(1.0, 600.0)])
        watts = self.random.random() < 0.3
        self.world.cap(
            CapSet(
                node=node.id,
                source=source,
                limit_a=None if watts else alike(limit_a),
                limit_w=limit_a * 690.0 if watts else None,
                at_s=self.world.now_s,
                until_s=until_s,
            )
        )

    def _meter_outage(self) -> None:
        meter = self.random.choice(self.world.site.meters).id
        self.world.measuring.silence(meter)
        self.world.agenda.after(
            self.random.uniform(1.0, 200.0), lambda: self.world.measuring.unsilence(meter)
        )

    def _foreign(self) -> None:
        key = self._key()
        if not self.world.can_send(key):
            return
        if self.random.random() < 0.2:
            self.world.clear_ours(key)
        elif self.world.charger(key).foreign is None:
            foreign = Foreign(self.random.choice([6.0, 10.0, 32.0]), caps=self.random.random() < 0.4)
            self.world.set_foreign(key, foreign)
        else:
            self.world.clear_foreign(key)

    def _disobey(self) -> None:
        key = self._key()
        self.world.disobey(key, disobeys=not self.world.charger(key).disobeys)

    def _change_site(self) -> None:
        """Rewire a board: another rating for it, as far as the failsafes still fit."""
        site = self.world.site
        boards = [node for node in site.nodes if node.parent is not None]
        if not boards or self.world.host.controller is None:
            return
        board = self.random.choice(boards)
        held_a = sum(evse.failsafe_a for evse in site.below(board.id))
        rating_a = max(held_a, float(self.random.randint(6, 48)))
        nodes = tuple(
            replace(node, rating_a=alike(rating_a)) if node is board else node for node in site.nodes
        )
        self.world.rewire(replace(site, nodes=nodes))
