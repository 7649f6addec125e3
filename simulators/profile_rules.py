"""Which charging profiles a station takes and which it refuses, rule by rule, as each OCPP version says."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from simulators.schedules import Kind, Profile, Purpose, Unit, Version

LimitSource = Literal["CSO", "EMS", "Other", "SO"]
"""Who set a limit: the operator's central system, a local energy manager, somebody else, the grid operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileRules:
    """What a station's software accepts and how it reads it; the defaults are a sound station's."""

    version: Version = Version.V16
    supported: bool = True
    """False: no smart charging at all (1.6 errata 4.0 §3.39; 2.0.1 K01.FR.29)."""
    units: frozenset[Unit] = frozenset({"A", "W"})
    max_stack_level: int = 10
    max_periods: int = 24
    max_profiles: int = 50
    refused_purposes: frozenset[Purpose] = frozenset()
    refuses_zero: bool = False
    expired_tx_profile: Literal["unlimited", "default"] = "unlimited"
    """1.6: what holds while the installed TxProfiles say nothing (not begun, run out).

    §3.13.1 lets a TxProfile overrule the default "for the duration of the current transaction", and nothing
    says that the default comes back. 2.0.1 does say so: "until the TxProfile expires".
    """
    switches_phases: bool = False
    """Whether it can charge on fewer phases than it is wired to."""
    ignores_number_phases: bool = False
    """Divides watts by the wired phases, whatever a period says."""
    voltage_v: float = 230.0
    """The area's set voltage, by which watts are divided."""


@dataclass(frozen=True, slots=True)
class SetAnswer:
    """What SetChargingProfile is answered: a status, or a CALLERROR where `error` names its code."""

    status: Literal["Accepted", "Rejected", "NotSupported"]
    reason: str | None = None
    """2.0.1: the reasonCode."""
    error: str | None = None

    @property
    def accepted(self) -> bool:
        """Return whether the profile is installed now."""
        return self.status == "Accepted" and self.error is None


@dataclass(frozen=True, slots=True)
class Installed:
    """A profile that a station holds, and where."""

    evse: int
    profile: Profile
    at_s: float
    source: LimitSource = "CSO"


@dataclass(slots=True)
class Ongoing:
    """A transaction as far as profiles are concerned with it."""

    since_s: float
    transaction: str | None = None
    """None: 1.6, whose central system has not told it yet."""


ACCEPTED = SetAnswer("Accepted")


def judge(
    rules: ProfileRules,
    evse: int,
    profile: Profile,
    installed: Sequence[Installed],
    ongoing: Mapping[int, Ongoing],
    wired_phases: Mapping[int, int],
) -> SetAnswer:
    """Judge a SetChargingProfile; the first rule that is broken answers."""
    asked = _Asked(rules, evse, profile, installed, ongoing, wired_phases)
    table = _RULES_16 if rules.version is Version.V16 else _RULES_201
    return next((answer for rule in table if (answer := rule(asked))), ACCEPTED)


def judge_for_start(rules: ProfileRules, profile: Profile) -> SetAnswer:
    """Judge a profile that comes with a remote start: a TxProfile that names no transaction (1.6 §5.16.2, K05)."""
    if profile.purpose is not Purpose.TX or profile.transaction is not None:
        return _rejected("InvalidProfile")
    asked = _Asked(rules, 0, profile, (), {}, {})
    return next((answer for rule in (_support, _size, _schedule) if (answer := rule(asked))), ACCEPTED)


@dataclass(frozen=True, slots=True)
class _Asked:
    rules: ProfileRules
    evse: int
    profile: Profile
    installed: Sequence[Installed]
    ongoing: Mapping[int, Ongoing]
    wired_phases: Mapping[int, int]

    def others(self, purpose: Purpose) -> Iterator[Installed]:
        """Yield the installed profiles of a purpose at the same stack level under another id."""
        for one in self.installed:
            same_level = one.profile.stack_level == self.profile.stack_level
            if one.profile.purpose is purpose and same_level and one.profile.id != self.profile.id:
                yield one


_Rule = Callable[[_Asked], SetAnswer | None]


def _rejected(reason: str) -> SetAnswer:
    return SetAnswer("Rejected", reason)


def _support(asked: _Asked) -> SetAnswer | None:
    if not asked.rules.supported:
        return SetAnswer("NotSupported", error="NotSupported")
    if asked.profile.purpose in asked.rules.refused_purposes:
        return _rejected("UnsupportedParam")
    return None


def _place_16(asked: _Asked) -> SetAnswer | None:
    """Errata 4.0 §3.39: an unknown connector is a CALLERROR. §3.13.1: what may stand where."""
    if asked.evse != 0 and asked.evse not in asked.wired_phases:
        return SetAnswer("Rejected", error="PropertyConstraintViolation")
    purpose = asked.profile.purpose
    if purpose is Purpose.EXTERNAL:
        return SetAnswer("Rejected", error="PropertyConstraintViolation")
    misplaced = (purpose is Purpose.STATION_MAX and asked.evse != 0) or (
        purpose is Purpose.TX and asked.evse == 0
    )
    return _rejected("InvalidProfile") if misplaced else None


def _place_201(asked: _Asked) -> SetAnswer | None:
    """K01.FR.28 (EVSE), .22 (purpose), §K 3.2 and .16 (what may stand where)."""
    if asked.evse != 0 and asked.evse not in asked.wired_phases:
        return _rejected("UnknownEvse")
    purpose = asked.profile.purpose
    misplaced = (
        purpose is Purpose.EXTERNAL
        or (purpose is Purpose.STATION_MAX and asked.evse != 0)
        or (purpose is Purpose.TX and asked.evse == 0)
    )
    return _rejected("InvalidProfile") if misplaced else None


def _size(asked: _Asked) -> SetAnswer | None:
    """Hold it against what the station says of itself: stack level, periods, profiles, rate units."""
    rules, profile = asked.rules, asked.profile
    if profile.stack_level > rules.max_stack_level or profile.schedule.unit not in rules.units:
        return _rejected("UnsupportedParam")  # 2.0.1 K01.FR.26
    if len(profile.schedule.periods) > rules.max_periods:
        return _rejected("TooManyElements")
    kept = [one for one in asked.installed if one.profile.id != profile.id]
    replaced = [
        one
        for one in asked.others(profile.purpose)
        if one.evse == asked.evse and rules.version is Version.V16
    ]
    return _rejected("TooManyElements") if len(kept) - len(replaced) >= rules.max_profiles else None


def _schedule(asked: _Asked) -> SetAnswer | None:
    """2.0.1 K01.FR.31, .35, .38, .40, .41; 1.6 §7.13 (starts at 0), errata 4.0 §3.56 (recurrency)."""
    profile = asked.profile
    starts = [period.start_s for period in profile.schedule.periods]
    if not starts or starts[0] != 0 or any(second <= first for first, second in pairwise(starts)):
        return _rejected("InvalidSchedule")
    if profile.kind is Kind.RECURRING and profile.recurrency is None:
        return _rejected("InvalidProfile")
    if asked.rules.version is Version.V201 and not _starts_as_its_kind_wants(profile):
        return _rejected("InvalidSchedule")
    zero = any(period.limit == 0 for period in profile.schedule.periods)
    return _rejected("InvalidSchedule") if zero and asked.rules.refuses_zero else None


def _starts_as_its_kind_wants(profile: Profile) -> bool:
    if profile.purpose is Purpose.STATION_MAX and profile.kind is Kind.RELATIVE:
        return False  # K01.FR.38
    if len(profile.schedules) > 1:
        return False  # K01.FR.34: only for ISO 15118
    return (profile.schedule.start_s is None) == (profile.kind is Kind.RELATIVE)


def _transaction_16(asked: _Asked) -> SetAnswer | None:
    """§3.13.1, §5.16.4: a TxProfile needs a transaction on its connector, and its own where it names one."""
    if asked.profile.purpose is not Purpose.TX:
        return None
    ongoing = asked.ongoing.get(asked.evse)
    wanted = asked.profile.transaction
    if ongoing is None or (wanted is not None and wanted != ongoing.transaction):
        return _rejected("TxNotFound")
    return None


def _transaction_201(asked: _Asked) -> SetAnswer | None:
    """K01.FR.03, .09, .33 (a TxProfile's transaction), .39 (one profile at a stack level of a transaction)."""
    if asked.profile.purpose is not Purpose.TX:
        return None
    ongoing = asked.ongoing.get(asked.evse)
    if asked.profile.transaction is None:
        return _rejected("InvalidProfile")
    if ongoing is None or asked.profile.transaction != ongoing.transaction:
        return _rejected("TxNotFound")
    twins = [one for one in asked.others(Purpose.TX) if one.evse == asked.evse]
    return _rejected("DuplicateProfile") if twins else None


def _known_id_201(asked: _Asked) -> SetAnswer | None:
    """K01.FR.05: an id that external constraints use can't be replaced."""
    taken = any(
        one.profile.id == asked.profile.id and one.profile.purpose is Purpose.EXTERNAL
        for one in asked.installed
    )
    return _rejected("DuplicateProfile") if taken else None


def _duplicates_201(asked: _Asked) -> SetAnswer | None:
    """K01.FR.06 (overlapping twins), .52 and .53 (defaults on EVSE 0 and on one EVSE at the same stack level)."""
    purpose = asked.profile.purpose
    if purpose is Purpose.TX:
        return None
    for one in asked.others(purpose):
        if one.evse == asked.evse and _overlap(one.profile, asked.profile):
            return _rejected("DuplicateProfile")
        if purpose is Purpose.TX_DEFAULT and (one.evse == 0) != (asked.evse == 0):
            return _rejected("DuplicateProfile")
    return None


def _overlap(first: Profile, second: Profile) -> bool:
    def span(profile: Profile) -> tuple[float, float]:
        since_s = -math.inf if profile.valid_from_s is None else profile.valid_from_s
        return since_s, math.inf if profile.valid_to_s is None else profile.valid_to_s

    (from_1, to_1), (from_2, to_2) = span(first), span(second)
    return max(from_1, from_2) < min(to_1, to_2)


def _phases_201(asked: _Asked) -> SetAnswer | None:
    """K01.FR.19, .43, .45, .48: fewer phases than wired, or a chosen one, only where it can switch."""
    evses = asked.wired_phases if asked.evse == 0 else (asked.evse,)
    wired = max(asked.wired_phases[evse] for evse in evses)
    for period in asked.profile.schedule.periods:
        if period.phase_to_use is not None and (period.phases != 1 or not asked.rules.switches_phases):
            return _rejected("InvalidSchedule")
        if period.phases is not None and period.phases < wired and not asked.rules.switches_phases:
            return _rejected("UnsupportedParam")
    return None


_RULES_16: tuple[_Rule, ...] = (_support, _place_16, _transaction_16, _size, _schedule)
_RULES_201: tuple[_Rule, ...] = (
    _support,
    _place_201,
    _known_id_201,
    _transaction_201,
    _size,
    _schedule,
    _phases_201,
    _duplicates_201,
)
