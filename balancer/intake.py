"""Takes observations in: each changes what the controller knows, and none of them can make it raise."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from balancer.account import Account
from balancer.base_load import Base, BaseLoad
from balancer.caps import Caps
from balancer.decision import Alarm, AlarmKind
from balancer.ledger import Ledger
from balancer.observations import (
    Answered,
    Capability,
    CapCleared,
    CapSet,
    ForeignCleared,
    ForeignProfile,
    Measured,
    MeterRead,
    Observation,
    OursCleared,
    SessionBegan,
    SessionEnded,
    SiteChanged,
    StartAsked,
    StartOver,
    StationBooted,
    StationOffline,
    StationOnline,
    Verdict,
)
from balancer.orders import ExposureRow
from balancer.settings import Settings
from balancer.site import EvseKey, Site
from balancer.snapshot import Turn
from balancer.units import NO_AMPERES, Amperes, highest
from balancer.visits import Visit, new_visit


class Intake:
    """All that is known of a site, kept up to date by observations."""

    def __init__(self, site: Site, settings: Settings, restored: Iterable[ExposureRow], now_s: float) -> None:
        """Begin with what was kept over a restart."""
        self.site = site
        self.settings = settings
        self.ledger = Ledger(site, settings, restored, now_s=now_s)
        self.base = BaseLoad(site, settings, now_s)
        self.caps = Caps()
        self.visits: dict[EvseKey, Visit] = {}
        self.asked: dict[EvseKey, bool] = {}
        """Who asked to start, the first one first; True: was let."""
        self.now_s = now_s
        self.alarms: list[Alarm] = []
        self.online: set[str] = set()

    def take(self, observation: Observation, now_s: float) -> None:
        """Take in one observation at `now_s`; what can't be meant is ignored with an alarm."""
        self.now_s = now_s
        match observation:
            case StationOnline() | StationOffline() | StationBooted():
                self._connection(observation)
            case MeterRead():
                self._read(observation)
            case CapSet() | CapCleared():
                self._cap(observation)
            case Answered():
                self._answered(observation)
            case SiteChanged():
                self._site_changed(observation.site)
            case _:
                account = self.ledger.find(observation.evse)
                if account is None:
                    self._alarm(AlarmKind.UNKNOWN_EVSE, "the site has no such EVSE", evse=observation.evse)
                else:
                    self._of_evse(account, observation)

    def bases(self, now_s: float, exposures: Mapping[EvseKey, Amperes]) -> dict[str, Base]:
        """Return what others draw on each node; an EVSE without a car draws nothing of what it may."""
        return self.base.estimate(now_s, lambda key: exposures[key] if key in self.visits else NO_AMPERES)

    def _alarm(
        self,
        kind: AlarmKind,
        message: str,
        *,
        evse: EvseKey | None = None,
        node: str | None = None,
        meter: str | None = None,
    ) -> None:
        self.alarms.append(Alarm(kind, message, evse, node, meter))

    # --- stations

    def _connection(self, observation: StationOnline | StationOffline | StationBooted) -> None:
        accounts = self.ledger.of_station(observation.station)
        match observation:
            case StationOnline():
                self.online.add(observation.station)
                for account in accounts:
                    account.connected()
            case StationOffline():
                self.online.discard(observation.station)
                for account in accounts:
                    account.disconnected()
            case _:
                for account in accounts:
                    account.lost_profiles()

    def _answered(self, observation: Answered) -> None:
        account = self.ledger.answered(observation.command_id, observation.verdict, self.now_s)
        if account is None:
            message = f"an answer to order {observation.command_id}, which is not open"
            self._alarm(AlarmKind.UNKNOWN_ORDER, message)
        elif observation.verdict is Verdict.REJECTED:
            self._alarm(AlarmKind.REJECTED, "the station refused a limit", evse=account.evse.key)

    def _site_changed(self, site: Site) -> None:
        self.site = site
        self.ledger.rewire(site, self.now_s)
        self.base.rewire(site, self.now_s)
        for account in self.ledger.accounts():
            if account.evse.key.station in self.online and not account.online:
                account.connected()
            visit = self.visits.get(account.evse.key)
            if visit is not None and visit.phase_watch.wired != account.evse.phases:
                visit.phase_watch.rewire(account.evse.phases)

    # --- EVSEs

    def _of_evse(
        self,
        account: Account,
        observation: Capability
        | SessionBegan
        | SessionEnded
        | StartAsked
        | StartOver
        | Measured
        | ForeignProfile
        | ForeignCleared
        | OursCleared,
    ) -> None:
        match observation:
            case Capability():
                account.learn(observation)
            case SessionBegan():
                self._began(account, observation)
            case SessionEnded():
                self._ended(account, observation.transaction)
            case StartAsked() | StartOver():
                self._start(account, asked=isinstance(observation, StartAsked))
            case Measured():
                self._measured(account, observation)
            case ForeignProfile():
                account.foreign_set(observation.limit_a, caps=observation.caps)
            case ForeignCleared():
                account.foreign_cleared(self.now_s)
            case _:
                account.lost_profiles()

    def _start(self, account: Account, *, asked: bool) -> None:
        """Let somebody wait for consent; who asks again keeps the place, and what is held is held for longer."""
        key = account.evse.key
        if not asked:
            self.asked.pop(key, None)
            account.hold = None
        elif key not in self.visits:
            self.asked[key] = False
            if account.hold is not None:
                account.let_start(0.0, self.now_s)

    def _began(self, account: Account, began: SessionBegan) -> None:
        key = account.evse.key
        visit = self.visits.get(key)
        if visit is not None and visit.transaction == began.transaction:
            visit.priority, visit.weight = began.priority, began.weight
            return
        if visit is not None:
            self._ended(account, visit.transaction)
        self.asked.pop(key, None)
        account.began(began.transaction, began.at_s)
        visit = new_visit(
            account.evse, self.settings, began.transaction, began.at_s, began.priority, began.weight
        )
        if account.running is not None:
            # It ran before a restart: it goes on where it was, also in the order of turns.
            visit.target_a = account.believed_a(self.now_s)
            if visit.target_a >= max(account.evse.min_a, self.settings.deadband_a):
                visit.turn = Turn(charging_since_s=self.now_s)
        self.visits[key] = visit
        self.base.moved(key, self.now_s)

    def _ended(self, account: Account, transaction: str) -> None:
        key = account.evse.key
        account.ended(transaction)
        visit = self.visits.get(key)
        if visit is not None and visit.transaction == transaction:
            del self.visits[key]
            self.base.sample(key, self.now_s, NO_AMPERES)

    def _measured(self, account: Account, measured: Measured) -> None:
        key = account.evse.key
        current_a = highest(measured.current_a, NO_AMPERES)
        bound_a = self.settings.absurd_factor * account.full_a
        values = (measured.at_s, *measured.current_a)
        believable = all(map(math.isfinite, values)) and max(current_a) <= bound_a
        if not believable or measured.at_s > self.now_s + self.settings.ahead_s:
            self._alarm(AlarmKind.ABSURD_VALUE, f"measured {measured.current_a} A", evse=key)
            return
        at_s = min(measured.at_s, self.now_s)
        if at_s <= account.obedience.sample_s:
            return
        visit = self.visits.get(key)
        if visit is not None:
            account.seen_on(visit.phase_watch.sample(at_s, current_a), current_a)
        self._judge(account, at_s, current_a)
        self.base.sample(key, at_s, current_a)
        fresh = self.now_s - at_s <= self.settings.sample_max_age_s
        if visit is not None and fresh and not account.doubtful:
            limit_a = min(account.believed_a(self.now_s), account.newest_a(self.now_s))
            visit.reclaim.sample(at_s, max(current_a), limit_a, wants=measured.wants)

    def _judge(self, account: Account, at_s: float, current_a: Amperes) -> None:
        if not account.measured(at_s, current_a):
            return
        if account.quarantined:
            self._alarm(
                AlarmKind.DISOBEYS,
                "it draws more than its limit; its maximum is reserved",
                evse=account.evse.key,
            )
        else:
            self.trusted(account.evse.key)

    def trusted(self, key: EvseKey) -> None:
        """Tell that a charger that disobeyed obeys again."""
        self._alarm(AlarmKind.OBEYS_AGAIN, "it has obeyed for a while and is trusted again", evse=key)

    # --- circuits

    def _read(self, read: MeterRead) -> None:
        if not self.base.knows(read.meter):
            self._alarm(AlarmKind.UNKNOWN_METER, "the site has no such meter", meter=read.meter)
        elif not self.base.read(read.meter, read.at_s, read.current_a, self.now_s):
            self._alarm(AlarmKind.ABSURD_VALUE, f"read {read.current_a} A", meter=read.meter)

    def _cap(self, cap: CapSet | CapCleared) -> None:
        if all(node.id != cap.node for node in self.site.nodes):
            self._alarm(AlarmKind.UNKNOWN_NODE, "the site has no such circuit", node=cap.node)
        elif isinstance(cap, CapCleared):
            self.caps.clear(cap.node, cap.source)
        elif not self.caps.set(cap):
            self._alarm(AlarmKind.ABSURD_VALUE, f"a cap of {cap.limit_a} A, {cap.limit_w} W", node=cap.node)
