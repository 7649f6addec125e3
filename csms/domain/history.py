"""What is read back of the past: transactions, their samples, and raw messages."""

from __future__ import annotations

from msgspec import Struct

from csms.domain.metering import Quality
from csms.domain.register import PhaseValues

ENDED = "Ended"
UNKNOWN = "Unknown"
_STATES = {state: state for state in ("Charging", "EVConnected", "SuspendedEV", "SuspendedEVSE", "Idle")} | {
    "Preparing": "EVConnected",
    "Finishing": "EVConnected",
    "Available": "Idle",
}


def state_of(*, active: bool, said: str | None) -> str:
    """Return the state of a transaction in the words of OCPP 2.0.1's ChargingStateEnumType, or `Ended`, `Unknown`.

    `said` is the newest that its station said: a charging state or, in OCPP 1.6, the status of its connector.
    """
    return _STATES.get(said or "", UNKNOWN) if active else ENDED


class LoggedMessage(Struct, frozen=True):
    """One line of the raw messages, as it was kept."""

    number: int
    """Its cursor: older lines have lower numbers."""
    at_us: int
    direction: str
    """`in` or `out`."""
    frame: str
    """JSON, or whatever stood in its place."""
    deviation: str | None


class TransactionQuery(Struct, frozen=True, kw_only=True):
    """Which transactions are asked for; None: whatever it is."""

    station: str | None = None
    """In any case of its letters."""
    token_id: str | None = None
    active: bool | None = None
    from_us: int | None = None
    """Begun then or later."""
    to_us: int | None = None
    """Begun before that."""


class TransactionEntry(Struct, frozen=True, kw_only=True):
    """A transaction as the store knows it."""

    id: str
    ocpp_transaction_id: str
    station_id: str
    site_id: str | None
    evse: int
    connector: int
    token_id: str | None
    started_at_us: int
    ended_at_us: int | None
    meter_start_wh: float | None
    meter_stop_wh: float | None
    energy_wh: float | None
    """Charged; while it runs by the last plausible reading. None: nobody knows."""
    stop_reason: str | None
    closed_by: str | None
    state: str
    orphan: bool
    departure_at_us: int | None
    energy_needed_wh: float | None
    priority: int | None
    revision: int
    """Of what somebody wishes for it; 0: nobody said anything."""

    @property
    def active(self) -> bool:
        """Whether no end is known yet."""
        return self.ended_at_us is None


class Wishes(Struct, frozen=True, kw_only=True):
    """What is wished for a transaction; None: nothing."""

    departure_at_us: int | None
    energy_needed_wh: float | None
    priority: int | None


class SampleEntry(Struct, frozen=True, kw_only=True):
    """One wide meter sample."""

    number: int
    at_us: int
    received_at_us: int
    context: str
    energy_wh: float | None
    power_w: float | None
    current_a: PhaseValues
    voltage_v: PhaseValues
    soc: float | None
    """0 to 1."""
    frequency_hz: float | None
    temperature_c: float | None
    extra: str
    """JSON object."""
    quality: tuple[str, ...]
    """What is doubtful about it."""


def quality_names(bits: int) -> tuple[str, ...]:
    """Return the names of the bits of `Quality`, as `receive-time`."""
    return tuple((flag.name or "").lower().replace("_", "-") for flag in Quality if bits & flag)
