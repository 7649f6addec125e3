"""The state of a transaction, and the names of what is doubtful about a sample."""

from __future__ import annotations

import pytest

from csms.domain.history import quality_names, state_of
from csms.domain.metering import Quality


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("Charging", "Charging"),
        ("SuspendedEV", "SuspendedEV"),
        ("SuspendedEVSE", "SuspendedEVSE"),
        ("EVConnected", "EVConnected"),
        ("Idle", "Idle"),
        ("Preparing", "EVConnected"),
        ("Finishing", "EVConnected"),
        ("Available", "Idle"),
        ("Faulted", "Unknown"),
        ("", "Unknown"),
        (None, "Unknown"),
    ],
)
def test_the_state_is_what_the_station_said_last_until_the_end(said: str | None, state: str) -> None:
    assert state_of(active=True, said=said) == state
    assert state_of(active=False, said=said) == "Ended"


def test_every_doubt_has_a_name_of_its_own() -> None:
    assert quality_names(0) == ()
    assert quality_names(Quality.RECEIVE_TIME | Quality.AFTER_END) == ("receive-time", "after-end")
    assert len(set(quality_names(sum(Quality)))) == len(Quality)
