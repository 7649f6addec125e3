"""What the ledger leaves on each circuit: nothing may be raised beyond it, whatever a strategy wants."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from balancer.base_load import Base
from balancer.caps import Bound
from balancer.site import EvseKey, Site
from balancer.units import EPSILON_A, Amperes, PhaseUse, add


class Most(NamedTuple):
    """How far a limit may go, and what keeps it from going further."""

    limit_a: float
    node: str
    phase: int | None
    """None: the node's power."""


class Room:
    """Bound less base load less exposures, per node and phase, and in watts; below 0 where more may flow already."""

    def __init__(
        self,
        site: Site,
        bounds: Mapping[str, Bound],
        bases: Mapping[str, Base],
        totals: Mapping[str, Amperes],
    ) -> None:
        """Count what may flow (`totals`) and what others may draw at worst."""
        self._site = site
        self._volts = site.nominal_voltage_v
        self._left_a: dict[str, list[float]] = {}
        self._left_w: dict[str, float] = {}
        for node in site.nodes:
            bound, taken_a = bounds[node.id], add(bases[node.id].worst_a, totals[node.id])
            self._left_a[node.id] = [
                limit - taken for limit, taken in zip(bound.limit_a, taken_a, strict=True)
            ]
            self._left_w[node.id] = bound.limit_w - self._volts * sum(taken_a)
        self._stale = {node.id for node in site.nodes if bases[node.id].is_stale}

    def is_stale(self, key: EvseKey) -> bool:
        """Tell whether a circuit above an EVSE has no recent reading, so that nothing may be raised there."""
        return any(node in self._stale for node in self._site.path(self._site.evse(key).node))

    def most(self, key: EvseKey, exposure_a: Amperes, phases: PhaseUse) -> Most:
        """Return the highest limit on `phases` for an EVSE that counts `exposure_a` already; 0 without room."""
        return min(
            (
                most if left_a >= -EPSILON_A else most._replace(limit_a=0.0)
                for most, left_a in self._most(key, exposure_a, phases)
            ),
            key=lambda most: most.limit_a,
        )

    def beside_others(self, key: EvseKey, exposure_a: Amperes, phases: PhaseUse) -> float:
        """Return the highest limit that fits beside all others, also where the EVSE's own exposure does not."""
        return max(0.0, min(most.limit_a for most, _ in self._most(key, exposure_a, phases)))

    def _most(self, key: EvseKey, exposure_a: Amperes, phases: PhaseUse) -> Iterator[tuple[Most, float]]:
        """Yield what each circuit above lets through, and what is left there."""
        used = [phase for phase in range(3) if phases[phase]]
        for node in self._site.path(self._site.evse(key).node):
            for phase in used:
                left_a = self._left_a[node][phase]
                yield Most(exposure_a[phase] + left_a, node, phase), left_a
            left_a = self._left_w[node] / self._volts
            # With the lowest of its exposures the sum over its phases is never counted too low.
            lowest_a = min(exposure_a[phase] for phase in used)
            yield Most(lowest_a + left_a / len(used), node, None), left_a

    def take(self, key: EvseKey, before_a: Amperes, after_a: Amperes) -> None:
        """Count that an EVSE's exposure changed."""
        for node in self._site.path(self._site.evse(key).node):
            left_a = self._left_a[node]
            for phase in range(3):
                left_a[phase] += before_a[phase] - after_a[phase]
            self._left_w[node] += self._volts * (sum(before_a) - sum(after_a))

    def exceeded(self) -> list[str]:
        """Return the nodes on which more may flow than they carry."""
        return [
            node
            for node, left_a in self._left_a.items()
            if min(left_a) < -EPSILON_A or self._left_w[node] < -EPSILON_A * self._volts
        ]
