"""The newest meter readings of transactions: passing `transaction.updated` messages, one a second each at most."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct, field

from csms.domain.logged import MeterStart
from csms.domain.metering import Quality
from csms.domain.records import SampleRecorded, TransactionClosed
from csms.domain.times import format_utc
from csms.live.messages import Message, Wanted, passing
from csms.ports import News

SPACING_S = 1.0
"""Between two messages of one transaction; machine seconds."""
TRANSACTIONS_MAX = 20_000
"""More are not followed; the longest silent ones are forgotten."""
ASKED_MAX = 250
"""So many beginnings are looked up in one go."""


class _Reading(Struct):
    station_id: str
    site_id: str | None
    at_us: int
    values: dict[str, object] = field(default_factory=dict[str, object])
    register_evse: int | None = None
    register_wh: float | None = None
    is_new: bool = True
    """Something came since it was told last."""
    told_s: float = float("-inf")
    version: int = 0
    message: Message | None = None


class Readings:
    """What transactions that run have reached, as far as anything came since somebody follows."""

    def __init__(self) -> None:
        """Know nothing."""
        self._of: dict[str, _Reading] = {}
        self._starts: dict[str, MeterStart] = {}

    def tell(self, news: Sequence[News]) -> None:
        """Take samples, and forget transactions that ended: their end is told by an event."""
        for one in news:
            if isinstance(one, SampleRecorded) and not one.quality & Quality.AFTER_END:
                self._take(one)
        for one in news:
            if isinstance(one, TransactionClosed):
                self._of.pop(one.id, None)
                self._starts.pop(one.id, None)

    def unknown(self) -> list[str]:
        """Return transactions whose beginning is not known yet."""
        missing = (name for name in self._of if name not in self._starts)
        return [name for name, _ in zip(missing, range(ASKED_MAX), strict=False)]

    def began(self, asked: Sequence[str], found: Mapping[str, MeterStart]) -> None:
        """Take how transactions began that were `asked` for; of the others no energy is told."""
        for name in asked:
            if name in self._of:
                self._starts[name] = found.get(name, MeterStart(0, None))

    def refresh(self, version: int, now_s: float) -> bool:
        """Let what is due be told as `version`; False: there was nothing."""
        told = False
        for name, reading in self._of.items():
            start = self._starts.get(name)
            if reading.is_new and start is not None and now_s - reading.told_s >= SPACING_S:
                reading.message = _message(name, reading, start)
                reading.is_new, reading.told_s, reading.version = False, now_s, version
                told = True
        return told

    def since(self, version: int, wanted: Wanted) -> Iterator[bytes]:
        """Yield what was told after `version`."""
        for reading in self._of.values():
            if reading.version > version and reading.message is not None and reading.message in wanted:
                yield reading.message.text

    def clear(self) -> None:
        """Forget everything: nobody follows."""
        self._of.clear()
        self._starts.clear()

    def _take(self, sample: SampleRecorded) -> None:
        if sample.transaction_id is None:
            return
        reading = self._of.get(sample.transaction_id)
        if reading is None:
            if len(self._of) >= TRANSACTIONS_MAX:
                oldest = next(iter(self._of))
                del self._of[oldest]
                self._starts.pop(oldest, None)
            reading = _Reading(sample.station_id, sample.site_id, sample.at_us)
            self._of[sample.transaction_id] = reading
        if sample.at_us < reading.at_us:
            return  # from a charger's queue
        reading.at_us, reading.site_id, reading.is_new = sample.at_us, sample.site_id, True
        if sample.energy_wh is not None:
            reading.register_evse, reading.register_wh = sample.evse, sample.energy_wh
        if sample.power_w is not None:
            reading.values["power_w"] = sample.power_w
        currents = (sample.current_l1_a, sample.current_l2_a, sample.current_l3_a)
        if currents != (None, None, None):
            reading.values["current_a"] = dict(zip(("L1", "L2", "L3"), currents, strict=True))


def _message(name: str, reading: _Reading, start: MeterStart) -> Message:
    data: dict[str, object] = {"id": name, "station_id": reading.station_id, "at": format_utc(reading.at_us)}
    # A register of another place (the station's main meter) is not the transaction's.
    if None not in {reading.register_wh, start.energy_wh} and reading.register_evse == start.evse:
        data["energy_wh"] = max(0.0, (reading.register_wh or 0.0) - (start.energy_wh or 0.0))
    return passing(
        "transaction.updated",
        data | reading.values,
        station_id=reading.station_id,
        site_id=reading.site_id,
    )
