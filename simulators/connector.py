"""One EVSE's hardware: what it offers to the car at its plug, when, and what flows; it knows no profiles."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from simulators.draws import NO_AMPERES, Amperes, Draws, on_site
from simulators.events import Session, State
from simulators.hardware import EvseSpec
from simulators.meter import EnergyMeter, Reading
from simulators.vehicle import Stretch, Vehicle


@dataclass(slots=True)
class Connector:
    """One EVSE with what is plugged into it."""

    spec: EvseSpec
    voltage_v: float
    meter: EnergyMeter
    draws: Draws
    vehicle: Vehicle | None = None
    session: Session | None = None
    accepted_token: str | None = None
    """Waits for a car."""
    finished: bool = False
    """The car at the plug has had its transaction."""
    operative: bool = True
    fault: str | None = None
    disobeys_a: float | None = None
    """Offers this, whatever the limit; None: it obeys."""
    offered_a: float = 0.0
    state: State = State.AVAILABLE
    _aimed_a: float = 0.0
    """What it will offer when the reaction time is over."""
    _coming: deque[tuple[float, float]] = field(default_factory=deque[tuple[float, float]])

    @property
    def settles_s(self) -> float:
        """Return how long after a new limit the old current may flow at worst: its own time and the car's."""
        return self.spec.reaction_s + (self.vehicle.spec.settles_s if self.vehicle else 0.0)

    @property
    def current_a(self) -> Amperes:
        """Return what flows now, on the site's phases."""
        if self.vehicle is None:
            return NO_AMPERES
        return on_site(self.vehicle.current_a, self.vehicle.phases, self.spec.rotation)

    def aim(self, limit_a: float | None, phases: int, now_s: float) -> None:
        """Take a limit that holds from now on; it is offered when the reaction time has passed.

        So is the first one of a transaction: until then nothing is offered.
        """
        target_a = self.spec.settable_a(limit_a) if self.disobeys_a is None else self.disobeys_a
        if target_a != self._aimed_a:
            self._aimed_a = target_a
            self._coming.append((now_s + self.spec.reaction_s, target_a))
        if self.vehicle is not None:
            self.vehicle.wire(phases)
        self.apply(now_s)

    def apply(self, now_s: float) -> None:
        """Offer what is due."""
        while self._coming and self._coming[0][0] <= now_s:
            self._offer(self._coming.popleft()[1])

    def open(self, now_s: float) -> None:
        """Open the contactor at once: nothing flows from here on."""
        self._coming.clear()
        self._aimed_a = self.offered_a = 0.0
        if self.vehicle is not None:
            self.vehicle.cut()
            self._note(Stretch(now_s, now_s, 0.0, 0.0, self.vehicle.phases))

    def next_change_s(self) -> float:
        """Return when it offers something else, or its car does something by itself; `inf`: never."""
        coming_s = self.next_offer_s()
        return min(coming_s, self.vehicle.next_change_s()) if self.vehicle and self.session else coming_s

    def next_offer_s(self) -> float:
        """Return when it offers something else; `inf`: not as things are."""
        return self._coming[0][0] if self._coming else math.inf

    def run(self, to_s: float, at_stretch: Callable[[Connector, float], None]) -> None:
        """Let current flow until `to_s` under the same offer; tell after each stretch."""
        if self.vehicle is None:
            return
        for stretch in self.vehicle.run(to_s):
            self.meter.add(stretch.energy_j(self.voltage_v))
            self._note(stretch)
            at_stretch(self, stretch.to_s)
        self._note_now(to_s)

    def state_now(self) -> State:
        """Return its state as 1.6 §4.9 defines it."""
        if self.fault is not None:
            return State.FAULTED
        if self.session is not None:
            return self._charging_state()
        if not self.operative:
            return State.UNAVAILABLE
        if self.vehicle is not None:
            return State.FINISHING if self.finished else State.PREPARING
        return State.AVAILABLE if self.accepted_token is None else State.PREPARING

    def read(self, at_s: float) -> Reading:
        """Return what its meter shows."""
        soc = self.vehicle.soc if self.vehicle else None
        return self.meter.read(at_s, soc=soc, offered_a=self.offered_a)

    def _charging_state(self) -> State:
        if self.offered_a <= 0 or self.vehicle is None:
            return State.SUSPENDED_EVSE
        takes = self.offered_a >= self.vehicle.spec.min_a and self.vehicle.accepts_a > 0
        return State.CHARGING if takes else State.SUSPENDED_EV

    def _offer(self, current_a: float) -> None:
        self.offered_a = current_a
        if self.vehicle is not None:
            self.vehicle.offer(current_a)

    def _note(self, stretch: Stretch) -> None:
        rotation = self.spec.rotation
        from_a = on_site(stretch.from_a, stretch.phases, rotation)
        self.draws.add_stretch(
            stretch.from_s, from_a, stretch.to_s, on_site(stretch.to_a, stretch.phases, rotation)
        )
        self.meter.show(stretch.to_a, stretch.phases)

    def _note_now(self, now_s: float) -> None:
        if self.vehicle is not None:
            self._note(
                Stretch(now_s, now_s, self.vehicle.current_a, self.vehicle.current_a, self.vehicle.phases)
            )


def share(total_a: float, wants_a: Mapping[int, float]) -> dict[int, float]:
    """Share a station's maximum: equally, and what one can't use goes to the others."""
    shares: dict[int, float] = {}
    left_a = total_a
    for place, (evse, want_a) in enumerate(sorted(wants_a.items(), key=lambda pair: (pair[1], pair[0]))):
        shares[evse] = min(want_a, left_a / (len(wants_a) - place))
        left_a -= shares[evse]
    return shares
