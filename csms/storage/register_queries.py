"""What is read back of stations and tokens for those who keep them, as plain functions over plain SQL."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec

from csms.domain.register import ConnectorEntry, EvseEntry, PhaseValues, StationEntry, TokenEntry
from csms.domain.station import KEPT_CONNECTORS
from csms.storage.queries import Rows

RECENT_US = 20 * 60 * 1_000_000
"""What is older is no reading of now; most chargers that nobody told otherwise send one every 15 minutes."""
_SAMPLES_MAX = 10
"""So many of a transaction's newest samples are looked at: not each of them says everything."""

_STATION = (
    "SELECT id, site_id, (SELECT site_id FROM placements WHERE station_id = stations.id), managed, registration, "
    "message_log, key_hmac, previous_key_hmac, created_at_us, ocpp_version, security_profile, connected_at_us, "
    "last_seen_at_us, vendor, model, serial, firmware, boot_status, booted_at_us FROM stations "
)
_ONE_STATION = f"{_STATION} WHERE lower(id) = lower(:station_id)"
_STATIONS = f"{_STATION} WHERE lower(id) > :after ORDER BY lower(id) LIMIT :limit"
_CONNECTORS = (
    "SELECT evse, connector, status, error, at_us FROM connectors "
    "WHERE station_id = :station_id AND evse > 0 ORDER BY evse, connector"
)
_RUNNING = (
    "SELECT evse, id FROM "  # noqa: S608 - our own number
    "(SELECT evse, id, row_number() OVER (PARTITION BY evse ORDER BY started_at_us DESC, id DESC) AS age "
    "FROM transactions WHERE station_id = :station_id AND ended_at_us IS NULL) AS running "
    f"WHERE age = 1 ORDER BY evse LIMIT {KEPT_CONNECTORS}"
)
_READINGS = (
    "SELECT current_l1_a, current_l2_a, current_l3_a, power_w, energy_wh FROM samples "  # noqa: S608 - our own number
    "WHERE transaction_id = :transaction_id AND evse = :evse AND at_us >= :since_us "
    f"ORDER BY at_us DESC, number DESC LIMIT {_SAMPLES_MAX}"
)
_TOKEN = (
    "SELECT id, uid, type, status, expires_at_us, group_name, max_concurrent, note, created_at_us, "  # noqa: S105
    "(SELECT number FROM token_changes WHERE hmac = tokens.hmac) FROM tokens "
)
_ONE_TOKEN = f"{_TOKEN} WHERE id = :id"
_TOKENS_BY_HMAC = f"{_TOKEN} WHERE hmac IN ({{hmacs}}) ORDER BY created_at_us, id"
_TOKENS = (
    f"{_TOKEN} WHERE (created_at_us, id) > (:after_us, :after_id) AND (:seen OR status <> 'Seen') "
    "ORDER BY created_at_us, id LIMIT :limit"
)


def station(rows: Rows, station_id: str, *, now_us: int) -> StationEntry | None:
    """Return a station by its id in any case."""
    found = rows(_ONE_STATION, {"station_id": station_id})
    return _station(rows, found[0], now_us) if found else None


def stations(rows: Rows, *, after: str, limit: int, now_us: int) -> list[StationEntry]:
    """Return the first stations after the id `after`, by their ids in lower case."""
    found = rows(_STATIONS, {"after": after.lower(), "limit": limit})
    return [_station(rows, row, now_us) for row in found]


def token(rows: Rows, token_id: str) -> TokenEntry | None:
    """Return a token, also one that was only seen."""
    found = rows(_ONE_TOKEN, {"id": token_id})
    return _token(found[0]) if found else None


def tokens(rows: Rows, *, after: tuple[int, str], limit: int, seen: bool) -> list[TokenEntry]:
    """Return the first tokens after one that was made then and has that id, the oldest first."""
    parameters = {"after_us": after[0], "after_id": after[1], "seen": int(seen), "limit": limit}
    return [_token(row) for row in rows(_TOKENS, parameters)]


def tokens_by_hmac(rows: Rows, hmacs: Sequence[bytes]) -> list[TokenEntry]:
    """Return the tokens with these keys of the index, also those that were only seen, the oldest first."""
    parameters = {f"h{number}": hmac for number, hmac in enumerate(hmacs)}
    statement = _TOKENS_BY_HMAC.format(hmacs=", ".join(f":{name}" for name in parameters))
    return [_token(row) for row in rows(statement, parameters)]


def _token(row: Sequence[Any]) -> TokenEntry:
    token_id, uid, kind, status, expires_at_us, group, max_concurrent, note, created_at_us, revision = row
    return TokenEntry(
        id=token_id,
        uid=uid,
        type=kind,
        status=status,
        expires_at_us=expires_at_us,
        group=group,
        max_concurrent=max_concurrent,
        note=note,
        created_at_us=created_at_us,
        revision=revision,
    )


def _station(rows: Rows, row: Sequence[Any], now_us: int) -> StationEntry:
    own_id, site_id, named_by, managed, registration, message_log, key_hmac, previous_key_hmac, *said = row
    created_at_us, ocpp_version, security_profile, connected_at_us, last_seen_at_us, *presented = said
    vendor, model, serial, firmware, boot_status, booted_at_us = presented
    return StationEntry(
        id=own_id,
        site_id=site_id,
        named_by=named_by,
        managed=bool(managed),
        registration=registration,
        message_log=message_log,
        has_key=key_hmac is not None,
        has_previous_key=previous_key_hmac is not None,
        created_at_us=created_at_us,
        ocpp_version=ocpp_version,
        security_profile=security_profile,
        connected_at_us=connected_at_us,
        last_seen_at_us=last_seen_at_us,
        vendor=vendor,
        model=model,
        serial=serial,
        firmware=firmware,
        boot_status=boot_status,
        booted_at_us=booted_at_us,
        revision=_revision(
            own_id, created_at_us, managed, registration, message_log, key_hmac, previous_key_hmac
        ),
        evses=_evses(rows, own_id, now_us - RECENT_US),
    )


def _revision(*decided: object) -> int:
    """Return a number that is another one wherever something decided is; nothing secret can be told from it."""
    digest = hashlib.blake2b(msgspec.msgpack.encode(decided), digest_size=6)
    return int.from_bytes(digest.digest(), "big")


def _evses(rows: Rows, station_id: str, since_us: int) -> tuple[EvseEntry, ...]:
    own = {"station_id": station_id}
    connectors: dict[int, list[ConnectorEntry]] = {}
    for evse, connector, status, error, at_us in rows(_CONNECTORS, own):
        connectors.setdefault(evse, []).append(ConnectorEntry(connector, status, error, at_us))
    running: dict[int, str] = dict(rows(_RUNNING, own))
    return tuple(
        _evse(rows, evse, tuple(connectors.get(evse, ())), running.get(evse), since_us)
        for evse in sorted(connectors.keys() | running.keys())
    )


def _evse(
    rows: Rows, evse: int, connectors: tuple[ConnectorEntry, ...], transaction_id: str | None, since_us: int
) -> EvseEntry:
    current_a: PhaseValues = (None, None, None)
    power_w: float | None = None
    energy_wh: float | None = None
    if transaction_id is not None:
        parameters = {"transaction_id": transaction_id, "evse": evse, "since_us": since_us}
        for *phases, power, energy in rows(_READINGS, parameters):
            if current_a == (None, None, None):
                current_a = (phases[0], phases[1], phases[2])
            power_w = power if power_w is None else power_w
            energy_wh = energy if energy_wh is None else energy_wh
    return EvseEntry(
        id=evse,
        connectors=connectors,
        transaction_id=transaction_id,
        current_a=current_a,
        power_w=power_w,
        energy_wh=energy_wh,
    )
