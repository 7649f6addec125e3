"""What the store knows of a site when its balancing begins."""

from __future__ import annotations

from typing import NamedTuple

from msgspec import Struct

from csms.domain.records import CapSaved, ExposureSaved, ForeignSaved


class SiteVersion(NamedTuple):
    """Tells a site's configuration from all others that there were or will be under its id."""

    revision: int
    """Grows by one with each change; a site that is added anew begins at 1 again, …"""
    made_us: int
    """… so when it was added counts too."""

    def __str__(self) -> str:
        """Return it as the REST contract's ETag has it."""
        return f"{self.revision}-{self.made_us}"


class StoredSite(Struct, frozen=True, kw_only=True):
    """A site's configuration."""

    id: str
    revision: int
    """Grows by one with each change."""
    made_us: int
    """When it was added."""
    config: bytes
    """JSON of the site as the REST contract has it."""

    @property
    def version(self) -> SiteVersion:
        """What tells it from what it was, and from a site that had its id before."""
        return SiteVersion(self.revision, self.made_us)


class KnownStation(Struct, frozen=True, kw_only=True):
    """A station that is registered, or that a site's configuration names."""

    id: str
    registered: bool
    managed: bool
    """Whether it may be sent what nobody asked for; False where it is not registered."""
    site_id: str | None
    """The site whose configuration names it."""


class SiteStation(Struct, frozen=True, kw_only=True):
    """A registered station of a site."""

    id: str
    managed: bool
    vendor: str | None
    model: str | None
    firmware: str | None
    boot_status: str | None
    """What its last boot was answered; None: it never booted."""
    form: bytes | None
    """JSON of what was found out about how it takes limits; None: nothing yet."""
    model_form: bytes | None
    """The same of its model."""


class OpenTransaction(Struct, frozen=True, kw_only=True):
    """A transaction that runs, as far as the store knows."""

    id: str
    ocpp_id: str
    station_id: str
    evse: int
    started_at_us: int
    charging_state: str | None = None
    """As OCPP 2.x names it; None where nobody said."""


class ConnectorFact(Struct, frozen=True, kw_only=True):
    """The newest status of a connector."""

    station_id: str
    evse: int
    connector: int
    status: str


class SiteFacts(Struct, frozen=True, kw_only=True):
    """All that is stored and bears on a site's balancing, of one moment."""

    caps: tuple[CapSaved, ...]
    """Those that are over too; a cap of a node that the site has no more stays, and limits nothing."""
    exposures: tuple[ExposureSaved, ...]
    """Of the site's EVSEs, whichever site wrote them."""
    foreign: tuple[ForeignSaved, ...]
    """Of the site's EVSEs, and those of EVSE 0 of their stations."""
    stations: tuple[SiteStation, ...]
    transactions: tuple[OpenTransaction, ...]
    connectors: tuple[ConnectorFact, ...]


class LoggedDecision(Struct, frozen=True, kw_only=True):
    """One line of a site's decision log."""

    number: int
    at_us: int
    kind: str
    data: bytes
