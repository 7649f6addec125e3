"""Meter readings find their transaction; every one is kept, also without one."""

from __future__ import annotations

from csms.domain.answers import Acknowledged
from csms.domain.events import SamplesReported
from csms.domain.metering import Quality, Sample, SignedValue
from csms.domain.records import Record, SampleRecorded, SignedValueRecorded
from csms.domain.station import StationState
from csms.domain.times import trusted_at
from csms.domain.transaction import Place, Transaction, usable_ocpp_id
from csms.ports import Context, Outcome, TransactionByOcppId
from csms.usecases import sessions


def read(state: StationState, event: SamplesReported, context: Context) -> Outcome | TransactionByOcppId:
    """Keep samples and signed values with the transaction they name or, naming none, the one on their connector.

    A named transaction is believed even where it charges on another connector than the message names;
    the sample then stays on the message's connector and doesn't count as that transaction's register.
    """
    transaction = sessions.named(state, event.ocpp_id, context)
    if isinstance(transaction, TransactionByOcppId):
        return transaction
    named = usable_ocpp_id(event.ocpp_id) is not None
    if transaction is not None and transaction.ocpp_id not in state.transactions:
        sessions.remember(state, transaction)
    unknown = Quality.UNKNOWN_TRANSACTION if named and transaction is None else 0
    records: list[Record] = []
    for sample in event.samples:
        of = transaction if named else _charging_at(state, event, sample.at_us)
        place = _place(event, of)
        quality = unknown | (Quality.AFTER_END if of is not None and not of.active else 0)
        records.append(record_sample(state, sample, place, of, quality=quality))
        if of is not None and of.active and sample.energy_wh is not None and place == of.key.place:
            of.take_reading(sample.energy_wh, sample.at_us)
    for value in event.signed:
        of = transaction if named else _charging_at(state, event, value.at_us)
        records.append(record_signed(state, value, _place(event, of), of, context.received_at_us))
    return Outcome(Acknowledged(), tuple(records))


def register_sample(
    context_name: str, energy_wh: float, device_at_us: int | None, context: Context
) -> Sample:
    """Return the register that a transaction's start or stop told, as a sample."""
    at_us, trusted = trusted_at(device_at_us, context.received_at_us)
    quality = (0 if trusted else Quality.RECEIVE_TIME) | (Quality.REPAIRED if context.repaired else 0)
    return Sample(
        at_us=at_us,
        device_at_us=device_at_us,
        received_at_us=context.received_at_us,
        context=context_name,
        energy_wh=energy_wh,
        quality=quality,
    )


def record_sample(
    state: StationState, sample: Sample, place: Place, transaction: Transaction | None, *, quality: int = 0
) -> SampleRecorded:
    """Return the record of a sample, with what is doubtful beside what its reader already doubted."""
    return SampleRecorded(
        state.id,
        state.site_id,
        *place,
        None if transaction is None else transaction.id,
        sample.at_us,
        sample.device_at_us,
        sample.received_at_us,
        sample.context,
        sample.energy_wh,
        sample.power_w,
        sample.current_l1_a,
        sample.current_l2_a,
        sample.current_l3_a,
        sample.voltage_l1_v,
        sample.voltage_l2_v,
        sample.voltage_l3_v,
        sample.soc_ratio,
        sample.frequency_hz,
        sample.temperature_c,
        sample.extra,
        sample.quality | quality,
    )


def record_signed(
    state: StationState,
    value: SignedValue,
    place: Place,
    transaction: Transaction | None,
    received_at_us: int,
) -> SignedValueRecorded:
    """Return the record of a signed value, byte for byte."""
    return SignedValueRecorded(
        station_id=state.id,
        site_id=state.site_id,
        evse=place[0],
        transaction_id=None if transaction is None else transaction.id,
        at_us=value.at_us,
        received_at_us=received_at_us,
        context=value.context,
        measurand=value.measurand,
        encoding=value.encoding,
        data=value.data,
        device_at_us=value.device_at_us,
    )


def _place(event: SamplesReported, transaction: Transaction | None) -> Place:
    if event.evse == 0 and transaction is not None:
        return transaction.key.place
    return event.evse, event.connector


def _charging_at(state: StationState, event: SamplesReported, at_us: int) -> Transaction | None:
    """Return the open transaction that a reading without id belongs to.

    EVSE 0 is the main meter; only where the station has one EVSE, that meter is the transaction's too.
    """
    charging = [t for t in state.transactions.values() if t.active and t.started_at_us <= at_us]
    if event.evse == 0:
        return charging[0] if len(charging) == 1 and len(state.evses) <= 1 else None
    here = [t for t in charging if t.key.place == (event.evse, event.connector)]
    return max(here, key=lambda t: t.started_at_us, default=None)
