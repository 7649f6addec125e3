"""What operators keep: which stations may connect and which tokens may charge, with the rules for both."""

from __future__ import annotations

from msgspec import Struct

from csms.domain.errors import FieldProblem, Invalid
from csms.domain.station import MessageLogPolicy, Registration, is_station_id
from csms.domain.token import TokenStatus

ISO14443 = "ISO14443"
"""The type of every OCPP 1.6 tag."""
UID_CHARACTERS_MAX = 255
"""OCPP 2.1's longest identifier; 1.6 stations send at most 20 characters."""
GROUP_CHARACTERS_MAX = 20
"""OCPP 1.6 §7.15: a parent tag is an identifier like any other."""
KEY_BYTES_MIN, KEY_CHARACTERS_MAX = 16, 40
"""Security whitepaper A00.FR.205; 2.0.1 allows up to 40 characters too."""
TEXT_CHARACTERS_MAX = 255
"""Of notes and names."""
TOKEN_TYPES = frozenset(
    {"Central", "eMAID", ISO14443, "ISO15693", "KeyCode", "Local", "MacAddress", "NoAuthorization"}
)
"""OCPP 2.0.1's IdTokenEnumType."""
_LAST_US = 2**63 - 1

PhaseValues = tuple[float | None, float | None, float | None]
"""Of the charger's L1, L2, L3; None: not said."""


class NewStation(Struct, frozen=True):
    """A station that was just registered, or got a new key, which nobody can be shown again."""

    id: str
    key: str | None
    """None: it has none, or nothing was made."""


class StationChange(Struct, frozen=True, kw_only=True):
    """What an operator changes of a station; None: that stays."""

    managed: bool | None = None
    message_log: MessageLogPolicy | None = None
    registration: Registration | None = None
    key: str | None = None
    """In place of the present one, which counts on as the previous one."""
    new_key: bool = False
    """The same with a random one."""
    keyless: bool = False
    """No key is asked for any more."""
    revoke_previous_key: bool = False
    """Only the present key, or the one given here, counts from now on."""


class ConnectorEntry(Struct, frozen=True):
    """A connector's newest status."""

    id: int
    status: str
    error: str | None
    status_at_us: int


class EvseEntry(Struct, frozen=True, kw_only=True):
    """An EVSE with what runs on it."""

    id: int
    connectors: tuple[ConnectorEntry, ...]
    transaction_id: str | None
    """The newest one that runs."""
    current_a: PhaseValues
    """By its last samples; as all readings here None where none is recent, or nothing runs."""
    power_w: float | None
    energy_wh: float | None
    """The import register."""


class StationEntry(Struct, frozen=True, kw_only=True):
    """A registered station as the store knows it."""

    id: str
    site_id: str | None
    named_by: str | None
    """The site whose configuration names it."""
    managed: bool
    registration: str
    message_log: str
    has_key: bool
    has_previous_key: bool
    created_at_us: int
    ocpp_version: str | None
    security_profile: int | None
    connected_at_us: int | None
    last_seen_at_us: int | None
    vendor: str | None
    model: str | None
    serial: str | None
    firmware: str | None
    boot_status: str | None
    booted_at_us: int | None
    revision: int
    """Another one wherever something is different that an operator may change."""
    evses: tuple[EvseEntry, ...]


class EvseLimit(Struct, frozen=True):
    """What the balancing grants an EVSE, in amperes per phase, and why."""

    limit_a: float
    reason: str


class NewToken(Struct, frozen=True, kw_only=True):
    """A token as an operator describes it."""

    uid: str
    type: str = ISO14443
    status: TokenStatus = TokenStatus.ACCEPTED
    expires_at_us: int | None = None
    group: str | None = None
    max_concurrent: int | None = None
    note: str | None = None


class TokenEntry(Struct, frozen=True, kw_only=True):
    """A token as the store knows it."""

    id: str
    uid: str
    type: str
    status: str
    expires_at_us: int | None
    group: str | None
    max_concurrent: int | None
    note: str | None
    created_at_us: int
    revision: int


def check_station_id(station_id: str) -> None:
    """Refuse what can't be a station's id. Raises `Invalid`."""
    if not is_station_id(station_id):
        raise _invalid(
            "id",
            f"{station_id!r} can't be a station's id: 1 to 48 characters of A-Z a-z 0-9 * _ = : + | @ . -, "
            "and neither . nor ..",
        )


def check_site_id(site_id: str | None) -> None:
    """Refuse what can't be a site's id. Raises `Invalid`."""
    if site_id is not None:
        _check_text("site_id", "the site's id", site_id, TEXT_CHARACTERS_MAX)


def check_key(key: str) -> None:
    """Refuse what can't be a charger's key; the key itself is not told. Raises `Invalid`."""
    _check_text("key", "the key", key, KEY_CHARACTERS_MAX, hidden=True)
    if len(key.encode()) < KEY_BYTES_MIN:
        raise _invalid(
            "key", f"the key is too short: at least {KEY_BYTES_MIN} characters, best 40 random hex digits"
        )


def check_token(token: NewToken) -> None:
    """Refuse what can't be a token. Raises `Invalid`."""
    _check_text("uid", "the uid", token.uid, UID_CHARACTERS_MAX)
    if token.type not in TOKEN_TYPES:
        raise _invalid(
            "type", f"{token.type!r} is no type of token; it is one of {', '.join(sorted(TOKEN_TYPES))}"
        )
    if token.status not in {TokenStatus.ACCEPTED, TokenStatus.BLOCKED}:
        raise _invalid("status", "a token is registered as Accepted or Blocked")
    if token.group is not None:
        _check_text("group", "the group", token.group, GROUP_CHARACTERS_MAX)
    if token.note is not None:
        _check_text("note", "the note", token.note, TEXT_CHARACTERS_MAX)
    if token.max_concurrent is not None and not 1 <= token.max_concurrent <= _LAST_US:
        raise _invalid(
            "max_concurrent",
            "max_concurrent must be at least 1; leave it out for no limit, or block the token",
        )
    if token.expires_at_us is not None and not 0 <= token.expires_at_us <= _LAST_US:
        raise _invalid("expires_at", "the expiry must be a moment after 1970")


def _check_text(path: str, what: str, text: str, characters_max: int, *, hidden: bool = False) -> None:
    if not 1 <= len(text) <= characters_max:
        shown = f"{len(text)} characters" if hidden else repr(text[:characters_max])
        raise _invalid(path, f"{what} ({shown}) must have 1 to {characters_max} characters")
    if not text.isprintable() or text != text.strip():
        raise _invalid(path, f"{what} must be printable text without blanks around it")


def _invalid(path: str, message: str) -> Invalid:
    return Invalid(message, [FieldProblem(path, message)])
