"""What every storage engine does for sites and their balancing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from csms.domain.errors import Conflict, NotFound, RecordRefused
from csms.domain.records import (
    CapRemoved,
    ConnectorStatusRecorded,
    ForeignRemoved,
    FormSaved,
    ModelFormSaved,
    Record,
    SiteRemoved,
    SiteSaved,
    StationBooted,
    StationPlaced,
)
from csms.domain.register import StationChange
from csms.domain.site import (
    ConnectorFact,
    KnownStation,
    LoggedDecision,
    OpenTransaction,
    SiteFacts,
    SiteStation,
    StoredSite,
)
from csms.storage import SqliteStorage
from csms.storage.site_queries import _CHUNK
from tests.csms.storage.engines import NOW_US, SqliteEngine, written
from tests.csms.storage.some_records import (
    CAP,
    CLOSED,
    DECISION,
    EVENT,
    EXPOSURE,
    FOREIGN,
    OPENED,
    SITE,
    STATION,
    STATUS,
    TOKEN_SEEN,
    TOLD,
    UPDATED,
    but,
)

PLACED = StationPlaced("depot", "CP-1")
GONE = StationPlaced(None, "CP-1")
REMOVED = SiteRemoved("depot", 1)

Ask = Callable[[SqliteStorage], Awaitable[Any]]


def told(engine: SqliteEngine, ask: Ask, *units: list[Any]) -> Any:
    """Write units that are all right, and return what the store then says."""

    async def story(storage: SqliteStorage) -> Any:
        assert await written(storage, *units) == [None] * len(units)
        return await ask(storage)

    return engine.tell(story)


def refused(engine: SqliteEngine, *units: list[Record]) -> list[bool]:
    """Write units, which come in one batch, and return which were refused."""

    async def story(storage: SqliteStorage) -> list[Exception | None]:
        return await written(storage, *units)

    ended = engine.tell(story)
    assert all(error is None or isinstance(error, RecordRefused) for error in ended)
    return [error is not None for error in ended]


# --- sites and their revisions


def test_a_site_is_found_as_it_was_saved_last(engine: SqliteEngine):
    yard = SiteSaved("yard", 1, b"{}", NOW_US)
    newer = but(SITE, revision=2, config=b"{2}", at_us=NOW_US + 1)

    async def ask(storage: SqliteStorage) -> tuple[Any, ...]:
        found = await storage.find_site("depot"), await storage.find_site("none")
        return await storage.sites(), *found, await storage.site_versions()

    sites, depot, none, versions = told(engine, ask, [yard], [SITE], [newer])

    assert sites == [depot, StoredSite(id="yard", revision=1, made_us=NOW_US, config=b"{}")]
    assert depot == StoredSite(id="depot", revision=2, made_us=NOW_US, config=b"{2}")
    assert none is None
    assert versions == {"depot": (2, NOW_US), "yard": (1, NOW_US)}


@pytest.mark.parametrize("revision", [-1, 0, 2, 3])
def test_a_new_site_begins_with_revision_1(engine: SqliteEngine, revision: int):
    assert refused(engine, [but(SITE, revision=revision)]) == [True]


@pytest.mark.parametrize("revision", [0, 1, 3])
def test_a_change_that_does_not_follow_the_stored_revision_is_refused_whole(
    engine: SqliteEngine, revision: int
):
    change = but(SITE, revision=revision, config=b"late")

    assert refused(engine, [SITE], [change, PLACED], [EVENT]) == [False, True, False]
    assert engine.rows("SELECT revision, config FROM sites") == [{"revision": 1, "config": SITE.config}]
    assert engine.rows("SELECT * FROM placements") == []


def test_of_two_who_change_a_site_at_once_one_is_refused(engine: SqliteEngine):
    engine.write(SITE)

    changes = [[but(SITE, revision=2, config=text)] for text in (b"mine", b"yours")]

    assert refused(engine, *changes) == [False, True]
    assert engine.rows("SELECT config FROM sites") == [{"config": b"mine"}]


@pytest.mark.parametrize("removal", [SiteRemoved("depot", 2), SiteRemoved("Depot", 1)])
def test_a_removal_that_does_not_name_the_stored_revision_is_refused(
    engine: SqliteEngine, removal: SiteRemoved
):
    assert refused(engine, [SITE], [removal]) == [False, True]
    assert len(engine.rows("SELECT * FROM sites")) == 1


def test_a_removed_site_takes_its_caps_and_its_claims_along_and_leaves_what_chargers_obey(
    engine: SqliteEngine,
):
    other = [SiteSaved("yard", 1, b"{}", NOW_US), but(CAP, site_id="yard"), StationPlaced("yard", "CP-2")]
    kept = [EXPOSURE, FOREIGN, DECISION, FormSaved("CP-1", b"{}", NOW_US)]
    units = [[STATION, SITE, PLACED, CAP, *kept], other, [REMOVED]]

    assert refused(engine, *units) == [False, False, False]

    assert [row["id"] for row in engine.rows("SELECT id FROM sites")] == ["yard"]
    assert [row["site_id"] for row in engine.rows("SELECT site_id FROM caps")] == ["yard"]
    assert [row["station_id"] for row in engine.rows("SELECT station_id FROM placements")] == ["CP-2"]
    assert engine.rows("SELECT site_id FROM stations") == [{"site_id": None}]
    for table in ("exposures", "foreign_profiles", "decisions", "station_forms"):
        assert len(engine.rows(f"SELECT * FROM {table}")) == 1  # noqa: S608


def test_a_site_may_be_made_again_after_its_end_and_is_told_apart(engine: SqliteEngine):
    again = but(SITE, at_us=NOW_US + 1)

    versions = told(engine, SqliteStorage.site_versions, [SITE], [REMOVED], [again])

    assert versions == {"depot": (1, NOW_US + 1)}


# --- where stations belong


def station_site(engine: SqliteEngine) -> str | None:
    return engine.rows("SELECT site_id FROM stations WHERE id = 'CP-1'")[0]["site_id"]


def test_a_registered_station_is_placed_and_leaves_again(engine: SqliteEngine):
    engine.write(STATION, SITE, PLACED)
    assert station_site(engine) == "depot"

    engine.write(GONE)
    assert station_site(engine) is None
    assert engine.rows("SELECT * FROM placements") == []


def test_a_station_that_registers_by_connecting_finds_its_place(engine: SqliteEngine):
    engine.write(SITE, PLACED)
    engine.write(STATION)

    assert station_site(engine) == "depot"


def test_a_station_that_is_added_finds_its_place(engine: SqliteEngine):
    async def story(storage: SqliteStorage) -> None:
        await written(storage, [SITE, PLACED])
        with pytest.raises(Conflict, match="configuration of the site depot names CP-1"):
            await storage.add_station("CP-1", site_id="yard")
        await storage.add_station("CP-1")
        await storage.add_station("CP-2", site_id="yard")

    engine.tell(story)

    assert engine.rows("SELECT id, site_id FROM stations ORDER BY id") == [
        {"id": "CP-1", "site_id": "depot"},
        {"id": "CP-2", "site_id": "yard"},
    ]


def test_a_station_of_one_site_is_not_placed_in_another(engine: SqliteEngine):
    yard = SiteSaved("yard", 1, b"{}", NOW_US)

    assert refused(engine, [STATION, SITE, PLACED], [yard, StationPlaced("yard", "CP-1")]) == [False, True]
    assert station_site(engine) == "depot"
    assert [row["id"] for row in engine.rows("SELECT id FROM sites")] == ["depot"]


def test_a_station_moves_from_one_site_to_another_in_one_unit(engine: SqliteEngine):
    engine.write(STATION, SITE, PLACED)

    assert refused(engine, [GONE, StationPlaced("yard", "CP-1")]) == [False]
    assert station_site(engine) == "yard"
    assert engine.rows("SELECT site_id FROM placements") == [{"site_id": "yard"}]


def test_all_that_is_known_of_stations_is_listed(engine: SqliteEngine):
    async def ask(storage: SqliteStorage) -> list[KnownStation]:
        await storage.add_station("CP-2")
        return await storage.known_stations()

    known = told(engine, ask, [STATION, SITE, PLACED, StationPlaced("depot", "CP-9")])

    assert known == [
        KnownStation(id="CP-1", registered=True, managed=False, site_id="depot"),
        KnownStation(id="CP-2", registered=True, managed=True, site_id=None),
        KnownStation(id="CP-9", registered=False, managed=False, site_id="depot"),
    ]


def test_whether_a_station_is_managed_is_changed_by_its_id_whatever_its_case(engine: SqliteEngine):
    async def story(storage: SqliteStorage) -> list[bool]:
        managed: list[bool] = []
        await written(storage, [STATION])
        for wanted in (True, False):
            assert (await storage.change_station("cp-1", StationChange(managed=wanted))).id == "CP-1"
            managed += [station.managed for station in await storage.known_stations()]
        with pytest.raises(NotFound):
            await storage.change_station("CP-2", StationChange(managed=True))
        return managed

    assert engine.tell(story) == [True, False]


# --- what one record undoes of another, in one batch


@pytest.mark.parametrize(
    ("units", "table", "left"),
    [
        ([[CAP], [CapRemoved("depot", "main", "rest")]], "caps", 0),
        ([[CAP], [CapRemoved("depot", "main", "rest")], [CAP]], "caps", 1),
        ([[FOREIGN], [ForeignRemoved("CP-1", 1, 7)]], "foreign_profiles", 0),
        ([[FOREIGN], [ForeignRemoved("CP-1", 1, 7)], [FOREIGN]], "foreign_profiles", 1),
        ([[FOREIGN], [ForeignRemoved("CP-1", 1, 8)]], "foreign_profiles", 1),
        ([[FOREIGN], [ForeignRemoved("CP-1", 2, 7)]], "foreign_profiles", 1),
        # EVSE 0: from everywhere at the station.
        ([[FOREIGN, but(FOREIGN, evse=0)], [ForeignRemoved("CP-1", 0, 7)]], "foreign_profiles", 0),
        ([[FOREIGN, but(FOREIGN, evse=0)], [ForeignRemoved("CP-1", 1, 7)]], "foreign_profiles", 1),
        ([[but(FOREIGN, station_id="CP-2")], [ForeignRemoved("CP-1", 0, 7)]], "foreign_profiles", 1),
        ([[PLACED], [GONE]], "placements", 0),
        ([[PLACED], [GONE], [PLACED]], "placements", 1),
        ([[CAP, PLACED], [GONE, REMOVED], [SITE, PLACED]], "caps", 0),
        ([[CAP, PLACED], [GONE, REMOVED], [SITE, PLACED]], "placements", 1),
    ],
)
def test_in_one_batch_the_order_of_submission_counts(
    engine: SqliteEngine, units: list[list[Record]], table: str, left: int
):
    assert refused(engine, [STATION, SITE], *units) == [False] * (1 + len(units))
    assert len(engine.rows(f"SELECT * FROM {table}")) == left  # noqa: S608


def test_a_cap_of_a_site_that_is_gone_is_refused(engine: SqliteEngine):
    assert refused(engine, [CAP], [SITE], [CAP], [REMOVED], [CAP]) == [True, False, False, False, True]


def test_a_cap_that_limits_nothing_more_may_be_removed_again(engine: SqliteEngine):
    assert refused(engine, [CapRemoved("depot", "main", "rest")]) == [False]


def test_the_caps_of_all_sites_are_listed(engine: SqliteEngine):
    yard, other = SiteSaved("yard", 1, b"{}", NOW_US), but(CAP, site_id="yard")

    caps = told(engine, SqliteStorage.caps, [yard, other, SITE, CAP])

    assert sorted(caps, key=lambda cap: cap.site_id) == [CAP, other]


# --- what the balancing begins with


def facts(*evses: tuple[str, int], site_id: str = "depot") -> Ask:
    return lambda storage: storage.site_facts(site_id, evses)


def test_an_unknown_site_has_no_facts(engine: SqliteEngine):
    assert told(engine, facts(("CP-1", 1))) == SiteFacts(
        caps=(), exposures=(), foreign=(), stations=(), transactions=(), connectors=()
    )


def test_the_facts_of_a_site_are_those_of_its_evses(engine: SqliteEngine):
    booted = StationBooted("ACME", "Post", None, "1.2", "{}", "Accepted", NOW_US, "CP-1")
    other = but(STATION, station_id="CP-2")
    units: list[list[Any]] = [
        [STATION, other, TOKEN_SEEN, booted, SITE, CAP, but(CAP, source="grid", until_us=None)],
        [OPENED, but(OPENED, id="tx-2", evse=2), but(OPENED, id="tx-3", station_id="CP-2")],
        [but(OPENED, id="tx-4", meter_start_wh=4.0), but(CLOSED, id="tx-4")],
        [but(TOLD, id="tx-5", evse=0), but(UPDATED, id="tx-5", evse=1)],
        [STATUS, but(STATUS, evse=2), but(STATUS, evse=0, connector=0), but(STATUS, station_id="CP-2")],
        [EXPOSURE, but(EXPOSURE, evse=2), but(EXPOSURE, station_id="CP-2")],
        [FOREIGN, but(FOREIGN, evse=0), but(FOREIGN, evse=2), but(FOREIGN, station_id="CP-2")],
        [FormSaved("CP-1", b"own", NOW_US), ModelFormSaved("ACME", "Post", "1.2", b"model", NOW_US)],
        [ModelFormSaved("ACME", "Post", "", b"another", NOW_US)],
    ]

    found = told(engine, facts(("CP-1", 1), ("CP-9", 1)), *units)

    assert found == SiteFacts(
        caps=(but(CAP, source="grid", until_us=None), CAP),
        exposures=(EXPOSURE,),
        foreign=(but(FOREIGN, evse=0), FOREIGN),
        stations=(
            SiteStation(
                id="CP-1",
                managed=False,
                vendor="ACME",
                model="Post",
                firmware="1.2",
                boot_status="Accepted",
                form=b"own",
                model_form=b"model",
            ),
        ),
        # An EVSE has one transaction at a time: the older tx-1 is over.
        transactions=(
            OpenTransaction(
                id="tx-5",
                ocpp_id="a-b-c",
                station_id="CP-1",
                evse=1,
                started_at_us=NOW_US,
                charging_state="Charging",
            ),
        ),
        connectors=(ConnectorFact(station_id="CP-1", evse=1, connector=1, status="Charging"),),
    )


def test_a_model_without_a_firmware_has_its_form_too(engine: SqliteEngine):
    booted = StationBooted("ACME", "Post", None, None, "{}", "Accepted", NOW_US, "CP-1")

    found = told(
        engine, facts(("CP-1", 1)), [STATION, booted, ModelFormSaved("ACME", "Post", "", b"{}", NOW_US)]
    )

    assert (found.stations[0].form, found.stations[0].model_form) == (None, b"{}")


def test_stations_of_no_site_are_told_with_their_forms(engine: SqliteEngine):
    async def ask(storage: SqliteStorage) -> Any:
        return await storage.unplaced_stations()

    form = FormSaved("CP-1", b"own", NOW_US)
    units = ([STATION, form], [SITE, PLACED])
    assert told(engine, ask, *units) == []
    (found,) = told(engine, ask, [GONE])
    assert (found.id, found.form) == ("CP-1", b"own")


def test_what_an_evse_may_draw_is_known_to_its_next_site_too(engine: SqliteEngine):
    found = told(engine, facts(("CP-1", 1), site_id="yard"), [SITE, EXPOSURE], [REMOVED])

    assert found.exposures == (EXPOSURE,)


def test_facts_hold_all_that_was_submitted_before(engine: SqliteEngine):
    async def story(storage: SqliteStorage) -> SiteFacts:
        storage.submit([SITE, CAP, EXPOSURE], lambda _: None)
        return await storage.site_facts("depot", [("CP-1", 1)])

    found = engine.tell(story)

    assert (found.caps, found.exposures) == ((CAP,), (EXPOSURE,))


def test_a_site_may_have_more_stations_than_a_statement_takes(engine: SqliteEngine):
    names = [f"CP-{number:05}" for number in range(2 * _CHUNK + 1)]
    exposures = [but(EXPOSURE, station_id=name) for name in names]

    found = told(engine, facts(*((name, 1) for name in names)), list(exposures))

    assert found.exposures == tuple(exposures)


def test_only_the_newest_status_of_a_connector_counts(engine: SqliteEngine):
    newer: ConnectorStatusRecorded = but(STATUS, status="Available", at_us=NOW_US + 1)

    found = told(engine, facts(("CP-1", 1)), [newer], [STATUS])

    assert [fact.status for fact in found.connectors] == ["Available"]


# --- the decision log


def test_the_decision_log_is_read_in_pages_in_the_order_in_which_it_was_written(engine: SqliteEngine):
    log = [but(DECISION, kind=f"step-{number}") for number in range(5)]

    async def ask(storage: SqliteStorage) -> tuple[list[LoggedDecision], ...]:
        first = await storage.decisions("depot", limit=2)
        return first, await storage.decisions("depot", after=first[-1].number)

    first, rest = told(engine, ask, [log[0], but(DECISION, site_id="yard")], *([line] for line in log[1:]))

    assert [line.kind for line in first] == ["step-0", "step-1"]
    assert [line.kind for line in rest] == ["step-2", "step-3", "step-4"]
    assert (first[0].at_us, first[0].data) == (NOW_US, b"packed")
    assert all(one.number < other.number for one, other in zip(first + rest, rest, strict=False))


def test_a_number_of_the_decision_log_is_not_used_again(engine: SqliteEngine):
    engine.write(DECISION, DECISION)
    engine.execute("DELETE FROM decisions")
    engine.write(DECISION)

    assert engine.rows("SELECT number FROM decisions") == [{"number": 3}]
