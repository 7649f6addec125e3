"""Readings find their transactions."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from csms.domain.answers import Acknowledged, StartAnswer
from csms.domain.events import SamplesReported, StatusReported
from csms.domain.metering import Quality, Sample, SignedValue
from csms.domain.records import EventRecorded, SampleRecorded, SignedValueRecorded
from csms.ports import TransactionByOcppId, TransactionByStart
from tests.csms.usecases.world import HOUR, NOON, SECOND, World, sample, start, stop

SIGNED = SignedValue(
    at_us=NOON,
    context="Sample.Periodic",
    measurand="Energy",
    encoding="OCMF",
    data=b"\0\xff",
    device_at_us=NOON + 5,
)


def _start(world: World, at_us: int = NOON - HOUR, *, station: str = "CP-1", **rest: Any) -> str:
    answer = world.send(start(at_us, **rest), station=station)
    assert isinstance(answer, StartAnswer)
    return answer.ocpp_id


def _read(
    world: World, ocpp_id: str | None, *samples: Sample, evse: int = 1, **rest: Any
) -> list[SampleRecorded]:
    event = SamplesReported(evse=evse, connector=min(evse, 1), ocpp_id=ocpp_id, samples=samples, **rest)
    known = len(world.samples)
    assert world.send(event) == Acknowledged()
    return world.samples[known:]


def _id(world: World, ocpp_id: str) -> str:
    return world.row(ocpp_id).opened.id


def test_every_value_of_a_sample_is_kept_in_its_column(world: World) -> None:
    values = {
        name: float(n) if name.endswith(("_a", "_v", "_w", "_wh", "_ratio", "_hz", "_c")) else n
        for n, name in enumerate(Sample.__struct_fields__)
    }
    reading = Sample(**(values | {"context": "Sample.Clock", "extra": '{"x":1}'}))  # type: ignore[arg-type]
    (kept,) = _read(world, None, reading)
    assert (kept.station_id, kept.site_id, kept.evse, kept.connector) == ("CP-1", "depot", 1, 1)
    assert {name: getattr(kept, name) for name in values} == msgspec.structs.asdict(reading)


def test_a_sample_belongs_to_the_transaction_it_names(world: World) -> None:
    ocpp_id = _start(world)
    (kept,) = _read(world, ocpp_id, sample(NOON, 1500.0))
    assert (kept.transaction_id, kept.quality) == (_id(world, ocpp_id), 0)


def test_samples_are_no_events(world: World) -> None:
    ocpp_id = _start(world)
    known = len(world.tables.of_type(EventRecorded))
    _read(world, ocpp_id, sample(NOON, 1500.0))
    assert len(world.tables.of_type(EventRecorded)) == known


def test_a_sample_keeps_what_its_reader_doubted(world: World) -> None:
    (kept,) = _read(world, "4711", sample(quality=Quality.REPAIRED))
    assert kept.quality == Quality.REPAIRED | Quality.UNKNOWN_TRANSACTION


def test_a_sample_of_a_transaction_never_seen_is_kept_and_marked(world: World) -> None:
    _start(world)
    (kept,) = _read(world, "4711", sample())
    assert (kept.transaction_id, kept.quality) == (None, Quality.UNKNOWN_TRANSACTION)
    assert world.lookups[-1] == TransactionByOcppId("4711")


def test_another_stations_transaction_is_never_named(world: World) -> None:
    ocpp_id = _start(world, station="CP-2")
    assert _read(world, ocpp_id, sample())[0].transaction_id is None


def test_a_sample_after_the_end_belongs_to_the_ended_transaction_and_is_marked(world: World) -> None:
    ocpp_id = _start(world)
    world.send(stop(ocpp_id))
    (kept,) = _read(world, ocpp_id, sample())
    assert (kept.transaction_id, kept.quality) == (_id(world, ocpp_id), Quality.AFTER_END)


def test_a_sample_of_a_transaction_that_left_memory_is_looked_up_once_and_remembered(world: World) -> None:
    ocpp_id = _start(world)
    world.send(stop(ocpp_id))
    for n in range(20):
        world.send(stop(_start(world, NOON - n * SECOND, evse=2)))
    assert ocpp_id not in world.state().transactions
    for _ in range(2):
        (kept,) = _read(world, ocpp_id, sample())
        assert kept.transaction_id == _id(world, ocpp_id)
    assert world.lookups.count(TransactionByOcppId(ocpp_id)) == 1


@pytest.mark.parametrize("said", [None, "", "0", "-1"])
def test_a_sample_without_an_id_belongs_to_what_charges_on_its_connector(
    world: World, said: str | None
) -> None:
    ocpp_id = _start(world, evse=2)
    _start(world, evse=1)
    (kept,) = _read(world, said, sample(NOON, 1500.0), evse=2)
    assert (kept.transaction_id, kept.evse, kept.quality) == (_id(world, ocpp_id), 2, 0)
    assert {type(lookup) for lookup in world.lookups} == {TransactionByStart}


def test_a_sample_without_an_id_belongs_to_the_newest_that_had_begun_by_then(world: World) -> None:
    newer = _start(world, NOON - HOUR)
    older = _start(world, NOON - 5 * HOUR, uid="OTHER")  # replayed from an offline queue
    before, between, after = _read(
        world, None, sample(NOON - 6 * HOUR), sample(NOON - 2 * HOUR), sample(NOON)
    )
    assert before.transaction_id is None
    assert between.transaction_id == _id(world, older)
    assert after.transaction_id == _id(world, newer)


def test_a_sample_of_an_idle_connector_belongs_to_no_transaction(world: World) -> None:
    world.send(stop(_start(world)))
    (kept,) = _read(world, None, sample())
    assert (kept.transaction_id, kept.quality) == (None, 0)


@pytest.mark.parametrize("named", [True, False])
def test_the_main_meter_of_a_station_with_one_evse_is_the_transactions(world: World, named: bool) -> None:
    world.send(StatusReported(evse=1, connector=1, status="Charging", error=None))
    ocpp_id = _start(world)
    (kept,) = _read(world, ocpp_id if named else None, sample(NOON, 1500.0), evse=0)
    assert (kept.transaction_id, kept.evse, kept.connector) == (_id(world, ocpp_id), 1, 1)
    assert world.state().transactions[ocpp_id].last_energy_wh == 1500.0


def test_the_main_meter_of_a_station_with_several_evses_is_no_transactions(world: World) -> None:
    for evse in (0, 1, 2):
        world.send(StatusReported(evse=evse, connector=min(evse, 1), status="Available", error=None))
    _start(world)
    (kept,) = _read(world, None, sample(), evse=0)
    assert (kept.transaction_id, kept.evse) == (None, 0)


def test_the_main_meter_belongs_to_none_of_several_transactions(world: World) -> None:
    _start(world, evse=1)
    _start(world, evse=2)
    assert _read(world, None, sample(), evse=0)[0].transaction_id is None


def test_a_named_transaction_on_another_connector_is_believed_but_its_register_is_not_touched(
    world: World,
) -> None:
    ocpp_id = _start(world, evse=1)
    (kept,) = _read(world, ocpp_id, sample(NOON, 1500.0), evse=2)
    assert (kept.transaction_id, kept.evse, kept.connector) == (_id(world, ocpp_id), 2, 1)
    assert world.state().transactions[ocpp_id].last_energy_wh == 1000.0


def test_the_register_is_remembered_while_the_transaction_is_open(world: World) -> None:
    ocpp_id = _start(world)
    transaction = world.state().transactions[ocpp_id]
    _read(world, ocpp_id, sample(NOON - SECOND, 1500.0), sample(NOON), sample(NOON, 7.0))
    assert (transaction.last_energy_wh, transaction.last_energy_at_us) == (1500.0, NOON - SECOND)
    world.send(stop(ocpp_id))
    _read(world, ocpp_id, sample(NOON, 1600.0))
    assert transaction.last_energy_wh == 1500.0


def test_signed_values_are_kept_byte_for_byte_with_their_transaction(world: World) -> None:
    ocpp_id = _start(world)
    for said in (ocpp_id, None, "4711"):
        _read(world, said, signed=(SIGNED,))
    signed = world.tables.of_type(SignedValueRecorded)
    assert signed[0] == SignedValueRecorded(
        "CP-1",
        "depot",
        1,
        _id(world, ocpp_id),
        NOON,
        NOON,
        "Sample.Periodic",
        "Energy",
        "OCMF",
        b"\0\xff",
        NOON + 5,
    )
    assert [value.transaction_id for value in signed[1:]] == [_id(world, ocpp_id), None]
