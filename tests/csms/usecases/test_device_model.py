"""Reports of a station's device model, over the real store."""

from __future__ import annotations

import pytest
from msgspec import structs

from csms.domain.answers import Acknowledged
from csms.domain.events import DeviceModelReported, ReportedVariable
from csms.storage import queries
from csms.usecases import device_model
from tests.csms.usecases.stored_world import StoredWorld
from tests.csms.usecases.world import HOUR, NOON, SECOND

RATING = ReportedVariable(
    component="EVSE",
    evse=1,
    variable="Power",
    attribute="MaxSet",
    value="11000",
    mutability="ReadOnly",
    characteristics='{"dataType":"decimal","unit":"W"}',
)
INTERVAL = ReportedVariable(
    component="SampledDataCtrlr",
    component_instance="first",
    evse=1,
    connector=2,
    variable="TxUpdatedInterval",
    variable_instance="slow",
    value="30",
)


@pytest.fixture
def world(stored_world: StoredWorld) -> StoredWorld:
    return stored_world


def report(*variables: ReportedVariable, seq_no: int = 0, at_us: int | None = NOON) -> DeviceModelReported:
    return DeviceModelReported(
        request_id=9, seq_no=seq_no, more_follows=seq_no == 0, device_at_us=at_us, variables=variables
    )


def known(world: StoredWorld, station: str = "CP-1") -> list[ReportedVariable]:
    return queries.device_model(world.shelf.rows, station)


def test_parts_in_any_order_make_the_model_whole(world: StoredWorld):
    assert world.send(report(INTERVAL, seq_no=1)) == Acknowledged()
    world.send(report(RATING))

    assert known(world) == [RATING, INTERVAL]
    assert known(world, "CP-2") == []


def test_a_part_is_logged_with_what_is_in_it(world: StoredWorld):
    world.send(report(RATING, INTERVAL))

    assert world.events("station.device-model") == [
        {
            "station_id": "CP-1",
            "request_id": 9,
            "seq_no": 0,
            "more_follows": True,
            "variables": 2,
            "left_out": 0,
        }
    ]


@pytest.mark.parametrize(
    "other",
    [
        {"component": "x"},
        {"component_instance": "x"},
        {"evse": 2},
        {"connector": 1},
        {"variable": "x"},
        {"variable_instance": "x"},
        {"attribute": "Actual"},
    ],
)
def test_each_part_of_its_name_makes_another_variable(world: StoredWorld, other: dict[str, object]):
    world.send(report(RATING, structs.replace(RATING, **other)))

    assert len(known(world)) == 2


def test_a_newer_report_takes_the_place_of_the_older_one_and_an_older_one_does_not(world: StoredWorld):
    world.now_us = NOON + HOUR
    world.send(report(RATING))
    world.send(report(structs.replace(RATING, value=None), at_us=NOON + SECOND))
    world.send(report(RATING, at_us=NOON - SECOND))

    assert [one.value for one in known(world)] == [None]


def test_what_a_newer_report_leaves_out_of_how_a_variable_is_stays_known(world: StoredWorld):
    world.send(report(RATING))
    world.send(report(structs.replace(RATING, value="7400", mutability=None, characteristics="{}")))

    assert known(world) == [structs.replace(RATING, value="7400")]


def test_a_report_without_a_trusted_time_counts_from_its_receipt(world: StoredWorld):
    world.send(report(RATING, at_us=None))

    assert [one["at_us"] for one in world.table("device_variables")] == [NOON]


def test_of_too_many_variables_the_newest_are_kept(world: StoredWorld, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(device_model, "KEPT_VARIABLES", 3)
    world.send(report(RATING), station="CP-2")
    for moment in range(5):
        named = structs.replace(RATING, variable_instance=str(moment))
        world.send(report(named, at_us=NOON - 5 * SECOND + moment * SECOND))

    assert [one.variable_instance for one in known(world)] == ["2", "3", "4"]
    assert len(known(world, "CP-2")) == 1


def test_a_variable_with_too_much_text_is_left_out_and_that_is_said(world: StoredWorld):
    longest = device_model.VARIABLE_CHARACTERS_MAX - device_model._characters(
        structs.replace(RATING, value="")
    )
    world.send(report(structs.replace(RATING, value="x" * (longest + 1)), INTERVAL))
    assert known(world) == [INTERVAL]
    assert world.events("station.device-model")[0]["left_out"] == 1

    world.send(report(structs.replace(RATING, value="x" * longest)))
    assert len(known(world)) == 2
