"""Transactions over real sockets: mislabelled, out of order, late; each is stored once and answered."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.end_to_end.charger import Charger, at, reading, start, status, stop
from tests.end_to_end.conftest import StartServer
from tests.end_to_end.link import Link, Payload, answer_of
from tests.end_to_end.server import Server
from tests.end_to_end.store import in_us, places_of, query

pytestmark = pytest.mark.end_to_end


def test_an_unknown_tag_is_invalid_and_its_transaction_is_kept_under_a_positive_id(charger: Charger):
    async def dialogue(link: Link) -> list[Payload]:
        asked = await link.call("Authorize", {"idTag": "NOBODY"})
        begun = await link.call("StartTransaction", start(tag="NOBODY"))
        ended = await link.call("StopTransaction", stop(begun["transactionId"], tag="NOBODY"))
        return [asked, begun, ended]

    asked, begun, ended = charger.talk(dialogue)
    assert [answer["idTagInfo"]["status"] for answer in (asked, begun, ended)] == ["Invalid"] * 3
    assert begun["transactionId"] > 0
    (row,) = charger.transactions()
    assert (row["ocpp_id"], row["meter_stop_wh"]) == (str(begun["transactionId"]), 9000)


def test_every_unknown_tag_is_accepted_where_the_policy_says_so(start_server: StartServer):
    charger = Charger.at(start_server(token_policy="accept-all"))
    answer = charger.talk(lambda link: link.call("Authorize", {"idTag": "NOBODY"}))
    assert answer["idTagInfo"]["status"] == "Accepted"


def test_a_registered_tag_is_accepted_without_regard_to_case(start_server: StartServer):
    charger = Charger.at(start_server(prepare=lambda server: server.command("token", "add", "04a2b3c4")))
    answer = charger.talk(lambda link: link.call("Authorize", {"idTag": "04A2B3C4"}))
    assert answer["idTagInfo"]["status"] == "Accepted"


def test_a_tag_that_is_registered_while_the_server_runs_is_accepted_from_then_on(charger: Charger):
    async def dialogue(link: Link) -> list[str]:
        before = await link.call("Authorize", {"idTag": "LATE"})
        await asyncio.to_thread(charger.server.command, "token", "add", "LATE")
        after = await link.call("Authorize", {"idTag": "LATE"})
        return [before["idTagInfo"]["status"], after["idTagInfo"]["status"]]

    assert charger.talk(dialogue) == ["Invalid", "Accepted"]


def test_a_tag_stands_in_the_table_of_tokens_and_nowhere_else(server: Server):
    charger = Charger.at(server)

    async def dialogue(link: Link) -> None:
        await link.call("Authorize", {"idTag": "PRIVATE-1"})
        number = (await link.call("StartTransaction", start(tag="PRIVATE-1")))["transactionId"]
        await link.call("StopTransaction", stop(number, tag="PRIVATE-1"))
        await link.call("StartTransaction", start(tag="PRIVATE-2", connector=-5))
        await link.send_text('[2,"broken","Authorize",{"idTag":"PRIVATE-3"')
        assert (await link.stray())[1] == "broken"

    charger.talk(dialogue)
    assert server.stop() == 0
    assert "headroom-messages.messages.frame" in places_of(server.folder, "StopTransaction")
    assert places_of(server.folder, "PRIVATE-1") == {"headroom.tokens.uid"}
    assert places_of(server.folder, "PRIVATE-2") <= {"headroom.raw_messages.payload"}
    assert not places_of(server.folder, "PRIVATE-3")
    assert not [line for log in server.logs for line in log.lines if "PRIVATE" in line]


# Stops that name the wrong transaction


@pytest.mark.parametrize("named", [0, -1, None, 999_999])
def test_a_stop_that_names_no_transaction_of_ours_ends_the_one_that_its_tag_has_open(
    charger: Charger, named: object
):
    async def dialogue(link: Link) -> None:
        await link.call("StartTransaction", start(connector=2, tag="OTHER"))
        await link.call("StartTransaction", start(minute=1))
        await link.call("StopTransaction", stop(named))

    charger.talk(dialogue)
    assert [(row["evse"], row["meter_stop_wh"]) for row in charger.transactions()] == [
        (2, None),
        (1, 9000),
    ]


@pytest.mark.parametrize("named", [0, -1, None, 999_999])
def test_a_stop_of_which_no_start_is_known_is_answered_and_kept_once_as_an_orphan(
    charger: Charger, named: object
):
    async def dialogue(link: Link) -> None:
        await link.call("StopTransaction", stop(named))
        await link.call("StopTransaction", stop(named))
        assert "currentTime" in await link.call("Heartbeat")

    charger.talk(dialogue)
    charger.talk(dialogue)
    (row,) = charger.transactions()
    assert (row["orphan"], row["meter_stop_wh"], row["device_ended_at"]) == (1, 9000, at(60))


def test_a_stop_without_any_transaction_id_is_answered_too(charger: Charger):
    def without_id() -> Payload:
        return {name: value for name, value in stop(None).items() if name != "transactionId"}

    charger.talk(lambda link: link.call("StopTransaction", without_id()))
    (row,) = charger.transactions()
    assert (row["orphan"], row["meter_stop_wh"]) == (1, 9000)


def test_a_start_that_nobody_can_read_is_kept_raw_and_answered_so_that_the_queue_drains(charger: Charger):
    answer = charger.talk(lambda link: link.call("StartTransaction", start(connector=-5)))
    assert answer["transactionId"] > 0
    (kept,) = query(charger.server, "SELECT * FROM raw_messages WHERE station_id = ?", charger.id)
    assert kept["action"] == "StartTransaction"
    assert json.loads(kept["payload"]) == start(connector=-5)


# Order and time


def test_an_offline_queue_is_stored_with_its_own_old_times(charger: Charger):
    async def dialogue(link: Link) -> int:
        await link.call("StatusNotification", status("Available", minute=100))
        number = (await link.call("StartTransaction", start(minute=10)))["transactionId"]
        calls = [
            await link.post("MeterValues", reading(number, minute=11 + n, energy=2000 + n)) for n in range(30)
        ]
        await asyncio.gather(*(answer_of(call) for call in calls))
        await link.call("StopTransaction", stop(number, minute=50))
        return number

    number = charger.talk(dialogue)
    (row,) = charger.transactions()
    assert (row["ocpp_id"], row["started_at_us"], row["ended_at_us"]) == (
        str(number),
        in_us(at(10)),
        in_us(at(50)),
    )
    kept = [row["at_us"] for row in charger.samples() if row["context"] == "Sample.Periodic"]
    assert kept == [in_us(at(11 + n)) for n in range(30)]


def test_an_older_status_that_comes_late_does_not_overwrite_a_newer_one(charger: Charger):
    async def dialogue(link: Link) -> None:
        await link.call("StatusNotification", status("Charging", minute=30))
        await link.call("StatusNotification", status("Available", minute=20))

    charger.talk(dialogue)
    charger.talk(lambda link: link.call("StatusNotification", status("Preparing", minute=25)))
    (row,) = query(charger.server, "SELECT * FROM connectors WHERE station_id = ?", charger.id)
    assert (row["status"], row["at_us"]) == ("Charging", in_us(at(30)))
    statement = "SELECT data FROM events WHERE kind = 'connector.status' AND station_id = ?"
    told = query(charger.server, statement, charger.id)
    assert len(told) == 3, "what a station said is kept, though it changes nothing"


def test_readings_that_come_after_the_stop_belong_to_the_transaction_that_has_ended(charger: Charger):
    async def dialogue(link: Link) -> int:
        number = (await link.call("StartTransaction", start()))["transactionId"]
        await link.call("StopTransaction", stop(number))
        await link.call("MeterValues", reading(number, minute=59, energy=8900))
        return number

    number = charger.talk(dialogue)
    (late,) = [row for row in charger.samples() if row["energy_wh"] == 8900]
    assert late["ocpp_id"] == str(number)
    assert late["quality"] != 0


def test_a_whole_session_pipelined_but_for_its_id_is_answered_call_by_call(charger: Charger):
    async def dialogue(link: Link) -> list[int]:
        calls = [await link.post("BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"})]
        calls += [await link.post("StatusNotification", status("Charging", minute=n)) for n in range(5)]
        begun = await link.post("StartTransaction", start())
        calls += [await link.post("Heartbeat") for _ in range(5)]
        number = (await answer_of(begun))["transactionId"]
        calls += [
            await link.post("MeterValues", reading(number, minute=1 + n, energy=1001 + n)) for n in range(20)
        ]
        calls += [await link.post("StopTransaction", stop(number)), await link.post("Heartbeat")]
        await asyncio.gather(*(answer_of(call) for call in calls))
        assert link.unmatched.empty()
        return [call.answers for call in (begun, *calls)]

    assert charger.talk(dialogue) == [1] * 34
    assert [row["meter_stop_wh"] for row in charger.transactions()] == [9000]
    assert len([row for row in charger.samples() if 1001 <= row["energy_wh"] <= 1020]) == 20
