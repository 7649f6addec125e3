"""How far a station's clock is off, by the timestamps of what it measures just before it tells it."""

from __future__ import annotations

from collections import deque
from statistics import median

from csms.domain.metering import Quality
from csms.domain.records import SampleRecorded

KEPT = 9
LATE_US = 5_000_000
"""Clocks that are off by less are left uncorrected: a message may take that long."""
AHEAD_MAX_US = 300_000_000
"""A device time that far ahead of its receipt is a clock that was never set, and no measure of an error."""


class StationClock:
    """The station's clock against ours, and when what it measured was measured."""

    def __init__(self) -> None:
        """Take it to be right."""
        self._lags_us: deque[int] = deque(maxlen=KEPT)
        self._received_at_us: int | None = None
        self._quiet_until_us = 0

    def connected(self, at_us: int, replay_s: float) -> None:
        """Learn nothing for `replay_s` from `at_us` on: a queue may be replayed then, with old timestamps."""
        self._quiet_until_us = at_us + int(replay_s * 1e6)

    def seen(self, sample: SampleRecorded) -> None:
        """Learn from a sample that was told as soon as it was taken."""
        if sample.device_at_us is None or not sample.context.startswith("Sample"):
            return
        if sample.received_at_us < self._quiet_until_us:
            return
        lag_us = sample.received_at_us - sample.device_at_us
        if self._received_at_us == sample.received_at_us:
            # One message, several moments: the newest of them tells most.
            lag_us = min(lag_us, self._lags_us.pop())
        self._received_at_us = sample.received_at_us
        self._lags_us.append(lag_us)

    @property
    def lag_us(self) -> int:
        """How much the station's clock is behind ours; below 0: ahead."""
        return int(median(self._lags_us)) if self._lags_us else 0

    @property
    def error_s(self) -> float:
        """How far it may be off, in seconds."""
        return abs(self.lag_us) / 1e6

    def measured_at_us(self, sample: SampleRecorded) -> int | None:
        """Return when a sample was taken by our clock; None where nobody can say.

        A time of receipt stands for a sample without a usable device time, but not while a queue may be
        replayed: then it may be of any age.
        """
        device_at_us, received_at_us = sample.device_at_us, sample.received_at_us
        if sample.quality & Quality.RECEIVE_TIME:
            barely_ahead = device_at_us is not None and 0 <= device_at_us - received_at_us <= AHEAD_MAX_US
            return received_at_us if barely_ahead or received_at_us >= self._quiet_until_us else None
        lag_us = self.lag_us
        if device_at_us is None or abs(lag_us) < LATE_US:
            return sample.at_us
        return min(received_at_us, device_at_us + lag_us)
