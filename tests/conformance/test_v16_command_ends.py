"""How commands end that are not simply answered; the station's version makes no difference here."""

from __future__ import annotations

import pytest

from tests.conformance.conftest import Talk
from tests.conformance.station import Station

pytestmark = pytest.mark.end_to_end
SUBPROTOCOL = "ocpp1.6"


def test_a_callerror_is_told_as_the_station_said_it(talk: Talk):
    async def dialogue(station: Station) -> None:
        command = station.command("clear-cache")
        asked = await station.asked("ClearCache")
        await station.refuse(asked, "InternalError", "out of memory", {"free": 0})
        ended = await command.end()
        assert (ended["state"], ended["response"]) == ("call_error", None)
        error = {"code": "InternalError", "description": "out of memory", "details": {"free": 0}}
        assert ended["error"] == error

    talk(dialogue)


def test_a_station_that_dies_in_mid_call_ends_all_its_commands_at_once(talk: Talk):
    async def dialogue(station: Station) -> None:
        left = station.command("reset", {"type": "hard"})
        await station.asked("Reset")
        waiting = station.command("clear-cache")
        listed = (await station.rest.get(f"/stations/{station.id}/commands"))["items"]
        while len(listed) < 2:
            listed = (await station.rest.get(f"/stations/{station.id}/commands"))["items"]
        station.link.abort()
        ended = [await left.end(), await waiting.end()]
        assert ended[0]["state"] in {"timed_out", "not_sent"}
        assert ended[0]["sent_at"] is not None
        assert (ended[1]["state"], ended[1]["sent_at"]) == ("not_sent", None)

    talk(dialogue)


def test_a_station_that_is_not_connected_is_no_target(talk: Talk):
    async def dialogue(station: Station) -> None:
        await station.link.close()
        seen = await station.seen()
        while seen["connected"]:
            seen = await station.seen()
        answer = await station.command("clear-cache").response()
        assert answer.status_code == 409
        assert answer.json()["type"].endswith("/station-not-connected")

    talk(dialogue)


def test_an_unknown_station_is_not_found(talk: Talk):
    async def dialogue(station: Station) -> None:
        answer = await station.rest.command("NOBODY", "clear-cache", {})
        assert answer.status_code == 404

    talk(dialogue)


@pytest.mark.parametrize(
    ("name", "body", "path"),
    [
        ("ocpp/Reset", {"type": "Lukewarm"}, "type"),
        ("ocpp/Reset", {}, "type"),
        ("ocpp/Heartbeat", {}, "Heartbeat"),
        ("ocpp/MakeCoffee", {}, "MakeCoffee"),
        ("reset", {"type": "lukewarm"}, "type"),
        ("unlock", {"evse": "one", "connector": 1}, "evse"),
        ("remote-start", {"evse": 1, "token": "x" * 21}, "token"),
    ],
)
def test_what_the_schema_does_not_allow_is_refused_and_never_sent(
    talk: Talk, name: str, body: object, path: str
):
    async def dialogue(station: Station) -> None:
        answer = await station.command(name, body).response()  # pyright: ignore[reportArgumentType]
        assert answer.status_code == 422
        assert path in answer.text
        await station.command("clear-cache").answered({"status": "Accepted"})

    talk(dialogue)


def test_the_answer_to_one_command_does_not_wait_for_the_others(talk: Talk):
    """One call is open at a time; whatever the station says meanwhile is answered."""

    async def dialogue(station: Station) -> None:
        first = station.command("clear-cache")
        asked = await station.asked("ClearCache")
        second = station.command("reset", {"type": "soft"})
        assert "currentTime" in await station.call("Heartbeat")
        await first.answered({"status": "Accepted"}, asked=asked)
        await second.answered({"status": "Accepted"})

    talk(dialogue)


def test_a_command_is_accepted_at_once_and_can_be_followed(talk: Talk):
    async def dialogue(station: Station) -> None:
        accepted = await station.rest.command(station.id, "clear-cache", {})
        assert accepted.status_code == 202
        command = accepted.json()
        assert accepted.headers["Location"].endswith(f"/commands/{command['id']}")
        assert command["state"] in {"queued", "sent"}
        asked = await station.asked("ClearCache")
        await station.answer(asked, {"status": "Rejected"})
        seen = await station.rest.get(f"/commands/{command['id']}")
        while seen["state"] in {"queued", "sent"}:
            seen = await station.rest.get(f"/commands/{command['id']}")
        assert (seen["state"], seen["response"]) == ("answered", {"status": "Rejected"})

    talk(dialogue)
