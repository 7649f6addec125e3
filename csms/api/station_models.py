"""What callers send about stations, and what they get to see of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from csms.api.values import Finite, Given, Moment, Shown, ShownReadings
from csms.domain.register import KEY_BYTES_MIN, KEY_CHARACTERS_MAX, EvseEntry, EvseLimit, StationChange
from csms.domain.station import MessageLogPolicy, Registration
from csms.usecases.station_keeping import StationShown

_Key = Annotated[str, StringConstraints(min_length=KEY_BYTES_MIN, max_length=KEY_CHARACTERS_MAX)]
_Policy = Literal["all", "errors", "off"]
_Registration = Literal["Accepted", "Pending", "Rejected"]


class NewStationBody(Given):
    """A station to register."""

    id: str = Field(
        pattern=r"^[A-Za-z0-9*_=:+|@.-]{1,48}$",
        description="Neither `.` nor `..`; unique without regard to case.",
    )
    site_id: str | None = Field(
        default=None, description="Only until a site's configuration names it: then that is its site."
    )
    key: _Key | None = Field(default=None, description="Null: one is made, and shown in the answer alone.")
    keyless: bool = Field(default=False, description="Let it connect without a key.")
    managed: bool = Field(
        default=True, description="Whether it may be sent what nobody asked for, above all limits."
    )
    message_log: _Policy = Field(default="all", description="Which of its raw messages are kept.")


class StationPatch(Given):
    """What is to change of a station; what is left out stays."""

    managed: bool = False
    message_log: _Policy = "all"
    registration: _Registration = Field(
        default="Accepted",
        description="What its next boot is answered; a connected one is treated so at once.",
    )
    key: _Key = Field(default="", description="Its new key; the present one counts on as the previous one.")
    new_key: bool = Field(
        default=False, description="True: the same with one that is made and shown in the answer."
    )
    keyless: bool = Field(default=False, description="True: no key is asked for any more.")
    revoke_previous_key: bool = Field(
        default=False,
        description="True: only the present (or new) key counts from now on; a connection that stands stays.",
    )

    def change(self) -> StationChange:
        """Return it in the words of the trade."""
        said = self.model_dump(include=self.model_fields_set)
        if "message_log" in said:
            said["message_log"] = MessageLogPolicy(self.message_log)
        if "registration" in said:
            said["registration"] = Registration(self.registration)
        return StationChange(**said)


class Connector(Shown):
    """A connector's newest status, in the words of its version of OCPP."""

    id: int
    status: str
    error: str | None
    status_at: Moment = Field(validation_alias="status_at_us")


class StationEvse(Shown):
    """An EVSE; OCPP 1.6: one for each connector, with its number. Readings are those of the last 20 minutes."""

    id: int
    connectors: list[Connector]
    transaction_id: str | None = Field(description="The transaction that runs on it.")
    current_a: ShownReadings
    power_w: Finite
    energy_wh: Finite = Field(description="The import register.")
    limit_a: Finite = Field(
        description="What the balancing grants it; null: it is not told limits (no site that enforces, unmanaged)."
    )
    limit_reason: str | None


class Station(Shown):
    """A charging station."""

    id: str
    site_id: str | None
    ocpp_version: str | None
    vendor: str | None
    model: str | None
    serial: str | None
    firmware: str | None
    connected: bool
    connected_at: Moment | None = Field(description="When it connected last.")
    last_seen_at: Moment | None = Field(description="Written down every 30 seconds.")
    boot_status: str | None = Field(description="What its last boot was answered.")
    booted_at: Moment | None
    registration: _Registration = Field(description="What its next boot is answered.")
    security_profile: int | None
    managed: bool
    message_log: _Policy
    has_key: bool = Field(description="False: it may connect without one.")
    has_previous_key: bool = Field(description="Whether the key before this one is still accepted.")
    created_at: Moment
    evses: list[StationEvse]

    @classmethod
    def of(cls, seen: StationShown) -> Station:
        """Return it as it is shown."""
        return cls.model_validate(_members(seen))


class StationWithKey(Station):
    """A station, with the key that was made for it: nobody is shown it again."""

    key: str | None = Field(description="Null: none was made.")

    @classmethod
    def made(cls, seen: StationShown, key: str | None) -> StationWithKey:
        """Return it with its key."""
        return cls.model_validate({**_members(seen), "key": key})


class StationPage(Shown):
    """A part of the list of stations, by their ids without regard to case."""

    items: list[Station]
    next_cursor: str | None = Field(description="Null: it was the last part.")


class Message(Shown):
    """A raw message as it was kept: tokens, keys and certificates are made unreadable."""

    at: Moment
    direction: Literal["in", "out"]
    frame: list[Any] | str = Field(
        description="A text where it was no JSON that every reader takes, or was too long to be kept whole."
    )
    deviation: str | None = Field(description="What was wrong with it; null: nothing.")


class MessagePage(Shown):
    """A part of a station's messages, newest first."""

    items: list[Message]
    next_cursor: str | None = Field(description="Null: it was the last part.")


def _members(seen: StationShown) -> dict[str, object]:
    entry = seen.entry
    folded = entry.id.lower()
    return {
        "id": entry.id,
        "site_id": entry.site_id,
        "ocpp_version": entry.ocpp_version,
        "vendor": entry.vendor,
        "model": entry.model,
        "serial": entry.serial,
        "firmware": entry.firmware,
        "connected": seen.connected,
        "connected_at": entry.connected_at_us,
        "last_seen_at": entry.last_seen_at_us,
        "boot_status": entry.boot_status,
        "booted_at": entry.booted_at_us,
        "registration": entry.registration,
        "security_profile": entry.security_profile,
        "managed": entry.managed,
        "message_log": entry.message_log,
        "has_key": entry.has_key,
        "has_previous_key": entry.has_previous_key,
        "created_at": entry.created_at_us,
        "evses": [_evse(evse, seen.limits.get((folded, evse.id))) for evse in entry.evses],
    }


def _evse(evse: EvseEntry, limit: EvseLimit | None) -> dict[str, object]:
    return {
        "id": evse.id,
        "connectors": evse.connectors,
        "transaction_id": evse.transaction_id,
        "current_a": evse.current_a,
        "power_w": evse.power_w,
        "energy_wh": evse.energy_wh,
        "limit_a": None if limit is None else limit.limit_a,
        "limit_reason": None if limit is None else limit.reason,
    }
