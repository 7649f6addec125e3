"""Which records save a site and remove it, and what forbids that: a station belongs to one site at most.

A site's stations are those that its configuration names, registered or not; saving it places each of them. One
that is registered later finds its place in the store.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec
from msgspec import Struct

from csms.domain.errors import FieldProblem
from csms.domain.records import Record, SiteRemoved, SiteSaved, StationPlaced
from csms.domain.site import KnownStation, StoredSite


class _Evse(Struct):
    station: str


class _Config(Struct):
    evses: list[_Evse]


_config = msgspec.json.Decoder(_Config)


def stations_in(config: bytes) -> list[str]:
    """Return the station of each EVSE of a site's configuration, in its order."""
    return [evse.station for evse in _config.decode(config).evses]


def twin(site_id: str, sites: Iterable[str]) -> str | None:
    """Return the site whose id is the same but for case; None: there is none."""
    return next((one for one in sites if one != site_id and one.lower() == site_id.lower()), None)


def conflicts(site_id: str, config: bytes, known: Iterable[KnownStation]) -> Iterator[FieldProblem]:
    """Yield what forbids saving the configuration: stations of other sites, and ids in another spelling.

    Ids are unique without regard to case, and everything else compares them with it.
    """
    by_folded: dict[str, list[KnownStation]] = {}
    for station in known:
        by_folded.setdefault(station.id.lower(), []).append(station)
    spelled: dict[str, tuple[int, str]] = {}
    for index, station_id in enumerate(stations_in(config)):
        folded, path = station_id.lower(), f"evses[{index}].station"
        first, spelling = spelled.setdefault(folded, (index, station_id))
        if spelling != station_id:
            yield FieldProblem(
                path, f"{station_id} is {spelling} in evses[{first}]; case tells no stations apart"
            )
        if first != index:
            continue
        for other in by_folded.get(folded, ()):
            if other.registered and other.id != station_id:
                yield FieldProblem(path, f"{station_id} is registered as {other.id}; write it so")
            if other.site_id not in {None, site_id}:
                yield FieldProblem(
                    path, f"{station_id} belongs to the site {other.site_id}; take it out there first"
                )


def saved(
    site_id: str, config: bytes, *, before: StoredSite | None, known: Iterable[KnownStation], at_us: int
) -> tuple[Record, ...]:
    """Return the records, for one unit, that save a site's configuration in place of the one that was there.

    They are refused where another one was saved meanwhile, or a station was placed in another site.
    """
    names = dict.fromkeys(stations_in(config))
    gone = [station.id for station in known if station.site_id == site_id and station.id not in names]
    return (
        SiteSaved(site_id, 1 if before is None else before.revision + 1, config, at_us),
        *(StationPlaced(None, station_id) for station_id in gone),
        *(StationPlaced(site_id, station_id) for station_id in names),
    )


def removed(site: StoredSite, known: Iterable[KnownStation]) -> tuple[Record, ...]:
    """Return the records, for one unit, that remove a site, its caps and its claim to stations.

    What its chargers were told last stays known: they obey it still.
    """
    return (
        *(StationPlaced(None, station.id) for station in known if station.site_id == site.id),
        SiteRemoved(site.id, site.revision),
    )
