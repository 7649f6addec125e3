"""Judges a run by physics: what really flows against what may, and what the ledger claims against what flows.

**P1** On every node and phase the true current of all chargers and other loads stays within the limit in force
(rating and caps; and within the limit on power), except

* within `reaction_s` after a disturbance that no controller can foresee: a step of other loads or of a cap, a boot
  that forgot the default profile, a foreign profile that wins, our profiles cleared, disobedience found out; or
* when such a disturbance is not longer ago than a limit once given can last, and of the stations that have been
  reachable and prompt for `reaction_s` nobody draws more than its failsafe there: all that can be shed is shed.

A disobedient charger counts in P1 with no more than what the ledger holds for it.

**P2** The ledger's exposure of each EVSE is on no phase below its true current; also just before each event.
Excepted: a disobedient charger.

**Orders** An order for more than a car may have been told before is given only where the ledger with it fits each
node above the EVSE.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from balancer.decision import Decision
from balancer.observations import Verdict
from balancer.orders import Order, SetLimit
from balancer.site import Evse, EvseKey
from balancer.units import PHASES, Amperes, add, lowest
from tests.balancer.virtual.charger import Charger

if TYPE_CHECKING:
    from tests.balancer.virtual.world import World

TOLERANCE_A = 1e-3
JUST_BEFORE_S = 1e-3
SLACK_S = 1.0
"""For the milliseconds of hosts and networks."""


class Overload(AssertionError):
    """More flows than may."""


class Understated(AssertionError):
    """The ledger claims less than flows."""


@dataclass(frozen=True)
class Excess:
    """One look at one node and phase with more than may flow there."""

    at_s: float
    node: str
    phase: int
    load_a: float
    limit_a: float


class Judge:
    """Looks at a world at every instant; raises at the first breach."""

    def __init__(self, world: World) -> None:
        """Judge `world`."""
        self.world = world
        self.disturbed_s = -math.inf
        """When something last happened that no controller can foresee."""
        self.excused: list[Excess] = []
        """Excess that was within the declared bound."""
        self._told: dict[EvseKey, dict[int, SetLimit]] = {}
        self._numbers = 0
        self._held_a: dict[EvseKey, Amperes] = {}

    def disturbed(self) -> None:
        """Note that something unforeseeable happened just now."""
        self.disturbed_s = self.world.now_s

    def calm(self) -> None:
        """Excuse nothing from now on."""
        self.disturbed_s = -math.inf

    # --- the stated bound

    def detection_s(self) -> float:
        """How long a step of other loads may stay unseen: a meter's period, or until its silence is believed."""
        world = self.world
        seen_s = world.measuring.timing.detection_s
        if world.measuring.silent:
            seen_s += max(world.settings.stale_factor * meter.max_age_s for meter in world.site.meters)
        return seen_s

    def reaction_s(self, node: str) -> float:
        """Return the declared bound: seen, asked, asked once more for each station that doesn't answer, obeyed.

        detection + decrease time-out · (2 + stations below the node that are in trouble) + slowest charger.
        """
        world = self.world
        below = world.site.below(node)
        troubled = {
            evse.key.station
            for evse in below
            if world.stations[evse.key.station].link.prompt_since_s >= self.disturbed_s - 30.0
        }
        obeys_s = max((world.capabilities[evse.key].obeys_within_s for evse in below), default=0.0)
        return (
            self.detection_s() + world.settings.decrease_timeout_s * (2 + len(troubled)) + obeys_s + SLACK_S
        )

    def memory_s(self) -> float:
        """How long a limit once given can last."""
        settings = self.world.settings
        if any(not capability.leases for capability in self.world.capabilities.values()):
            return math.inf
        return settings.lease_s + settings.lease_margin_s + 60.0

    # --- looking

    def before(self, to_s: float) -> None:
        """Look at the ledger just before time goes on to `to_s`; the currents have not changed since."""
        self._compare(max(self.world.now_s, to_s - JUST_BEFORE_S))

    def look(self) -> None:
        """Look at everything now."""
        self._find_disobedience_counted()
        self._compare(self.world.now_s)
        for node in self.world.site.nodes:
            self._weigh(node.id)

    def decided(self, decision: Decision) -> None:
        """Look at a decision before anything of it leaves."""
        world = self.world
        controller = world.host.controller
        assert controller is not None
        raised = {
            order.evse for order in decision.orders if isinstance(order, SetLimit) and self._is_news(order)
        }
        for node in {node for key in raised for node in world.site.path(world.site.evse(key).node)}:
            total_a, limit_a = controller.total_exposure(node, world.now_s), world.limit_a(node)
            for phase in range(3):
                used = any(
                    node in world.site.path(world.site.evse(key).node)
                    and controller.exposure(key, world.now_s)[phase]
                    > world.site.evse(key).failsafe_a + TOLERANCE_A
                    for key in raised
                )
                if used and total_a[phase] > limit_a[phase] + TOLERANCE_A:
                    raise Overload(
                        f"at {world.now_s}: raised although the ledger holds {total_a[phase]:.3f} A"
                        f" of {limit_a[phase]:.3f} A on {node} {PHASES[phase]}"
                    )

    def _is_news(self, order: SetLimit) -> bool:
        """Whether it is for more than all that the EVSE may have been told before; note it."""
        told = self._told.setdefault(order.evse, {})
        if any(old.transaction != order.transaction for old in told.values()):
            told.clear()
        before_a = max([self.world.site.evse(order.evse).failsafe_a, *(old.limit_a for old in told.values())])
        row = self.world.host.rows.get(order.evse)
        if row is not None and row.transaction == order.transaction:
            before_a = max(before_a, row.worst_a)  # what it may have by all that a restart knows
        self._numbers += 1
        told[self._numbers] = order
        return order.limit_a > before_a + TOLERANCE_A

    def answered(self, order: Order, verdict: Verdict) -> None:
        """Once a station took an order it has no older one any more."""
        told = self._told.get(order.evse, {})
        if verdict is Verdict.ACCEPTED and isinstance(order, SetLimit):
            number = next((number for number, old in told.items() if old is order), 0)
            self._told[order.evse] = {newer: old for newer, old in told.items() if newer >= number}

    def _compare(self, at_s: float) -> None:
        controller = self.world.host.controller
        if controller is None:
            return
        for charger in self.world.chargers():
            if charger.draw_a == 0.0 or self._is_disobedient(charger):
                continue
            held_a = controller.exposure(charger.evse.key, at_s)
            drawn_a = charger.current_a
            for phase in range(3):
                if drawn_a[phase] > held_a[phase] + TOLERANCE_A:
                    raise Understated(
                        f"at {at_s}: {charger.evse.key} draws {drawn_a[phase]:.3f} A on {PHASES[phase]},"
                        f" the ledger holds {held_a[phase]:.3f} A"
                    )

    def _find_disobedience_counted(self) -> None:
        """When the ledger counts a disobedient charger higher, the others have to make room from then on."""
        controller = self.world.host.controller
        for charger in self.world.chargers():
            key = charger.evse.key
            if not self._is_disobedient(charger) or controller is None:
                continue
            held_a = controller.exposure(key, self.world.now_s)
            if any(
                new > old + TOLERANCE_A
                for new, old in zip(held_a, self._held_a.get(key, held_a), strict=True)
            ):
                self.disturbed()
            self._held_a[key] = held_a

    def _is_disobedient(self, charger: Charger) -> bool:
        """Also while it comes down after it began to obey again."""
        return charger.disobeys or self.world.now_s <= charger.disobeyed_s + charger.reaction_s

    def _counted_a(self, charger: Charger) -> Amperes:
        if self._is_disobedient(charger):
            return lowest(charger.current_a, self._held_a.get(charger.evse.key, charger.current_a))
        return charger.current_a

    def _weigh(self, node: str) -> None:
        world = self.world
        below = world.site.below(node)
        load_a = world.others_a(node)
        for evse in below:
            load_a = add(load_a, self._counted_a(world.charger(evse.key)))
        limit_a = world.limit_a(node)
        for phase in range(3):
            if load_a[phase] > limit_a[phase] + TOLERANCE_A:
                self._blame(node, phase, load_a[phase], limit_a[phase], below)
        volts = world.site.nominal_voltage_v
        limit_w, load_w = world.limit_w(node), sum(load_a) * volts
        if load_w > limit_w + TOLERANCE_A * volts:
            self._blame(node, -1, load_w / volts, limit_w / volts, below)

    def _blame(self, node: str, phase: int, load_a: float, limit_a: float, below: tuple[Evse, ...]) -> None:
        now_s = self.world.now_s
        reaction_s = self.reaction_s(node)
        since_s = now_s - self.disturbed_s
        if since_s > reaction_s:
            phases = range(3) if phase < 0 else (phase,)
            guilty = [evse.key for evse in below if self._could_yield(evse, phases, reaction_s)]
            stuck = since_s > self.memory_s() and any(
                self._draws_above_failsafe(evse, phases) for evse in below
            )
            if guilty or stuck:
                where = "in all" if phase < 0 else PHASES[phase]
                raise Overload(
                    f"at {now_s}: {load_a:.3f} A of {limit_a:.3f} A on {node} {where}, {since_s:.1f} s after the last"
                    f" disturbance (bound {reaction_s:.1f} s); could yield: {guilty}"
                )
        self.excused.append(Excess(now_s, node, phase, load_a, limit_a))

    def _could_yield(self, evse: Evse, phases: range | tuple[int, ...], reaction_s: float) -> bool:
        world = self.world
        charger = world.charger(evse.key)
        prompt_since_s = max(world.stations[evse.key.station].link.prompt_since_s, world.host.born_s)
        return (
            self._draws_above_failsafe(evse, phases)
            and not charger.rejects
            and world.capabilities[evse.key].movable
            and world.host.controller is not None
            and world.now_s - prompt_since_s > reaction_s
        )

    def _draws_above_failsafe(self, evse: Evse, phases: range | tuple[int, ...]) -> bool:
        charger = self.world.charger(evse.key)
        if self._is_disobedient(charger) or (charger.foreign is not None and not charger.foreign.caps):
            return False
        return any(charger.current_a[phase] > evse.failsafe_a + TOLERANCE_A for phase in phases)
