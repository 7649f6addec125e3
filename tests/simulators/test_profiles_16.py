"""OCPP 1.6: what a station's profiles come to, clause by clause, and which it refuses."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from simulators.profiles import Criteria, ProfileStore
from simulators.schedules import Kind, Period, Profile, Recurrency
from tests.simulators.some_profiles import DEFAULT, EXTERNAL, HOUR, MAX, NOON, TX, profile, store

Step = tuple[int, Profile] | Callable[[ProfileStore], object]


def begin(evse: int = 1, at: float = 0.0, transaction: str | None = "7") -> Step:
    return lambda profiles: profiles.begin(evse, NOON + at, transaction)


def end(evse: int = 1) -> Step:
    return lambda profiles: profiles.end(evse)


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


DAILY: dict[str, Any] = {"kind": Kind.RECURRING, "recurrency": Recurrency.DAILY}

ROWS = [
    Row("§3.13.6", "without profiles nothing limits", [begin()], None),
    Row("§3.13.1", "a default on 0 holds for each connector", [(0, profile(1, DEFAULT, 10)), begin(2)], 10, evse=2),
    Row("§3.13.1", "one on a connector holds for that one", [(1, profile(1, DEFAULT, 10)), begin(2)], None, evse=2),
    Row("§3.13.1", "it replaces that of 0 there", [(0, profile(1, DEFAULT, 10)), (1, profile(2, DEFAULT, 20)), begin()], 20),
    Row("§3.13.1", "and only there", [(0, profile(1, DEFAULT, 10)), (1, profile(2, DEFAULT, 20)), begin(2)], 10, evse=2),
    Row("§3.13.1", "also when it has run out", [(0, profile(1, DEFAULT, 10)), (1, profile(2, DEFAULT, 20, duration=30)), begin()], None),
    Row("§3.13.1", "at another stack level both stand", [(0, profile(1, DEFAULT, 10, level=3)), (1, profile(2, DEFAULT, 20)), begin()], 10),
    Row("§3.13.1", "a TxProfile overrules the default, upwards too", [(0, profile(1, DEFAULT, 0)), begin(), (1, profile(2, TX, 20))], 20),
    Row("§3.13.1", "whatever the default's stack level", [(0, profile(1, DEFAULT, 0, level=9)), begin(), (1, profile(2, TX, 20))], 20),
    Row("§3.13.1", "run out, it still overrules: nothing limits", [(0, profile(1, DEFAULT, 6)), begin(), (1, profile(2, TX, 20, duration=30))], None),
    Row("§3.13.1", "not begun, it does so already", [(0, profile(1, DEFAULT, 6)), begin(), (1, profile(2, TX, 20, valid_from_s=90))], None),
    Row("§3.13.1", "a kinder station falls back to the default", [(0, profile(1, DEFAULT, 6)), begin(), (1, profile(2, TX, 20, duration=30))], 6, rules={"expired_tx_profile": "default"}),
    Row("lease", "a second period is a step down that needs no expiry", [(0, profile(1, DEFAULT, 32)), begin(), (1, profile(2, TX, (0, 20), (50, 0)))], 0),
    Row("§3.13.1", "the TxProfile dies with its transaction", [(0, profile(1, DEFAULT, 6)), begin(), (1, profile(2, TX, 20)), end(), begin()], 6),
    Row("errata §3.8", "a new default holds for what runs without TxProfile", [begin(), (0, profile(1, DEFAULT, 6))], 6),
    Row("errata §3.8", "removed, the transaction runs on without", [(0, profile(1, DEFAULT, 6)), begin(), clear(ids=frozenset({1}))], None),
    Row("§3.13.2", "the highest stack level prevails, upwards too", [(0, profile(1, DEFAULT, 6)), (0, profile(2, DEFAULT, 20, level=1)), begin()], 20),
    Row("§3.13.2", "while it is valid", [(0, profile(1, DEFAULT, 6)), (0, profile(2, DEFAULT, 20, level=1, valid_to_s=60)), begin()], 6),
    Row("errata §3.43", "after its duration the lower one does", [(0, profile(1, DEFAULT, 6)), (0, profile(2, DEFAULT, 20, level=1, duration=60)), begin()], 6),
    Row("errata §3.43", "none lower: as if there were none", [(0, profile(2, DEFAULT, 20, duration=60)), begin()], None),
    Row("errata §3.43", "recurring, until it recurs", [(0, profile(1, DEFAULT, 6)), (0, profile(2, DEFAULT, 20, level=1, start=-24 * HOUR, duration=120, **DAILY)), begin()], 20),
    Row("§3.13.2", "the same level and purpose replaces", [(0, profile(1, DEFAULT, 6)), (0, profile(2, DEFAULT, 20)), begin()], 20),
    Row("§3.13.2", "with validFrom ahead there is a gap", [(0, profile(1, DEFAULT, 6)), (0, profile(2, DEFAULT, 20, valid_from_s=90)), begin()], None),
    Row("§5.16.3", "the same id replaces, wherever it was", [(1, profile(1, DEFAULT, 6)), (2, profile(1, DEFAULT, 20, level=4)), begin()], None),
    Row("§3.13.3", "the lowest of the purposes counts", [(0, profile(1, MAX, 10)), begin(), (1, profile(2, TX, 20))], 10),
    Row("§3.13.3", "also below the maximum", [(0, profile(1, MAX, 30)), begin(), (1, profile(2, TX, 20))], 20),
    Row("§3.13.3", "maximum and default", [(0, profile(1, MAX, 10)), (0, profile(2, DEFAULT, 20)), begin()], 10),
    Row("§3.13.3", "an expired TxProfile leaves the maximum", [(0, profile(1, MAX, 30)), begin(), (1, profile(2, TX, 20, duration=30))], 30),
    Row("§7.12", "watts over three phases", [(0, profile(1, DEFAULT, 6900, unit="W")), begin()], 10),
    Row("§7.12", "watts over the phases it says", [(0, profile(1, DEFAULT, 6900, unit="W", phases=1)), begin()], 30),
    Row("quirk", "numberPhases ignored", [(0, profile(1, DEFAULT, 6900, unit="W", phases=1)), begin()], 10, rules={"ignores_number_phases": True}),
    Row("§7.9", "a relative default counts from the transaction", [(0, profile(1, DEFAULT, (0, 20), (50, 6), kind=Kind.RELATIVE)), begin(at=30)], 20),
    Row("§7.9", "and goes on counting", [(0, profile(1, DEFAULT, (0, 20), (50, 6), kind=Kind.RELATIVE)), begin(at=10)], 6),
    Row("§7.9", "a relative maximum counts from its arrival", [(0, profile(1, MAX, (0, 20), (50, 6), kind=Kind.RELATIVE))], 6, evse=0),
    Row("errata §3.26", "an id makes the other criteria void", [(0, profile(1, DEFAULT, 6)), begin(), clear(ids=frozenset({1}), evse=2, purpose=MAX)], None),
    Row("errata §3.25", "criteria must all match", [(0, profile(1, DEFAULT, 6)), begin(), clear(evse=0, purpose=DEFAULT, stack_level=1)], 6),
    Row("errata §3.25", "when they do, it goes", [(0, profile(1, DEFAULT, 6)), begin(), clear(evse=0, purpose=DEFAULT, stack_level=0)], None),
    Row("errata §3.25", "no criteria: all go", [(0, profile(1, DEFAULT, 6)), (0, profile(2, MAX, 6)), begin(), clear()], None),
    Row("§3.13.1", "the TxProfile cleared, the default is back", [(0, profile(1, DEFAULT, 6)), begin(), (1, profile(2, TX, 20)), clear(ids=frozenset({2}))], 6),
]  # fmt: skip


def _run(row: Row) -> ProfileStore:
    profiles = store(**row.rules)
    for step in row.steps:
        if callable(step):
            step(profiles)
        else:
            evse, one = step
            assert profiles.set(evse, one, NOON).accepted
    return profiles


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.clause}: {row.says}")
def test_the_profiles_come_to_what_the_clause_says(row: Row) -> None:
    limit_a = _run(row).limit_a(row.evse, NOON + row.at)
    assert limit_a == (None if row.limit is None else pytest.approx(row.limit))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.clause}: {row.says}")
def test_between_changes_that_are_told_no_limit_changes(row: Row) -> None:
    profiles, at_s = _run(row), NOON
    for _ in range(6):
        until_s = profiles.next_change_s(at_s)
        held = profiles.limit_a(row.evse, at_s)
        last_s = min(math.nextafter(until_s, -math.inf), at_s + 1e6)
        assert profiles.limit_a(row.evse, (at_s + last_s) / 2) == held
        assert profiles.limit_a(row.evse, last_s) == held
        if until_s == math.inf:
            break
        at_s = until_s


@dataclass
class Refused:
    clause: str
    says: str
    evse: int
    profile: Profile
    reason: str | None
    error: str | None = None
    steps: list[Step] = field(default_factory=list)
    rules: dict[str, Any] = field(default_factory=dict)


REFUSED = [
    Refused("§3.13.1", "a maximum on a connector", 1, profile(1, MAX), "InvalidProfile"),
    Refused("§3.13.1", "a TxProfile on 0", 0, profile(1, TX), "InvalidProfile", steps=[begin()]),
    Refused("§5.16.4", "a TxProfile without a transaction", 1, profile(1, TX), "TxNotFound"),
    Refused("§5.16.4", "after it has ended", 1, profile(1, TX), "TxNotFound", steps=[begin(), end()]),
    Refused("§7.8", "a TxProfile of another transaction", 1, profile(1, TX, transaction="8"), "TxNotFound", steps=[begin()]),
    Refused("§7.8", "one that the station can't know yet", 1, profile(1, TX, transaction="8"), "TxNotFound", steps=[begin(transaction=None)]),
    Refused("errata §3.39", "an unknown connector", 3, profile(1, DEFAULT), None, "PropertyConstraintViolation"),
    Refused("§7.10", "a purpose of 2.0.1", 0, profile(1, EXTERNAL), None, "PropertyConstraintViolation"),
    Refused("errata §3.39", "no smart charging", 0, profile(1, DEFAULT), None, "NotSupported", rules={"supported": False}),
    Refused("§9.4.1", "too high a stack level", 0, profile(1, DEFAULT, level=4), "UnsupportedParam", rules={"max_stack_level": 3}),
    Refused("§9.4.2", "a unit that it can't", 0, profile(1, DEFAULT), "UnsupportedParam", rules={"units": frozenset("W")}),
    Refused("§9.4.3", "too many periods", 0, profile(1, DEFAULT, (0, 1), (9, 2)), "TooManyElements", rules={"max_periods": 1}),
    Refused("§9.4.5", "too many profiles", 0, profile(2, DEFAULT, level=1), "TooManyElements", steps=[(0, profile(1, DEFAULT))], rules={"max_profiles": 1}),
    Refused("errata §3.45", "periods that don't start at 0", 0, profile(1, DEFAULT, (1, 6)), "InvalidSchedule"),
    Refused("§7.14", "periods out of order", 0, profile(1, DEFAULT, (0, 6), (9, 6), (9, 7)), "InvalidSchedule"),
    Refused("§7.8", "recurring, but how often?", 0, profile(1, DEFAULT, kind=Kind.RECURRING), "InvalidProfile"),
    Refused("quirk", "no maximum profiles", 0, profile(1, MAX), "UnsupportedParam", rules={"refused_purposes": frozenset({MAX})}),
    Refused("quirk", "limit 0", 0, profile(1, DEFAULT, (0, 6), (9, 0)), "InvalidSchedule", rules={"refuses_zero": True}),
]  # fmt: skip


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: f"{row.clause}: {row.says}")
def test_what_is_refused_changes_nothing(row: Refused) -> None:
    profiles = store(**row.rules)
    for step in row.steps:
        step(profiles) if callable(step) else profiles.set(*step, NOON)
    before = list(profiles.installed)
    answer = profiles.set(row.evse, row.profile, NOON)
    assert not answer.accepted
    assert (answer.reason, answer.error) == (row.reason, row.error)
    assert profiles.installed == before


def test_a_full_station_still_replaces() -> None:
    profiles = store(max_profiles=1)
    assert profiles.set(0, profile(1, DEFAULT, 6), NOON).accepted
    assert profiles.set(0, profile(1, DEFAULT, 7), NOON).accepted
    assert profiles.set(0, profile(2, DEFAULT, 8), NOON).accepted
    assert [one.profile.id for one in profiles.installed] == [2]


def test_a_remote_starts_profile_belongs_to_the_transaction_that_begins() -> None:
    profiles = store()
    profiles.begin(1, NOON)
    assert profiles.set_for_start(1, profile(1, TX, 10), NOON).accepted
    profiles.identify(1, "7")
    assert profiles.set(1, profile(2, TX, 12, transaction="7"), NOON).accepted  # §5.16.2: replaces that level
    assert [one.profile.id for one in profiles.installed] == [2]
    assert profiles.limit_a(1, NOON) == 12


@pytest.mark.parametrize(
    "wrong", [profile(1, DEFAULT), profile(1, TX, transaction="7"), profile(1, TX, (1, 6))]
)
def test_a_remote_starts_profile_must_be_a_tx_profile_without_a_transaction(wrong: Profile) -> None:
    profiles = store()
    profiles.begin(1, NOON)
    assert not profiles.set_for_start(1, wrong, NOON).accepted
    assert profiles.installed == []


def test_a_composite_schedule_is_the_minimum_over_time_within_what_the_hardware_can() -> None:
    profiles = store(evses=1)
    profiles.set(0, profile(1, MAX, (0, 40), (300, 10)), NOON)
    profiles.set(1, profile(2, DEFAULT, (0, 20), (100, 6), (200, 16)), NOON)
    composite = profiles.composite(1, NOON, 600, {1: 32})
    assert composite is not None
    assert composite.periods == (Period(0, 20, 3), Period(100, 6, 3), Period(200, 16, 3), Period(300, 10, 3))
    beyond = profiles.composite(1, NOON, 50, {1: 12}, "W")
    assert beyond is not None
    assert beyond.periods == (Period(0, 12 * 230 * 3, 3),)


def test_the_stations_composite_is_what_it_takes_from_the_grid() -> None:
    profiles = store()
    profiles.set(1, profile(1, DEFAULT, 10), NOON)
    profiles.set(0, profile(2, MAX, (0, 100), (60, 30)), NOON)
    composite = profiles.composite(0, NOON, 600, {1: 32, 2: 32})
    assert composite is not None
    assert composite.periods == (Period(0, 42, 3), Period(60, 30, 3))


def test_a_composite_of_an_unknown_connector_or_unit_is_rejected() -> None:
    assert store().composite(3, NOON, 60, {1: 32, 2: 32}) is None
    assert store(units=frozenset("A")).composite(1, NOON, 60, {1: 32, 2: 32}, "W") is None


def test_a_station_may_forget_everything() -> None:
    profiles = store()
    profiles.set(0, profile(1, MAX, 6), NOON)
    profiles.forget()
    assert profiles.limit_a(1, NOON) is None
