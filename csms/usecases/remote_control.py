"""What operators ask of stations: what is kept of it, who hears of it, and why it may be refused there."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import msgspec
from msgspec import Struct, structs

from csms.domain.commands import CommandState, Priority, RawCommand
from csms.domain.errors import FieldProblem, Invalid
from csms.domain.records import CommandRecorded, EventRecorded
from csms.domain.remote_control import (
    ChangeAvailability,
    ClearChargingProfile,
    GetCompositeSchedule,
    RemoteStart,
    RemoteStop,
    Reset,
    SetChargingProfile,
    StationCommand,
    TriggerMessage,
    Unlock,
)
from csms.domain.station import StationIdentity, StationState
from csms.domain.times import format_utc
from csms.domain.token import Verdict
from csms.domain.transaction import Transaction

_LARGEST_START_ID = 2**31 - 1


class Place(Struct, frozen=True):
    """Where at a station something is to happen."""

    evse: int
    connector: int | None = None


def place_of(command: StationCommand) -> Place | None:
    """Return the EVSE that a command needs there to be; None: it names none."""
    match command:
        case RemoteStart(evse=evse) | Reset(evse=evse):
            return None if evse is None else Place(evse)
        case TriggerMessage(evse=evse, connector=connector):
            return Place(evse, connector) if evse else None
        case Unlock(evse=evse, connector=connector):
            return Place(evse, connector)
        case (
            ChangeAvailability(evse=evse)
            | ClearChargingProfile(evse=evse)
            | SetChargingProfile(evse=evse)
            | GetCompositeSchedule(evse=evse)
        ):
            return Place(evse) if evse else None  # 0 is the whole station
        case _:
            return None


def numbered(command: StationCommand, command_id: str) -> StationCommand:
    """Give a remote start the number that a station of OCPP 2.x says of what follows; it belongs to the command."""
    if isinstance(command, RemoteStart):
        number = zlib.crc32(command_id.encode()) & _LARGEST_START_ID
        return structs.replace(command, remote_start_id=number)
    return command


def stopping(command: RemoteStop, transaction: Transaction | None) -> RemoteStop:
    """Name the transaction as its station does. Raises `Invalid` where the station has none of our id."""
    if transaction is None:
        message = "names no transaction of this station"
        raise Invalid(f"transaction_id: {message}", [FieldProblem("transaction_id", message)])
    return structs.replace(command, ocpp_transaction_id=transaction.ocpp_id)


def doubts(
    command: StationCommand,
    *,
    state: StationState | None = None,
    transaction: Transaction | None = None,
    verdict: Verdict | None = None,
) -> Iterator[str]:
    """Yield why the station will probably refuse a command that goes to it all the same.

    `state` is needed where it names a place, `transaction` where it stops one, `verdict` is that on its token.
    """
    place = place_of(command)
    if state is not None and place is not None and not _is_there(place, state):
        named = f"EVSE {place.evse}"
        if place.connector is not None:
            named = f"connector {place.connector} of {named}"
        yield f"the station has not said that it has {named}"
    if transaction is not None and not transaction.active:
        yield "the transaction has ended"
    if verdict is not None and verdict is not Verdict.ACCEPTED:
        yield f"the token would be told {verdict.value} here"


def _is_there(place: Place, state: StationState) -> bool:
    return any(
        evse == place.evse and place.connector in {None, connector} for evse, connector in state.connectors
    )


def priority_of(command: StationCommand) -> Priority:
    """Return when it leaves among others: ending a transaction makes a site safer."""
    return Priority.STOP if isinstance(command, RemoteStop) else Priority.OPERATOR


def recorded(
    command: RawCommand,
    station: StationIdentity,
    state: CommandState,
    at_us: int,
    *,
    error: str | None = None,
) -> tuple[CommandRecorded, EventRecorded]:
    """Return the records of a command that no connection has: before it is queued, and where it never is."""
    record = CommandRecorded(
        id=command.id,
        station_id=station.id,
        site_id=station.site_id,
        name=command.name,
        action=command.action,
        state=state.value,
        request=command.payload,
        response=None,
        error=error,
        created_at_us=at_us if command.recorded_at_us is None else command.recorded_at_us,
        sent_at_us=None,
        final_at_us=at_us if state.final else None,
        warning=command.warning,
    )
    return told(record, at_us)


def told(record: CommandRecorded, at_us: int) -> tuple[CommandRecorded, EventRecorded]:
    """Return the record with the line that tells of the command's new state; what it carries is not told."""
    data = {
        "id": record.id,
        "station_id": record.station_id,
        "name": record.name,
        "action": record.action,
        "state": record.state,
        "warning": record.warning,
        "created_at": format_utc(record.created_at_us),
        "sent_at": None if record.sent_at_us is None else format_utc(record.sent_at_us),
        "ended_at": None if record.final_at_us is None else format_utc(record.final_at_us),
    }
    event = EventRecorded(
        kind="command.state",
        station_id=record.station_id,
        site_id=record.site_id,
        at_us=at_us,
        data=msgspec.json.encode(data),
    )
    return record, event
