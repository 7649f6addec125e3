"""The charging profiles that a station has, and the one limit that they come to: as each OCPP version defines it.

The station's maximum is a limit for all its EVSEs together; how they share it is the station's business
(`simulators.charger`), so `limit_a` counts it in full for each.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from simulators.profile_rules import (
    Installed,
    LimitSource,
    Ongoing,
    ProfileRules,
    SetAnswer,
    judge,
    judge_for_start,
)
from simulators.schedules import (
    Period,
    Profile,
    Purpose,
    Unit,
    Version,
    amperes,
    next_boundary_s,
    period_at,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Criteria:
    """Which profiles to clear or to report; None: any. All that are given must match."""

    ids: frozenset[int] | None = None
    evse: int | None = None
    purpose: Purpose | None = None
    stack_level: int | None = None
    sources: frozenset[str] | None = None

    def match(self, installed: Installed) -> bool:
        """Return whether all that is given is true of a profile."""
        profile = installed.profile
        return (
            (self.ids is None or profile.id in self.ids)
            and self.evse in (None, installed.evse)
            and self.purpose in (None, profile.purpose)
            and self.stack_level in (None, profile.stack_level)
            and (self.sources is None or installed.source in self.sources)
        )


@dataclass(frozen=True, slots=True)
class Composite:
    """A composite schedule: limits in `unit` from `start_s` on, for `duration_s`."""

    evse: int
    start_s: float
    duration_s: float
    unit: Unit
    periods: tuple[Period, ...]


@dataclass(slots=True)
class ProfileStore:
    """All profiles of one station, with what is going on at its EVSEs (1.6: connectors)."""

    rules: ProfileRules
    wired_phases: Mapping[int, int]
    """Each EVSE (from 1) with how many phases it is wired to."""
    installed: list[Installed] = field(default_factory=list[Installed])
    ongoing: dict[int, Ongoing] = field(default_factory=dict[int, Ongoing])

    # -- transactions ----------------------------------------------------------------------------------------------

    def begin(self, evse: int, now_s: float, transaction: str | None = None) -> None:
        """Let a transaction begin: its EVSE is ready to deliver now, relative schedules count from here."""
        self._drop_tx_profiles(evse)
        self.ongoing[evse] = Ongoing(now_s, transaction)

    def identify(self, evse: int, transaction: str) -> None:
        """Learn what the central system calls the transaction (1.6: StartTransaction.conf)."""
        if evse in self.ongoing:
            self.ongoing[evse].transaction = transaction

    def end(self, evse: int) -> None:
        """Let it end; its TxProfiles die with it (1.6 §3.13.1, §7.10)."""
        self.ongoing.pop(evse, None)
        self._drop_tx_profiles(evse)

    # -- installing and clearing ---------------------------------------------------------------------------------------

    def set(self, evse: int, profile: Profile, now_s: float) -> SetAnswer:
        """Install a profile as the central system asks, or say why not; what it replaces goes."""
        answer = judge(self.rules, evse, profile, self.installed, self.ongoing, self.wired_phases)
        if answer.accepted:
            self._put(Installed(evse, profile, now_s))
        return answer

    def set_for_start(self, evse: int, profile: Profile, now_s: float) -> SetAnswer:
        """Install the profile that came with a remote start on the transaction that has just begun.

        1.6 §5.16.2; 2.0.1 K05.FR.02, .03, .05.
        """
        answer = judge_for_start(self.rules, profile)
        if answer.accepted:
            ongoing = self.ongoing.get(evse)
            mine = replace(profile, transaction=ongoing.transaction if ongoing else None)
            self._put(Installed(evse, mine, now_s))
        return answer

    def set_external(self, evse: int, profile: Profile, now_s: float, source: LimitSource = "EMS") -> None:
        """Take a limit from somebody beside the central system (2.0.1 K11, K12); replaces the same id."""
        self._put(Installed(evse, profile, now_s, source))

    def clear(self, criteria: Criteria) -> list[Installed]:
        """Remove what matches and return it; empty: answer Unknown. External constraints stay (K10.FR.04).

        With an id everything else is ignored (1.6 errata 4.0 §3.26, 2.0.1 K10.FR.03); nothing given in 1.6
        clears all (§3.25).
        """
        if criteria.ids is not None:
            criteria = Criteria(ids=criteria.ids)
        gone = [one for one in self.matching(criteria) if one.profile.purpose is not Purpose.EXTERNAL]
        self.installed = [one for one in self.installed if one not in gone]
        return gone

    def clear_external(self, profile_id: int) -> None:
        """Let somebody else's limit end (2.0.1 K13)."""
        self.installed = [
            one
            for one in self.installed
            if one.profile.purpose is not Purpose.EXTERNAL or one.profile.id != profile_id
        ]

    def forget(self) -> None:
        """Lose everything, as some stations do when they boot (1.6 errata 4.0 §3.37, K01.FR.27 forbid it)."""
        self.installed = []

    def matching(self, criteria: Criteria) -> list[Installed]:
        """Return what GetChargingProfiles asks for (2.0.1 K09.FR.03 to .06)."""
        return [one for one in self.installed if criteria.match(one)]

    # -- what they come to ---------------------------------------------------------------------------------------------

    def limit_a(self, evse: int, now_s: float) -> float | None:
        """Return the lowest limit on an EVSE's phases from all purposes, in amperes; None: nothing limits it.

        EVSE 0: only what limits the whole station.
        """
        return lowest(self.station_limit_a(now_s), None if evse == 0 else self.evse_limit_a(evse, now_s))

    def station_limit_a(self, now_s: float) -> float | None:
        """Return what all EVSEs together may draw on each phase (1.6 §3.13.3, 2.0.1 §K 3.5)."""
        return lowest(
            self._leading_a(0, now_s, self._of(Purpose.STATION_MAX, 0)),
            self._leading_a(0, now_s, self._of(Purpose.EXTERNAL, 0)),
        )

    def evse_limit_a(self, evse: int, now_s: float) -> float | None:
        """Return what limits this EVSE alone: its transaction's or the default profile, external constraints."""
        external_a = self._leading_a(evse, now_s, self._of(Purpose.EXTERNAL, evse))
        return lowest(self._transaction_limit_a(evse, now_s), external_a)

    def number_of_phases(self, evse: int, now_s: float) -> int:
        """Return on how many of its wired phases the EVSE may charge now (2.0.1 errata 2.36: the lowest)."""
        wired = self.wired_phases[evse]
        if not self.rules.switches_phases:
            return wired
        periods = [
            self._leading(evse, now_s, self._of(Purpose.TX, evse))
            or self._leading(evse, now_s, self.defaults(evse)),
            self._leading(0, now_s, self._of(Purpose.STATION_MAX, 0)),
        ]
        return min([wired, *(period.phases for period, _ in filter(None, periods) if period.phases)])

    def next_change_s(self, now_s: float) -> float:
        """Return the first moment after `now_s` at which a limit may change by itself; `inf`: never."""
        return min(
            (
                next_boundary_s(one.profile, now_s, anchor_s)
                for one in self.installed
                for anchor_s in self._anchors(one)
            ),
            default=math.inf,
        )

    def composite(
        self, evse: int, now_s: float, duration_s: float, ceilings_a: Mapping[int, float], unit: Unit = "A"
    ) -> Composite | None:
        """Return the limits to be expected from `now_s` on; None: answer Rejected (1.6 §5.7, 2.0.1 K08).

        `ceilings_a` are the EVSEs' own maxima, which hold where no profile does. EVSE 0: what the station
        takes from the grid. Without a transaction, as if one began now (K08.FR.06).
        """
        if unit not in self.rules.units or (evse != 0 and evse not in self.wired_phases):
            return None
        periods: list[Period] = []
        at_s = now_s
        while at_s < now_s + duration_s:
            limit_a = self._expected_a(evse, at_s, now_s, ceilings_a)
            phases = self.wired_phases[evse] if evse else max(self.wired_phases.values())
            limit = limit_a if unit == "A" else limit_a * self.rules.voltage_v * phases
            tenths = math.floor(limit * 10 + 1e-6) / 10
            if not periods or periods[-1].limit != tenths:
                periods.append(Period(at_s - now_s, tenths, phases))
            at_s = self._supposing(now_s).next_change_s(at_s)
        return Composite(evse, now_s, duration_s, unit, tuple(periods))

    # -- inside ----------------------------------------------------------------------------------------------------------

    def defaults(self, evse: int) -> list[Installed]:
        """Return the TxDefaultProfiles that hold for an EVSE: its own, and those of 0 at other stack levels.

        1.6 §3.13.1: one of its own replaces that of connector 0 "only for that specific connector"; 2.0.1
        refuses to mix them at one stack level (K01.FR.52, .53), so nothing is ever replaced there.
        """
        own = self._of(Purpose.TX_DEFAULT, evse)
        levels = {one.profile.stack_level for one in own}
        return own + [one for one in self._of(Purpose.TX_DEFAULT, 0) if one.profile.stack_level not in levels]

    def _transaction_limit_a(self, evse: int, now_s: float) -> float | None:
        ours = self._of(Purpose.TX, evse)
        limit_a = self._leading_a(evse, now_s, ours)
        if limit_a is not None:
            return limit_a
        overruled = self.rules.version is Version.V16 and self.rules.expired_tx_profile == "unlimited"
        if ours and overruled:
            return None
        return self._leading_a(evse, now_s, self.defaults(evse))

    def _leading(
        self, evse: int, now_s: float, candidates: Iterable[Installed]
    ) -> tuple[Period, Unit] | None:
        """Return the period of the highest stack level that has one now (1.6 §3.13.2, 2.0.1 §K 3.5)."""
        for one in sorted(candidates, key=lambda one: -one.profile.stack_level):
            period = period_at(one.profile, now_s, self._anchor_s(one, evse))
            if period:
                return period, one.profile.schedule.unit
        return None

    def _leading_a(self, evse: int, now_s: float, candidates: Iterable[Installed]) -> float | None:
        leading = self._leading(evse, now_s, candidates)
        if leading is None:
            return None
        wired = self.wired_phases.get(evse) or max(self.wired_phases.values())
        phases = wired if self.rules.ignores_number_phases else None
        return amperes(*leading, self.rules.voltage_v, phases)

    def _of(self, purpose: Purpose, evse: int) -> list[Installed]:
        return [one for one in self.installed if one.evse == evse and one.profile.purpose is purpose]

    def _anchor_s(self, one: Installed, evse: int) -> float | None:
        """Return what a relative schedule counts from: the transaction's start, for maxima its arrival."""
        if one.profile.purpose in (Purpose.STATION_MAX, Purpose.EXTERNAL):
            return one.at_s
        ongoing = self.ongoing.get(evse)
        return ongoing.since_s if ongoing else None

    def _anchors(self, one: Installed) -> Iterator[float | None]:
        evses = self.wired_phases if one.evse == 0 else (one.evse,)
        return (self._anchor_s(one, evse) for evse in evses)

    def _supposing(self, now_s: float) -> ProfileStore:
        """Return this store as if each EVSE without a transaction began one now."""
        ongoing = {evse: self.ongoing.get(evse) or Ongoing(now_s) for evse in self.wired_phases}
        return ProfileStore(self.rules, self.wired_phases, self.installed, ongoing)

    def _expected_a(self, evse: int, at_s: float, now_s: float, ceilings_a: Mapping[int, float]) -> float:
        store = self._supposing(now_s)
        if evse:
            return min(ceilings_a[evse], _or_inf(store.limit_a(evse, at_s)))
        total_a = sum(
            min(ceilings_a[one], _or_inf(store.evse_limit_a(one, at_s))) for one in self.wired_phases
        )
        return min(total_a, _or_inf(store.station_limit_a(at_s)))

    def _put(self, new: Installed) -> None:
        """Add it in place of the same id anywhere, and in 1.6 of its twin at its connector.

        1.6 §5.16.3, §3.13.2; 2.0.1 K01.FR.05 (twins are refused there, or valid at other times: K01.FR.06).
        """
        twins_go = self.rules.version is Version.V16
        self.installed = [
            one
            for one in self.installed
            if one.profile.id != new.profile.id and not (twins_go and _twins(new, one))
        ]
        self.installed.append(new)

    def _drop_tx_profiles(self, evse: int) -> None:
        self.installed = [
            one for one in self.installed if one.evse != evse or one.profile.purpose is not Purpose.TX
        ]


def _twins(new: Installed, old: Installed) -> bool:
    same_level = new.profile.stack_level == old.profile.stack_level
    return same_level and new.evse == old.evse and new.profile.purpose is old.profile.purpose


def lowest(*limits_a: float | None) -> float | None:
    """Return the lowest of those that are there."""
    return min((limit_a for limit_a in limits_a if limit_a is not None), default=None)


def _or_inf(limit_a: float | None) -> float:
    return math.inf if limit_a is None else limit_a
