"""OCPP 2.0.1, block K: what a station's profiles come to, requirement by requirement, and which it refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from simulators.profiles import Criteria, ProfileStore
from simulators.schedules import Kind, Period, Profile, Recurrency, Version
from tests.simulators.some_profiles import DEFAULT, EXTERNAL, MAX, NOON, TX, profile, store

Step = tuple[int, Profile] | Callable[[ProfileStore], object]

RELATIVE: dict[str, Any] = {"kind": Kind.RELATIVE}


def tx(number: int = 2, *limits: float | tuple[float, float], **more: Any) -> Profile:
    more.setdefault("transaction", "t1")
    return profile(number, TX, *limits, **more)


def begin(evse: int = 1, at: float = 0.0, transaction: str = "t1") -> Step:
    return lambda profiles: profiles.begin(evse, NOON + at, transaction)


def external(evse: int, one: Profile) -> Step:
    return lambda profiles: profiles.set_external(evse, one, NOON)


def clear(**criteria) -> Step:
    return lambda profiles: profiles.clear(Criteria(**criteria))


@dataclass
class Row:
    clause: str
    says: str
    steps: list[Step]
    limit: float | None
    at: float = 60.0
    evse: int = 1
    rules: dict[str, Any] = field(default_factory=dict)


ROWS = [
    Row("K06.FR.02", "without profiles nothing limits", [begin()], None),
    Row("K01.FR.14", "a default on 0 holds for all", [(0, profile(1, DEFAULT, 10)), begin(2)], 10, evse=2),
    Row("K01.FR.15", "one on an EVSE holds for that one", [(1, profile(1, DEFAULT, 10)), begin(2)], None, evse=2),
    Row("K01.FR.32", "a new default reaches what runs", [begin(), (1, profile(1, DEFAULT, 10))], 10),
    Row("§3.5", "a TxProfile overrules the default", [(0, profile(1, DEFAULT, 0)), begin(), (1, tx(2, 20))], 20),
    Row("§3.2", "until it expires: its duration", [(0, profile(1, DEFAULT, 6)), begin(), (1, tx(2, 20, duration=30))], 6),
    Row("§3.2", "or its validity", [(0, profile(1, DEFAULT, 6)), begin(), (1, tx(2, 20, valid_to_s=60))], 6),
    Row("§3.2", "or its transaction", [(0, profile(1, DEFAULT, 6)), begin(), (1, tx(2, 20)), lambda p: p.end(1), begin()], 6),
    Row("K01.FR.36", "a TxProfile of the future leaves the default", [(0, profile(1, DEFAULT, 6)), begin(), (1, tx(2, 20, valid_from_s=90))], 6),
    Row("K01.FR.30", "so does a schedule of the future", [(0, profile(1, DEFAULT, 6)), begin(), (1, tx(2, 20, start=90))], 6),
    Row("K01.FR.17", "the highest stack level that has a period leads", [(0, profile(1, DEFAULT, 6)), (0, profile(2, DEFAULT, 20, level=2, duration=90)), begin()], 20),
    Row("K01.FR.13", "it falls back to the lower one", [(0, profile(1, DEFAULT, 6)), (0, profile(2, DEFAULT, 20, level=2, duration=60)), begin()], 6),
    Row("§3.5", "of all purposes the lowest counts", [(0, profile(1, MAX, 9)), (0, profile(2, DEFAULT, 20)), begin()], 9),
    Row("§3.5", "external constraints too", [(0, profile(1, MAX, 30)), external(0, profile(9, EXTERNAL, 8)), begin(), (1, tx(2, 20))], 8),
    Row("§3.5", "external constraints on one EVSE", [external(1, profile(9, EXTERNAL, 8)), begin()], 8),
    Row("§3.5", "bind that EVSE only", [external(1, profile(9, EXTERNAL, 8)), begin(2)], None, evse=2),
    Row("K13", "until they are released", [external(1, profile(9, EXTERNAL, 8)), begin(), lambda p: p.clear_external(9)], None),
    Row("K01.FR.49", "watts over three phases", [(0, profile(1, DEFAULT, 6900, unit="W")), begin()], 10),
    Row("K01.FR.50", "watts over the phases it says", [(0, profile(1, DEFAULT, 6900, unit="W", phases=2)), begin()], 15, rules={"switches_phases": True}),
    Row("K01.FR.51", "amperes on each phase", [(0, profile(1, DEFAULT, 10, phases=3)), begin()], 10),
    Row("K01.FR.42", "relative counts from the transaction's readiness", [(0, profile(1, DEFAULT, (0, 20), (50, 6), **RELATIVE)), begin(at=30)], 20),
    Row("K01.FR.42", "also a TxProfile that came later", [begin(at=-60), (1, tx(2, (0, 20), (100, 6), **RELATIVE))], 6),
    Row("K01.FR.05", "a known id is replaced", [(0, profile(1, DEFAULT, 6)), (0, profile(1, DEFAULT, 7, level=3)), begin()], 7),
    Row("K01.FR.05", "also from EVSE 0 to one", [(0, profile(1, DEFAULT, 6)), (1, profile(1, DEFAULT, 7)), begin(2)], None, evse=2),
    Row("K01.FR.06", "twins at other times stand side by side", [(0, profile(1, DEFAULT, 6, valid_to_s=60)), (0, profile(2, DEFAULT, 7, valid_from_s=60)), begin()], 7),
    Row("K01.FR.06", "each at its own", [(0, profile(1, DEFAULT, 6, valid_to_s=61)), (0, profile(2, DEFAULT, 7, valid_from_s=61)), begin()], 6),
    Row("K01.FR.52", "defaults on 0 and on one at different levels", [(0, profile(1, DEFAULT, 6)), (1, profile(2, DEFAULT, 7, level=1)), begin()], 7),
    Row("K10.FR.03", "cleared by id", [(0, profile(1, DEFAULT, 6)), begin(), clear(ids=frozenset({1}))], None),
    Row("K10.FR.04", "cleared by criteria", [(0, profile(1, DEFAULT, 6)), begin(), clear(purpose=DEFAULT)], None),
    Row("K10.FR.04", "which must all match", [(0, profile(1, DEFAULT, 6)), begin(), clear(purpose=DEFAULT, evse=1)], 6),
    Row("K10.FR.08", "external constraints can't be cleared by criteria", [external(0, profile(9, EXTERNAL, 8)), clear(evse=0)], 8, evse=0),
    Row("K10.FR.09", "nor by id", [external(0, profile(9, EXTERNAL, 8)), clear(ids=frozenset({9}))], 8, evse=0),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.clause}: {row.says}")
def test_the_profiles_come_to_what_the_requirement_says(row: Row) -> None:
    profiles = store(Version.V201, **row.rules)
    for step in row.steps:
        if callable(step):
            step(profiles)
        else:
            assert profiles.set(*step, NOON).accepted
    limit_a = profiles.limit_a(row.evse, NOON + row.at)
    assert limit_a == (None if row.limit is None else pytest.approx(row.limit))


@dataclass
class Refused:
    clause: str
    says: str
    evse: int
    profile: Profile
    reason: str
    steps: list[Step] = field(default_factory=list)
    rules: dict[str, Any] = field(default_factory=dict)


REFUSED = [
    Refused("K01.FR.28", "an unknown EVSE", 3, profile(1, DEFAULT), "UnknownEvse"),
    Refused("K01.FR.22", "external constraints from the central system", 0, profile(1, EXTERNAL), "InvalidProfile"),
    Refused("§3.2", "a maximum on one EVSE", 1, profile(1, MAX), "InvalidProfile"),
    Refused("K01.FR.16", "a TxProfile on 0", 0, tx(1), "InvalidProfile", [begin()]),
    Refused("K01.FR.03", "a TxProfile that names no transaction", 1, profile(1, TX), "InvalidProfile", [begin()]),
    Refused("K01.FR.09", "a TxProfile without a transaction", 1, tx(1), "TxNotFound"),
    Refused("K01.FR.33", "a TxProfile of an unknown transaction", 1, tx(1, transaction="t2"), "TxNotFound", [begin()]),
    Refused("K01.FR.33", "a TxProfile of another EVSE's transaction", 1, tx(1, transaction="t2"), "TxNotFound", [begin(), begin(2, transaction="t2")]),
    Refused("K01.FR.39", "another id at the same level of a transaction", 1, tx(3), "DuplicateProfile", [begin(), (1, tx(2))]),
    Refused("K01.FR.06", "another id at the same level, overlapping", 0, profile(2, DEFAULT), "DuplicateProfile", [(0, profile(1, DEFAULT))]),
    Refused("K01.FR.06", "also maxima", 0, profile(2, MAX), "DuplicateProfile", [(0, profile(1, MAX))]),
    Refused("K01.FR.52", "a default on 0 over one on an EVSE", 0, profile(2, DEFAULT), "DuplicateProfile", [(1, profile(1, DEFAULT))]),
    Refused("K01.FR.53", "a default on an EVSE under one on 0", 1, profile(2, DEFAULT), "DuplicateProfile", [(0, profile(1, DEFAULT))]),
    Refused("K01.FR.53", "whenever they are valid", 1, profile(2, DEFAULT, valid_from_s=60), "DuplicateProfile", [(0, profile(1, DEFAULT, valid_to_s=60))]),
    Refused("K01.FR.05", "the id of external constraints", 0, profile(9, DEFAULT), "DuplicateProfile", [external(0, profile(9, EXTERNAL))]),
    Refused("K01.FR.26", "a unit that it is not configured for", 0, profile(1, DEFAULT), "UnsupportedParam", rules={"units": frozenset("W")}),
    Refused("K01.FR.31", "periods that don't start at 0", 0, profile(1, DEFAULT, (1, 6)), "InvalidSchedule"),
    Refused("K01.FR.35", "periods out of order", 0, profile(1, DEFAULT, (0, 6), (9, 6), (8, 7)), "InvalidSchedule"),
    Refused("K01.FR.38", "a relative maximum", 0, profile(1, MAX, **RELATIVE), "InvalidSchedule"),
    Refused("K01.FR.40", "absolute without a start", 0, profile(1, DEFAULT, start=None), "InvalidSchedule"),
    Refused("K01.FR.40", "recurring without a start", 0, profile(1, DEFAULT, start=None, kind=Kind.RECURRING, recurrency=Recurrency.DAILY), "InvalidSchedule"),
    Refused("K01.FR.34", "several schedules without ISO 15118", 0, profile(1, DEFAULT, copies=2), "InvalidSchedule"),
    Refused("K01.FR.43", "fewer phases than it can ensure", 1, profile(1, DEFAULT, 16, phases=1), "UnsupportedParam"),
    Refused("K01.FR.48", "a phase of its choice where it can't switch", 1, profile(1, DEFAULT, 16, phases=1, phase_to_use=2), "InvalidSchedule"),
    Refused("K01.FR.19", "a phase to use for several", 1, profile(1, DEFAULT, 16, phases=3, phase_to_use=2), "InvalidSchedule", rules={"switches_phases": True}),
]  # fmt: skip


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: f"{row.clause}: {row.says}")
def test_what_is_refused_changes_nothing(row: Refused) -> None:
    profiles = store(Version.V201, **row.rules)
    for step in row.steps:
        step(profiles) if callable(step) else profiles.set(*step, NOON)
    before = list(profiles.installed)
    answer = profiles.set(row.evse, row.profile, NOON)
    assert (answer.status, answer.reason, answer.error) == ("Rejected", row.reason, None)
    assert profiles.installed == before


def test_relative_with_a_start_is_refused() -> None:  # K01.FR.41
    absolute = profile(1, DEFAULT)
    relative = Profile(id=1, purpose=DEFAULT, stack_level=0, kind=Kind.RELATIVE, schedules=absolute.schedules)
    assert store(Version.V201).set(0, relative, NOON).reason == "InvalidSchedule"


def test_without_smart_charging_the_answer_is_an_error() -> None:  # K01.FR.29
    assert store(Version.V201, supported=False).set(0, profile(1, DEFAULT), NOON).error == "NotSupported"


def test_more_phases_than_wired_are_accepted_and_limit_those_there_are() -> None:  # K01.FR.45
    profiles = store(Version.V201, phases=1)
    assert profiles.set(1, profile(1, DEFAULT, 10, phases=3), NOON).accepted
    profiles.begin(1, NOON, "t1")
    assert profiles.limit_a(1, NOON) == 10
    assert profiles.number_of_phases(1, NOON) == 1


def test_a_station_that_switches_phases_uses_the_lowest_number() -> None:  # errata 2.36
    profiles = store(Version.V201, switches_phases=True)
    profiles.begin(1, NOON, "t1")
    assert profiles.number_of_phases(1, NOON) == 3
    profiles.set(1, tx(2, 16, phases=1), NOON)
    profiles.set(0, profile(1, MAX, 60, phases=2), NOON)
    assert profiles.number_of_phases(1, NOON) == 1
    assert profiles.number_of_phases(2, NOON) == 2


def test_cleared_profiles_are_returned_and_nothing_means_unknown() -> None:  # K10.FR.01
    profiles = store(Version.V201)
    profiles.set(0, profile(1, DEFAULT), NOON)
    profiles.set(0, profile(2, MAX), NOON)
    assert profiles.clear(Criteria(ids=frozenset({3}))) == []
    assert [one.profile.id for one in profiles.clear(Criteria(stack_level=0))] == [1, 2]
    assert profiles.clear(Criteria()) == []


@pytest.mark.parametrize(
    ("clause", "criteria", "found"),
    [
        ("K09.FR.04", Criteria(evse=1, purpose=DEFAULT), {3}),
        ("K09.FR.05", Criteria(evse=0), {1, 2, 9}),
        ("K09.FR.06", Criteria(purpose=DEFAULT), {2, 3}),
        ("K09.FR.03", Criteria(ids=frozenset({2, 9})), {2, 9}),
        ("K09.FR.03", Criteria(stack_level=1), {3}),
        ("K09.FR.03", Criteria(sources=frozenset({"EMS"})), {9}),
        ("nothing found", Criteria(evse=2), set()),
    ],
)
def test_profiles_are_reported_as_they_are_asked_for(clause, criteria, found) -> None:
    profiles = store(Version.V201)
    profiles.set(0, profile(1, MAX), NOON)
    profiles.set(0, profile(2, DEFAULT), NOON)
    profiles.set(1, profile(3, DEFAULT, level=1), NOON)
    profiles.set_external(0, profile(9, EXTERNAL), NOON)
    assert {one.profile.id for one in profiles.matching(criteria)} == found, clause


def test_a_composite_without_a_transaction_supposes_one_on_the_default() -> None:  # K08.FR.06
    profiles = store(Version.V201)
    profiles.set(0, profile(1, DEFAULT, (0, 20), (60, 6), **RELATIVE), NOON)
    composite = profiles.composite(1, NOON + 1000, 300, {1: 32, 2: 32})
    assert composite is not None
    assert composite.start_s == NOON + 1000
    assert composite.periods == (Period(0, 20, 3), Period(60, 6, 3))


def test_a_remote_starts_profile_counts_for_the_new_transaction() -> None:  # K05.FR.03
    profiles = store(Version.V201)
    profiles.begin(1, NOON, "t1")
    assert profiles.set_for_start(1, profile(1, TX, 10), NOON).accepted
    assert profiles.limit_a(1, NOON) == 10
    assert profiles.installed[0].profile.transaction == "t1"
