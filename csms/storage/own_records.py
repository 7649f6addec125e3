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


class StationChanged(Struct, frozen=True, gc=False):
    """An operator changed a station; refused where it isn't as it was."""

    id: str
    managed: int
    registration: str
    message_log: str
    key_hmac: bytes | None
    previous_key_hmac: bytes | None
    was_managed: int
    was_registration: str
    was_message_log: str
    was_key_hmac: bytes | None
    was_previous_key_hmac: bytes | None


class StationRemoved(Struct, frozen=True, gc=False):
    """An operator removed a station; refused where it is gone, or a site's configuration names it."""

    id: str


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


class TokenChanged(Struct, frozen=True, gc=False):
    """An operator changed a registered token; refused unless its newest change is the one numbered `revision`."""

    id: str
    revision: int
    status: str
    expires_at_us: int | None
    group_name: str | None
    max_concurrent: int | None
    note: str | None


class TokenRemoved(Struct, frozen=True, gc=False):
    """An operator removed a registered token, likewise; one that has transactions becomes one that was only seen."""

    id: str
    revision: int


class WishesSaved(Struct, frozen=True, gc=False):
    """What is wished for a transaction; refused unless `revision` follows the stored one (1: the first)."""

    transaction_id: str
    revision: int
    departure_at_us: int | None
    energy_needed_wh: float | None
    priority: int | None


class IdBlockReserved(Struct, frozen=True, gc=False):
    """Nobody else gives out `size` ids from `first`; refused where another process was quicker."""

    name: str
    first: int
    size: int
    reserved_at_us: int


class CommandsAbandoned(Struct, frozen=True, gc=False):
    """The process that would have heard how the open commands end is no more; they get their final state."""

    at_us: int


StoredRecord = (
    Record
    | CommandsAbandoned
    | IdBlockReserved
    | StationAdded
    | StationChanged
    | StationRemoved
    | TokenAdded
    | TokenChanged
    | TokenRemoved
    | WishesSaved
)
