"""Somebody else's charging profiles on the EVSEs of a site, from the moment in which they may be there."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from balancer.observations import ForeignCleared, ForeignProfile, Observation, OursCleared
from balancer.site import Evse, EvseKey
from balancer.units import dc_input_current_a
from csms.domain.control import (
    EffectStage,
    FailsafeOrder,
    LimitOrder,
    Placement,
    ProfileEffect,
    ProfileForm,
    ProfilesTouched,
    is_external,
    placement_of,
)
from csms.domain.records import ForeignRemoved, ForeignSaved, Record

NO_ID = -1
"""For a profile whose id nobody said."""


class Foreign(Struct, frozen=True):
    """A profile that is, or may be, on an EVSE and is not ours."""

    limit_a: float | None
    """Its highest limit per phase; None: unknown."""
    caps: bool
    of_transaction: bool
    stand: tuple[Placement, int, int] | None = None
    """Purpose, stack level and EVSE (0: the station's) of a profile of ours that takes its place; None: none surely."""


class Touched(Struct, frozen=True):
    """What news of profiles mean."""

    observations: tuple[Observation, ...]
    records: tuple[Record, ...]


class ForeignProfiles:
    """The foreign profiles of each EVSE, by id; what a call may have set counts from its leaving on.

    Stations are named as the site writes them; records as they are registered (`wire_id`).
    """

    def __init__(self) -> None:
        """Know of none."""
        self._there: dict[EvseKey, dict[int, Foreign]] = {}
        self._before: dict[tuple[str, EvseKey, int], Foreign | None] = {}
        """By call: what a refusal restores."""

    def know(self, evse: Evse, fact: ForeignSaved, volts: float) -> None:
        """Take over what was stored of an EVSE, unless something newer is known of that profile."""
        self._there.setdefault(evse.key, {}).setdefault(fact.profile_id, _stored(evse, fact, volts))

    def external(self, evse: Evse, record: ForeignSaved | ForeignRemoved, volts: float) -> list[Observation]:
        """Take in a limit of somebody outside, or its end; its record is the teller's."""
        before, there = dict(self._there.get(evse.key, {})), self._there.setdefault(evse.key, {})
        if isinstance(record, ForeignRemoved):
            there.pop(record.profile_id, None)
        else:
            there[record.profile_id] = _stored(evse, record, volts)
        # The controller looks at no time of them.
        return self._changes(evse.key, before, 0)

    def count(self, key: EvseKey) -> int:
        """Return how many are, or may be, on an EVSE."""
        return len(self._there.get(key, ()))

    def told(self, key: EvseKey, at_s: float) -> list[Observation]:
        """Return what a controller that knows of none there must be told."""
        return [
            ForeignProfile(key, foreign.limit_a, foreign.caps, at_s)
            for _, foreign in sorted(self._there.get(key, {}).items())
        ]

    def touched(
        self, news: ProfilesTouched, evses: Sequence[Evse], form: ProfileForm, volts: float, wire_id: str
    ) -> Touched:
        """Take in news of a station whose EVSEs in the site are `evses` and whose form is `form`."""
        observations: list[Observation] = []
        records: list[Record] = []
        for evse in evses:
            before = dict(self._there.get(evse.key, {}))
            for effect in news.effects:
                if effect.evse not in {0, evse.key.evse}:
                    continue
                self._take(news, evse, effect, volts)
                if news.stage is not EffectStage.REFUSED and effect.takes_ours(form):
                    observations.append(OursCleared(evse.key, news.at_us / 1e6))
            observations += self._changes(evse.key, before, news.at_us)
            records += self._records(evse.key, before, news.at_us, wire_id)
        return Touched(tuple(observations), tuple(records))

    def replaced(self, key: EvseKey, order: FailsafeOrder | LimitOrder, at_us: int, wire_id: str) -> Touched:
        """Forget those in whose place a station has taken a profile of ours; a call under way may still set one."""
        before = dict(self._there.get(key, {}))
        placement = placement_of(order)
        stand = (placement, order.form.stack_level, 0 if placement is Placement.STATION else order.evse)
        under_way = {profile_id for _, of, profile_id in self._before if of == key}
        for profile_id, foreign in before.items():
            if foreign.stand == stand and profile_id not in under_way:
                del self._there[key][profile_id]
        return Touched(
            tuple(self._changes(key, before, at_us)), tuple(self._records(key, before, at_us, wire_id))
        )

    def session_ended(self, key: EvseKey, at_us: int, wire_id: str) -> Touched:
        """Forget those that ended with their transaction."""
        before = dict(self._there.get(key, {}))
        for profile_id, foreign in before.items():
            if foreign.of_transaction:
                del self._there[key][profile_id]
        return Touched(
            tuple(self._changes(key, before, at_us)), tuple(self._records(key, before, at_us, wire_id))
        )

    def _take(self, news: ProfilesTouched, evse: Evse, effect: ProfileEffect, volts: float) -> None:
        there = self._there.setdefault(evse.key, {})
        profile_id = NO_ID if effect.profile_id is None else effect.profile_id
        if effect.sets:
            undo = (news.command_id, evse.key, profile_id)
            if news.stage is EffectStage.LEAVING:
                self._before.setdefault(undo, there.get(profile_id))
                there[profile_id] = _highest(there.get(profile_id), _foreign(evse, effect, volts))
                return
            known = undo in self._before
            restored = self._before.pop(undo, None)
            if news.stage is EffectStage.ACCEPTED:
                there[profile_id] = _foreign(evse, effect, volts)
            elif news.stage is EffectStage.REFUSED and known:
                if restored is None:
                    there.pop(profile_id, None)
                else:
                    there[profile_id] = restored
            elif news.stage is EffectStage.UNKNOWN:
                there[profile_id] = _highest(there.get(profile_id), _foreign(evse, effect, volts))
        elif effect.clears_foreign and news.stage is EffectStage.ACCEPTED:
            if effect.profile_id is None:
                # 2.0.1 K10.FR.04: what somebody outside limits stays.
                self._there[evse.key] = {key: foreign for key, foreign in there.items() if is_external(key)}
            else:
                there.pop(effect.profile_id, None)

    def _changes(self, key: EvseKey, before: dict[int, Foreign], at_us: int) -> list[Observation]:
        after = self._there.get(key, {})
        if after == before:
            return []
        only_more = all(after.get(profile_id) == foreign for profile_id, foreign in before.items())
        at_s = at_us / 1e6
        new = {profile_id: foreign for profile_id, foreign in after.items() if profile_id not in before}
        cleared: list[Observation] = [] if only_more else [ForeignCleared(key, at_s)]
        told = new if only_more else after
        return cleared + [
            ForeignProfile(key, foreign.limit_a, foreign.caps, at_s) for _, foreign in sorted(told.items())
        ]

    def _records(self, key: EvseKey, before: dict[int, Foreign], at_us: int, wire_id: str) -> list[Record]:
        after = self._there.get(key, {})
        records: list[Record] = [
            ForeignRemoved(wire_id, key.evse, profile_id)
            for profile_id in sorted(before.keys() - after.keys())
        ]
        records += [
            ForeignSaved(
                wire_id,
                key.evse,
                profile_id,
                foreign.limit_a,
                int(foreign.caps),
                int(foreign.of_transaction),
                at_us,
            )
            for profile_id, foreign in sorted(after.items())
            if before.get(profile_id) != foreign
        ]
        return records


def _foreign(evse: Evse, effect: ProfileEffect, volts: float) -> Foreign:
    limit_a = _amperes(evse, effect.limit_a, effect.limit_w, volts, caps=effect.caps)
    stand = None
    if effect.gives_way and effect.placement is not None and effect.stack_level is not None:
        stand = (effect.placement, effect.stack_level, effect.evse)
    return Foreign(limit_a, effect.caps, effect.of_transaction, stand)


def _stored(evse: Evse, fact: ForeignSaved, volts: float) -> Foreign:
    limit_a = _amperes(evse, fact.limit_a, fact.limit_w, volts, caps=bool(fact.caps))
    return Foreign(limit_a, bool(fact.caps), bool(fact.of_transaction))


def _amperes(
    evse: Evse, limit_a: float | None, limit_w: float | None, volts: float, *, caps: bool
) -> float | None:
    if limit_a is not None or limit_w is None:
        return limit_a
    if evse.supply == "DC":
        return dc_input_current_a(limit_w, volts, evse.efficiency)
    # All of it may come on one phase; what only caps is shared by the wired ones.
    return limit_w / volts / (len(evse.rotation) if caps else 1)


def _highest(first: Foreign | None, second: Foreign) -> Foreign:
    """Return a profile that lets through all that either of one id does."""
    if first is None or first == second:
        return second
    limits = (first.limit_a, second.limit_a)
    unknown = None in limits
    return Foreign(
        None if unknown else max(limit for limit in limits if limit is not None),
        first.caps and second.caps,
        first.of_transaction and second.of_transaction,
        first.stand if first.stand == second.stand else None,
    )
