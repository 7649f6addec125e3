"""Makes the records of what operators register and change, once it is checked."""

from __future__ import annotations

from csms.domain.register import (
    NewToken,
    StationChange,
    TokenEntry,
    check_key,
    check_site_id,
    check_station_id,
    check_token,
)
from csms.domain.station import MessageLogPolicy, StationIdentity
from csms.storage import secrets
from csms.storage.own_records import StationAdded, StationChanged, TokenAdded, TokenChanged


def station_added(
    secret: bytes,
    station_id: str,
    *,
    site_id: str | None,
    key: str | None,
    managed: bool,
    message_log: MessageLogPolicy,
    at_us: int,
) -> StationAdded:
    """Return the record of a new station; `key` None lets it in without one. Raises `Invalid`."""
    check_station_id(station_id)
    check_site_id(site_id)
    if key is not None:
        check_key(key)
    return StationAdded(
        id=station_id,
        site_id=site_id,
        managed=int(managed),
        message_log=message_log.value,
        key_hmac=None if key is None else secrets.station_key_hmac(secret, station_id, key),
        created_at_us=at_us,
    )


def station_changed(
    secret: bytes, station: StationIdentity, change: StationChange, *, key: str | None
) -> StationChanged:
    """Return the record of what is changed of a station; `key` is its new one, None: it stays. Raises `Invalid`."""
    current, previous = station.key_hmac, station.previous_key_hmac
    if key is not None:
        check_key(key)
        current, previous = secrets.station_key_hmac(secret, station.id, key), station.key_hmac
    if change.keyless:
        current = previous = None
    if change.revoke_previous_key:
        previous = None
    return StationChanged(
        id=station.id,
        managed=int(station.managed if change.managed is None else change.managed),
        registration=(change.registration or station.registration).value,
        message_log=(change.message_log or station.message_log).value,
        key_hmac=current,
        previous_key_hmac=previous,
        was_managed=int(station.managed),
        was_registration=station.registration.value,
        was_message_log=station.message_log.value,
        was_key_hmac=station.key_hmac,
        was_previous_key_hmac=station.previous_key_hmac,
    )


def token_added(secret: bytes, token: NewToken, *, token_id: str, at_us: int) -> TokenAdded:
    """Return the record of a new token. Raises `Invalid`."""
    check_token(token)
    return TokenAdded(
        id=token_id,
        uid=token.uid,
        type=token.type,
        hmac=secrets.token_hmac(secret, token.uid, token.type),
        status=token.status.value,
        expires_at_us=token.expires_at_us,
        group_name=token.group,
        max_concurrent=token.max_concurrent,
        note=token.note,
        created_at_us=at_us,
    )


def token_changed(present: TokenEntry, token: NewToken) -> TokenChanged:
    """Return the record that makes `present` what `token` says, its uid and type apart. Raises `Invalid`."""
    check_token(token)
    return TokenChanged(
        id=present.id,
        revision=present.revision,
        status=token.status.value,
        expires_at_us=token.expires_at_us,
        group_name=token.group,
        max_concurrent=token.max_concurrent,
        note=token.note,
    )
