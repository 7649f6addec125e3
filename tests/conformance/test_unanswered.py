"""Calls that a station never answers, or answers too late, on a server that waits but shortly."""

from __future__ import annotations

import pytest

from tests.conformance.conftest import Talk
from tests.conformance.station import Station

pytestmark = pytest.mark.end_to_end
SUBPROTOCOL = "ocpp1.6"
SETTINGS = {"call_timeout_s": 0.5}


def test_a_reset_that_is_never_answered_times_out_and_the_next_command_goes(talk: Talk):
    async def dialogue(station: Station) -> None:
        command = station.command("reset", {"type": "hard"})
        await station.asked("Reset")
        ended = await command.end()
        assert (ended["state"], ended["response"]) == ("timed_out", None)
        later = station.command("clear-cache")
        await station.asked("ClearCache")
        assert (await later.end())["state"] in {"answered", "timed_out"}

    talk(dialogue)


def test_an_answer_after_the_deadline_changes_nothing(talk: Talk):
    async def dialogue(station: Station) -> None:
        command = station.command("reset", {"type": "hard"})
        asked = await station.asked("Reset")
        ended = await command.end()
        await station.answer(asked, {"status": "Accepted"})
        assert "currentTime" in await station.call("Heartbeat")
        assert await station.rest.get(f"/commands/{ended['id']}") == ended

    talk(dialogue)
