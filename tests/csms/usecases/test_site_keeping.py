from __future__ import annotations

import json

import pytest

from csms.domain.records import SiteRemoved, SiteSaved, StationPlaced
from csms.domain.site import KnownStation, StoredSite
from csms.usecases.site_keeping import conflicts, removed, saved, stations_in

NOW_US = 1_750_000_000_000_000


def config(*stations: str) -> bytes:
    return json.dumps({"id": "depot", "evses": [{"station": name, "evse": 1} for name in stations]}).encode()


def known(name: str, site_id: str | None = None, *, registered: bool = True) -> KnownStation:
    return KnownStation(id=name, registered=registered, managed=True, site_id=site_id)


def test_a_new_site_begins_with_revision_1_and_places_each_of_its_stations_once():
    records = saved("depot", config("B", "A", "B"), before=None, known=[known("A")], at_us=NOW_US)

    assert records == (
        SiteSaved("depot", 1, config("B", "A", "B"), NOW_US),
        StationPlaced("depot", "B"),
        StationPlaced("depot", "A"),
    )


def test_a_changed_site_follows_its_revision_and_lets_go_of_stations_that_are_no_longer_in_it():
    before = StoredSite(id="depot", revision=7, made_us=1, config=b"{}")
    others = [known("A", "depot"), known("B", "depot", registered=False), known("C", "yard"), known("D")]

    records = saved("depot", config("A"), before=before, known=others, at_us=NOW_US)

    assert records == (
        SiteSaved("depot", 8, config("A"), NOW_US),
        StationPlaced(None, "B"),
        StationPlaced("depot", "A"),
    )


def test_a_removed_site_lets_go_of_all_its_stations():
    site = StoredSite(id="depot", revision=7, made_us=1, config=b"{}")

    records = removed(site, [known("A", "depot"), known("B", "yard"), known("C")])

    assert records == (StationPlaced(None, "A"), SiteRemoved("depot", 7))


def test_stations_are_told_for_each_evse():
    assert stations_in(config("A", "B", "A")) == ["A", "B", "A"]


@pytest.mark.parametrize(
    "others",
    [[], [known("A")], [known("A", "depot")], [known("A", "depot", registered=False)], [known("B", "yard")]],
)
def test_free_stations_and_own_ones_are_no_conflict(others: list[KnownStation]):
    assert list(conflicts("depot", config("A", "A"), others)) == []


@pytest.mark.parametrize(
    ("names", "others", "path", "message"),
    [
        (["A"], [known("A", "yard")], "evses[0].station", "A belongs to the site yard; take it out there first"),
        (["B", "a"], [known("A", "yard", registered=False)], "evses[1].station", "a belongs to the site yard"),
        (["a"], [known("A")], "evses[0].station", "a is registered as A; write it so"),
        (["A", "a"], [], "evses[1].station", "a is A in evses[0]; case tells no stations apart"),
    ],
)  # fmt: skip
def test_a_conflict_is_told_with_its_place_and_its_remedy(
    names: list[str], others: list[KnownStation], path: str, message: str
):
    (found,) = conflicts("depot", config(*names), others)

    assert found.path == path
    assert found.message.startswith(message)


def test_a_conflict_of_a_station_with_many_evses_is_told_once():
    assert len(list(conflicts("depot", config("A", "B", "A", "A"), [known("A", "yard")]))) == 1
