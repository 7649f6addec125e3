"""The limits that people and grid operators set on circuits, each with its source and its end."""

from __future__ import annotations

import math
from typing import NamedTuple

from balancer.observations import CapSet
from balancer.site import Node, Site
from balancer.units import Amperes


class Bound(NamedTuple):
    """What a circuit may carry now, and who says so."""

    limit_a: Amperes
    source_a: tuple[str | None, str | None, str | None]
    """Whose cap it is on each phase; None: the breaker's rating."""
    limit_w: float
    """`inf` without one."""
    source_w: str | None


class Caps:
    """Keeps the newest cap of each source on each node; of all in force the lowest wins, and none lifts a rating."""

    def __init__(self) -> None:
        """Begin without any."""
        self._caps: dict[str, dict[str, CapSet]] = {}

    def all(self) -> dict[str, dict[str, CapSet]]:
        """Return every cap by its node and its source; it goes on with the same ones."""
        return self._caps

    def take_over(self, caps: dict[str, dict[str, CapSet]]) -> None:
        """Go on from where another one was."""
        self._caps = caps

    def set(self, cap: CapSet) -> bool:
        """Take in a cap in place of its source's last one; tell False if it can't be meant."""
        values = [*(cap.limit_a or ()), *(() if cap.limit_w is None else (cap.limit_w,))]
        if not values or any(math.isnan(value) or value < 0 for value in values):
            return False
        self._caps.setdefault(cap.node, {})[cap.source] = cap
        return True

    def clear(self, node: str, source: str) -> None:
        """Forget a source's cap; nothing happens where it has none."""
        self._caps.get(node, {}).pop(source, None)

    def expire(self, now_s: float) -> None:
        """Forget those whose end is reached by `now_s`."""
        for caps in self._caps.values():
            over = [s for s, cap in caps.items() if cap.until_s is not None and cap.until_s <= now_s]
            for source in over:
                del caps[source]

    def next_s(self) -> float:
        """Return when the next one ends; `inf` if none does."""
        ends_s = [
            cap.until_s for caps in self._caps.values() for cap in caps.values() if cap.until_s is not None
        ]
        return min(ends_s, default=math.inf)

    def bounds(self, site: Site) -> dict[str, Bound]:
        """Return what each node of `site` may carry."""
        return {node.id: self._bound(node) for node in site.nodes}

    def _bound(self, node: Node) -> Bound:
        limit_a = list(node.rating_a)
        source_a: list[str | None] = [None, None, None]
        limit_w = math.inf if node.max_power_w is None else node.max_power_w
        source_w: str | None = None
        # By name, so that of two equal caps always the same is named.
        for source, cap in sorted(self._caps.get(node.id, {}).items()):
            for phase, value_a in enumerate(cap.limit_a or ()):
                if value_a < limit_a[phase]:
                    limit_a[phase], source_a[phase] = value_a, source
            if cap.limit_w is not None and cap.limit_w < limit_w:
                limit_w, source_w = cap.limit_w, source
        return Bound(
            (limit_a[0], limit_a[1], limit_a[2]), (source_a[0], source_a[1], source_a[2]), limit_w, source_w
        )
