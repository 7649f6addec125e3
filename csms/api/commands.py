"""Commands over REST: what operators ask of stations, by the trade's names or in the words of OCPP."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, cast

import msgspec
from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response
from msgspec import Struct
from pydantic import BaseModel

from csms.api import command_bodies as bodies
from csms.api.answers import json_of
from csms.api.command_views import Command, CommandPage
from csms.domain.commands import StoredCommand
from csms.domain.remote_control import RawCall, StationCommand
from csms.gateway.remote_control import RemoteControl
from csms.http.bodies import body_of, read_object
from csms.http.openapi import gives, heeds, problems, takes
from csms.http.pages import AskedPage, first_page, last_numbered, numbered
from csms.http.preferences import asked_wait_s

BASE = "/api/v1"


class _Named(Struct, frozen=True, kw_only=True):
    """A command with a name of ours."""

    name: str
    body: type[bodies.CommandBody]
    summary: str
    examples: Mapping[str, Mapping[str, object]]


_PROFILE_16 = {
    "chargingProfileId": 7,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": {
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16}],
    },
}
_PROFILE_201 = {
    "id": 7,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": [
        {
            "id": 1,
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16}],
        }
    ],
}

_COMMANDS = (
    _Named(
        name="remote-start",
        body=bodies.RemoteStartBody,
        summary="Let somebody charge",
        examples={"a_tag": {"evse": 1, "token": "04A2B3C4", "token_type": "ISO14443", "profile": None}},
    ),
    _Named(
        name="remote-stop",
        body=bodies.RemoteStopBody,
        summary="End a transaction",
        examples={"ours": {"transaction_id": "6f1c0c6c2b3e4a5d8f7a9b0c1d2e3f4a"}},
    ),
    _Named(
        name="reset",
        body=bodies.ResetBody,
        summary="Restart a station",
        examples={"in_good_order": {"type": "soft"}, "one_evse": {"type": "immediate", "evse": 2}},
    ),
    _Named(
        name="unlock",
        body=bodies.UnlockBody,
        summary="Let go of a cable",
        examples={"a_connector": {"evse": 1, "connector": 1}},
    ),
    _Named(
        name="change-availability",
        body=bodies.ChangeAvailabilityBody,
        summary="Take a station out of operation, or back",
        examples={"the_whole_station": {"evse": None, "operative": False}},
    ),
    _Named(
        name="trigger-message",
        body=bodies.TriggerMessageBody,
        summary="Let a station send one of its messages",
        examples={"a_heartbeat": {"message": "Heartbeat", "evse": None}},
    ),
    _Named(
        name="get-configuration",
        body=bodies.GetConfigurationBody,
        summary="Read a station's configuration",
        examples={
            "keys_of_1.6": {"keys": ["HeartbeatInterval"]},
            "variables_of_2.0.1": {"keys": ["OCPPCommCtrlr.HeartbeatInterval"]},
        },
    ),
    _Named(
        name="set-configuration",
        body=bodies.SetConfigurationBody,
        summary="Write one value of a station's configuration",
        examples={"a_key_of_1.6": {"key": "HeartbeatInterval", "value": "300"}},
    ),
    _Named(
        name="clear-cache",
        body=bodies.ClearCacheBody,
        summary="Let a station forget the tokens that it has seen",
        examples={"all": {}},
    ),
    _Named(
        name="set-charging-profile",
        body=bodies.SetChargingProfileBody,
        summary="Install a charging profile",
        examples={
            "for_1.6": {"evse": 1, "profile": _PROFILE_16},
            "for_2.0.1": {"evse": 1, "profile": _PROFILE_201},
        },
    ),
    _Named(
        name="clear-charging-profile",
        body=bodies.ClearChargingProfileBody,
        summary="Remove charging profiles",
        examples={
            "one": {"profile_id": 7, "evse": None, "purpose": None, "stack_level": None},
            "by_purpose": {"evse": 1, "purpose": "TxDefaultProfile"},
        },
    ),
    _Named(
        name="get-composite-schedule",
        body=bodies.GetCompositeScheduleBody,
        summary="Ask which limits apply from now on",
        examples={"ten_minutes": {"evse": 1, "duration_s": 600, "unit": "A"}},
    ),
    _Named(
        name="data-transfer",
        body=bodies.DataTransferBody,
        summary="Send a vendor's own message",
        examples={"a_text": {"vendor_id": "com.example", "message_id": "hello", "data": "x"}},
    ),
)
TAKEN: tuple[type[BaseModel], ...] = tuple(row.body for row in _COMMANDS)
GIVEN: tuple[type[BaseModel], ...] = (Command, CommandPage)
"""What the routes here take and give, for the API's description."""

router = APIRouter(prefix=BASE, tags=["commands"])

_ASKING: dict[int | str, dict[str, Any]] = {
    202: gives(Command, "The station's queue has it", headers=("Location",)),
    200: gives(Command, "It has ended, as `Prefer: wait` asked", headers=("Location", "Preference-Applied")),
    **problems(
        *("not-found", "station-not-connected", "request-under-way", "outcome-unknown", "answer-not-kept"),
        *("idempotency-key-reused", "malformed-json", "too-large", "unsupported-media-type", "invalid"),
        *("busy", "unavailable"),
    ),
}


def _control(request: Request) -> RemoteControl:
    return cast("RemoteControl", request.app.state.remote_control)


Control = Annotated[RemoteControl, Depends(_control)]
StationId = Annotated[str, Path(description="The station's id.", examples=["CP-1"])]
CommandId = Annotated[
    str, Path(description="The command's id.", examples=["9b2e7f30c4d84a1f8e6d5c4b3a291807"])
]
Action = Annotated[str, Path(description="As the station's OCPP version names it.", examples=["Reset"])]


def _asking(row: _Named) -> Callable[..., Any]:
    """Return the handler of a command with a name."""
    read = body_of(row.body)

    async def ask_by_name(control: Control, station_id: StationId, request: Request) -> Response:
        body = await read(request)
        return await _ask(control, request, station_id, row.name, body.command())

    return ask_by_name


for _row in _COMMANDS:
    router.add_api_route(
        f"/stations/{{station_id}}/commands/{_row.name}",
        _asking(_row),
        methods=["POST"],
        name=_row.name.replace("-", "_"),
        summary=_row.summary,
        description="The payload is checked against the station's OCPP version before anything is sent.",
        status_code=202,
        openapi_extra=takes(_row.body, **_row.examples) | heeds("Idempotency-Key", "Prefer"),
        responses=_ASKING,
    )


@router.post(
    "/stations/{station_id}/ocpp/{action}",
    summary="Send any call that a central system may send",
    status_code=202,
    openapi_extra=heeds("Idempotency-Key", "Prefer")
    | {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"type": "object"},
                    "examples": {"Reset_of_1.6": {"summary": "Reset of 1.6", "value": {"type": "Soft"}}},
                }
            },
        }
    },
    responses=_ASKING,
)
async def ask_raw(
    control: Control,
    station_id: StationId,
    action: Action,
    request: Request,
    body: Annotated[dict[str, object], Depends(read_object)],
) -> Response:
    """Send `action` with the body as its payload, after it was checked against the action's schema."""
    call = RawCall(action=action, payload=msgspec.json.encode(body))
    return await _ask(control, request, station_id, action, call)


@router.get(
    "/stations/{station_id}/commands",
    summary="List what a station was asked",
    responses={
        200: gives(CommandPage, "The newest first"),
        **problems("not-found", "invalid", "unavailable"),
    },
)
async def list_commands(control: Control, station_id: StationId, asked: AskedPage) -> Response:
    """Return a part of what people and the balancing asked a station."""
    found = await control.commands_of(station_id, before=last_numbered(asked), limit=asked.limit + 1)
    page = first_page(found, asked, key=lambda item: numbered(item.created_at_us, item.id))
    items = [_shown(item) for item in page.items]
    return json_of({"items": items, "next_cursor": page.next_cursor})


@router.get(
    "/commands/{command_id}",
    summary="Show a command",
    responses={200: gives(Command, "As it stands"), **problems("not-found", "unavailable")},
)
async def show_command(control: Control, command_id: CommandId) -> Response:
    """Return a command with its state, and what the station answered."""
    return json_of(_shown(await control.find(command_id)))


async def _ask(
    control: RemoteControl, request: Request, station_id: str, name: str, command: StationCommand
) -> Response:
    wait_s = asked_wait_s(request)
    asked = await control.ask(station_id, name, command)
    headers = {"Location": f"{BASE}/commands/{asked.id}"}
    if wait_s is not None:
        asked = await control.wait(asked.id, wait_s)
        headers["Preference-Applied"] = f"wait={wait_s}"
    status = 200 if wait_s is not None and asked.state.final else 202
    return json_of(_shown(asked), status=status, headers=headers)


def _shown(command: StoredCommand) -> dict[str, Any]:
    return Command.of(command).model_dump()
