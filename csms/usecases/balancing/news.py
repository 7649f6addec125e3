"""What a site's loop is told besides records and touched profiles: meters, caps, and a new configuration."""

from __future__ import annotations

from msgspec import Struct

from csms.domain.records import CapRemoved, CapSaved
from csms.domain.site import SiteFacts, StoredSite
from csms.ports import News
from csms.usecases.balancing.gate import StartGivenUp, StartWanted


class MeterReading(Struct, frozen=True, kw_only=True):
    """A site meter was read."""

    meter: str
    at_us: int
    current_a: tuple[float, float, float] | None = None
    """On the site's L1, L2, L3."""
    power_w: float | None = None
    """Over all phases, where that is all it says: counted as shared equally by the phases of its circuits."""


class CapChanged(Struct, frozen=True):
    """A source limits a node, or does so no more; the record itself is the teller's to submit."""

    record: CapSaved | CapRemoved


class SiteRevised(Struct, frozen=True, kw_only=True):
    """The site's configuration, or what is stored of its stations, is another from now on.

    `facts` and `online` as at the loop's start: a teller that has them lets stations and cars be known that
    are new to the site, and stations that became managed. Without them only the configuration changes.
    """

    stored: StoredSite
    facts: SiteFacts | None = None
    online: frozenset[str] | None = None


SiteNews = News | MeterReading | CapChanged | SiteRevised | StartWanted | StartGivenUp
