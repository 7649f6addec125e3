"""How much others draw on each circuit, from meters that are late, silent or wrong (control.md "Base load")."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from balancer.settings import Settings
from balancer.site import EvseKey, Meter, Node, Site
from balancer.units import NO_AMPERES, Amperes, add, highest, lowest

KEPT = 32
"""How many samples of one EVSE are kept at most; of a meter, eight times as many."""


class Base(NamedTuple):
    """The load of others on one circuit."""

    seen_a: Amperes
    """As far as it is known for sure; limits are lowered by this."""
    worst_a: Amperes
    """With all that it may be besides; limits are raised only below this."""
    is_stale: bool
    """Nothing recent is known: no increases."""


class Own(NamedTuple):
    """What the own chargers drew at a moment, at least and at most."""

    least_a: Amperes
    most_a: Amperes
    proven: bool
    """False: some sample from after that moment is still missing."""


class Sample(NamedTuple):
    """What was measured at a moment."""

    at_s: float
    current_a: Amperes


class _View(NamedTuple):
    now_s: float
    may_a: Callable[[EvseKey], Amperes]


@dataclass(slots=True)
class Line:
    """What one meter said."""

    meter: Meter
    since_s: float
    last_s: float = -math.inf
    last_a: Amperes = NO_AMPERES
    unproven: deque[Sample] = field(default_factory=lambda: deque[Sample](maxlen=8 * KEPT))
    """Readings whose own part is not proven yet, oldest first."""
    others: deque[Sample] = field(default_factory=lambda: deque[Sample](maxlen=8 * KEPT))
    """The loads of others that are proven, oldest first."""

    @property
    def heard_s(self) -> float:
        """From when on it is silent: its newest reading, or while there is none when it began to be listened to."""
        return self.since_s if self.last_s == -math.inf else self.last_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """All that the base load is estimated from."""

    lines: dict[str, Line]
    samples: dict[EvseKey, deque[Sample]]
    moves: dict[EvseKey, deque[tuple[float, float]]]


class BaseLoad:
    """Keeps the readings of a site's meters and the samples of its EVSEs, and says what others draw.

    A meter that includes the own chargers is compared with what these drew at the same moment. A sample is
    from before or from after it, so their part has a least and a most. Until samples from after the reading
    are there, only rises count; limits are lowered by what is sure, and raised only as far as nothing can be
    wrong. So a car that has just been given more is not taken for a new load of others, nor twice for one.
    """

    def __init__(self, site: Site, settings: Settings, now_s: float) -> None:
        """Know nothing yet; a meter has as long as a silent one until its fallback counts."""
        self._settings = settings
        self._samples: dict[EvseKey, deque[Sample]] = {}
        self._moves: dict[EvseKey, deque[tuple[float, float]]] = {}
        self._lines: dict[str, Line] = {}
        self.rewire(site, now_s)

    def rewire(self, site: Site, now_s: float) -> None:
        """Go on with a changed site; a meter that measures something else now starts anew."""
        self._site = site
        before = self._lines
        self._lines = {}
        for meter in site.meters:
            line = before.get(meter.id)
            if line is None or line.meter.measures != meter.measures:
                line = Line(meter, now_s)
            line.meter = meter
            self._lines[meter.id] = line
        self._node_of = {node.meter: node for node in site.nodes if node.meter is not None}
        self._children: dict[str, list[Node]] = {node.id: [] for node in site.nodes}
        for node in site.nodes:
            if node.parent is not None:
                self._children[node.parent].append(node)
        keys = {evse.key for evse in site.evses}
        self._samples = {key: kept for key, kept in self._samples.items() if key in keys}

    def readings(self) -> Readings:
        """Return all that it knows; it goes on with the same ones."""
        return Readings(lines=self._lines, samples=self._samples, moves=self._moves)

    def take_over(self, readings: Readings) -> None:
        """Go on from where the base load of the same site was."""
        self._lines, self._samples, self._moves = readings.lines, readings.samples, readings.moves

    # --- in

    def knows(self, meter: str) -> bool:
        """Tell whether the site has that meter."""
        return meter in self._lines

    def read(self, meter: str, at_s: float, current_a: Amperes, now_s: float) -> bool:
        """Take in a reading; tell False if it can't be believed. One that is not newer than the last is ignored."""
        line = self._lines[meter]
        node = self._node_of.get(meter)
        bound_a = self._settings.absurd_factor * max(node.rating_a if node is not None else (math.inf,))
        if not all(abs(current) <= bound_a for current in current_a) or not (
            at_s <= now_s + self._settings.ahead_s
        ):
            return False
        at_s = min(at_s, now_s)
        if at_s <= line.last_s:
            return True
        line.last_s, line.last_a = at_s, current_a
        if line.meter.measures == "other_loads":
            line.others.append(Sample(at_s, current_a))
        else:
            line.unproven.append(Sample(at_s, current_a))
        return True

    def sample(self, key: EvseKey, at_s: float, current_a: Amperes) -> None:
        """Take in what an EVSE drew; newer than all before."""
        self._samples.setdefault(key, deque(maxlen=KEPT)).append(Sample(at_s, current_a))

    def moved(self, key: EvseKey, now_s: float, limit_a: float = math.inf) -> None:
        """Note that an EVSE was given another limit or another car: what it draws may change by itself soon."""
        self._moves.setdefault(key, deque(maxlen=KEPT)).append((now_s, limit_a))

    # --- out

    def estimate(self, now_s: float, may_a: Callable[[EvseKey], Amperes]) -> dict[str, Base]:
        """Return the load of others on each node; `may_a` says what the car at an EVSE may draw at most."""
        view = _View(now_s, may_a)
        found: dict[str, Base] = {}
        for node in reversed(self._site.topology.order):
            line = None if node.meter is None else self._lines[node.meter]
            if line is None:
                found[node.id] = _sum([found[child.id] for child in self._children[node.id]])
            else:
                found[node.id] = self._of(line, node, view)
        return found

    def next_s(self, now_s: float) -> float:
        """Return when after `now_s` an estimate changes without a new reading; `inf` if never."""
        hold_s = self._settings.base_hold_s
        times_s: list[float] = []
        for line in self._lines.values():
            age_s = line.meter.max_age_s
            heard_s = line.heard_s
            times_s += [heard_s + age_s, heard_s + age_s * self._settings.stale_factor]
            if line.others:
                times_s += [other.at_s + hold_s for other in line.others if other != line.others[-1]]
        return min((time_s for time_s in times_s if time_s > now_s), default=math.inf)

    def _of(self, line: Line, node: Node, view: _View) -> Base:
        age_s = view.now_s - line.heard_s
        if age_s >= line.meter.max_age_s * self._settings.stale_factor:
            fallback_a = highest(line.meter.fallback_a, NO_AMPERES)
            return Base(fallback_a, fallback_a, is_stale=False)
        is_stale = line.last_s == -math.inf or age_s >= line.meter.max_age_s
        if line.meter.measures == "node_total":
            self._prove(line, node, view)
        held_a = self._held(line, view.now_s)
        if not line.unproven:
            return Base(held_a, held_a, is_stale)
        reading = line.unproven[-1]
        own = self._own(node, reading.at_s, view)
        seen_a = highest(held_a, _less(reading.current_a, own.most_a))
        return Base(seen_a, highest(held_a, _less(reading.current_a, own.least_a)), is_stale)

    def _held(self, line: Line, now_s: float) -> Amperes:
        """Return the highest proven load of the hold time, or the last one there was."""
        while len(line.others) > 1 and line.others[0].at_s <= now_s - self._settings.base_hold_s:
            line.others.popleft()
        held_a = NO_AMPERES
        for other in line.others:
            held_a = highest(held_a, other.current_a)
        return held_a

    def _prove(self, line: Line, node: Node, view: _View) -> None:
        """Move the readings whose own part is known by now from the unproven to the others."""
        while line.unproven:
            reading = line.unproven[0]
            own = self._own(node, reading.at_s, view)
            if not own.proven:
                return
            spread_a = max(most - least for least, most in zip(own.least_a, own.most_a, strict=True))
            last_s = line.others[-1].at_s if line.others else line.since_s
            if spread_a <= self._settings.base_spread_a:
                line.others.append(Sample(reading.at_s, _less(reading.current_a, own.least_a)))
            elif reading.at_s - last_s > self._settings.sample_max_age_s:
                line.others.append(Sample(reading.at_s, _less(reading.current_a, own.most_a)))
            if spread_a > self._settings.base_spread_a and len(line.unproven) == 1:
                return  # the newest stays: what it may mean at worst counts
            line.unproven.popleft()

    def _own(self, node: Node, at_s: float, view: _View) -> Own:
        least_a, most_a, proven = NO_AMPERES, NO_AMPERES, True
        for evse in self._site.below(node.id):
            part = self._own_of(evse.key, at_s, view)
            if part.most_a != NO_AMPERES:
                least_a, most_a = add(least_a, part.least_a), add(most_a, part.most_a)
            proven = proven and part.proven
        return Own(least_a, most_a, proven)

    def _own_of(self, key: EvseKey, at_s: float, view: _View) -> Own:
        kept = self._samples.get(key, ())
        before = after = None
        for sample in kept:
            if sample.at_s <= at_s:
                before = sample
            else:
                after = sample
                break
        age_s = self._settings.sample_max_age_s
        if before is not None and at_s - before.at_s > age_s:
            before = None
        if before is None:
            least_a, most_a = NO_AMPERES, view.may_a(key)
        else:
            least_a = most_a = before.current_a
        if after is not None:
            return Own(lowest(least_a, after.current_a), highest(most_a, after.current_a), proven=True)
        if before is not None:
            # Another limit since its last sample, or too short a time before it: it may follow at any moment.
            since_s = before.at_s - self._settings.ramp_s
            limits = [limit_a for moved_s, limit_a in self._moves.get(key, ()) if moved_s > since_s]
            if limits:
                may_a, low_a = view.may_a(key), min(limits)
                least_a = lowest(least_a, lowest(may_a, (low_a, low_a, low_a)))
                most_a = highest(most_a, may_a)
        return Own(least_a, most_a, proven=most_a == NO_AMPERES or view.now_s - at_s > age_s)


def _less(total_a: Amperes, own_a: Amperes) -> Amperes:
    """Return what is left of `total_a`, never below 0: what others feed in may end at any moment."""
    return highest(NO_AMPERES, (total_a[0] - own_a[0], total_a[1] - own_a[1], total_a[2] - own_a[2]))


def _sum(bases: list[Base]) -> Base:
    seen_a = worst_a = NO_AMPERES
    for base in bases:
        seen_a, worst_a = add(seen_a, base.seen_a), add(worst_a, base.worst_a)
    return Base(seen_a, worst_a, is_stale=any(base.is_stale for base in bases))
