"""Limits of somebody outside are logged, and kept under ids that no charging profile has."""

from __future__ import annotations

from itertools import product

import pytest

from csms.domain.answers import Acknowledged
from csms.domain.control import OWN_PROFILE_IDS, external_profile_id, is_external
from csms.domain.events import ExternalLimitReported
from csms.domain.records import ForeignRemoved, ForeignSaved
from csms.domain.station import KEPT_CONNECTORS
from tests.csms.usecases.world import NOON, World, status

SOURCES = ("EMS", "SO", "CSO", "Other")


def test_a_limit_is_logged_and_kept_as_a_cap(world: World) -> None:
    event = ExternalLimitReported(evse=2, source="EMS", limit_a=10.0, limit_w=2300.0)
    assert world.send(event) == Acknowledged()
    assert world.events("station.external-limit") == [
        {
            "station_id": "CP-1",
            "evse": 2,
            "source": "EMS",
            "limit_a": 10.0,
            "limit_w": 2300.0,
            "ended": False,
        }
    ]
    profile_id = external_profile_id("EMS", whole_station=False)
    assert world.tables.of_type(ForeignSaved) == [
        ForeignSaved("CP-1", 2, profile_id, 10.0, 1, 0, NOON, 2300.0)
    ]


def test_a_limit_of_which_no_value_is_said_is_kept_too(world: World) -> None:
    world.send(ExternalLimitReported(evse=0, source="SO"))
    (kept,) = world.tables.of_type(ForeignSaved)
    assert (kept.evse, kept.limit_a, kept.limit_w) == (0, None, None)


def test_limits_on_numbers_that_no_evse_has_are_only_logged(world: World) -> None:
    beyond = KEPT_CONNECTORS + 1
    for evse in (KEPT_CONNECTORS, beyond):
        assert world.send(ExternalLimitReported(evse=evse, source="EMS", limit_a=10.0)) == Acknowledged()
    assert [one.evse for one in world.tables.of_type(ForeignSaved)] == [KEPT_CONNECTORS]
    assert len(world.events("station.external-limit")) == 2

    world.send(status(beyond))
    world.send(ExternalLimitReported(evse=beyond, source="EMS", limit_a=10.0))
    assert [one.evse for one in world.tables.of_type(ForeignSaved)] == [KEPT_CONNECTORS, beyond]


def test_the_end_of_a_limit_of_one_evse_leaves_the_others(world: World) -> None:
    world.send(ExternalLimitReported(evse=2, source="EMS", ended=True))
    assert world.tables.of_type(ForeignRemoved) == [
        ForeignRemoved("CP-1", 2, external_profile_id("EMS", whole_station=False))
    ]
    (logged,) = world.events("station.external-limit")
    assert logged["ended"] is True


def test_an_end_that_names_no_evse_is_that_of_all_limits_of_its_source(world: World) -> None:
    world.send(ExternalLimitReported(evse=0, source="EMS", ended=True))
    assert {(one.evse, one.profile_id) for one in world.tables.of_type(ForeignRemoved)} == {
        (0, external_profile_id("EMS", whole_station=True)),
        (0, external_profile_id("EMS", whole_station=False)),
    }


def test_each_source_and_place_has_an_id_of_its_own_that_no_profile_can_have() -> None:
    ids = [
        external_profile_id(source, whole_station=whole) for source, whole in product(SOURCES, (True, False))
    ]
    assert len(set(ids)) == len(ids)
    assert all(is_external(profile_id) and profile_id < -(2**31) for profile_id in ids)
    assert not any(is_external(profile_id) for profile_id in (-(2**31), -1, 0, OWN_PROFILE_IDS.start))


@pytest.mark.parametrize("source", ["Other", "", "Neighbour"])
def test_sources_that_nobody_knows_share_one(source: str) -> None:
    assert external_profile_id(source, whole_station=True) == external_profile_id("?", whole_station=True)
