"""How each record is written on SQLite, in the order in which one commit writes the types.

The order lets what is referred to come first: stations, tokens, starts, ends, readings. Within a type
records stay in the order of submission; a statement's parameters are the record's fields in their order.
After all of them come the records of `csms.storage.in_turn`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from msgspec import Struct, msgpack
from msgspec.structs import asdict, astuple

from csms.domain import records as r
from csms.storage import own_records as own
from csms.storage.redaction import redact_json

TOKEN_ID = "(SELECT id FROM tokens WHERE hmac = ?)"  # noqa: S105 - no secret
_RENAMED = {"token_hmac": "token_id", "stop_token_hmac": "stop_token_id"}
_DIGEST_BYTES = 8
_encode = msgpack.Encoder().encode


class Statement(Struct, frozen=True):
    """A statement and what makes a record its parameters."""

    sql: str
    parameters: Callable[[Any], tuple[Any, ...]] = astuple


def _insert(table: str, record: type[Struct], conflict: str = "", *, also: tuple[str, ...] = ()) -> str:
    fields = record.__struct_fields__
    columns = ", ".join([_RENAMED.get(name, name) for name in fields] + list(also))
    values = ", ".join([TOKEN_ID if name in _RENAMED else "?" for name in fields] + ["?"] * len(also))
    return f"INSERT INTO {table} ({columns}) VALUES ({values}) {conflict}"  # noqa: S608 - our own names


def _upsert(table: str, record: type[Struct], key: tuple[str, ...], *, where: str = "") -> str:
    assignments = ", ".join(
        f"{name} = excluded.{name}" for name in record.__struct_fields__ if name not in key
    )
    return _insert(table, record, f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {assignments} {where}")


def _digest(said: tuple[Any, ...]) -> int:
    """Return 64 bits of what a station said, without what we made of it (see `SampleRow`)."""
    digest = hashlib.blake2b(_encode(said), digest_size=_DIGEST_BYTES).digest()
    return int.from_bytes(digest, "big", signed=True)


def _sample(sample: r.SampleRecorded) -> tuple[Any, ...]:
    fields = astuple(sample)
    # The connector, and from the context to the extra values: the rest is the key's other columns, or ours.
    return (*fields, _digest((fields[3], *fields[8:21])))


def _signed_value(value: r.SignedValueRecorded) -> tuple[Any, ...]:
    return (*astuple(value), _digest((value.context, value.measurand, value.encoding, value.data)))


def _of_the_row(updated: r.TransactionUpdated) -> tuple[Any, ...]:
    return astuple(updated)[: r.TransactionUpdated.__struct_fields__.index("id") + 1]


def _command(command: r.CommandRecorded) -> tuple[Any, ...]:
    # What was sent and answered may hold tokens, keys and certificates; nobody needs them afterwards.
    fields = asdict(command)
    for name in ("request", "response"):
        if fields[name] is not None:
            fields[name] = redact_json(fields[name])
    if command.error is not None:
        fields["error"] = redact_json(command.error.encode()).decode()
    return tuple(fields.values())


STATEMENTS: dict[type[Struct], Statement] = {
    own.IdBlockReserved: Statement(_insert("id_blocks", own.IdBlockReserved)),
    r.StationRegistered: Statement(
        "INSERT INTO stations (id, created_at_us, message_log, site_id) "
        "VALUES (?1, ?2, ?3, (SELECT site_id FROM placements WHERE station_id = ?1)) ON CONFLICT DO NOTHING"
    ),
    own.CommandsAbandoned: Statement(
        "UPDATE commands SET state = CASE state WHEN 'sent' THEN 'timed_out' ELSE 'not_sent' END, "
        "final_at_us = ?1 WHERE final_at_us IS NULL"
    ),
    own.StationAdded: Statement(
        "INSERT INTO stations (id, site_id, managed, message_log, key_hmac, created_at_us) "
        "VALUES (?1, coalesce((SELECT site_id FROM placements WHERE station_id = ?1), ?2), ?3, ?4, ?5, ?6)"
    ),
    r.StationConnected: Statement(
        "UPDATE stations SET ocpp_version = ?1, security_profile = ?2, connected_at_us = ?3, "
        "last_seen_at_us = max(coalesce(last_seen_at_us, ?3), ?3) WHERE id = ?4"
    ),
    r.StationDisconnected: Statement("UPDATE stations SET disconnected_at_us = ? WHERE id = ?"),
    r.StationSeen: Statement(
        "UPDATE stations SET last_seen_at_us = max(coalesce(last_seen_at_us, ?1), ?1) WHERE id = ?2"
    ),
    r.StationBooted: Statement(
        "UPDATE stations SET vendor = ?, model = ?, serial = ?, firmware = ?, boot_details = ?, "
        "boot_status = ?, booted_at_us = ? WHERE id = ?"
    ),
    r.ConnectorStatusRecorded: Statement(
        _upsert(
            "connectors",
            r.ConnectorStatusRecorded,
            ("station_id", "evse", "connector"),
            where="WHERE excluded.at_us >= connectors.at_us",
        )
    ),
    r.TokenSeen: Statement(
        "INSERT INTO tokens (id, uid, type, hmac, status, created_at_us) VALUES (?, ?, ?, ?, 'Seen', ?) "
        "ON CONFLICT DO NOTHING"
    ),
    # A token that was only seen keeps its id, so that its transactions stay its own. For any other the CASE
    # is NULL, which the column refuses: the unit fails, also where another process registered it just now.
    own.TokenAdded: Statement(
        _insert(
            "tokens",
            own.TokenAdded,
            "ON CONFLICT (hmac) DO UPDATE SET uid = excluded.uid, "
            "status = CASE tokens.status WHEN 'Seen' THEN excluded.status END, "
            "expires_at_us = excluded.expires_at_us, group_name = excluded.group_name, "
            "max_concurrent = excluded.max_concurrent, note = excluded.note",
        )
    ),
    r.TransactionOpened: Statement(_insert("transactions", r.TransactionOpened, "ON CONFLICT DO NOTHING")),
    r.TransactionUpdated: Statement(
        "UPDATE transactions SET evse = ?1, connector = ?2, token_id = (SELECT id FROM tokens WHERE hmac = ?3), "
        "token_verdict = ?4, started_at_us = ?5, device_started_at = ?6, meter_start_wh = ?7, "
        "reservation_id = ?8, orphan = ?9, charging_state = ?10, phases_used = ?11, remote_start_id = ?12, "
        "told = ?13 WHERE id = ?14",
        _of_the_row,
    ),
    # The station's own report overrides an inferred end; after that nothing changes any more, unless events tell it.
    r.TransactionClosed: Statement(
        "UPDATE transactions SET ended_at_us = ?1, device_ended_at = ?2, end_received_at_us = ?3, "
        "meter_stop_wh = ?4, stop_reason = ?5, stop_token_id = (SELECT id FROM tokens WHERE hmac = ?6), "
        "closed_by = ?7, end_seq_no = ?9 "
        "WHERE id = ?8 AND (closed_by IS NULL OR (closed_by <> 'station' AND ?7 = 'station') OR ?9 >= end_seq_no)"
    ),
    r.TransactionEventRecorded: Statement(
        _insert("transaction_events", r.TransactionEventRecorded, "ON CONFLICT DO NOTHING")
    ),
    r.SampleRecorded: Statement(
        _insert("samples", r.SampleRecorded, "ON CONFLICT DO NOTHING", also=("digest",)), _sample
    ),
    r.SignedValueRecorded: Statement(
        _insert("signed_values", r.SignedValueRecorded, "ON CONFLICT DO NOTHING", also=("digest",)),
        _signed_value,
    ),
    r.DeviceVariableReported: Statement(
        _insert(
            "device_variables",
            r.DeviceVariableReported,
            "ON CONFLICT (station_id, component, component_instance, evse, connector, variable, "
            "variable_instance, attribute) DO UPDATE SET value = excluded.value, "
            "mutability = coalesce(excluded.mutability, device_variables.mutability), "
            "characteristics = CASE excluded.characteristics WHEN '{}' THEN device_variables.characteristics "
            "ELSE excluded.characteristics END, at_us = excluded.at_us "
            "WHERE excluded.at_us >= device_variables.at_us",
        )
    ),
    r.RawKept: Statement(_insert("raw_messages", r.RawKept)),
    r.CommandRecorded: Statement(_upsert("commands", r.CommandRecorded, ("id",)), _command),
    r.ExposureSaved: Statement(_upsert("exposures", r.ExposureSaved, ("station_id", "evse"))),
    r.FormSaved: Statement(_upsert("station_forms", r.FormSaved, ("station_id",))),
    r.ModelFormSaved: Statement(_upsert("model_forms", r.ModelFormSaved, ("vendor", "model", "firmware"))),
    r.DecisionLogged: Statement(_insert("decisions", r.DecisionLogged)),
    r.EventRecorded: Statement(_insert("events", r.EventRecorded)),
}
