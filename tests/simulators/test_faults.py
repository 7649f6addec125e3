"""Faults: what goes wrong comes from a seed alone."""

from __future__ import annotations

import math
from typing import Any

import pytest

from simulators.faults import (
    GARBAGE,
    SOUND,
    Disobedience,
    Faults,
    FaultSource,
    Forgetting,
    Outage,
    Reboot,
    chaos,
)


def source(seed: int = 1, station: str = "C1", **faults) -> FaultSource:
    return FaultSource(Faults(**faults), seed, station)


def fates(one: FaultSource, frames: int = 300) -> list[object]:
    told: list[object] = [one.meddle(f"frame {number}", outgoing=True) for number in range(frames)]
    told += [one.meddle(f"answer {number}", outgoing=False) for number in range(frames)]
    return [
        *told,
        *(one.answer_after_s("Reset") for _ in range(frames)),
        *(one.profile_fate() for _ in range(9)),
    ]


TROUBLED: dict[str, Any] = {
    "drop": 0.1, "duplicate": 0.1, "delay": 0.2, "garbage": 0.1,
    "unanswered": 0.1, "slow": 0.2, "ignores_profiles": 0.3, "rejects_profiles": 0.3,
}  # fmt: skip


def test_the_same_seed_makes_the_same_trouble_and_another_seed_or_station_another() -> None:
    again = fates(source(**TROUBLED))
    assert fates(source(**TROUBLED)) == again
    assert fates(source(seed=2, **TROUBLED)) != again
    assert fates(source(station="C2", **TROUBLED)) != again


def test_one_more_fault_does_not_shift_the_others() -> None:
    few = source(drop=0.2)
    many = source(drop=0.2, duplicate=0.5, garbage=0.5, slow=0.9)
    lost = [[not one.meddle("x", outgoing=False) for _ in range(200)] for one in (few, many)]
    assert lost[0] == lost[1]


def test_a_sound_station_lets_everything_pass_at_once() -> None:
    sound = FaultSource(SOUND, 1, "C1")
    assert SOUND.harmless
    assert sound.meddle("x", outgoing=True) == [(0.0, "x")]
    assert (sound.answer_after_s("Reset"), sound.profile_fate()) == (0.0, "obeyed")
    assert (sound.next_s(0), sound.due(1e9)) == (math.inf, [])
    assert SOUND.clock_s(123.0) == 123.0


def test_frames_are_lost_doubled_delayed_and_preceded_by_rubbish() -> None:
    assert source(drop=1.0).meddle("x", outgoing=True) == []
    assert source(duplicate=1.0).meddle("x", outgoing=True) == [(0.0, "x"), (0.0, "x")]
    ((wait_s, text),) = source(delay=1.0, delay_s=5.0).meddle("x", outgoing=False)
    assert (0 < wait_s <= 5, text) == (True, "x")
    rubbish, frame = source(garbage=1.0).meddle("x", outgoing=True)
    assert rubbish[1] in GARBAGE
    assert frame == (0.0, "x")
    assert source(garbage=1.0).meddle("x", outgoing=False) == [(0.0, "x")]


def test_answers_are_slow_or_never_come() -> None:
    assert source(slow=1.0, slow_s=20.0).answer_after_s("Reset") == 20.0
    assert source(unanswered=1.0).answer_after_s("Reset") is None
    mute = source(never_answers=frozenset({"Reset"}))
    assert (mute.answer_after_s("Reset"), mute.answer_after_s("ClearCache")) == (None, 0.0)


def test_profiles_are_ignored_or_rejected() -> None:
    assert source(ignores_profiles=1.0).profile_fate() == "ignored"
    assert source(ignores_profiles=1.0, rejects_profiles=1.0).profile_fate() == "rejected"


def test_a_wrong_clock_is_off_and_drifts() -> None:
    clock = Faults(clock_offset_s=-40.0, clock_drift=1e-3, clock_since_s=1000.0)
    assert clock.clock_s(1000.0) == 960.0
    assert clock.clock_s(2000.0) == 1961.0


def test_scheduled_faults_are_told_once_in_order_with_their_ends() -> None:
    outage, boot = Outage(10, 20), Reboot(15)
    obeys, forgets = Disobedience(20, 30, 32.0), Forgetting(12)
    one = source(scheduled=(obeys, outage, boot, forgets))
    assert one.next_s(0) == 10
    assert one.due(12) == [(outage, True), (forgets, True)]
    assert one.due(12) == []
    assert one.due(25) == [(boot, True), (outage, False), (obeys, True)]
    assert one.next_s(25) == 30
    assert one.due(99) == [(obeys, False)]
    assert one.due(50) == []


def test_chaos_is_drawn_from_its_seed_too() -> None:
    drawn = [chaos(7, f"C{number}", 0.0, 1000.0) for number in range(200)]
    assert drawn == [chaos(7, f"C{number}", 0.0, 1000.0) for number in range(200)]
    assert drawn != [chaos(8, f"C{number}", 0.0, 1000.0) for number in range(200)]
    assert any(faults.scheduled for faults in drawn)
    assert any(faults.drop for faults in drawn)
    for faults in drawn:
        assert all(0 <= p <= 1 for p in (faults.drop, faults.slow, faults.ignores_profiles))


@pytest.mark.parametrize("number", range(20))
def test_without_intensity_hardly_anything_happens(number: int) -> None:
    faults = chaos(7, f"C{number}", 0.0, 1000.0, intensity=0.0)
    assert faults.drop == faults.unanswered == faults.ignores_profiles == 0.0
