"""How the rare records are written of which one undoes what another did: one by one, in the order of submission.

They come after all that `csms.storage.statements` writes in groups: stations are there when they are placed.
"""

from __future__ import annotations

from msgspec import Struct

from csms.domain import records as r


class InTurn(Struct, frozen=True):
    """What writes one record; its fields are the statements' parameters, by name."""

    statements: tuple[str, ...]
    refusal: str | None = None
    """Why the record is refused where the first statement changes nothing; None: that is all right."""


def _upsert(table: str, record: type[Struct], key: tuple[str, ...], *, where: str = "true") -> str:
    fields = record.__struct_fields__
    assignments = ", ".join(f"{name} = excluded.{name}" for name in fields if name not in key)
    return (
        f"INSERT INTO {table} ({', '.join(fields)}) "
        f"SELECT {', '.join(f':{name}' for name in fields)} WHERE {where} "
        f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {assignments}"
    )


_SAVE_SITE = (
    "INSERT INTO sites (id, revision, config, created_at_us, updated_at_us) "
    "SELECT :id, :revision, :config, :at_us, :at_us "
    "WHERE :revision = 1 + coalesce((SELECT revision FROM sites WHERE id = :id), 0) "
    "ON CONFLICT (id) DO UPDATE SET revision = excluded.revision, config = excluded.config, "
    "updated_at_us = excluded.updated_at_us"
)
# For a station of another site the CASE is NULL, which the column refuses: the unit fails.
_PLACE = (
    "INSERT INTO placements (station_id, site_id) SELECT :station_id, :site_id WHERE :site_id IS NOT NULL "
    "ON CONFLICT (station_id) DO UPDATE "
    "SET site_id = CASE placements.site_id WHEN excluded.site_id THEN excluded.site_id END"
)
_FORGET_FOREIGN = (
    "DELETE FROM foreign_profiles "
    "WHERE station_id = :station_id AND evse = :evse AND profile_id = :profile_id"
)

IN_TURN: dict[type[Struct], InTurn] = {
    r.AnswerKept: InTurn((_upsert("kept_answers", r.AnswerKept, ("key",)),)),
    r.AnswerForgotten: InTurn(("DELETE FROM kept_answers WHERE key = :key",)),
    r.SessionEnded: InTurn(
        (
            "DELETE FROM ended_sessions WHERE until_us <= :at_us",
            "INSERT INTO ended_sessions (id, until_us) VALUES (:id, :until_us) ON CONFLICT (id) DO NOTHING",
        )
    ),
    r.SiteSaved: InTurn((_SAVE_SITE,), "the site's revision is another one by now"),
    # Exposures and foreign profiles stay: chargers obey what they were told last, whoever steers them next.
    r.SiteRemoved: InTurn(
        (
            "DELETE FROM sites WHERE id = :id AND revision = :revision",
            "DELETE FROM caps WHERE site_id = :id",
            "DELETE FROM placements WHERE site_id = :id",
            "UPDATE stations SET site_id = NULL WHERE site_id = :id",
        ),
        "the site is gone, or its revision is another one by now",
    ),
    r.StationPlaced: InTurn(
        (
            "UPDATE stations SET site_id = :site_id WHERE id = :station_id",
            "DELETE FROM placements WHERE station_id = :station_id AND :site_id IS NULL",
            _PLACE,
        )
    ),
    r.CapSaved: InTurn(
        (
            _upsert(
                "caps",
                r.CapSaved,
                ("site_id", "node", "source"),
                where="EXISTS (SELECT 1 FROM sites WHERE id = :site_id)",
            ),
        ),
        "there is no such site",
    ),
    r.CapRemoved: InTurn(
        ("DELETE FROM caps WHERE site_id = :site_id AND node = :node AND source = :source",)
    ),
    r.ForeignSaved: InTurn(
        (_upsert("foreign_profiles", r.ForeignSaved, ("station_id", "evse", "profile_id")),)
    ),
    r.ForeignRemoved: InTurn((_FORGET_FOREIGN,)),
}
