"""What is measured in a world: site meters and the chargers' own samples, in time, late or not at all."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from balancer.observations import Measured, MeterRead
from balancer.site import EvseKey, Meter
from balancer.units import add
from tests.balancer.virtual.charger import Charger

if TYPE_CHECKING:
    from tests.balancer.virtual.world import World

GOLDEN = 0.618


@dataclass
class Timing:
    """How often things are measured, site seconds."""

    meter_s: float = 10.0
    sample_s: float = 10.0
    apart: bool = False
    """Each at moments of its own; else all at the same."""
    late_s: float = 0.0
    """How long samples of chargers are on their way at most."""

    @property
    def detection_s(self) -> float:
        """How long a change may stay unseen."""
        return self.meter_s + self.sample_s + self.late_s


class Measuring:
    """Reads all meters and samples all chargers again and again."""

    def __init__(self, world: World, timing: Timing) -> None:
        """Measure `world`."""
        self.world, self.timing = world, timing
        self.silent: set[str] = set()
        """Meters of which nothing is heard."""
        self._spread = itertools.count()

    def start(self) -> None:
        """Begin with the rounds."""
        for meter in self.world.site.meters:
            self.world.agenda.after(
                self._offset_s(self.timing.meter_s), lambda meter=meter: self._read_again(meter)
            )
        for charger in self.world.chargers():
            self.world.agenda.after(
                self._offset_s(self.timing.sample_s), lambda charger=charger: self._sample_again(charger)
            )

    def _offset_s(self, period_s: float) -> float:
        return next(self._spread) * GOLDEN % 1.0 * period_s if self.timing.apart else 0.0

    def _read_again(self, meter: Meter) -> None:
        world = self.world
        node = next(node.id for node in world.site.nodes if node.meter == meter.id)
        if meter.id not in self.silent:
            reading = world.others_a(node)
            if meter.measures == "node_total":
                reading = add(reading, world.own_a(node))
            world.host.tell(MeterRead(meter.id, world.now_s, reading))
        world.agenda.after(self.timing.meter_s, lambda: self._read_again(meter))

    def _sample_again(self, charger: Charger) -> None:
        self._sample(charger.evse.key)
        self.world.agenda.after(self.timing.sample_s, lambda: self._sample_again(charger))

    def _sample(self, key: EvseKey) -> None:
        """Measure a charger's current and send it, if it is charging."""
        world = self.world
        charger, link = world.charger(key), world.stations[key.station].link
        if charger.transaction is None or not link.carries or not link.known_open:
            return
        charger.update(world.now_s)
        wants = False if charger.wants_a(world.now_s) == 0.0 else None
        measured, transaction = Measured(key, world.now_s, charger.current_a, wants), charger.transaction

        def arrive() -> None:
            # On one connection a transaction's samples never overtake its end.
            if charger.transaction == transaction and link.carries:
                world.host.tell(measured)

        if self.timing.late_s > 0:
            world.agenda.after(next(self._spread) * GOLDEN % 1.0 * self.timing.late_s, arrive)
        else:
            arrive()

    def silence(self, meter: str) -> None:
        """Let a meter fall silent."""
        self.silent.add(meter)

    def unsilence(self, meter: str) -> None:
        """Let it speak again; what changed in the meantime is seen only now."""
        if meter in self.silent:
            self.silent.discard(meter)
            self.world.judge.disturbed()
