"""Keeps a site within its limits: observations in, orders out; no I/O, no clock, and the same answer every time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from balancer.allocation import Grant, Reason, ReasonKind, allocate
from balancer.base_load import Base
from balancer.caps import Bound
from balancer.decision import Alarm, AlarmKind, Decision
from balancer.dispatch import Dispatch, Dispatched
from balancer.intake import Intake
from balancer.memory import Memory
from balancer.observations import Observation
from balancer.orders import ExposureRow
from balancer.reasons import reasons
from balancer.room import Room
from balancer.rotation import next_turn
from balancer.scene import Scene, is_reachable, session_of
from balancer.settings import Settings
from balancer.site import EvseKey, Site
from balancer.starts import let_start, make_room
from balancer.targets import Allocate, allot, beside_foreign
from balancer.units import Amperes, PhaseUse, add

__all__ = ["Alarm", "AlarmKind", "Circuit", "Controller", "Decision", "Explanation", "Settings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """All that bears on one EVSE now; currents per phase."""

    grant: Grant
    transaction: str | None
    target_a: float
    """What it should have."""
    believed_a: float
    """What it was confirmed to have."""
    ordered_a: float
    """The newest limit that it was told; the same where nothing is open."""
    demand_a: float
    exposure_a: Amperes
    measured_a: Amperes
    phases: PhaseUse
    is_online: bool
    is_doubtful: bool
    """It counts at its hardware's maximum."""
    is_quarantined: bool


@dataclass(frozen=True, slots=True)
class Circuit:
    """What bears on one node now."""

    bound: Bound
    base: Base
    exposure_a: Amperes
    """What its chargers may draw at worst."""


class Controller:
    """One site's balancer. Between two steps nothing happens; each says when the next one is due.

    The host hands in what it observed, makes the decision's rows durable, sends its orders in their order, and
    reports how each ended (`Answered`, exactly once). After a restart it makes a controller from the rows that
    it kept (`restored`), and tells it of every transaction that runs (`SessionBegan`) and of the end of each
    other one that a row names (`SessionEnded`).
    """

    def __init__(
        self,
        site: Site,
        *,
        settings: Settings = Settings(),  # noqa: B008 - frozen
        restored: Iterable[ExposureRow] = (),
        now_s: float,
        allocate: Allocate = allocate,
    ) -> None:
        """Begin at `now_s`, with no station connected; `allocate` shares what is free."""
        self._settings = settings
        self._allocate = allocate
        self._known = Intake(site, settings, restored, now_s)
        self._now_s = now_s
        self._last_id = 0
        self._grants: dict[EvseKey, Grant] = {}
        self._told: set[Alarm] = set()
        self._exposed_since_s: dict[str, float] = {}
        self._last: Scene | None = None
        self._exceeded: frozenset[str] = frozenset()
        """The circuits on which more may flow than they carry, as of the last step."""

    def memory(self) -> Memory:
        """Return what it knows; to be written down before its next step."""
        known = self._known
        return Memory(
            site=known.site,
            settings=self._settings,
            now_s=self._now_s,
            last_id=self._last_id,
            books=known.ledger.books(),
            readings=known.base.readings(),
            caps=known.caps.all(),
            visits=known.visits,
            asked=known.asked,
            online=known.online,
            told=self._told,
            exposed_since_s=self._exposed_since_s,
        )

    def take_over(self, memory: Memory) -> None:
        """Go on, from the next step on, as the controller would whose memory this is; it was made for the same site."""
        known = self._known
        self._now_s, self._last_id = memory.now_s, memory.last_id
        known.ledger.take_over(memory.books)
        known.base.take_over(memory.readings)
        known.caps.take_over(memory.caps)
        known.visits, known.asked, known.online = memory.visits, memory.asked, memory.online
        self._told, self._exposed_since_s = memory.told, memory.exposed_since_s

    def _new_id(self) -> int:
        self._last_id += 1
        return self._last_id

    @property
    def site(self) -> Site:
        """The site as it is now."""
        return self._known.site

    def step(self, now_s: float, observations: Sequence[Observation]) -> Decision:
        """Take in `observations`, in their order, and decide; never raises.

        Steps without observations at the same moment, or before `wake_at_s`, decide nothing new.
        """
        known = self._known
        known.alarms = []
        if now_s < self._now_s:
            known.alarms.append(
                Alarm(AlarmKind.CLOCK_WENT_BACK, "time went back; it is taken to stand still")
            )
        self._now_s = now_s = max(now_s, self._now_s)
        for observation in observations:
            known.take(observation, now_s)
        known.caps.expire(now_s)
        for key in known.ledger.settle(now_s):
            known.trusted(key)
        scene = self._scene(now_s)
        self._last = replace(scene, starting=make_room(scene, known.asked))
        return self._decide(self._last)

    def _scene(self, now_s: float) -> Scene:
        known, ledger = self._known, self._known.ledger
        exposures = ledger.exposures(now_s)
        late_s = now_s - self._settings.decrease_timeout_s
        return Scene(
            site=known.site,
            now_s=now_s,
            ledger=ledger,
            visits=known.visits,
            bounds=known.caps.bounds(known.site),
            bases=known.bases(now_s, exposures),
            exposures=exposures,
            late=frozenset(
                account.evse.key
                for account in ledger.accounts()
                if account.lowering_since_s is not None and account.lowering_since_s <= late_s
            ),
        )

    def _decide(self, scene: Scene) -> Decision:
        known, now_s = self._known, scene.now_s
        targets, failed = allot(scene, self._allocate)
        room = Room(scene.site, scene.bounds, scene.bases, known.ledger.totals(scene.exposures))
        targets |= beside_foreign(scene, room)
        self._turn(scene, targets)
        self._exceeded = frozenset(room.exceeded())
        alarms = self._states(scene, failed=failed)
        starts = let_start(scene, room, known.asked)
        dispatched = Dispatched.nothing()
        if not scene.observing:
            dispatched = Dispatch(scene, self._settings, room, self._new_id).give(targets)
        for key in dispatched.moved:
            known.base.moved(key, now_s, known.ledger[key].newest_a(now_s))
        self._grants = reasons(scene, targets, dispatched, self._settings.deadband_a)
        return Decision(
            orders=dispatched.orders,
            grants=self._grants,
            exposures=known.ledger.exposures(now_s) if dispatched.orders or starts else scene.exposures,
            starts=starts,
            rows=known.ledger.rows(now_s),
            wake_at_s=self._wake_s(now_s, targets, dispatched),
            alarms=(*known.alarms, *alarms),
        )

    def _turn(self, scene: Scene, targets: Mapping[EvseKey, Grant]) -> None:
        """Move everybody on in the order of turns."""
        for key, grant in targets.items():
            visit = scene.visits[key]
            visit.target_a = grant.limit_a
            session = session_of(scene, scene.ledger[key])
            visit.turn = next_turn(session, grant.limit_a > 0, scene.now_s)

    def _states(self, scene: Scene, *, failed: bool) -> list[Alarm]:
        """Return the alarms of what is wrong now and wasn't at the last step."""
        found = [
            Alarm(AlarmKind.STALE_METER, "no recent reading; nothing is increased here", node=node)
            for node, base in scene.bases.items()
            if base.is_stale
        ]
        if failed:
            found.append(Alarm(AlarmKind.STRATEGY_FAILED, "the strategy failed; everybody keeps what fits"))
        if not scene.observing:
            found += self._dangers(scene)
        new = [alarm for alarm in found if alarm not in self._told]
        self._told = set(found)
        return new

    def _dangers(self, scene: Scene) -> list[Alarm]:
        """Return what is wrong with what may flow."""
        exposed = self._exceeded
        self._exposed_since_s = {
            node: self._exposed_since_s.get(node, scene.now_s) for node in sorted(exposed)
        }
        late_s = scene.now_s - self._settings.decrease_timeout_s
        found = [
            Alarm(AlarmKind.EXPOSED, "more may flow than it carries; nothing is increased here", node=node)
            for node, since_s in self._exposed_since_s.items()
            if since_s <= late_s
        ]
        for key in sorted(scene.late):
            account = scene.ledger[key]
            if is_reachable(account) and not account.quarantined:
                message = "it has not confirmed a lower limit; the others make room"
                found.append(Alarm(AlarmKind.LATE, message, evse=key))
        return found

    def _wake_s(self, now_s: float, targets: Mapping[EvseKey, Grant], dispatched: Dispatched) -> float:
        known = self._known
        times_s = [
            known.ledger.next_s(now_s),
            known.base.next_s(now_s),
            known.caps.next_s(),
            dispatched.again_s,
        ]
        times_s += [grant.reason.until_s for grant in targets.values() if grant.reason.until_s is not None]
        return min((time_s for time_s in times_s if time_s > now_s), default=math.inf)

    # --- what others may ask

    def exposure(self, key: EvseKey, now_s: float) -> Amperes:
        """Return what an EVSE may draw at worst at `now_s`; KeyError for one that the site never had."""
        account = self._known.ledger.find(key)
        if account is None:
            raise KeyError(key)
        return account.exposure(now_s)

    def has_room(self, key: EvseKey) -> bool:
        """Tell whether all circuits above an EVSE carry what may flow as of the last step.

        True also for an EVSE that the site counts no more.
        """
        return self._exceeded.isdisjoint(self._known.ledger.path(key))

    def total_exposure(self, node: str, now_s: float) -> Amperes:
        """Return what may flow at worst through a node at `now_s`: own chargers and the load of others."""
        ledger = self._known.ledger
        exposures = ledger.exposures(now_s)
        return add(ledger.totals(exposures)[node], self._known.bases(now_s, exposures)[node].seen_a)

    def circuits(self) -> dict[str, Circuit]:
        """Return what bears on each node as of the last step, its orders included; before the first step nothing."""
        if self._last is None:
            return {}
        ledger = self._known.ledger
        totals = ledger.totals(ledger.exposures(self._now_s))
        return {
            node: Circuit(bound, self._last.bases[node], totals[node])
            for node, bound in self._last.bounds.items()
        }

    def explain(self, key: EvseKey) -> Explanation:
        """Return what bears on an EVSE of the site as of the last step; KeyError for others."""
        account, visit = self._known.ledger[key], self._known.visits.get(key)
        nothing = Grant(account.counted_failsafe_a, Reason(ReasonKind.FAILSAFE))
        return Explanation(
            grant=self._grants.get(key, nothing),
            transaction=None if visit is None else visit.transaction,
            target_a=account.counted_failsafe_a if visit is None else visit.target_a,
            believed_a=account.believed_a(self._now_s),
            ordered_a=account.newest_a(self._now_s),
            demand_a=0.0 if visit is None else visit.reclaim.demand_a,
            exposure_a=account.exposure(self._now_s),
            measured_a=account.obedience.sample_a,
            phases=account.phases,
            is_online=account.online,
            is_doubtful=account.doubtful,
            is_quarantined=account.quarantined,
        )
