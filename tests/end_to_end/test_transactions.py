"""Transactions over real sockets: resent, interrupted, mislabelled, late; each is stored once and answered."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.end_to_end.conftest import StartServer
from tests.end_to_end.link import Link, Payload, answer_of
from tests.end_to_end.server import Server
from tests.end_to_end.store import Row, in_us, query

pytestmark = pytest.mark.end_to_end
YESTERDAY = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)


def at(minutes: float) -> str:
    """Return a device time of yesterday."""
    return (YESTERDAY + timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")


def start(*, minute: float = 0, tag: str = "TAG", meter: int = 1000, connector: int = 1) -> Payload:
    return {"connectorId": connector, "idTag": tag, "meterStart": meter, "timestamp": at(minute)}


def stop(
    transaction_id: object, *, minute: float = 60, tag: str | None = "TAG", meter: int = 9000
) -> Payload:
    payload = {
        "transactionId": transaction_id,
        "meterStop": meter,
        "timestamp": at(minute),
        "reason": "Local",
    }
    return payload | ({"idTag": tag} if tag else {})


def reading(transaction_id: int | None, *, minute: float, energy: int, connector: int = 1) -> Payload:
    value = {"timestamp": at(minute), "sampledValue": [{"value": str(energy)}]}
    named = {} if transaction_id is None else {"transactionId": transaction_id}
    return {"connectorId": connector, "meterValue": [value]} | named


def status(name: str, *, minute: float, connector: int = 1) -> Payload:
    return {"connectorId": connector, "errorCode": "NoError", "status": name, "timestamp": at(minute)}


def transactions(server: Server, station: str) -> list[Row]:
    return query(server, "SELECT * FROM transactions WHERE station_id = ? ORDER BY started_at_us", station)


def samples(server: Server, station: str) -> list[Row]:
    statement = """
        SELECT s.*, x.ocpp_id FROM samples AS s LEFT JOIN transactions AS x ON x.id = s.transaction_id
        WHERE s.station_id = ? ORDER BY s.at_us
    """
    return query(server, statement, station)


def on_one_link(server: Server, dialogue: Callable[[Link], Awaitable[Any]]) -> Any:
    """Run a dialogue of station CP over a connection of its own."""

    async def run() -> Any:
        async with await Link.to(server.url, "CP") as link:
            return await dialogue(link)

    return asyncio.run(run())


# Resends


def test_a_start_resent_with_a_new_message_id_gets_the_same_transaction_id_and_one_record(server: Server):
    async def dialogue(link: Link) -> list[Payload]:
        return [await link.call("StartTransaction", start()) for _ in range(3)]

    first, *others = on_one_link(server, dialogue)
    assert others == [first, first]
    (stored,) = transactions(server, "CP")
    assert stored["ocpp_id"] == str(first["transactionId"])


def test_the_same_frame_sent_again_gets_the_same_answer_whether_the_first_is_answered_yet_or_not(
    server: Server,
):
    async def dialogue(link: Link) -> list[int]:
        call = await link.post("StartTransaction", start(), message_id="same")
        await link.send_text(call.text)
        answer = await answer_of(call)
        await link.send_text(call.text)
        await link.call("Heartbeat")  # everything before it is answered when it is: its answer leaves last
        other = await link.call("StartTransaction", start(minute=5))
        return [answer["transactionId"], other["transactionId"], call.answers]

    one, other, answers = on_one_link(server, dialogue)
    assert one != other
    assert answers == 3
    assert [row["ocpp_id"] for row in transactions(server, "CP")] == [str(one), str(other)]


@pytest.mark.parametrize("restart", ["no", "SIGTERM", "SIGKILL"])
def test_whole_sessions_resent_on_another_connection_change_nothing(server: Server, restart: str):
    async def tell() -> tuple[int, list[Payload]]:
        async with await Link.to(server.url, "CP") as link:
            begun = await link.call("StartTransaction", start())
            number = begun["transactionId"]
            answers = [
                await link.call("MeterValues", reading(number, minute=10, energy=2000)),
                await link.call("MeterValues", reading(number, minute=20, energy=3000)),
                await link.call("StopTransaction", stop(number) | {"transactionData": data}),
            ]
            return number, answers

    data = reading(None, minute=30, energy=4000)["meterValue"]
    first = asyncio.run(tell())
    if restart == "SIGTERM":
        assert server.stop() == 0
        server.start()
    elif restart == "SIGKILL":
        server.kill()
        server.start()
    stored = transactions(server, "CP"), samples(server, "CP")
    assert asyncio.run(tell()) == first
    assert (transactions(server, "CP"), samples(server, "CP")) == stored
    (row,) = stored[0]
    assert (row["meter_start_wh"], row["meter_stop_wh"]) == (1000, 9000)
    energies = [sample["energy_wh"] for sample in stored[1]]
    assert [energy for energy in energies if energy in (2000, 3000, 4000)] == [2000, 3000, 4000]


def test_ids_are_not_used_again_after_a_kill(server: Server):
    async def dialogue(link: Link) -> int:
        return (await link.call("StartTransaction", start(minute=next(minutes))))["transactionId"]

    minutes = itertools.count()
    ids = []
    for _ in range(3):
        ids += [on_one_link(server, dialogue) for _ in range(3)]
        server.kill()
        server.start()
    assert len(set(ids)) == len(ids)
    assert min(ids) > 0
    assert [row["ocpp_id"] for row in transactions(server, "CP")] == [str(number) for number in ids]


# Tags


def test_an_unknown_tag_is_invalid_and_its_transaction_is_kept_under_a_positive_id(server: Server):
    async def dialogue(link: Link) -> list[Payload]:
        asked = await link.call("Authorize", {"idTag": "NOBODY"})
        begun = await link.call("StartTransaction", start(tag="NOBODY"))
        ended = await link.call("StopTransaction", stop(begun["transactionId"], tag="NOBODY"))
        return [asked, begun, ended]

    asked, begun, ended = on_one_link(server, dialogue)
    assert [answer["idTagInfo"]["status"] for answer in (asked, begun, ended)] == ["Invalid"] * 3
    assert begun["transactionId"] > 0
    (row,) = transactions(server, "CP")
    assert (row["ocpp_id"], row["meter_stop_wh"]) == (str(begun["transactionId"]), 9000)


def test_every_unknown_tag_is_accepted_where_the_policy_says_so(start_server: StartServer):
    server = start_server(token_policy="accept-all")
    answer = on_one_link(server, lambda link: link.call("Authorize", {"idTag": "NOBODY"}))
    assert answer["idTagInfo"]["status"] == "Accepted"


def test_a_registered_tag_is_accepted_without_regard_to_case(start_server: StartServer):
    server = start_server(prepare=lambda server: server.command("token", "add", "04a2b3c4"))
    answer = on_one_link(server, lambda link: link.call("Authorize", {"idTag": "04A2B3C4"}))
    assert answer["idTagInfo"]["status"] == "Accepted"


def test_a_tag_that_is_registered_while_the_server_runs_is_accepted_from_then_on(server: Server):
    async def dialogue(link: Link) -> list[str]:
        before = await link.call("Authorize", {"idTag": "LATE"})
        await asyncio.to_thread(server.command, "token", "add", "LATE")
        after = await link.call("Authorize", {"idTag": "LATE"})
        return [before["idTagInfo"]["status"], after["idTagInfo"]["status"]]

    assert on_one_link(server, dialogue) == ["Invalid", "Accepted"]


# Stops that name the wrong transaction


@pytest.mark.parametrize("named", [0, -1, None, 999_999])
def test_a_stop_that_names_no_transaction_of_ours_ends_the_one_that_its_tag_has_open(
    server: Server, named: object
):
    async def dialogue(link: Link) -> None:
        await link.call("StartTransaction", start(connector=2, tag="OTHER"))
        await link.call("StartTransaction", start(minute=1))
        await link.call("StopTransaction", stop(named))

    on_one_link(server, dialogue)
    assert [(row["evse"], row["meter_stop_wh"]) for row in transactions(server, "CP")] == [
        (2, None),
        (1, 9000),
    ]


@pytest.mark.parametrize("named", [0, -1, None, 999_999])
def test_a_stop_of_which_no_start_is_known_is_answered_and_kept_once_as_an_orphan(
    server: Server, named: object
):
    async def dialogue(link: Link) -> None:
        await link.call("StopTransaction", stop(named))
        await link.call("StopTransaction", stop(named))
        assert "currentTime" in await link.call("Heartbeat")

    on_one_link(server, dialogue)
    on_one_link(server, dialogue)
    (row,) = transactions(server, "CP")
    assert (row["orphan"], row["meter_stop_wh"], row["device_ended_at"]) == (1, 9000, at(60))


def test_a_stop_without_any_transaction_id_is_answered_too(server: Server):
    def without_id() -> Payload:
        return {name: value for name, value in stop(None).items() if name != "transactionId"}

    on_one_link(server, lambda link: link.call("StopTransaction", without_id()))
    (row,) = transactions(server, "CP")
    assert (row["orphan"], row["meter_stop_wh"]) == (1, 9000)


def test_a_stop_that_nobody_can_read_is_kept_raw_and_answered_so_that_the_queue_drains(server: Server):
    on_one_link(server, lambda link: link.call("StopTransaction", {"transactionId": {}, "meterStop": []}))
    (kept,) = query(server, "SELECT * FROM raw_messages WHERE station_id = 'CP'")
    assert kept["action"] == "StopTransaction"
    assert b'"meterStop":[]' in kept["payload"]


# Connections that go away


def test_a_stop_whose_connection_died_before_the_answer_is_stored_once_after_the_resend(server: Server):
    async def die_and_resend() -> int:
        link = await Link.to(server.url, "CP")
        number = (await link.call("StartTransaction", start()))["transactionId"]
        await link.post("StopTransaction", stop(number))
        link.abort()
        await link.ended()
        async with await Link.to(server.url, "CP") as again:
            await again.call("StopTransaction", stop(number))
        return number

    number = asyncio.run(die_and_resend())
    (row,) = transactions(server, "CP")
    assert (row["ocpp_id"], row["meter_stop_wh"], row["closed_by"]) == (str(number), 9000, "station")


def test_a_stop_sent_by_another_connection_than_the_start_ends_it(server: Server):
    number = on_one_link(server, lambda link: link.call("StartTransaction", start()))["transactionId"]
    on_one_link(server, lambda link: link.call("StopTransaction", stop(number)))
    (row,) = transactions(server, "CP")
    assert (row["ocpp_id"], row["meter_stop_wh"]) == (str(number), 9000)


def test_a_start_whose_station_never_heard_its_id_goes_on_after_the_reconnect(server: Server):
    async def die_and_resend() -> list[int]:
        link = await Link.to(server.url, "CP")
        await link.post("StartTransaction", start())
        link.abort()
        await link.ended()
        async with await Link.to(server.url, "CP") as again:
            begun = await again.call("StartTransaction", start())
            await again.call("MeterValues", reading(begun["transactionId"], minute=1, energy=1500))
            await again.call("StopTransaction", stop(begun["transactionId"]))
            return [begun["transactionId"]]

    numbers = asyncio.run(die_and_resend())
    assert [row["ocpp_id"] for row in transactions(server, "CP")] == [str(number) for number in numbers]
    assert samples(server, "CP")[1]["ocpp_id"] == str(numbers[0])


# Order and time


def test_an_offline_queue_is_stored_with_its_own_old_times(server: Server):
    async def dialogue(link: Link) -> int:
        await link.call("StatusNotification", status("Available", minute=100))
        number = (await link.call("StartTransaction", start(minute=10)))["transactionId"]
        calls = [
            await link.post("MeterValues", reading(number, minute=11 + n, energy=2000 + n)) for n in range(30)
        ]
        await asyncio.gather(*(answer_of(call) for call in calls))
        await link.call("StopTransaction", stop(number, minute=50))
        return number

    number = on_one_link(server, dialogue)
    (row,) = transactions(server, "CP")
    assert (row["ocpp_id"], row["started_at_us"], row["ended_at_us"]) == (
        str(number),
        in_us(at(10)),
        in_us(at(50)),
    )
    kept = [row["at_us"] for row in samples(server, "CP") if row["context"] == "Sample.Periodic"]
    assert kept == [in_us(at(11 + n)) for n in range(30)]


def test_an_older_status_that_comes_late_does_not_overwrite_a_newer_one(server: Server):
    async def dialogue(link: Link) -> None:
        await link.call("StatusNotification", status("Charging", minute=30))
        await link.call("StatusNotification", status("Available", minute=20))

    on_one_link(server, dialogue)
    on_one_link(server, lambda link: link.call("StatusNotification", status("Preparing", minute=25)))
    (row,) = query(server, "SELECT * FROM connectors WHERE station_id = 'CP'")
    assert (row["status"], row["at_us"]) == ("Charging", in_us(at(30)))
    told = query(server, "SELECT data FROM events WHERE kind = 'connector.status' ORDER BY number")
    assert len(told) == 3, "what a station said is kept, though it changes nothing"


def test_readings_that_come_after_the_stop_belong_to_the_transaction_that_has_ended(server: Server):
    async def dialogue(link: Link) -> int:
        number = (await link.call("StartTransaction", start()))["transactionId"]
        await link.call("StopTransaction", stop(number))
        await link.call("MeterValues", reading(number, minute=59, energy=8900))
        return number

    number = on_one_link(server, dialogue)
    (late,) = [row for row in samples(server, "CP") if row["energy_wh"] == 8900]
    assert late["ocpp_id"] == str(number)
    assert late["quality"] != 0


def test_a_whole_session_pipelined_but_for_its_id_is_answered_call_by_call(server: Server):
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

    assert on_one_link(server, dialogue) == [1] * 34
    assert [row["meter_stop_wh"] for row in transactions(server, "CP")] == [9000]
    assert len([row for row in samples(server, "CP") if 1001 <= row["energy_wh"] <= 1020]) == 20
