"""What goes wrong with a station, as data; all chance comes from a seed, so that a run can be had again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from simulators.skew import Skew

ProfileFate = Literal["obeyed", "ignored", "rejected"]

GARBAGE = (
    "",
    "{",
    "[2]",
    "[2,1]",
    '[9,"x","Heartbeat",{}]',
    '[2,"g","Heartbeat",null',
    "\x00\x01",
    "[[[[[[[[",
    "NaN",
)
"""What a broken station may put on the line."""


@dataclass(frozen=True, slots=True)
class Outage:
    """From when to when something is away; site time."""

    from_s: float
    until_s: float
    kind: Literal["link", "power"] = "link"


@dataclass(frozen=True, slots=True)
class Reboot:
    """A boot that nobody asked for."""

    at_s: float
    keeps_profiles: bool = True
    keeps_sessions: bool = True
    reason: str = "Watchdog"


@dataclass(frozen=True, slots=True)
class Disobedience:
    """From when to when an EVSE offers a current whatever it was told."""

    from_s: float
    until_s: float
    offered_a: float
    evse: int = 1


@dataclass(frozen=True, slots=True)
class Forgetting:
    """All profiles are gone, and nobody is told."""

    at_s: float


Scheduled = Outage | Reboot | Disobedience | Forgetting


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """Probabilities of one frame (or call), 0 to 1, and what happens at set times. The default is a sound station."""

    drop: float = 0.0
    """A frame is lost on its way."""
    duplicate: float = 0.0
    """It comes twice."""
    delay: float = 0.0
    """It comes later by up to `delay_s`."""
    delay_s: float = 5.0
    garbage: float = 0.0
    """One of the station's frames is preceded by rubbish."""
    unanswered: float = 0.0
    """A call of the server never gets an answer."""
    never_answers: frozenset[str] = frozenset()
    """Nor do these actions, ever."""
    slow: float = 0.0
    """An answer comes after `slow_s`."""
    slow_s: float = 20.0
    ignores_profiles: float = 0.0
    """A profile is accepted without effect."""
    rejects_profiles: float = 0.0
    clock_offset_s: float = 0.0
    """The station's clock less the true one, at the epoch of `clock_since_s`."""
    clock_drift: float = 0.0
    """Seconds that its clock gains in each second."""
    clock_since_s: float = 0.0
    scheduled: tuple[Scheduled, ...] = ()

    def clock_s(self, now_s: float) -> float:
        """Return what the station takes for the time."""
        return self.skew.station_s(now_s)

    @property
    def skew(self) -> Skew:
        """Return how wrong its clock is, for `ChargerModel`: schedules run by it."""
        return Skew(self.clock_offset_s, self.clock_drift, self.clock_since_s)

    @property
    def harmless(self) -> bool:
        """Return whether nothing can go wrong."""
        return self == Faults()


SOUND = Faults()


@dataclass(slots=True)
class FaultSource:
    """Decides, for one station, what goes wrong when; the same seed and questions give the same answers.

    Each kind of question has a stream of its own: more frames change nothing about the fate of profiles.
    """

    faults: Faults
    seed: int
    station: str
    _streams: dict[str, Random] = field(default_factory=dict[str, Random])
    _told_until_s: float = -math.inf

    def meddle(self, text: str, *, outgoing: bool) -> Sequence[tuple[float, str]]:
        """Return what passes in a frame's place: seconds to wait before each, and its text."""
        faults = self.faults
        stream = "out" if outgoing else "in"
        passed: list[tuple[float, str]] = []
        if outgoing and self._happens(faults.garbage, "garbage"):
            passed.append((0.0, self._stream("rubbish").choice(GARBAGE)))
        # Each frame asks each question, so that one more fault does not shift the others.
        dropped = self._happens(faults.drop, f"drop-{stream}")
        twice = self._happens(faults.duplicate, f"twice-{stream}")
        late = self._happens(faults.delay, f"late-{stream}")
        wait_s = self._stream(f"wait-{stream}").uniform(0.0, faults.delay_s)
        if not dropped:
            passed += [(wait_s if late else 0.0, text)] * (2 if twice else 1)
        return passed

    def answer_after_s(self, action: str) -> float | None:
        """Return how long the station thinks about a call of the server; None: it never answers."""
        never = self._happens(self.faults.unanswered, "unanswered")
        slow = self._happens(self.faults.slow, "slow")
        if never or action in self.faults.never_answers:
            return None
        return self.faults.slow_s if slow else 0.0

    def profile_fate(self) -> ProfileFate:
        """Return what becomes of a profile that is set now."""
        rejected = self._happens(self.faults.rejects_profiles, "rejects")
        ignored = self._happens(self.faults.ignores_profiles, "ignores")
        if rejected:
            return "rejected"
        return "ignored" if ignored else "obeyed"

    def next_s(self, now_s: float) -> float:
        """Return when the next scheduled fault begins or ends, after `now_s`; `inf`: none."""
        return min(
            (at_s for fault in self.faults.scheduled for at_s in moments(fault) if at_s > now_s),
            default=math.inf,
        )

    def due(self, now_s: float) -> list[tuple[Scheduled, bool]]:
        """Return what has begun (True) or ended (False) since the last time it was asked, in order."""
        since_s, self._told_until_s = self._told_until_s, max(now_s, self._told_until_s)
        told = [
            (at_s, order, fault, order == 0)
            for fault in self.faults.scheduled
            for order, at_s in enumerate(moments(fault))
            if since_s < at_s <= now_s
        ]
        return [(fault, begins) for _, _, fault, begins in sorted(told, key=lambda one: (one[0], -one[1]))]

    def _happens(self, probability: float, stream: str) -> bool:
        return probability > 0 and self._stream(stream).random() < probability

    def _stream(self, name: str) -> Random:
        if name not in self._streams:
            self._streams[name] = Random(f"{self.seed}/{self.station}/{name}")  # noqa: S311 - chance, not secrecy
        return self._streams[name]


def moments(fault: Scheduled) -> tuple[float, ...]:
    """Return when a scheduled fault begins and, where it lasts, ends."""
    if isinstance(fault, Outage | Disobedience):
        return fault.from_s, fault.until_s
    return (fault.at_s,)


def chaos(seed: int, station: str, from_s: float, to_s: float, *, intensity: float = 1.0) -> Faults:
    """Draw a troubled station: mostly sound, each kind of fault in some; `intensity` scales how often."""
    rng = Random(f"{seed}/{station}/chaos")  # noqa: S311 - chance, not secrecy

    def sometimes(share: float, worst: float) -> float:
        hit, height = rng.random() < share * intensity, rng.random()
        return height * worst if hit else 0.0

    def moment() -> float:
        return rng.uniform(from_s, to_s)

    def coin() -> bool:
        return rng.choice((True, False))

    scheduled: list[Scheduled] = []
    kinds: tuple[Literal["link", "power"], ...] = ("link", "link", "link", "power")
    for _ in range(rng.randrange(3)):
        begins_s = moment()
        scheduled.append(Outage(begins_s, begins_s + rng.uniform(1.0, 600.0), rng.choice(kinds)))
    if rng.random() < 0.3 * intensity:
        scheduled.append(Reboot(moment(), keeps_profiles=coin(), keeps_sessions=coin()))
    return Faults(
        drop=sometimes(0.2, 0.05),
        duplicate=sometimes(0.2, 0.05),
        delay=sometimes(0.3, 0.3),
        delay_s=rng.uniform(0.5, 15.0),
        garbage=sometimes(0.1, 0.02),
        unanswered=sometimes(0.1, 0.1),
        slow=sometimes(0.1, 0.3),
        ignores_profiles=sometimes(0.05, 1.0),
        rejects_profiles=sometimes(0.1, 0.5),
        clock_offset_s=rng.gauss(0.0, 2.0) if coin() else 0.0,
        clock_since_s=from_s,
        clock_drift=rng.gauss(0.0, 2e-5),
        scheduled=tuple(scheduled),
    )
