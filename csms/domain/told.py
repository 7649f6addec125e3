"""A transaction of OCPP 2.x as its events tell it: parts that come late, twice and in any order make the same whole.

Every fact carries the number of the event that said it, so that of two tellings the same one wins whichever
came first; tuples are compared from left to right.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar

from msgspec import Struct

from csms.domain.events import TransactionEventReported, TransactionStage
from csms.domain.metering import Sample

KEPT_REGISTERS = 8
"""So many of the newest registers are looked at for a plausible one where no end was read."""


class Start(NamedTuple):
    """Where a transaction begins: its Started, or as long as that is missing its first known event; the least counts."""

    missing: int
    """1: not told by a Started."""
    seq_no: int
    at_us: int
    device_at: str


class End(NamedTuple):
    """What an Ended told; the last one counts, for some stations resume a transaction after a power loss."""

    seq_no: int
    at_us: int
    device_at: str
    reason: str
    """"": not said."""
    received_at_us: int


class Place(NamedTuple):
    """EVSE and connector (0: not said) as the first event told them; one that knows the connector goes before."""

    without_connector: int
    seq_no: int
    evse: int
    connector: int


class StartToken(NamedTuple):
    """The first token that was not presented to stop, and what it was answered."""

    seq_no: int
    hmac: bytes
    verdict: str


class StopToken(NamedTuple):
    """The last token that was presented to stop; that of an Ended goes before."""

    of_end: int
    seq_no: int
    hmac: bytes


class ChargingState(NamedTuple):
    """The newest charging state; by time, for a station that counts anew in mid-transaction goes on in time."""

    at_us: int
    seq_no: int
    text: str


class Number(NamedTuple):
    """A number and who said it."""

    seq_no: int
    number: int


class MeterStart(NamedTuple):
    """The register at the beginning: a `Transaction.Begin`, else one of the Started, else the oldest there is."""

    rank: int
    order: int
    at_us: int
    energy_wh: float


class MeterStop(NamedTuple):
    """The register at the end: a `Transaction.End`, else the newest of an Ended; the greatest counts."""

    rank: int
    seq_no: int
    at_us: int
    energy_wh: float


class Register(NamedTuple):
    """A reading of the import register."""

    at_us: int
    energy_wh: float


class Told(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All that is known of a transaction by its events; kept as JSON."""

    last_seq_no: int
    start: Start
    end: End | None = None
    place: Place | None = None
    token: StartToken | None = None
    stop_token: StopToken | None = None
    newest_state: ChargingState | None = None
    phases_used: Number | None = None
    remote_start_id: Number | None = None
    reservation_id: Number | None = None
    meter_start: MeterStart | None = None
    meter_stop: MeterStop | None = None
    registers: tuple[Register, ...] = ()
    """The newest, oldest first."""

    @property
    def charging_state(self) -> str | None:
        """The newest charging state that was told."""
        return None if self.newest_state is None else self.newest_state.text

    @property
    def started(self) -> bool:
        """Whether its Started is known."""
        return not self.start.missing


def stops(event: TransactionEventReported) -> bool:
    """Tell whether a token in this event was presented to stop (OCPP 2.0.1 E07.FR.02)."""
    return event.stage is TransactionStage.ENDED or event.trigger == "StopAuthorized"


def told_by(
    event: TransactionEventReported,
    *,
    at_us: int,
    received_at_us: int,
    token_hmac: bytes | None = None,
    verdict: str = "",
) -> Told:
    """Return what one event tells; `at_us` is the moment to go by, the token what it names if it names one."""
    seq, ended = event.seq_no, event.stage is TransactionStage.ENDED
    registers = sorted(
        {Register(sample.at_us, sample.energy_wh) for sample in event.samples if sample.energy_wh is not None}
    )
    token = stop_token = None
    if token_hmac is not None and stops(event):
        stop_token = StopToken(int(ended), seq, token_hmac)
    elif token_hmac is not None:
        token = StartToken(seq, token_hmac, verdict)
    return Told(
        last_seq_no=seq,
        start=Start(int(event.stage is not TransactionStage.STARTED), seq, at_us, event.device_at),
        end=End(seq, at_us, event.device_at, event.stop_reason or "", received_at_us) if ended else None,
        place=_place(event),
        token=token,
        stop_token=stop_token,
        newest_state=None
        if event.charging_state is None
        else ChargingState(at_us, seq, event.charging_state),
        phases_used=_number(seq, event.phases_used),
        remote_start_id=_number(seq, event.remote_start_id),
        reservation_id=_number(seq, event.reservation_id),
        meter_start=min(_starts(event), default=None),
        meter_stop=max(_stops(event), default=None) if ended else None,
        registers=tuple(registers[-KEPT_REGISTERS:]),
    )


def joined(one: Told, other: Told) -> Told:
    """Return what both tell together: the same for either order, and nothing new for what was told before."""
    registers = sorted({*one.registers, *other.registers})
    return Told(
        last_seq_no=max(one.last_seq_no, other.last_seq_no),
        start=min(one.start, other.start),
        end=_greatest(one.end, other.end),
        place=_least(one.place, other.place),
        token=_least(one.token, other.token),
        stop_token=_greatest(one.stop_token, other.stop_token),
        newest_state=_greatest(one.newest_state, other.newest_state),
        phases_used=_greatest(one.phases_used, other.phases_used),
        remote_start_id=_least(one.remote_start_id, other.remote_start_id),
        reservation_id=_least(one.reservation_id, other.reservation_id),
        meter_start=_least(one.meter_start, other.meter_start),
        meter_stop=_greatest(one.meter_stop, other.meter_stop),
        registers=tuple(registers[-KEPT_REGISTERS:]),
    )


_Fact = TypeVar("_Fact", bound=tuple[Any, ...])


def _least(one: _Fact | None, other: _Fact | None) -> _Fact | None:
    return min((fact for fact in (one, other) if fact is not None), default=None)


def _greatest(one: _Fact | None, other: _Fact | None) -> _Fact | None:
    return max((fact for fact in (one, other) if fact is not None), default=None)


def _number(seq_no: int, number: int | None) -> Number | None:
    return None if number is None else Number(seq_no, number)


def _place(event: TransactionEventReported) -> Place | None:
    # EVSE 0 is the station itself: no car charges there.
    if event.evse is None or event.evse <= 0:
        return None
    connector = max(event.connector or 0, 0)
    return Place(int(connector == 0), event.seq_no, event.evse, connector)


def _starts(event: TransactionEventReported) -> list[MeterStart]:
    found: list[MeterStart] = []
    for sample in event.samples:
        if sample.energy_wh is None:
            continue
        if sample.context == "Transaction.Begin":
            rank, order = 0, event.seq_no
        elif event.stage is TransactionStage.STARTED:
            rank, order = 1, event.seq_no
        else:
            rank, order = 2, sample.at_us
        found.append(MeterStart(rank, order, sample.at_us, sample.energy_wh))
    return found


def _stops(event: TransactionEventReported) -> list[MeterStop]:
    return [
        MeterStop(_of_end(sample), event.seq_no, sample.at_us, sample.energy_wh)
        for sample in event.samples
        if sample.energy_wh is not None and sample.context != "Transaction.Begin"
    ]


def _of_end(sample: Sample) -> int:
    return int(sample.context == "Transaction.End")
