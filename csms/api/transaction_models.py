"""What callers wish for transactions, and what they get to see of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from pydantic import Field

from csms.api.values import Finite, Given, GivenMoment, Moment, Shown, ShownReadings
from csms.domain.history import SampleEntry, TransactionEntry, TransactionQuery, Wishes
from csms.domain.metering import Quality
from csms.http.pages import PageQuery

_ID_LENGTH_MAX = 255
_STORED_ONLY = "It is kept and shown; the balancing does not heed it yet."

_Energy = Annotated[float, Field(ge=0, le=10_000_000)]
_Priority = Annotated[int, Field(ge=-1000, le=1000)]


class TransactionsAsked(PageQuery):
    """Which transactions are asked for; all that is said must hold."""

    station: str | None = Field(
        default=None, max_length=_ID_LENGTH_MAX, description="A station's id, also of one that was removed."
    )
    token_id: str | None = Field(
        default=None, max_length=_ID_LENGTH_MAX, description="A token's id, not its uid."
    )
    active: Literal["true", "false"] | None = Field(default=None, description="Whether they still run.")
    from_: GivenMoment | None = Field(default=None, alias="from", description="Begun then or later.")
    to: GivenMoment | None = Field(default=None, description="Begun before that.")

    def query(self) -> TransactionQuery:
        """Return it in the words of the trade."""
        return TransactionQuery(
            station=self.station,
            token_id=self.token_id,
            active=None if self.active is None else self.active == "true",
            from_us=self.from_,
            to_us=self.to,
        )


class TransactionPatch(Given):
    """What is wished for a transaction; what is left out stays, null takes it back."""

    departure_at: GivenMoment | None = Field(default=None, description=f"When the car leaves. {_STORED_ONLY}")
    energy_needed_wh: _Energy | None = Field(
        default=None, description=f"What it needs by then. {_STORED_ONLY}"
    )
    priority: _Priority | None = Field(
        default=None, description=f"Before others of lower numbers. {_STORED_ONLY} It heeds that of the EVSE."
    )

    def of(self, present: TransactionEntry) -> Wishes:
        """Return what it makes of what was wished before."""
        said = self.model_fields_set
        return Wishes(
            departure_at_us=self.departure_at if "departure_at" in said else present.departure_at_us,
            energy_needed_wh=self.energy_needed_wh
            if "energy_needed_wh" in said
            else present.energy_needed_wh,
            priority=self.priority if "priority" in said else present.priority,
        )


class Transaction(Shown):
    """A charging session as its station reported it."""

    id: str
    ocpp_transaction_id: str
    station_id: str
    evse: int
    connector: int
    token_id: str | None
    started_at: Moment = Field(validation_alias="started_at_us")
    ended_at: Moment | None = Field(validation_alias="ended_at_us")
    active: bool
    meter_start_wh: Finite
    meter_stop_wh: Finite
    energy_wh: Finite = Field(
        description="Charged; while it runs by the last plausible reading. Null: nobody knows."
    )
    stop_reason: str | None = Field(description="As its station said it.")
    closed_by: Literal["station", "next-start", "station-removed"] | None = Field(
        description="`station`: it reported the end. Otherwise that was inferred, and its report may still come."
    )
    state: Literal["Charging", "EVConnected", "SuspendedEV", "SuspendedEVSE", "Idle", "Ended", "Unknown"] = (
        Field(description="In the words of OCPP 2.0.1; of OCPP 1.6 it follows from the connector's status.")
    )
    orphan: bool = Field(description="Its end came without its beginning.")
    departure_at: Moment | None = Field(validation_alias="departure_at_us")
    energy_needed_wh: Finite
    priority: int | None


class TransactionPage(Shown):
    """A part of the list of transactions, those that began last first."""

    items: list[Transaction]
    next_cursor: str | None = Field(description="Null: it was the last part.")


class Sample(Shown):
    """What a meter said at one moment; powers and currents towards the car."""

    at: Moment
    received_at: Moment
    context: str
    energy_wh: Finite = Field(description="The import register.")
    power_w: Finite
    current_a: ShownReadings
    voltage_v: ShownReadings
    soc: Finite = Field(description="0 to 1.")
    frequency_hz: Finite
    temperature_c: Finite
    limit_a: Finite = Field(description="What the charger said that it offers the car.")
    extra: dict[str, Any] = Field(description="All else, with its unit in the name.")
    quality: list[str] = Field(
        description="What is doubtful: "
        + ", ".join(f"`{(flag.name or '').lower().replace('_', '-')}`" for flag in Quality)
        + "; empty: nothing."
    )


class SamplePage(Shown):
    """A part of a transaction's samples, the oldest first."""

    items: list[Sample]
    next_cursor: str | None = Field(description="Null: it was the last part.")


def sample_of(entry: SampleEntry) -> Sample:
    """Return a sample as it is shown."""
    extra: dict[str, Any] = msgspec.json.decode(entry.extra)
    return Sample.model_validate(
        {
            "at": entry.at_us,
            "received_at": entry.received_at_us,
            "context": entry.context,
            "energy_wh": entry.energy_wh,
            "power_w": entry.power_w,
            "current_a": entry.current_a,
            "voltage_v": entry.voltage_v,
            "soc": entry.soc,
            "frequency_hz": entry.frequency_hz,
            "temperature_c": entry.temperature_c,
            "limit_a": extra.get("Current.Offered_a"),
            "extra": extra,
            "quality": entry.quality,
        }
    )
