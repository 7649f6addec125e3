"""How the rare records are written of which one undoes what another did: one by one, in the order of submission.

They come after all that `csms.storage.statements` writes in groups: stations are there when they are placed.
"""

from __future__ import annotations

from msgspec import Struct

from csms.domain import records as r
from csms.storage import own_records as own


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
    "WHERE station_id = :station_id AND :evse IN (0, evse) AND profile_id = :profile_id"
)
_FORGET_VARIABLES = (
    "DELETE FROM device_variables WHERE number IN (SELECT number FROM device_variables "
    "WHERE station_id = :station_id ORDER BY at_us DESC, number DESC LIMIT 9223372036854775807 OFFSET :kept)"
)

_CHANGE_STATION = (
    "UPDATE stations SET managed = :managed, registration = :registration, message_log = :message_log, "
    "key_hmac = :key_hmac, previous_key_hmac = :previous_key_hmac "
    "WHERE id = :id AND managed = :was_managed AND registration = :was_registration "
    "AND message_log = :was_message_log AND key_hmac IS :was_key_hmac "
    "AND previous_key_hmac IS :was_previous_key_hmac"
)
_AS_IT_WAS = (
    "WHERE id = :id AND status <> 'Seen' "
    "AND :revision = (SELECT number FROM token_changes WHERE hmac = tokens.hmac)"
)
_CHANGE_TOKEN = (
    "UPDATE tokens SET status = :status, expires_at_us = :expires_at_us, group_name = :group_name, "  # noqa: S608
    f"max_concurrent = :max_concurrent, note = :note {_AS_IT_WAS}"
)
_UNREGISTER_TOKEN = (
    "UPDATE tokens SET status = 'Seen', expires_at_us = NULL, group_name = NULL, max_concurrent = NULL, "  # noqa: S608
    f"note = NULL {_AS_IT_WAS}"
)
_DELETE_UNUSED = (
    "DELETE FROM tokens WHERE id = :id AND NOT EXISTS (SELECT 1 FROM transactions WHERE token_id = :id) "
    "AND NOT EXISTS (SELECT 1 FROM transactions WHERE stop_token_id = :id)"
)
_SAVE_WISHES = (
    "INSERT INTO wishes (transaction_id, revision, departure_at_us, energy_needed_wh, priority) "
    "SELECT :transaction_id, :revision, :departure_at_us, :energy_needed_wh, :priority "
    "WHERE :revision = 1 + coalesce((SELECT revision FROM wishes WHERE transaction_id = :transaction_id), 0) "
    "ON CONFLICT (transaction_id) DO UPDATE SET revision = excluded.revision, "
    "departure_at_us = excluded.departure_at_us, energy_needed_wh = excluded.energy_needed_wh, "
    "priority = excluded.priority"
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
    r.DeviceModelBounded: InTurn((_FORGET_VARIABLES,)),
    r.ForeignRemoved: InTurn((_FORGET_FOREIGN,)),
    own.StationChanged: InTurn((_CHANGE_STATION,), "the station is not as it was"),
    # What was charged stays, and what it was told last: that is true of the charger, whoever registers it again.
    own.StationRemoved: InTurn(
        (
            "DELETE FROM stations WHERE id = :id AND id NOT IN (SELECT station_id FROM placements)",
            "DELETE FROM connectors WHERE station_id = :id",
            "DELETE FROM station_forms WHERE station_id = :id",
        ),
        "the station is gone, or a site names it by now",
    ),
    own.TokenChanged: InTurn((_CHANGE_TOKEN,), "the token is not as it was"),
    # Its transactions are found by it when their messages come again, so that they need it to stay.
    own.TokenRemoved: InTurn((_UNREGISTER_TOKEN, _DELETE_UNUSED), "the token is not as it was"),
    own.WishesSaved: InTurn((_SAVE_WISHES,), "they are others by now"),
}
