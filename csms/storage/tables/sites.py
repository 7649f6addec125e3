"""Sites, and what their balancing must not forget."""

from __future__ import annotations

from sqlalchemy import Index

from csms.storage.tables.columns import (
    STRICT,
    Row,
    blob_column,
    integer_column,
    real_column,
    text_column,
)


class SiteRow(Row, table=True):
    """A site's configuration, whole: it is read whole and replaced whole."""

    __tablename__ = "sites"
    __table_args__ = (STRICT,)

    id: str = text_column(key=True)
    revision: int = integer_column()
    config: bytes = blob_column()
    created_at_us: int = integer_column()
    updated_at_us: int = integer_column()


class PlacementRow(Row, table=True):
    """The site whose configuration names a station, registered or not: at most one.

    What registers a station looks here, so that it belongs to its site whichever of both comes first.
    """

    __tablename__ = "placements"
    __table_args__ = (Index("placements_by_site", "site_id"), STRICT)

    station_id: str = text_column(key=True)
    site_id: str = text_column()


class CapRow(Row, table=True):
    """The newest limit of a source on a node."""

    __tablename__ = "caps"
    __table_args__ = (STRICT,)

    site_id: str = text_column(key=True)
    node: str = text_column(key=True)
    source: str = text_column(key=True)
    limit_l1_a: float | None = real_column(null=True)
    limit_l2_a: float | None = real_column(null=True)
    limit_l3_a: float | None = real_column(null=True)
    limit_w: float | None = real_column(null=True)
    until_us: int | None = integer_column(null=True)
    reason: str | None = text_column(null=True)
    at_us: int = integer_column()


class ExposureRow(Row, table=True):
    """What a restart must count an EVSE at; it outlives its site, for the charger obeys what it was told last."""

    __tablename__ = "exposures"
    __table_args__ = (STRICT,)

    station_id: str = text_column(key=True)
    evse: int = integer_column(key=True)
    site_id: str = text_column()
    transaction_id: str | None = text_column(null=True)
    worst_a: float = real_column()
    worst_until_s: float | None = real_column(null=True)
    after_a: float = real_column()
    total_a: float | None = real_column(null=True)
    at_us: int = integer_column()


class StationFormRow(Row, table=True):
    """How a station takes limits, as far as it was found out."""

    __tablename__ = "station_forms"
    __table_args__ = (STRICT,)

    station_id: str = text_column(key=True)
    data: bytes = blob_column()
    at_us: int = integer_column()


class ModelFormRow(Row, table=True):
    """The same of a model: the first guess for its other stations."""

    __tablename__ = "model_forms"
    __table_args__ = (STRICT,)

    vendor: str = text_column(key=True)
    model: str = text_column(key=True)
    firmware: str = text_column(key=True)
    data: bytes = blob_column()
    at_us: int = integer_column()


class ForeignProfileRow(Row, table=True):
    """Somebody else's charging profile on an EVSE; 0 stands for the whole station."""

    __tablename__ = "foreign_profiles"
    __table_args__ = (STRICT,)

    station_id: str = text_column(key=True)
    evse: int = integer_column(key=True)
    profile_id: int = integer_column(key=True)
    limit_a: float | None = real_column(null=True)
    caps: int = integer_column()
    of_transaction: int = integer_column()
    at_us: int = integer_column()
    limit_w: float | None = real_column(null=True)


class DecisionRow(Row, table=True):
    """The log of a site's balancing; numbers grow in commit order and are never reused."""

    __tablename__ = "decisions"
    __table_args__ = (
        Index("decisions_by_site", "site_id", "number"),
        {"sqlite_strict": True, "sqlite_autoincrement": True},
    )

    number: int | None = integer_column(key=True)
    site_id: str = text_column()
    at_us: int = integer_column()
    kind: str = text_column()
    data: bytes = blob_column()
