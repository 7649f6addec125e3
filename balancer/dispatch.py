"""Turns what each car should have into orders: decreases at once, increases only into room that is proven free."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

from balancer.account import Account
from balancer.allocation import Grant
from balancer.orders import InstallFailsafe, Order, SetLimit
from balancer.room import Most, Room
from balancer.scene import Scene, is_reachable
from balancer.settings import Settings
from balancer.site import EvseKey
from balancer.units import EPSILON_A, floor_to_step
from balancer.visits import Visit


class Dispatched(NamedTuple):
    """The orders of one step, and what keeps others from being given."""

    orders: tuple[Order, ...]
    moved: frozenset[EvseKey]
    """Whose limit changes by them."""
    stale: frozenset[EvseKey]
    """Who is not raised because nobody knows what others draw."""
    held: Mapping[EvseKey, Most]
    """Who is not raised, or not as far as he should be, for want of room."""
    again_s: float
    """When another order may be due by time alone; `inf`: never."""

    @classmethod
    def nothing(cls) -> Dispatched:
        """Return that of a step that gives none."""
        return cls((), frozenset(), frozenset(), {}, math.inf)


class Dispatch:
    """One step's orders; hands each out to the ledger at once, so that the next one finds it counted."""

    def __init__(self, scene: Scene, settings: Settings, room: Room, new_id: Callable[[], int]) -> None:
        """Give orders in `scene`; nothing is raised beyond `room`."""
        self._scene, self._settings, self._room, self._new_id = scene, settings, room, new_id
        self._now_s = scene.now_s
        self._orders: list[Order] = []
        self._moved: set[EvseKey] = set()
        self._stale: set[EvseKey] = set()
        self._held: dict[EvseKey, Most] = {}
        self._again_s = math.inf

    def give(self, grants: Mapping[EvseKey, Grant]) -> Dispatched:
        """Move everybody towards their targets; only who is in `grants`, and so was asked for, is given more."""
        accounts = [account for account in self._scene.ledger.accounts() if is_reachable(account)]
        cars: list[tuple[Account, Visit]] = []
        for account in accounts:
            visit = self._scene.visits.get(account.evse.key)
            if visit is None:
                continue
            cars.append((account, visit))
        for account, visit in cars:
            self._lower(account, visit)
        for account, visit in cars:
            self._prove(account, visit)
        for account in accounts:
            self._install(account)
        rising = [pair for pair in cars if pair[0].evse.key in grants]
        for account, visit in sorted(
            rising, key=lambda pair: (pair[0].newest_a(self._now_s), pair[0].evse.key)
        ):
            self._raise(account, visit)
        for account, visit in cars:
            self._renew(account, visit)
        for account in accounts:
            self._watch(account)
        return Dispatched(
            tuple(self._orders), frozenset(self._moved), frozenset(self._stale), self._held, self._again_s
        )

    # --- decreases and proofs

    def _lower(self, account: Account, visit: Visit) -> None:
        """Ask for less at once, whatever else is open; for the same once more only after a while."""
        if _is_unknown(account) or visit.target_a >= account.newest_a(self._now_s) - EPSILON_A:
            return
        tried = not account.is_setting() and account.setting.failures > 0
        if tried and visit.target_a >= account.tried_a - EPSILON_A and self._waits(account.setting.again_s):
            return
        self._set(account, visit, visit.target_a)

    def _prove(self, account: Account, visit: Visit) -> None:
        """Ask again for what may or may not be in force, so that it becomes known; never for more than is counted."""
        if account.is_setting():
            return
        if account.is_unsure:
            if self._waits(account.setting.again_s):
                return
            known_a = account.believed_a(self._now_s)
            if account.running_proven and account.unanswered is not None:
                known_a = max(known_a, account.unanswered.at(self._now_s))
            if _is_unknown(account):
                most = self._room.most(account.evse.key, account.exposure(self._now_s), account.phases)
                known_a = min(known_a, most.limit_a)
            self._set(account, visit, self._settable(account, min(visit.target_a, known_a)))
        elif account.quarantined:
            since_s = max(visit.repeated_s, account.confirmed_s)
            if not self._waits(since_s + self._settings.probe_every_s):
                visit.repeated_s = self._now_s
                self._set(account, visit, min(visit.target_a, account.believed_a(self._now_s)))

    @staticmethod
    def _settable(account: Account, limit_a: float) -> float:
        """Return the highest limit not above `limit_a` that the EVSE understands."""
        stepped_a = floor_to_step(limit_a, account.evse.step_a)
        return stepped_a if stepped_a >= account.evse.min_a else 0.0

    def _install(self, account: Account) -> None:
        """Install the failsafe where it isn't proven to be what it should be."""
        wanted_a = account.wanted_failsafe_a
        proven = account.failsafe_proven and not account.failsafe_unanswered_a
        if (proven and account.failsafe_a == wanted_a) or account.is_installing(wanted_a):
            return
        if self._waits(account.installing.again_s):
            return
        before_a = account.exposure(self._now_s)
        raises = wanted_a > account.counted_failsafe_a
        counts = not (account.doubtful or account.is_shut)
        room_a = self._room.most(account.evse.key, before_a, account.evse.phases).limit_a
        if raises and counts and room_a < wanted_a - EPSILON_A:
            return
        self._hand_out(account, InstallFailsafe(self._new_id(), account.evse.key, wanted_a, raises))

    # --- increases

    def _raise(self, account: Account, visit: Visit) -> None:
        """Give more, as far as there is room for it now."""
        now_s, key = self._now_s, account.evse.key
        if account.is_setting() or account.is_unsure or account.doubtful:
            return
        has_a = account.believed_a(now_s)
        starts = has_a < max(account.evse.min_a, EPSILON_A)
        least_gain_a = EPSILON_A if starts else self._settings.deadband_a - EPSILON_A
        if visit.target_a - has_a < least_gain_a:
            return
        if self._room.is_stale(key):
            self._stale.add(key)
            return
        given_back = visit.reclaim.given_back_s > visit.changed_s
        if not starts and not given_back and self._waits(visit.changed_s + self._settings.min_hold_s):
            return
        if self._waits(account.setting.again_s):
            return
        most = self._room.most(key, account.exposure(now_s), account.phases)
        limit_a = visit.target_a
        if most.limit_a < min(limit_a * account.spread, account.full_a) - EPSILON_A:
            limit_a = self._settable(account, most.limit_a / account.spread)
            self._held[key] = most
        if limit_a - has_a >= least_gain_a:
            self._set(account, visit, limit_a)

    def _renew(self, account: Account, visit: Visit) -> None:
        """Prolong a lease that has run for long enough, or fit it to what the station takes by now."""
        running = account.running
        if running is None or account.is_setting() or account.is_unsure or account.owner != visit.transaction:
            return
        limit_a = account.believed_a(self._now_s)
        if limit_a > visit.target_a + EPSILON_A or limit_a < running.limit_a - EPSILON_A:
            return
        if not self._misfits(account, limit_a) and (running.lease_end_s is not None) == account.has_lease:
            if running.lease_end_s is None or running.limit_a <= running.after_a + EPSILON_A:
                return
            full_s = self._settings.lease_s - self._settings.start_back_s
            # A second late, so that no hour holds thirteen.
            due_s = running.lease_end_s - full_s + self._settings.lease_s * self._settings.renew_at + 1
            if self._waits(due_s):
                return
        if not self._waits(account.setting.again_s):
            self._set(account, visit, limit_a)

    @staticmethod
    def _misfits(account: Account, limit_a: float) -> bool:
        """Tell whether watts were set for another number of phases than the car is known to use."""
        total_a = account.total_a(limit_a)
        set_a = None if account.running is None else account.running.total_a
        if set_a is None or total_a is None or account.spread > 1:
            return False
        return abs(set_a - total_a) > EPSILON_A

    # --- all of them

    def _watch(self, account: Account) -> None:
        """Note since when an EVSE may have more than it should, or should have been proven."""
        visit = self._scene.visits.get(account.evse.key)
        target_a = 0.0 if visit is None else visit.target_a
        should_a = max(target_a, account.wanted_failsafe_a, account.foreign_a or 0.0)
        if account.ceiling_a(self._now_s) <= should_a + EPSILON_A:
            account.lowering_since_s = None
        elif account.lowering_since_s is None:
            account.lowering_since_s = self._now_s
        if account.lowering_since_s is not None:
            self._waits(account.lowering_since_s + self._settings.decrease_timeout_s)

    def _waits(self, until_s: float) -> bool:
        """Tell whether `until_s` is still to come, and if so see to it that somebody looks again then."""
        if until_s <= self._now_s:
            return False
        self._again_s = min(self._again_s, until_s)
        return True

    def _set(self, account: Account, visit: Visit, limit_a: float) -> None:
        """Order a running limit."""
        before_a = account.newest_a(self._now_s)
        lease_s, raises = self._lease(account, limit_a)
        order = SetLimit(
            id=self._new_id(),
            evse=account.evse.key,
            transaction=visit.transaction,
            limit_a=limit_a,
            failsafe_a=account.wanted_failsafe_a,
            lease_s=lease_s,
            start_s=self._now_s - self._settings.start_back_s,
            raises=raises,
            total_a=account.total_a(limit_a),
        )
        if limit_a > before_a + EPSILON_A:
            visit.reclaim.raised(self._now_s)
        if abs(limit_a - before_a) > EPSILON_A:
            visit.changed_s = self._now_s
            self._moved.add(account.evse.key)
        self._hand_out(account, order)

    def _lease(self, account: Account, limit_a: float) -> tuple[float | None, bool]:
        """Return how long a new limit is to hold, and whether that must be durable before it leaves.

        A decrease keeps the lease's end of the limit that it lowers: what is durable covers it, so it need not
        wait. The next renewal brings the full lease.
        """
        lease_s = self._settings.lease_s if account.has_lease else None
        running = account.running
        if running is None or account.doubtful or limit_a >= running.limit_a - EPSILON_A:
            return lease_s, True
        if account.wanted_failsafe_a > running.after_a or account.believed_a(self._now_s) < running.limit_a:
            return lease_s, True
        if running.lease_end_s is None:
            return lease_s, False
        left_s = math.floor(running.lease_end_s - self._now_s + self._settings.start_back_s)
        return (None, True) if lease_s is None else (min(lease_s, float(left_s)), False)

    def _hand_out(self, account: Account, order: Order) -> None:
        before_a = account.exposure(self._now_s)
        self._scene.ledger.hand_out(order)
        self._room.take(account.evse.key, before_a, account.exposure(self._now_s))
        self._orders.append(order)


def _is_unknown(account: Account) -> bool:
    """Tell whether a car's limit may be anything, so that none is surely a decrease.

    What a restart counts may be doubt or somebody else's profile. And before the first failsafe is answered
    nobody knows what an EVSE goes by without a running limit.
    """
    if account.confirmed_s > -math.inf or account.is_setting():
        return False
    if account.running is None and account.failsafe_a is None and not account.installing.failures:
        return True
    return not account.running_proven and (account.foreign_a is not None or account.lasting_doubt)
