"""Remote starts at a gated station: each waits until the balancing has room for its session, and leaves soon after."""

from __future__ import annotations

import asyncio

from csms.domain.commands import CommandError, CommandResult, CommandState, RawCommand
from csms.gateway.services import Services

LEAVES_WITHIN_S = 30.0
"""How long a start may wait in the queue after room was found: that is held for a while only; machine seconds."""

NO_ROOM = CommandError(
    "NoRoom", "The site had no room for another session in time; try again later", b"{}", ours=True
)
"""Why a start was not sent."""


class RemoteStarts:
    """Those of one station that wait for room."""

    def __init__(self, services: Services) -> None:
        """Know of none."""
        self._services = services
        self._waiting: dict[str, asyncio.Future[bool]] = {}

    async def refusal(self, station_id: str, command: RawCommand) -> CommandResult | None:
        """Wait until `command` may leave (None), or return how it ended: without room, taken back, or cut off."""
        room = asyncio.ensure_future(
            self._services.has_room(station_id, at_most_s=command.expires_s),
        )
        self._waiting[command.id] = room
        try:
            await asyncio.wait({room})
        finally:
            room.cancel()
            del self._waiting[command.id]
        if room.cancelled():
            return CommandResult(CommandState.NOT_SENT)
        return None if room.result() else CommandResult(CommandState.NOT_SENT, error=NO_ROOM)

    def withdraw(self, command_id: str) -> bool:
        """Let a command wait no more; False where it doesn't."""
        room = self._waiting.get(command_id)
        return room is not None and room.cancel()

    def end(self) -> None:
        """Let nobody wait any more: the connection is over."""
        for room in self._waiting.values():
            room.cancel()
