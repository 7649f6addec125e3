"""A charging station: who it is, and the live state that its connection owns."""

from __future__ import annotations

import enum
import re

from msgspec import Struct, field

from csms.domain.transaction import Transaction

STATION_ID = re.compile(r"[A-Za-z0-9*_=:+|@.\-]{1,48}")
"""What a station may be called (api.md "Station"); `.` and `..` are excluded besides."""


KEPT_ENDED = 16
"""How many of a station's ended transactions stay in memory for late stops and samples; the store has them all."""

KEPT_OPEN = 1_000
"""How many open ones; a station with more is broken, and the oldest of them stay in the store alone."""

KEPT_CONNECTORS = 1_000
"""How many connectors' statuses are kept; what tells of more is broken."""


def is_station_id(text: str) -> bool:
    """Tell whether `text` may name a station (after one percent-decoding)."""
    return STATION_ID.fullmatch(text) is not None and text not in {".", ".."}


class Registration(str, enum.Enum):
    """Whether a station may work with this central system; the words are the standard's."""

    ACCEPTED = "Accepted"
    PENDING = "Pending"
    REJECTED = "Rejected"


class MessageLogPolicy(str, enum.Enum):
    """Which raw frames of a station are kept."""

    ALL = "all"
    ERRORS = "errors"
    OFF = "off"


class StationIdentity(Struct, frozen=True, kw_only=True):
    """What the handshake must know of a station."""

    id: str
    """In the case it was registered with."""
    site_id: str | None
    managed: bool
    registration: Registration
    message_log: MessageLogPolicy
    key_hmac: bytes | None
    """None: no key is asked for."""
    previous_key_hmac: bytes | None
    """Still accepted while the station has not yet taken over the new one."""


class ConnectorState(Struct):
    """The newest status of a connector."""

    status: str
    error: str | None
    at_us: int


class StationState(Struct, kw_only=True):
    """All that the use cases of a station's messages may know; loaded once at connect.

    `transactions` holds the open transactions and the newest ended ones, by OCPP id, both within bounds.
    """

    id: str
    site_id: str | None
    managed: bool
    registration: Registration
    gated: bool = False
    """Nobody starts here before the balancing has found room for it (control.md "Failsafe")."""
    boot_answer: Registration | None = None
    """What this connection answered to the last boot; None before the first."""
    connectors: dict[tuple[int, int], ConnectorState] = field(
        default_factory=dict[tuple[int, int], ConnectorState]
    )
    """By (evse, connector); (0, 0) is the station itself."""
    transactions: dict[str, Transaction] = field(default_factory=dict[str, Transaction])

    @property
    def evses(self) -> frozenset[int]:
        """The EVSEs whose status it has told; a station tells of each when it starts (OCPP 1.6 §4.9)."""
        return frozenset(evse for evse, _ in self.connectors if evse != 0)

    @property
    def all_charging(self) -> bool:
        """Whether certainly no EVSE is free for another transaction; a station that has told of none may have any."""
        charging = {transaction.key.evse for transaction in self.transactions.values() if transaction.active}
        return bool(self.evses) and self.evses <= charging
