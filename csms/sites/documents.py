"""A site as it is stored, shown, and refused where it can't be taken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from csms.domain.errors import Conflict, FieldProblem, NotFound, Outdated
from csms.domain.site import KnownStation, SiteVersion, StoredSite
from csms.sites.asked import SiteDocument, refuse
from csms.usecases import site_keeping
from csms.usecases.balancing import configuration, site_files


def document_of(stored: StoredSite) -> SiteDocument:
    """Return a stored site as it is shown."""
    config = msgspec.json.decode(stored.config, type=dict[str, Any])
    return SiteDocument(id=stored.id, version=stored.version, config=config)


def expect(current: StoredSite | None, site_id: str, version: SiteVersion | None) -> StoredSite:
    """Return the site that is there; raises `NotFound`, or `Outdated` where it is not this version (None: any)."""
    if current is None:
        raise NotFound(f"there is no site {site_id}")
    if version not in {None, current.version}:
        raise Outdated(f"the site {site_id} was changed since: its version is {current.version}")
    return current


def refuse_taken(site_id: str, config: bytes, known: Sequence[KnownStation]) -> None:
    """Raise `Conflict` where a configuration names stations of another site."""
    homes = {station.id.lower(): station.site_id for station in known}
    taken = {
        station: home
        for station in site_keeping.stations_in(config)
        if (home := homes.get(station.lower())) not in {None, site_id}
    }
    if taken:
        raise Conflict(
            "; ".join(f"{station} belongs to the site {home}" for station, home in taken.items())
            + "; take what is named out there first"
        )


def refuse_unsafe(config: bytes, known: Sequence[KnownStation]) -> None:
    """Refuse a site that acts although its failsafes do not fit; one that observes may be on its way there."""
    if configuration.read(config).mode == "enforce":
        refuse(
            FieldProblem(found.path, found.message) for found in site_files.check_site(config, known).problems
        )
