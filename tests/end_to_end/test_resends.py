"""What is sent again, for whatever reason, is answered as before and stored once."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from tests.end_to_end.charger import Charger, reading, start, stop
from tests.end_to_end.link import Link, Payload, answer_of
from tests.end_to_end.server import Server

pytestmark = pytest.mark.end_to_end


def test_a_start_resent_with_a_new_message_id_gets_the_same_transaction_id_and_one_record(charger: Charger):
    async def dialogue(link: Link) -> list[Payload]:
        return [await link.call("StartTransaction", start()) for _ in range(3)]

    first, *others = charger.talk(dialogue)
    assert others == [first, first]
    (stored,) = charger.transactions()
    assert stored["ocpp_id"] == str(first["transactionId"])


def test_the_same_frame_sent_again_gets_the_same_answer_whether_the_first_is_answered_yet_or_not(
    charger: Charger,
):
    async def dialogue(link: Link) -> list[int]:
        call = await link.post("StartTransaction", start(), message_id="same")
        await link.send_text(call.text)
        answer = await answer_of(call)
        await link.send_text(call.text)
        await link.call("Heartbeat")  # everything before it is answered when it is: its answer leaves last
        other = await link.call("StartTransaction", start(minute=5))
        return [answer["transactionId"], other["transactionId"], call.answers]

    one, other, answers = charger.talk(dialogue)
    assert one != other
    assert answers == 3
    assert [row["ocpp_id"] for row in charger.transactions()] == [str(one), str(other)]


@pytest.mark.parametrize("restart", ["no", "SIGTERM", "SIGKILL"])
def test_whole_sessions_resent_on_another_connection_change_nothing(server: Server, restart: str):
    charger = Charger.at(server)

    async def tell() -> tuple[int, list[Payload]]:
        async with await charger.link() as link:
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
    stored = charger.transactions(), charger.samples()
    assert asyncio.run(tell()) == first
    assert (charger.transactions(), charger.samples()) == stored
    (row,) = stored[0]
    assert (row["meter_start_wh"], row["meter_stop_wh"]) == (1000, 9000)
    energies = [sample["energy_wh"] for sample in stored[1]]
    assert [energy for energy in energies if energy in (2000, 3000, 4000)] == [2000, 3000, 4000]


def test_a_session_long_over_that_a_station_tells_once_more_is_still_known(charger: Charger):
    async def sessions(link: Link) -> list[int]:
        return [await session(link, minute=2 * number) for number in range(30)]

    async def session(link: Link, *, minute: int) -> int:
        number = (await link.call("StartTransaction", start(minute=minute)))["transactionId"]
        await link.call("MeterValues", reading(number, minute=minute + 0.5, energy=2000))
        await link.call("StopTransaction", stop(number, minute=minute + 1))
        return number

    numbers = charger.talk(sessions)
    stored = charger.transactions(), charger.samples()
    assert charger.talk(lambda link: session(link, minute=0)) == numbers[0]
    assert charger.talk(sessions) == numbers
    assert (charger.transactions(), charger.samples()) == stored


def test_ids_are_not_used_again_after_a_kill(server: Server):
    charger = Charger.at(server)

    async def dialogue(link: Link) -> int:
        return (await link.call("StartTransaction", start(minute=next(minutes))))["transactionId"]

    minutes = itertools.count()
    ids = []
    for _ in range(3):
        ids += [charger.talk(dialogue) for _ in range(3)]
        server.kill()
        server.start()
    assert len(set(ids)) == len(ids)
    assert min(ids) > 0
    assert [row["ocpp_id"] for row in charger.transactions()] == [str(number) for number in ids]


# Connections that go away


def test_a_stop_whose_connection_died_before_the_answer_is_stored_once_after_the_resend(charger: Charger):
    async def die_and_resend() -> int:
        link = await charger.link()
        number = (await link.call("StartTransaction", start()))["transactionId"]
        await link.post("StopTransaction", stop(number))
        link.abort()
        await link.ended()
        async with await charger.link() as again:
            await again.call("StopTransaction", stop(number))
        return number

    number = asyncio.run(die_and_resend())
    (row,) = charger.transactions()
    assert (row["ocpp_id"], row["meter_stop_wh"], row["closed_by"]) == (str(number), 9000, "station")


def test_a_stop_sent_by_another_connection_than_the_start_ends_it(charger: Charger):
    number = charger.talk(lambda link: link.call("StartTransaction", start()))["transactionId"]
    charger.talk(lambda link: link.call("StopTransaction", stop(number)))
    (row,) = charger.transactions()
    assert (row["ocpp_id"], row["meter_stop_wh"]) == (str(number), 9000)


def test_a_start_whose_station_never_heard_its_id_goes_on_after_the_reconnect(charger: Charger):
    async def die_and_resend() -> list[int]:
        link = await charger.link()
        await link.post("StartTransaction", start())
        link.abort()
        await link.ended()
        async with await charger.link() as again:
            begun = await again.call("StartTransaction", start())
            await again.call("MeterValues", reading(begun["transactionId"], minute=1, energy=1500))
            await again.call("StopTransaction", stop(begun["transactionId"]))
            return [begun["transactionId"]]

    numbers = asyncio.run(die_and_resend())
    assert [row["ocpp_id"] for row in charger.transactions()] == [str(number) for number in numbers]
    assert charger.samples()[1]["ocpp_id"] == str(numbers[0])


def test_a_start_resent_over_a_new_connection_while_the_old_one_works_on_it_is_stored_once(charger: Charger):
    async def resend_in_haste(minute: int) -> int:
        hasty = await charger.link()
        first = await hasty.post("StartTransaction", start(minute=minute))
        async with await charger.link() as link:
            second = await link.call("StartTransaction", start(minute=minute))
            await hasty.ended()
        assert first.answer in (None, second)
        return second["transactionId"]

    async def resend_often() -> list[int]:
        return [await resend_in_haste(minute) for minute in range(30)]

    numbers = asyncio.run(resend_often())
    assert [row["ocpp_id"] for row in charger.transactions()] == [str(number) for number in numbers]
