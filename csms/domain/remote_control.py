"""What operators ask of stations, in the trade's words; each OCPP version shapes it into a call of its own."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

JsonObject = Mapping[str, Any]
"""Members as they go to the wire, in the words of the station's version."""


class RemoteStart(Struct, frozen=True, kw_only=True):
    """Let somebody charge who is not there."""

    uid: str
    token_type: str = "ISO14443"  # noqa: S105 - no secret
    evse: int | None = None
    """None: the station chooses."""
    remote_start_id: int = 0
    """What a station of 2.x says of the transaction that follows."""
    profile: JsonObject | None = None


class RemoteStop(Struct, frozen=True, kw_only=True):
    """End a transaction."""

    transaction_id: str
    """Ours."""
    ocpp_transaction_id: str = ""
    """The station's; found by ours."""


class ResetKind(str, enum.Enum):
    """How a station restarts; each version knows two of the words, and takes the others for them."""

    SOFT = "soft"
    HARD = "hard"
    IMMEDIATE = "immediate"
    ON_IDLE = "on-idle"

    @property
    def waits(self) -> bool:
        """Whether transactions end in good order first."""
        return self in {ResetKind.SOFT, ResetKind.ON_IDLE}


class Reset(Struct, frozen=True, kw_only=True):
    """Restart a station, or one EVSE of it."""

    kind: ResetKind
    evse: int | None = None


class Unlock(Struct, frozen=True, kw_only=True):
    """Let go of a cable."""

    evse: int
    connector: int = 1


class ChangeAvailability(Struct, frozen=True, kw_only=True):
    """Take a station or an EVSE out of operation, or back."""

    operative: bool
    evse: int | None = None
    """None: the whole station."""


class TriggerMessage(Struct, frozen=True, kw_only=True):
    """Let a station send one of its messages."""

    message: str
    evse: int | None = None
    connector: int | None = None


class GetConfiguration(Struct, frozen=True, kw_only=True):
    """Read configuration keys (2.x: variables)."""

    keys: tuple[str, ...] = ()
    """Empty: all."""


class SetConfiguration(Struct, frozen=True, kw_only=True):
    """Write a configuration key (2.x: a variable)."""

    key: str
    value: str


class ClearCache(Struct, frozen=True):
    """Let a station forget the tokens that it has seen."""


class SetChargingProfile(Struct, frozen=True, kw_only=True):
    """Install a charging profile."""

    evse: int
    profile: JsonObject


class ClearChargingProfile(Struct, frozen=True, kw_only=True):
    """Remove the charging profiles that meet all that is said."""

    profile_id: int | None = None
    evse: int | None = None
    purpose: str | None = None
    stack_level: int | None = None


class GetCompositeSchedule(Struct, frozen=True, kw_only=True):
    """Ask which limits apply from now on."""

    evse: int
    duration_s: int
    unit: str | None = None


class DataTransfer(Struct, frozen=True, kw_only=True):
    """Send a vendor's own message."""

    vendor_id: str
    message_id: str | None = None
    data: object = None
    """Any JSON; 1.6 takes a text only."""


class RawCall(Struct, frozen=True, kw_only=True):
    """A call in the words of the station's own version."""

    action: str
    payload: bytes
    """JSON object."""


NeutralCommand = (
    RemoteStart
    | RemoteStop
    | Reset
    | Unlock
    | ChangeAvailability
    | TriggerMessage
    | GetConfiguration
    | SetConfiguration
    | ClearCache
    | SetChargingProfile
    | ClearChargingProfile
    | GetCompositeSchedule
    | DataTransfer
)
StationCommand = NeutralCommand | RawCall
