"""Has a managed station sample what the balancing needs: the whole list, or item by item where it is refused.

Only what differs is written, at most once a boot, and a station that starts again and again is given up.
"""

from __future__ import annotations

from csms.domain.control import OrderOutcome, OrderVerdict, Setting, SmartCharging, WriteConfiguration

SETUPS_MAX = 3
"""Some stations restart when they are set up, and would do so for ever."""
VALUE_CHARACTERS_MAX = 500
"""OCPP 1.6 §6.9: a longer value is none; 2.0.1 takes 1000 (part 2, SetVariableDataType)."""
SLOW_INTERVAL_S = 30
"""What is asked for where a station refuses to sample more often."""


class MeasurementSetup:
    """One station's way to the samples that are wanted; `following` is what to write next."""

    def __init__(self, measurands: tuple[str, ...], interval_s: int) -> None:
        """Want `measurands` every `interval_s`."""
        self._wanted, self._wanted_s = measurands, interval_s
        self._setups = 0
        self._to_write: list[WriteConfiguration] = []
        self._whole = False
        self._kept: tuple[str, ...] = ()
        self._items: list[str] = []

    def begin(self, said: SmartCharging) -> None:
        """Plan what has to be written, after the station has started or was first met and said what it samples."""
        self._to_write, self._items, self._kept = [], [], ()
        interval_s = said.sample_interval_s
        lacking = [item for item in self._wanted if item not in said.measurands]
        slow = not interval_s or interval_s > self._wanted_s
        if not (lacking or slow) or self._setups >= SETUPS_MAX:
            return
        self._setups += 1
        if lacking:
            self._whole, self._kept = True, said.measurands
            others = [item for item in said.measurands if item not in self._wanted]
            self._to_write.append(_list_of((*self._wanted, *others)))
        if slow:
            self._to_write.append(WriteConfiguration(Setting.SAMPLE_INTERVAL, str(self._wanted_s)))

    @property
    def following(self) -> WriteConfiguration | None:
        """What to write now; None when all is done."""
        return self._to_write[0] if self._to_write else None

    def answered(self, outcome: OrderOutcome) -> None:
        """Take in how the write ended; one that never left is done again."""
        if outcome.verdict is OrderVerdict.NOT_SENT or not self._to_write:
            return
        written = self._to_write.pop(0)
        accepted = outcome.verdict is OrderVerdict.ACCEPTED
        if outcome.verdict is OrderVerdict.UNKNOWN:
            self._to_write.clear()
        elif written.key == Setting.SAMPLE_INTERVAL:
            if not accepted and written.value != str(SLOW_INTERVAL_S) and self._wanted_s < SLOW_INTERVAL_S:
                self._to_write.insert(0, WriteConfiguration(Setting.SAMPLE_INTERVAL, str(SLOW_INTERVAL_S)))
        else:
            self._list_answered(written, accepted=accepted)

    def _list_answered(self, written: WriteConfiguration, *, accepted: bool) -> None:
        if self._whole:
            self._whole = False
            if accepted:
                return
            self._items = [item for item in self._wanted if item not in self._kept]
        elif accepted:
            self._kept = tuple(written.value.split(","))
        if self._items:
            self._to_write.insert(0, _list_of((*self._kept, self._items.pop(0))))


def _list_of(items: tuple[str, ...]) -> WriteConfiguration:
    """Return the write of a list, without those at its end that no value has room for."""
    while len(",".join(items)) > VALUE_CHARACTERS_MAX:
        items = items[:-1]
    return WriteConfiguration(Setting.MEASURANDS, ",".join(items))
