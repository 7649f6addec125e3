"""What an operator may register: stations and tokens, checked before they reach the store."""

from __future__ import annotations

from msgspec import Struct

from csms.domain.errors import Invalid
from csms.domain.station import MessageLogPolicy, is_station_id
from csms.domain.token import TokenStatus
from csms.storage import secrets
from csms.storage.own_records import StationAdded, TokenAdded

ISO14443 = "ISO14443"
"""The type of every OCPP 1.6 tag."""
UID_CHARACTERS_MAX = 255
"""OCPP 2.1's longest identifier; 1.6 stations send at most 20 characters."""
GROUP_CHARACTERS_MAX = 20
"""OCPP 1.6 §7.15: a parent tag is an identifier like any other."""
KEY_BYTES_MIN, KEY_CHARACTERS_MAX = 16, 40
"""Security whitepaper A00.FR.205; 2.0.1 allows up to 40 characters too."""
TOKEN_TYPES = frozenset(
    {"Central", "eMAID", ISO14443, "ISO15693", "KeyCode", "Local", "MacAddress", "NoAuthorization"}
)
"""OCPP 2.0.1's IdTokenEnumType."""
_NAME_CHARACTERS_MAX = 255
_LAST_US = 2**63 - 1


class NewToken(Struct, frozen=True, kw_only=True):
    """A token as an operator describes it."""

    uid: str
    type: str = ISO14443
    status: TokenStatus = TokenStatus.ACCEPTED
    expires_at_us: int | None = None
    group: str | None = None
    max_concurrent: int | None = None
    note: str | None = None


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
    if not is_station_id(station_id):
        raise Invalid(
            f"{station_id!r} can't be a station's id: 1 to 48 characters of A-Z a-z 0-9 * _ = : + | @ . -, "
            "and neither . nor .."
        )
    if site_id is not None:
        _check_text("the site's id", site_id, _NAME_CHARACTERS_MAX)
    if key is not None:
        _check_text("the key", key, KEY_CHARACTERS_MAX, hidden=True)
        if len(key.encode()) < KEY_BYTES_MIN:
            raise Invalid(
                f"the key is too short: at least {KEY_BYTES_MIN} characters, best 40 random hex digits"
            )
    return StationAdded(
        id=station_id,
        site_id=site_id,
        managed=int(managed),
        message_log=message_log.value,
        key_hmac=None if key is None else secrets.station_key_hmac(secret, station_id, key),
        created_at_us=at_us,
    )


def token_added(secret: bytes, token: NewToken, *, token_id: str, at_us: int) -> TokenAdded:
    """Return the record of a new token. Raises `Invalid`."""
    _check_text("the uid", token.uid, UID_CHARACTERS_MAX)
    if token.type not in TOKEN_TYPES:
        raise Invalid(f"{token.type!r} is no type of token; it is one of {', '.join(sorted(TOKEN_TYPES))}")
    if token.status not in {TokenStatus.ACCEPTED, TokenStatus.BLOCKED}:
        raise Invalid("a token is registered as Accepted or Blocked")
    if token.group is not None:
        _check_text("the group", token.group, GROUP_CHARACTERS_MAX)
    if token.note is not None:
        _check_text("the note", token.note, _NAME_CHARACTERS_MAX)
    if token.max_concurrent is not None and not 1 <= token.max_concurrent <= _LAST_US:
        raise Invalid("max_concurrent must be at least 1; leave it out for no limit, or block the token")
    if token.expires_at_us is not None and not 0 <= token.expires_at_us <= _LAST_US:
        raise Invalid("the expiry must be a moment after 1970")
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


def _check_text(what: str, text: str, characters_max: int, *, hidden: bool = False) -> None:
    if not 1 <= len(text) <= characters_max:
        shown = f"{len(text)} characters" if hidden else repr(text[:characters_max])
        raise Invalid(f"{what} ({shown}) must have 1 to {characters_max} characters")
    if not text.isprintable() or text != text.strip():
        raise Invalid(f"{what} must be printable text without blanks around it")
