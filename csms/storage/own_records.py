"""Records that only the store itself writes; they go through the same writer as all others."""

from __future__ import annotations

from msgspec import Struct

from csms.domain.records import Record


class StationAdded(Struct, frozen=True, gc=False):
    """An operator registered a station; refused where its id is taken.

    The site whose configuration names it counts before `site_id`.
    """

    id: str
    site_id: str | None
    managed: int
    message_log: str
    key_hmac: bytes | None
    created_at_us: int


class StationManaged(Struct, frozen=True, gc=False):
    """An operator decided whether a station may be sent what nobody asked for."""

    managed: int
    station_id: str


class TokenAdded(Struct, frozen=True, gc=False):
    """An operator registered a token; one that was only seen becomes it, any other is refused."""

    id: str
    uid: str
    type: str
    hmac: bytes
    status: str
    expires_at_us: int | None
    group_name: str | None
    max_concurrent: int | None
    note: str | None
    created_at_us: int


class IdBlockReserved(Struct, frozen=True, gc=False):
    """Nobody else gives out `size` ids from `first`; refused where another process was quicker."""

    name: str
    first: int
    size: int
    reserved_at_us: int


class CommandsAbandoned(Struct, frozen=True, gc=False):
    """The process that would have heard how the open commands end is no more; they get their final state."""

    at_us: int


StoredRecord = Record | CommandsAbandoned | StationAdded | StationManaged | TokenAdded | IdBlockReserved
