"""What sites and their balancing read back, as plain functions over SQL that every engine understands."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from csms.domain.records import CapSaved, ExposureSaved, ForeignSaved
from csms.domain.site import (
    ConnectorFact,
    KnownStation,
    LoggedDecision,
    OpenTransaction,
    SiteFacts,
    SiteStation,
    SiteVersion,
    StoredSite,
)
from csms.storage.queries import Rows

_CHUNK = 500
"""So many stations are asked for at once; engines limit a statement's parameters."""

_SITES = "SELECT id, revision, created_at_us, config FROM sites ORDER BY id"
_SITE = "SELECT id, revision, created_at_us, config FROM sites WHERE id = :id"
_VERSIONS = "SELECT id, revision, created_at_us FROM sites"
_KNOWN = (
    "SELECT s.id, 1, s.managed, p.site_id FROM stations AS s LEFT JOIN placements AS p ON p.station_id = s.id "
    "UNION ALL SELECT station_id, 0, 0, site_id FROM placements "
    "WHERE station_id NOT IN (SELECT id FROM stations) ORDER BY 1"
)
_PLACED_IN = "SELECT site_id FROM placements WHERE station_id = :station_id"
_ALL_CAPS = (
    "SELECT site_id, node, source, limit_l1_a, limit_l2_a, limit_l3_a, limit_w, until_us, reason, at_us "
    "FROM caps"
)
_CAPS = f"{_ALL_CAPS} WHERE site_id = :site_id ORDER BY node, source"
_EXPOSURES = (
    "SELECT station_id, evse, site_id, transaction_id, worst_a, worst_until_s, after_a, total_a, at_us "
    "FROM exposures WHERE station_id IN ({stations}) ORDER BY station_id, evse"
)
_FOREIGN = (
    "SELECT station_id, evse, profile_id, limit_a, caps, of_transaction, at_us, limit_w FROM foreign_profiles "
    "WHERE station_id IN ({stations}) ORDER BY station_id, evse, profile_id"
)
_STATIONS_AND_FORMS = (
    "SELECT s.id, s.managed, s.vendor, s.model, s.firmware, s.boot_status, f.data, m.data FROM stations AS s "
    "LEFT JOIN station_forms AS f ON f.station_id = s.id "
    "LEFT JOIN model_forms AS m "
    "ON m.vendor = s.vendor AND m.model = s.model AND m.firmware = coalesce(s.firmware, '') WHERE"
)
_STATIONS = f"{_STATIONS_AND_FORMS} s.id IN ({{stations}}) ORDER BY s.id"
_UNPLACED = (
    _STATIONS_AND_FORMS  # noqa: S608 - of constants
    + " f.data IS NOT NULL AND s.id NOT IN (SELECT station_id FROM placements) ORDER BY s.id"
)
_TRANSACTIONS = (
    "SELECT id, ocpp_id, station_id, evse, started_at_us, charging_state FROM "
    "(SELECT t.*, row_number() OVER (PARTITION BY station_id, evse ORDER BY started_at_us DESC, id DESC) AS age "
    "FROM transactions AS t WHERE ended_at_us IS NULL AND evse > 0 AND station_id IN ({stations})) AS running "
    "WHERE age = 1 ORDER BY station_id, started_at_us, id"
)
_CONNECTORS = (
    "SELECT station_id, evse, connector, status FROM connectors "
    "WHERE station_id IN ({stations}) ORDER BY station_id, evse, connector"
)
_DECISIONS = (
    "SELECT number, at_us, kind, data FROM decisions WHERE site_id = :site_id AND number > :after "
    "ORDER BY number LIMIT :limit"
)


def sites(rows: Rows) -> list[StoredSite]:
    """Return all sites by their ids."""
    return [_site(row) for row in rows(_SITES, {})]


def site(rows: Rows, site_id: str) -> StoredSite | None:
    """Return a site."""
    found = rows(_SITE, {"id": site_id})
    return _site(found[0]) if found else None


def site_versions(rows: Rows) -> dict[str, SiteVersion]:
    """Return the version of each site."""
    return {site_id: SiteVersion(revision, made_us) for site_id, revision, made_us in rows(_VERSIONS, {})}


def known_stations(rows: Rows) -> list[KnownStation]:
    """Return every station that is registered or named by a site, by id."""
    return [
        KnownStation(id=station_id, registered=bool(registered), managed=bool(managed), site_id=site_id)
        for station_id, registered, managed, site_id in rows(_KNOWN, {})
    ]


def unplaced_stations(rows: Rows) -> list[SiteStation]:
    """Return the registered stations of no site that have a stored form, by id."""
    return [_station(row) for row in rows(_UNPLACED, {})]


def caps(rows: Rows) -> list[CapSaved]:
    """Return the caps of all sites."""
    return [CapSaved(*row) for row in rows(_ALL_CAPS, {})]


def placed_in(rows: Rows, station_id: str) -> str | None:
    """Return the site whose configuration names the station."""
    found = rows(_PLACED_IN, {"station_id": station_id})
    return found[0][0] if found else None


def site_facts(rows: Rows, site_id: str, evses: Collection[tuple[str, int]]) -> SiteFacts:
    """Return what bears on the balancing of a site with these EVSEs, whichever site wrote it."""
    wanted = set(evses)
    stations = sorted({station_id for station_id, _ in wanted})
    exposures = (ExposureSaved(*row) for row in _of(rows, _EXPOSURES, stations))
    foreign = (ForeignSaved(*row) for row in _of(rows, _FOREIGN, stations))
    transactions = (_transaction(row) for row in _of(rows, _TRANSACTIONS, stations))
    connectors = (_connector(row) for row in _of(rows, _CONNECTORS, stations))
    return SiteFacts(
        caps=tuple(CapSaved(*row) for row in rows(_CAPS, {"site_id": site_id})),
        exposures=tuple(row for row in exposures if (row.station_id, row.evse) in wanted),
        # A profile of EVSE 0 bears on all EVSEs of its station.
        foreign=tuple(row for row in foreign if row.evse == 0 or (row.station_id, row.evse) in wanted),
        stations=tuple(_station(row) for row in _of(rows, _STATIONS, stations)),
        transactions=tuple(row for row in transactions if (row.station_id, row.evse) in wanted),
        connectors=tuple(row for row in connectors if (row.station_id, row.evse) in wanted),
    )


def decisions(rows: Rows, site_id: str, after: int, limit: int) -> list[LoggedDecision]:
    """Return lines of a site's decision log with numbers above `after`, the oldest first."""
    parameters = {"site_id": site_id, "after": after, "limit": limit}
    return [
        LoggedDecision(number=number, at_us=at_us, kind=kind, data=data)
        for number, at_us, kind, data in rows(_DECISIONS, parameters)
    ]


def _of(rows: Rows, statement: str, stations: Sequence[str]) -> Iterator[Sequence[Any]]:
    """Yield the rows of `stations`, which take the place of `{stations}`."""
    for start in range(0, len(stations), _CHUNK):
        chunk: Mapping[str, object] = {
            f"s{number}": station for number, station in enumerate(stations[start : start + _CHUNK])
        }
        yield from rows(statement.format(stations=", ".join(f":{name}" for name in chunk)), chunk)


def _site(row: Sequence[Any]) -> StoredSite:
    site_id, revision, made_us, config = row
    return StoredSite(id=site_id, revision=revision, made_us=made_us, config=config)


def _station(row: Sequence[Any]) -> SiteStation:
    station_id, managed, vendor, model, firmware, boot_status, form, model_form = row
    return SiteStation(
        id=station_id,
        managed=bool(managed),
        vendor=vendor,
        model=model,
        firmware=firmware,
        boot_status=boot_status,
        form=form,
        model_form=model_form,
    )


def _transaction(row: Sequence[Any]) -> OpenTransaction:
    own_id, ocpp_id, station_id, evse, started_at_us, charging_state = row
    return OpenTransaction(
        id=own_id,
        ocpp_id=ocpp_id,
        station_id=station_id,
        evse=evse,
        started_at_us=started_at_us,
        charging_state=charging_state,
    )


def _connector(row: Sequence[Any]) -> ConnectorFact:
    station_id, evse, connector, status = row
    return ConnectorFact(station_id=station_id, evse=evse, connector=connector, status=status)
