"""What callers send to let a station do something; `csms.domain.remote_control` says what each means."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from csms.api.values import Given
from csms.domain import remote_control as rc

_NUMBER_MAX = 2**31 - 1
"""The largest that OCPP's integers hold."""
_KEYS_MAX = 1000

Evse = Annotated[
    int, Field(ge=0, le=_NUMBER_MAX, description="Its number in the station; 1.6: the connector's.")
]
Connector = Annotated[int, Field(ge=1, le=_NUMBER_MAX, description="Its number in the EVSE; 1.6: 1.")]
Profile = Annotated[
    dict[str, Any], Field(description="A charging profile in the OCPP shape of the station's version.")
]
_Text = Annotated[str, Field(min_length=1, max_length=1000)]


class RemoteStartBody(Given):
    """Let somebody charge."""

    evse: Evse | None = Field(default=None, description="Null: the station chooses.")
    token: Annotated[str, Field(min_length=1, max_length=255)] = Field(description="The uid that charges.")
    token_type: Annotated[str, Field(min_length=1, max_length=40)] = Field(
        default="ISO14443", description="OCPP 1.6 knows no other."
    )
    profile: Profile | None = None

    def command(self) -> rc.RemoteStart:
        """Return it in the words of the trade."""
        return rc.RemoteStart(
            uid=self.token, token_type=self.token_type, evse=self.evse, profile=self.profile
        )


class RemoteStopBody(Given):
    """End a transaction."""

    transaction_id: _Text = Field(description="Ours, as `GET /transactions` tells it.")

    def command(self) -> rc.RemoteStop:
        """Return it in the words of the trade."""
        return rc.RemoteStop(transaction_id=self.transaction_id)


class ResetBody(Given):
    """Restart a station."""

    type: Literal["soft", "hard", "immediate", "on-idle"] = Field(
        description="`soft` and `on-idle` end transactions in good order first, `hard` and `immediate` don't wait."
    )
    evse: Evse | None = Field(default=None, description="2.0.1 alone: restart one EVSE only.")

    def command(self) -> rc.Reset:
        """Return it in the words of the trade."""
        return rc.Reset(kind=rc.ResetKind(self.type), evse=self.evse)


class UnlockBody(Given):
    """Let go of a cable."""

    evse: Evse
    connector: Connector = 1

    def command(self) -> rc.Unlock:
        """Return it in the words of the trade."""
        return rc.Unlock(evse=self.evse, connector=self.connector)


class ChangeAvailabilityBody(Given):
    """Take a station or an EVSE out of operation, or back."""

    evse: Evse | None = Field(default=None, description="Null or 0: the whole station.")
    operative: bool

    def command(self) -> rc.ChangeAvailability:
        """Return it in the words of the trade."""
        return rc.ChangeAvailability(operative=self.operative, evse=self.evse)


class TriggerMessageBody(Given):
    """Let a station send one of its messages."""

    message: _Text = Field(
        description="As the station's version names it: `Heartbeat`, `StatusNotification`, …"
    )
    evse: Evse | None = None
    connector: Connector | None = None

    def command(self) -> rc.TriggerMessage:
        """Return it in the words of the trade."""
        return rc.TriggerMessage(message=self.message, evse=self.evse, connector=self.connector)


class GetConfigurationBody(Given):
    """Read a station's configuration."""

    keys: Annotated[list[_Text], Field(max_length=_KEYS_MAX)] = Field(
        default=[],
        description="1.6: keys, none for all. 2.0.1: variables as `Component.Variable`, each with its "
        "`[instance]` where it has one, at least one.",
    )

    def command(self) -> rc.GetConfiguration:
        """Return it in the words of the trade."""
        return rc.GetConfiguration(keys=tuple(self.keys))


class SetConfigurationBody(Given):
    """Write one value of a station's configuration."""

    key: _Text = Field(description="1.6: a key. 2.0.1: a variable, as `Component.Variable`.")
    value: Annotated[str, Field(max_length=10_000)]

    def command(self) -> rc.SetConfiguration:
        """Return it in the words of the trade."""
        return rc.SetConfiguration(key=self.key, value=self.value)


class ClearCacheBody(Given):
    """Let a station forget the tokens that it has seen."""

    def command(self) -> rc.ClearCache:
        """Return it in the words of the trade."""
        return rc.ClearCache()


class SetChargingProfileBody(Given):
    """Install a charging profile."""

    evse: Evse = Field(description="0: the whole station.")
    profile: Profile

    def command(self) -> rc.SetChargingProfile:
        """Return it in the words of the trade."""
        return rc.SetChargingProfile(evse=self.evse, profile=self.profile)


class ClearChargingProfileBody(Given):
    """Remove the charging profiles that meet all that is said."""

    profile_id: Annotated[int, Field(ge=-_NUMBER_MAX, le=_NUMBER_MAX)] | None = None
    evse: Evse | None = None
    purpose: _Text | None = Field(
        default=None, description="As the station's version names it: `TxProfile`, …"
    )
    stack_level: Annotated[int, Field(ge=0, le=_NUMBER_MAX)] | None = None

    def command(self) -> rc.ClearChargingProfile:
        """Return it in the words of the trade."""
        return rc.ClearChargingProfile(
            profile_id=self.profile_id, evse=self.evse, purpose=self.purpose, stack_level=self.stack_level
        )


class GetCompositeScheduleBody(Given):
    """Ask which limits apply from now on."""

    evse: Evse = Field(description="0: the whole station.")
    duration_s: Annotated[int, Field(ge=0, le=_NUMBER_MAX)]
    unit: Literal["A", "W"] | None = Field(default=None, description="Null: the station chooses.")

    def command(self) -> rc.GetCompositeSchedule:
        """Return it in the words of the trade."""
        return rc.GetCompositeSchedule(evse=self.evse, duration_s=self.duration_s, unit=self.unit)


class DataTransferBody(Given):
    """Send a vendor's own message."""

    vendor_id: _Text
    message_id: _Text | None = None
    data: Any = Field(default=None, description="1.6: a text; 2.0.1: any JSON.")

    def command(self) -> rc.DataTransfer:
        """Return it in the words of the trade."""
        return rc.DataTransfer(vendor_id=self.vendor_id, message_id=self.message_id, data=self.data)


CommandBody = (
    RemoteStartBody
    | RemoteStopBody
    | ResetBody
    | UnlockBody
    | ChangeAvailabilityBody
    | TriggerMessageBody
    | GetConfigurationBody
    | SetConfigurationBody
    | ClearCacheBody
    | SetChargingProfileBody
    | ClearChargingProfileBody
    | GetCompositeScheduleBody
    | DataTransferBody
)
